//! The live table of a run: looks at its counters in, lines of text out.
//!
//! Pure: no terminal, no clock. Invariant: no line is wider than the page, whatever the names and numbers are.

use aelab_engine::clock::Nanos;
use aelab_engine::plan::RunPlan;
use aelab_engine::record::live::Counted;
use aelab_engine::{Live, LiveCounts, Phase};

/// Narrower than this nothing sensible can be shown.
const WIDTH_MIN: usize = 20;
/// Cells of the bar.
const BAR: usize = 20;

/// Whether colours may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Colour {
    /// Yes.
    Allowed,
    /// No: `NO_COLOR` is set, or the terminal is dumb.
    Never,
}

/// What the lines are for.
#[derive(Debug, Clone, Copy)]
pub struct Page {
    /// Columns.
    pub width: usize,
    /// Whether colours may be used.
    pub colour: Colour,
}

/// The counters of a run at one moment.
#[derive(Debug, Clone)]
pub struct Look {
    phase: Phase,
    elapsed: Nanos,
    groups: Vec<GroupLook>,
}

#[derive(Debug, Clone)]
struct GroupLook {
    name: String,
    asked: u64,
    counts: LiveCounts,
    times: Counted,
}

impl Look {
    /// Now.
    #[must_use]
    pub fn at(live: &Live) -> Self {
        let group = |index| {
            let (name, asked) = live.about(index);
            GroupLook {
                name: name.to_owned(),
                asked,
                counts: live.group(index),
                times: live.response_times(index),
            }
        };
        Self {
            phase: live.phase(),
            elapsed: live.elapsed(),
            groups: (0..live.group_count()).map(group).collect(),
        }
    }

    /// The sum over all groups of a count.
    fn sum(&self, of: impl Fn(&GroupLook) -> u64) -> u64 {
        self.groups.iter().map(of).sum()
    }
}

/// How long a run is to take.
#[derive(Debug, Clone, Copy)]
pub struct Course {
    /// `None` if it finds its own end.
    warmup: Option<Nanos>,
    measure: Option<Nanos>,
    /// Requests, of a run without a length.
    requests: u64,
}

impl Course {
    /// Of a plan.
    #[must_use]
    pub fn of(plan: &RunPlan) -> Self {
        Self {
            warmup: plan.warmup_end.is_none().then_some(plan.phases.warmup),
            measure: plan.phases.measure,
            requests: plan.groups.iter().filter_map(|group| group.requests).sum(),
        }
    }

    /// The part that is done, 0 to 1, if that can be known.
    fn share(&self, look: &Look) -> Option<f64> {
        let share = match (look.phase, self.measure, self.warmup) {
            (Phase::Connect, ..) => {
                look.sum(|g| g.counts.connected) as f64 / look.sum(|g| g.asked).max(1) as f64
            }
            (Phase::Drain | Phase::Done, ..) => 1.0,
            (_, Some(measure), Some(warmup)) => {
                look.elapsed.as_secs_f64() / (warmup + measure).as_secs_f64().max(1e-9)
            }
            (_, Some(_), None) => return None,
            (_, None, _) => look.sum(|g| g.counts.replies()) as f64 / self.requests.max(1) as f64,
        };
        Some(share.clamp(0.0, 1.0))
    }
}

/// What a run does just now, in words.
fn phase_in_words(phase: Phase) -> &'static str {
    match phase {
        Phase::Connect => "connecting",
        Phase::Warmup => "warm-up",
        Phase::Measure => "measuring",
        Phase::Drain => "waiting for the last replies",
        Phase::Done => "done",
    }
}

/// One line for a log.
#[must_use]
pub fn line(title: &str, course: &Course, before: &Look, now: &Look) -> String {
    let percent =
        course.share(now).map_or(String::new(), |share| format!("{:.0} % ", share * 100.0));
    let mut text = format!("{title}: {percent}{}", phase_in_words(now.phase));
    if now.phase == Phase::Connect {
        return text;
    }
    let sum = sum_of(before, now);
    text.push_str(&format!(
        ", {} replies/s, p50 {}, p99 {}",
        sum.achieved, sum.quantiles[0], sum.quantiles[1]
    ));
    if sum.errors > 0 {
        text.push_str(&format!(", {} errors", sum.errors));
    }
    text
}

