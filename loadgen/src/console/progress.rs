//! Progress on stderr: a bar on a terminal, a plain line every few seconds elsewhere.
//!
//! Looks at counters that others keep and never waits for them. Invariant: nothing is shown for work that takes less than a
//! second, and the terminal is left clean.

use crate::clock;
use crate::engine::plan::RunPlan;
use crate::engine::{Live, Phase};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::IsTerminal as _;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

/// Work that ends before this shows nothing.
const QUIET_FOR: Duration = Duration::from_secs(1);
/// Pause between two looks: smooth to the eye, and ten wake-ups a second cost nothing.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// Pause between two plain lines, so that a CI log stays short.
const LINE_EVERY: Duration = Duration::from_secs(5);
/// Steps of a bar that has no natural unit.
const STEPS: u64 = 1000;

/// How far some work has come.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Gauge {
    /// Units done.
    pub done: u64,
    /// Units in all; zero if nobody knows.
    pub total: u64,
    /// Anything else worth seeing.
    pub note: String,
}

/// Does `work` on this thread while another shows how far it has come.
pub fn watch<T>(label: &str, gauge: impl Fn() -> Gauge + Sync, work: impl FnOnce() -> T) -> T {
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let watcher = scope.spawn(|| show_until(&over, label, &gauge));
        let result = work();
        over.store(true, Relaxed);
        watcher.thread().unpark();
        // A watcher that broke must not cost the result.
        let _ = watcher.join();
        result
    })
}

fn show_until(over: &AtomicBool, label: &str, gauge: &dyn Fn() -> Gauge) {
    let from = clock::now();
    let mut display = None;
    while !over.load(Relaxed) {
        std::thread::park_timeout(LOOK_EVERY);
        let elapsed = Duration::from(clock::now().since(from));
        if over.load(Relaxed) || elapsed < QUIET_FOR {
            continue;
        }
        display.get_or_insert_with(|| Display::new(label)).show(label, &gauge(), elapsed);
    }
    if let Some(display) = display {
        display.clear();
    }
}

enum Display {
    Bar(ProgressBar),
    Lines { next: Duration },
}

impl Display {
    fn new(label: &str) -> Self {
        if !std::io::stderr().is_terminal() {
            return Self::Lines { next: Duration::ZERO };
        }
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
        let style = ProgressStyle::with_template("{prefix} {bar:30} {percent:>3} % {msg}")
            .unwrap_or_else(|_| ProgressStyle::default_bar());
        bar.set_style(style);
        bar.set_prefix(label.to_owned());
        Self::Bar(bar)
    }

    fn show(&mut self, label: &str, gauge: &Gauge, elapsed: Duration) {
        match self {
            Self::Bar(bar) => {
                bar.set_length(gauge.total.max(1));
                bar.set_position(gauge.done);
                bar.set_message(gauge.note.clone());
            }
            Self::Lines { next } if elapsed >= *next => {
                *next = elapsed + LINE_EVERY;
                let percent = gauge.done.saturating_mul(100).checked_div(gauge.total).unwrap_or(0);
                super::note(&format!("{label}: {percent} % {}", gauge.note));
            }
            Self::Lines { .. } => {}
        }
    }

    fn clear(self) {
        if let Self::Bar(bar) = self {
            bar.finish_and_clear();
        }
    }
}

/// Where a run is: by time if it has a duration, else by requests.
#[must_use]
pub fn gauge_of(plan: &RunPlan, live: &Live) -> Gauge {
    let counts: Vec<_> = (0..plan.groups.len()).map(|group| live.group(group)).collect();
    let replies: u64 = counts.iter().map(|c| c.ok + c.error).sum();
    let errors: u64 = counts.iter().map(|c| c.error + c.timeout).sum();
    let elapsed = live.elapsed();
    if live.phase() == Phase::Connect {
        let connected = counts.iter().map(|c| c.connected).sum();
        let asked = plan.groups.iter().map(|group| group.connections as u64).sum();
        return Gauge { done: connected, total: asked, note: "connecting".to_owned() };
    }
    let rate = replies as f64 / elapsed.as_secs_f64().max(1e-3);
    let phase = match live.phase() {
        Phase::Warmup => "warm-up",
        Phase::Drain => "waiting for the last replies",
        _ => "measuring",
    };
    let mut note = format!("{phase}, {rate:.0} replies/s");
    if errors > 0 {
        note.push_str(&format!(", {errors} errors"));
    }
    let (done, total) = match plan.phases.measure {
        Some(measure) => {
            let total = (plan.phases.warmup + measure).as_secs_f64().max(1e-9);
            ((elapsed.as_secs_f64() / total * STEPS as f64) as u64, STEPS)
        }
        None => (replies, plan.groups.iter().filter_map(|group| group.requests).sum()),
    };
    Gauge { done: done.min(total), total, note }
}
