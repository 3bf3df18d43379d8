//! The observer of the lab's work: the console, a test, or none.
//!
//! The lab prints nothing. It describes each long activity to an [`Observer`], which shows it or ignores it.
//! Invariant: an observer never delays the work, and a panic in it costs no result.

use aelab_engine::Live;
use aelab_engine::plan::RunPlan;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

/// How far an activity of known length has come.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Gauge {
    /// Units done.
    pub done: u64,
    /// Units in total; zero if the total is not known.
    pub total: u64,
    /// Additional text for the reader.
    pub note: String,
}

/// One long activity of the lab.
pub enum Activity<'a> {
    /// Work of known length, such as filling a server with data.
    Work {
        /// What is done, for the reader.
        label: &'a str,
        /// Reads the progress; cheap enough to call ten times a second.
        gauge: &'a (dyn Fn() -> Gauge + Sync),
    },
    /// A run of the engine.
    Load {
        /// The title of the run.
        title: &'a str,
        /// What the run is to do.
        plan: &'a RunPlan,
        /// Its live counters.
        live: &'a Arc<Live>,
    },
}

impl std::fmt::Debug for Activity<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Work { label, .. } => f.debug_tuple("Work").field(label).finish(),
            Self::Load { title, .. } => f.debug_tuple("Load").field(title).finish(),
        }
    }
}

/// Receives what the lab does.
pub trait Observer: Sync + std::fmt::Debug {
    /// Follows an activity until `over` is set; called on a separate thread, which is unparked at the end.
    fn follow(&self, activity: Activity<'_>, over: &AtomicBool);

    /// Receives one line that is not a result.
    fn note(&self, text: &str);
}

/// An observer that ignores everything.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Observer for Silent {
    fn follow(&self, _: Activity<'_>, _: &AtomicBool) {}

    fn note(&self, _: &str) {}
}

/// Sets its flag when it is dropped, by a panic too, so that a thread that waits for the flag always ends.
#[derive(Debug)]
pub(crate) struct SetOnDrop<'a>(pub(crate) &'a AtomicBool);

impl Drop for SetOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Relaxed);
    }
}

/// Does `work` on this thread while `observer` follows `activity` on another.
pub(crate) fn observed<T>(
    observer: &dyn Observer,
    activity: Activity<'_>,
    work: impl FnOnce() -> T,
) -> T {
    let over = AtomicBool::new(false);
    let over = &over;
    std::thread::scope(|scope| {
        let follower = scope.spawn(move || observer.follow(activity, over));
        let at_end = SetOnDrop(over);
        let result = work();
        drop(at_end);
        follower.thread().unpark();
        // An observer that panicked must not cost the result.
        let _ = follower.join();
        result
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::time::Duration;

    #[derive(Debug)]
    struct UntilOver;

    impl Observer for UntilOver {
        fn follow(&self, _: Activity<'_>, over: &AtomicBool) {
            while !over.load(Relaxed) {
                std::thread::park_timeout(Duration::from_millis(1));
            }
        }

        fn note(&self, _: &str) {}
    }

    #[derive(Debug)]
    struct Broken;

    impl Observer for Broken {
        fn follow(&self, _: Activity<'_>, _: &AtomicBool) {
            panic!("broken");
        }

        fn note(&self, _: &str) {}
    }

    fn nothing() -> Gauge {
        Gauge::default()
    }

    #[test]
    fn an_observer_ends_with_the_work_and_with_its_panic() {
        let activity = || Activity::Work { label: "work", gauge: &nothing };
        assert_eq!(observed(&UntilOver, activity(), || 7), 7);
        assert_eq!(observed(&Broken, activity(), || 7), 7);
        let panicked = catch_unwind(AssertUnwindSafe(|| {
            observed(&UntilOver, activity(), || panic!("broken"));
        }));
        assert!(panicked.is_err());
    }
}