/// The table; `before` is about a second older than `now`.
#[must_use]
pub fn lines(title: &str, course: &Course, before: &Look, now: &Look, page: Page) -> Vec<String> {
    let width = page.width.saturating_sub(1).max(WIDTH_MIN);
    let mut text = vec![cut(&header(title, course, now, width), width)];
    let (bold, plain) = match page.colour {
        Colour::Allowed => ("\u{1b}[1m", "\u{1b}[0m"),
        Colour::Never => ("", ""),
    };
    let columns = Columns::that_fit(width);
    let head = cut(&columns.row("", &COLUMNS.map(|(head, _)| head.to_owned())), width);
    text.push(format!("{bold}{head}{plain}"));
    let mut rows: Vec<Row> =
        now.groups.iter().enumerate().map(|(i, _)| row_of(before, now, i)).collect();
    if rows.len() > 1 {
        rows.push(sum_of(before, now));
    }
    for shown in rows {
        let line = cut(&columns.row(&shown.name, &shown.cells()), width);
        let alarm = shown.errors > 0 && page.colour == Colour::Allowed;
        text.push(if alarm { format!("\u{1b}[31m{line}{plain}") } else { line });
    }
    text
}

/// The first line: what is done, for how long, and how much of it, with a bar where there is room for one.
fn header(title: &str, course: &Course, now: &Look, width: usize) -> String {
    let elapsed = format!("{:.0} s", now.elapsed.as_secs_f64());
    let of = match (course.warmup, course.measure) {
        (Some(warmup), Some(measure)) => format!(" of {:.0} s", (warmup + measure).as_secs_f64()),
        _ => String::new(),
    };
    let text = format!("{title}: {}, {elapsed}{of}", phase_in_words(now.phase));
    let Some(share) = course.share(now) else { return text };
    let full = (share * BAR as f64) as usize;
    let bar = format!("[{}{}] ", "=".repeat(full), " ".repeat(BAR - full));
    let percent = format!("{:.0} %", share * 100.0);
    let whole = format!("{text}  {bar}{percent}");
    if whole.chars().count() <= width { whole } else { format!("{text}  {percent}") }
}

/// A line of the table.
struct Row {
    name: String,
    offered: String,
    achieved: String,
    open: u64,
    quantiles: [String; 3],
    errors: u64,
    connections: String,
}

impl Row {
    fn cells(&self) -> [String; 8] {
        let [p50, p99, p999] = self.quantiles.clone();
        [
            self.offered.clone(),
            self.achieved.clone(),
            self.open.to_string(),
            p50,
            p99,
            p999,
            self.errors.to_string(),
            self.connections.clone(),
        ]
    }
}

fn row_of(before: &Look, now: &Look, index: usize) -> Row {
    let group = &now.groups[index];
    let then = before.groups.get(index).unwrap_or(group);
    make_row(&group.name, (before, now), &[(then, group)])
}

fn sum_of(before: &Look, now: &Look) -> Row {
    let pairs: Vec<_> = before.groups.iter().zip(&now.groups).collect();
    make_row("all", (before, now), &pairs)
}

