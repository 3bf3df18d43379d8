//! Progress on stderr: a bar or a live table on a terminal, a plain line every few seconds elsewhere.
//!
//! Looks at counters that others keep and never waits for them. Invariant: nothing is shown for work that takes less than a
//! second, and the terminal is left clean.

use crate::console::live::{self, Colour, Course, Look, Page};
use crate::exporter::Exporter;
use aelab_engine::Live;
use aelab_engine::clock;
use aelab_engine::sys;
use aelab_lab::observer::{Activity, Gauge, Observer};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::collections::VecDeque;
use std::io::IsTerminal as _;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

/// Work that ends before this shows nothing.
const QUIET_FOR: Duration = Duration::from_secs(1);
/// Pause between two looks: smooth to the eye, and ten wake-ups a second cost nothing.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// Pause between two plain lines, so that a CI log stays short.
const LINE_EVERY: Duration = Duration::from_secs(5);
/// Pause between two drawings of the live table.
const DRAW_EVERY: Duration = Duration::from_millis(250);
/// Figures are those of the last second.
const LOOKS_PER_SECOND: usize = 4;
/// Columns of a terminal that does not say how many it has.
const COLUMNS: usize = 80;

/// Follows the lab's work on stderr, and hands each run to the exporter.
#[derive(Debug, Clone, Copy, Default)]
pub struct Console<'a> {
    /// Whether a run is shown while it is on.
    pub progress: Progress,
    /// Serves the live counters to scrapers.
    pub exporter: Option<&'a Exporter>,
    /// The scenario that is run; empty for a run of its own.
    pub scenario: &'a str,
}

impl Observer for Console<'_> {
    fn follow(&self, activity: Activity<'_>, over: &AtomicBool) {
        match activity {
            Activity::Work { label, gauge } => show_until(over, label, gauge),
            Activity::Load { title, plan, live } => {
                if let Some(exporter) = self.exporter {
                    exporter.show(self.scenario, title, live);
                }
                if self.progress == Progress::Shown {
                    show_load(over, title, &Course::of(plan), live);
                }
            }
        }
    }

    fn note(&self, text: &str) {
        super::note(text);
    }
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
                crate::console::note(&format!("{label}: {percent} % {}", gauge.note));
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

/// Whether anything is shown of a run while it is on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Progress {
    /// A table on a terminal, a line now and then elsewhere.
    #[default]
    Shown,
    /// Nothing.
    Hidden,
}

fn show_load(over: &AtomicBool, title: &str, course: &Course, live: &Live) {
    sys::step_back();
    let from = clock::now();
    let is_terminal = std::io::stderr().is_terminal();
    let mut screen = Screen::default();
    let mut looks = VecDeque::from([Look::at(live)]);
    let mut next_line = Duration::ZERO;
    while !over.load(Relaxed) {
        std::thread::park_timeout(DRAW_EVERY);
        let elapsed = Duration::from(clock::now().since(from));
        let now = Look::at(live);
        if !over.load(Relaxed)
            && elapsed >= QUIET_FOR
            && let Some(before) = looks.front()
        {
            if is_terminal {
                let page = Page {
                    width: sys::columns(&std::io::stderr()).unwrap_or(COLUMNS),
                    colour: colour(),
                };
                screen.draw(&live::lines(title, course, before, &now, page));
            } else if elapsed >= next_line {
                next_line = elapsed + LINE_EVERY;
                crate::console::note(&live::line(title, course, before, &now));
            }
        }
        looks.push_back(now);
        if looks.len() > LOOKS_PER_SECOND {
            looks.pop_front();
        }
    }
    screen.clear();
}

/// Colours, unless NO_COLOR is set (see no-color.org) or the terminal has none.
fn colour() -> Colour {
    let unwanted = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let dumb = std::env::var_os("TERM").is_none_or(|term| term == "dumb");
    if unwanted || dumb { Colour::Never } else { Colour::Allowed }
}

/// Lines that are drawn over themselves. The cursor stays visible and no mode is changed, so that nothing has to be put back
/// whatever ends the program.
#[derive(Debug, Default)]
struct Screen {
    height: usize,
}

impl Screen {
    fn draw(&mut self, lines: &[String]) {
        crate::console::raw(&self.frame(lines));
    }

    /// What puts `lines` in the place of those before. Never a wipe of all that is below: from the top row that is the whole
    /// page, and terminals keep what was on it, so that every frame would end up among the lines to scroll back to.
    fn frame(&mut self, lines: &[String]) -> String {
        let mut text = self.home();
        for line in lines {
            // To the end of the line: what was longer before goes away.
            text.push_str(line);
            text.push_str("\u{1b}[K\n");
        }
        let left = self.height.saturating_sub(lines.len());
        text.push_str(&"\u{1b}[K\n".repeat(left));
        self.height = lines.len();
        text.push_str(&up(left));
        text
    }

    fn clear(mut self) {
        if self.height > 0 {
            crate::console::raw(&self.frame(&[]));
        }
    }

    /// To the first line.
    fn home(&self) -> String {
        up(self.height)
    }
}

/// So many lines up, to the first column.
fn up(lines: usize) -> String {
    if lines == 0 { String::new() } else { format!("\u{1b}[{lines}A\r") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_replace_each_other_without_wiping_the_page() {
        let mut screen = Screen::default();
        let lines = |count: usize| (0..count).map(|n| format!("line {n}")).collect::<Vec<_>>();
        assert_eq!(screen.frame(&lines(2)), "line 0\u{1b}[K\nline 1\u{1b}[K\n");
        let shorter = screen.frame(&lines(1));
        assert_eq!(shorter, "\u{1b}[2A\rline 0\u{1b}[K\n\u{1b}[K\n\u{1b}[1A\r");
        let gone = screen.frame(&[]);
        assert_eq!(gone, "\u{1b}[1A\r\u{1b}[K\n\u{1b}[1A\r");
        assert_eq!(screen.height, 0);
    }
}
