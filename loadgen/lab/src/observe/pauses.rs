//! Pauses: how long other programs keep a CPU from a thread that wakes up.
//!
//! Invariant: nothing is measured but the machine; no server is asked.

use aelab_engine::clock::{self, Nanos};
use aelab_engine::sys;
use aelab_units::format_duration;
use std::time::Duration;

/// How long each CPU is watched: long enough for several turns of the kernel's scheduler.
const WATCH: Nanos = Nanos::from_millis(400);
/// Time between two wake-ups: that of requests at a moderate rate.
const SLEEP: Nanos = Nanos::from_micros(500);
/// CPUs that are watched, at most.
const CPUS_MAX: usize = 16;

/// The longest pause on any CPU that this process may use.
pub(crate) fn longest() -> Duration {
    let cpus = sys::allowed_cpus();
    let pause = std::thread::scope(|scope| {
        let watchers: Vec<_> =
            cpus.iter().take(CPUS_MAX).map(|cpu| scope.spawn(|| on_cpu(*cpu))).collect();
        // A thread that fails has seen no pause.
        watchers.into_iter().filter_map(|watcher| watcher.join().ok()).max()
    });
    Duration::from_nanos(pause.unwrap_or(Nanos::ZERO).0)
}

fn on_cpu(cpu: usize) -> Nanos {
    // Without its own CPU the thread sees pauses as well.
    let _ = sys::pin_thread(cpu);
    longest_delay(WATCH, clock::now, std::thread::sleep)
}

/// The longest delay of a wake-up, after many short sleeps.
fn longest_delay(
    span: Nanos,
    mut now: impl FnMut() -> Nanos,
    mut sleep: impl FnMut(Duration),
) -> Nanos {
    let begin = now();
    let (mut last, mut longest) = (begin, Nanos::ZERO);
    while last.since(begin) < span {
        sleep(SLEEP.into());
        let time = now();
        longest = longest.max(time.since(last).since(SLEEP));
        last = time;
    }
    longest
}

/// The warning, if the pauses are longer than a scenario tolerates.
pub(crate) fn warning(longest: Duration, tolerated: Duration) -> Option<String> {
    (longest > tolerated).then(|| {
        format!(
            "other programs keep a CPU for up to {} when it is needed, and this scenario needs pauses of at most {}: the verdict \
             may be inconclusive. Stop other programs, or use a larger --scale.",
            format_duration(Duration::from_micros(longest.as_micros().try_into().unwrap_or(u64::MAX))),
            format_duration(tolerated),
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_delay_of_a_wake_up_is_found() {
        let mut times = [0, 500, 1_100, 9_600, 10_100, 20_000].map(Nanos::from_micros).into_iter();
        let now = || times.next().unwrap_or_default();
        let delay = longest_delay(Nanos::from_millis(10), now, |_| ());
        assert_eq!(delay, Nanos::from_millis(8));
    }

    #[test]
    fn only_long_pauses_are_a_warning() {
        let ms = Duration::from_millis;
        assert_eq!(warning(ms(8), ms(8)), None);
        let text = warning(Duration::from_nanos(14_000_999), ms(8)).unwrap_or_default();
        assert!(
            text.starts_with("other programs keep a CPU for up to 14ms when it is needed"),
            "{text}"
        );
    }
}