fn make_row(name: &str, looks: (&Look, &Look), pairs: &[(&GroupLook, &GroupLook)]) -> Row {
    let seconds = looks.1.elapsed.since(looks.0.elapsed).as_secs_f64();
    let sum = |of: fn(&GroupLook) -> u64| pairs.iter().map(|(_, now)| of(now)).sum::<u64>();
    let rate = |of: fn(&LiveCounts) -> u64| {
        let since: u64 =
            pairs.iter().map(|(then, now)| of(&now.counts).saturating_sub(of(&then.counts))).sum();
        if seconds > 0.0 { short(since as f64 / seconds) } else { "-".to_owned() }
    };
    let mut times = Counted::default();
    pairs.iter().for_each(|(then, now)| times.merge(&now.times.since(&then.times)));
    let at = |quantile| times.quantile_ns(quantile).map_or_else(|| "-".to_owned(), time);
    let (open, asked) = (sum(|group| group.counts.connections()), sum(|group| group.asked));
    Row {
        name: name.to_owned(),
        offered: rate(|counts| counts.scheduled),
        achieved: rate(LiveCounts::arrivals),
        open: sum(|group| group.counts.open()),
        quantiles: [at(0.5), at(0.99), at(0.999)],
        errors: sum(|group| group.counts.error + group.counts.timeout),
        connections: if open == asked { open.to_string() } else { format!("{open}/{asked}") },
    }
}

/// A time in at most six characters: buckets are 3 % wide, so three digits are enough.
fn time(ns: u64) -> String {
    match ns as f64 / 1e3 {
        us if us < 999.5 => format!("{us:.0}us"),
        us if us < 9_995.0 => format!("{:.2}ms", us / 1e3),
        us if us < 99_950.0 => format!("{:.1}ms", us / 1e3),
        us if us < 999_500.0 => format!("{:.0}ms", us / 1e3),
        us if us < 99_500_000.0 => format!("{:.2}s", us / 1e6),
        us => format!("{:.0}s", us / 1e6),
    }
}

/// A rate in at most seven characters.
fn short(rate: f64) -> String {
    match rate {
        _ if rate >= 1e7 => format!("{:.1}M", rate / 1e6),
        _ if rate >= 100.0 || rate == 0.0 => format!("{rate:.0}"),
        _ => format!("{rate:.1}"),
    }
}

/// Columns of a group's name.
const NAME: usize = 9;
/// The table's columns beside it: heads, and characters with the blank ahead.
const COLUMNS: [(&str, usize); 8] = [
    ("offered/s", 10),
    ("achieved/s", 11),
    ("in flight", 10),
    ("p50", 8),
    ("p99", 8),
    ("p99.9", 8),
    ("errors", 7),
    ("conns", 8),
];
/// Which of them a narrow page goes without, first to last: errors and lost connections must be seen, and of the times p99 says
/// most.
const DROPPED: [usize; 6] = [5, 0, 2, 3, 7, 6];

/// The columns that are shown.
struct Columns([bool; COLUMNS.len()]);

impl Columns {
    fn that_fit(width: usize) -> Self {
        let mut shown = [true; COLUMNS.len()];
        let wide = |shown: &[bool; COLUMNS.len()]| {
            let each = COLUMNS.iter().zip(shown);
            NAME + each.filter(|(_, is_shown)| **is_shown).map(|((_, wide), _)| wide).sum::<usize>()
        };
        for column in DROPPED {
            if wide(&shown) > width {
                shown[column] = false;
            }
        }
        Self(shown)
    }

    fn row(&self, name: &str, cells: &[String; COLUMNS.len()]) -> String {
        let mut line = format!("{:<NAME$}", cut(name, NAME));
        for ((cell, (_, wide)), is_shown) in cells.iter().zip(COLUMNS).zip(self.0) {
            if is_shown {
                line.push_str(&format!(" {cell:>0$}", wide - 1));
            }
        }
        line
    }
}

/// At most so many characters.
fn cut(text: &str, width: usize) -> String {
    text.chars().filter(|c| !c.is_control()).take(width).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(elapsed_s: u64, phase: Phase, counts: LiveCounts) -> Look {
        let group = |name: &str| GroupLook {
            name: name.to_owned(),
            asked: 50,
            counts,
            times: Counted::default(),
        };
        Look {
            phase,
            elapsed: Nanos::from_secs(elapsed_s),
            groups: vec![group("load"), group("a name that is too long")],
        }
    }

    #[test]
    fn the_table_fits_any_page_and_shows_rates() {
        let counts =
            LiveCounts { connected: 50, scheduled: 1_000, ok: 990, ..LiveCounts::default() };
        let more = LiveCounts { scheduled: 21_000, ok: 20_985, error: 3, lost: 1, ..counts };
        let course = Course {
            warmup: Some(Nanos::from_secs(2)),
            measure: Some(Nanos::from_secs(8)),
            requests: 0,
        };
        let (before, now) = (look(4, Phase::Measure, counts), look(5, Phase::Measure, more));
        let plain = Page { width: 80, colour: Colour::Never };
        let text = lines("GET", &course, &before, &now, plain);
        assert_eq!(text.len(), 5, "a header, heads, two groups and their sum");
        assert!(text[0].starts_with("GET: measuring, 5 s of 10 s  [==========          ] 50 %"));
        let words: Vec<&str> = text[2].split_whitespace().collect();
        assert_eq!(words[..5], ["load", "20000", "19998", "12", "-"], "{text:?}");
        assert_eq!(words[7..], ["3", "49/50"]);
        for width in [1, 20, 40, 80, 200] {
            let page = Page { width, ..plain };
            for line in lines(&"x".repeat(300), &course, &before, &now, page) {
                assert!(line.chars().count() < width.max(WIDTH_MIN + 1), "{width}: {line}");
            }
        }
        let whole = Columns::that_fit(79).row("load", &["-"; 8].map(str::to_owned));
        assert_eq!(whole.len(), 79, "fits 80 columns");
        let narrow = lines("GET", &course, &before, &now, Page { width: 60, ..plain });
        for part in ["achieved/s", "p50", "p99", "errors", "conns"] {
            assert!(narrow[1].split_whitespace().any(|head| head == part), "{part}: {narrow:?}");
        }
        assert!(narrow[2].ends_with("49/50"), "{narrow:?}");
        let long = lines("SUBSCRIBE+PUBLISH", &course, &before, &now, Page { width: 60, ..plain });
        assert_eq!(long[0], "SUBSCRIBE+PUBLISH: measuring, 5 s of 10 s  50 %");
        let colour = Page { colour: Colour::Allowed, ..plain };
        let text = lines("GET", &course, &before, &now, colour);
        assert!(text[2].starts_with("\u{1b}[31m") && text[2].ends_with("\u{1b}[0m"), "{text:?}");
    }

    #[test]
    fn a_subscribers_messages_are_what_it_achieves() {
        let counts = LiveCounts { connected: 2, scheduled: 2, ok: 2, ..LiveCounts::default() };
        let more = LiveCounts { messages: 500, ..counts };
        let course = Course { warmup: None, measure: None, requests: 4_000 };
        let (before, now) = (look(4, Phase::Measure, counts), look(5, Phase::Measure, more));
        let page = Page { width: 80, colour: Colour::Never };
        let text = lines("SUBSCRIBE", &course, &before, &now, page);
        let words: Vec<&str> = text[2].split_whitespace().collect();
        assert_eq!(words[..3], ["load", "0", "498"], "{text:?}");
    }

    #[test]
    fn times_are_short() {
        for (ns, want) in [
            (400, "0us"),
            (143_200, "143us"),
            (3_110_000, "3.11ms"),
            (42_520_000, "42.5ms"),
            (812_000_000, "812ms"),
            (1_020_000_000, "1.02s"),
            (3_600_000_000_000, "3600s"),
        ] {
            assert_eq!(time(ns), want);
        }
    }

    #[test]
    fn a_line_for_a_log() {
        let counts = LiveCounts { connected: 50, ok: 1_000, ..LiveCounts::default() };
        let course = Course { warmup: None, measure: None, requests: 4_000 };
        let (before, now) =
            (look(0, Phase::Connect, LiveCounts::default()), look(1, Phase::Measure, counts));
        let text = line("run", &course, &before, &now);
        assert_eq!(text, "run: 50 % measuring, 2000 replies/s, p50 -, p99 -");
        assert_eq!(line("run", &course, &before, &before), "run: 0 % connecting");
    }
}
