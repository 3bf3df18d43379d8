//! The stall explorer's sentences about the limit: the line through the stalls beside the table of what was measured.
//!
//! Invariant: no sentence contradicts the table. Where the line and a measured percentile disagree, the measured one decides,
//! and the sentence names both.

use crate::scenario::stall_explorer::{Answer, Question, Size};
use aelab_scenarios::criterion::Dimension;
use aelab_scenarios::explore::Data;
use aelab_scenarios::judge::{Figure, in_words};
use aelab_units::format_count;

/// What the measured sizes say about the limit.
#[derive(Debug, Clone, Copy)]
struct Bracket<'a> {
    /// The largest size whose p99 is within the limit, below all others.
    holds: Option<&'a Size>,
    /// The smallest size whose p99 is above it.
    fails: Option<&'a Size>,
}

impl<'a> Bracket<'a> {
    /// Empty if the command was sent at another period than the question has.
    fn of(answer: &'a Answer, question: &Question) -> Self {
        if question.exploration.period() != question.exploration.every {
            return Self { holds: None, fails: None };
        }
        let limit = question.p99.as_secs_f64();
        let measured = || answer.usable().filter(|size| size.p99_s.is_some());
        let is_over = |size: &&Size| size.p99_s.is_some_and(|p99| p99 > limit);
        let fails = measured().filter(is_over).min_by_key(|size| size.elements);
        let below = |size: &&Size| fails.is_none_or(|fails| size.elements < fails.elements);
        Self { holds: measured().filter(below).max_by_key(|size| size.elements), fails }
    }

    /// The size that fails although the line allows it.
    fn fails_early(&self, line: f64) -> Option<&'a Size> {
        self.fails.filter(|size| count(size) <= line)
    }

    /// The size that holds although the line excludes it.
    fn holds_late(&self, line: f64) -> Option<&'a Size> {
        self.holds.filter(|size| count(size) > line)
    }
}

#[expect(clippy::cast_precision_loss, reason = "sizes are far below 2^53")]
fn count(size: &Size) -> f64 {
    size.elements as f64
}

fn time(seconds: f64) -> String {
    in_words(seconds, Dimension::Time)
}

/// The largest size that keeps the limit, from the line and the table.
pub(super) fn largest(answer: &Answer, question: &Question) -> Option<Figure> {
    let line = answer.keeps_p99?;
    let measured = Bracket::of(answer, question);
    if let Some(fails) = measured.fails_early(line.value) {
        let holds = measured.holds.map_or(0.0, count);
        return Some(Figure { value: holds, lo: holds, hi: count(fails) });
    }
    Some(match measured.holds_late(line.value) {
        Some(holds) => Figure {
            value: count(holds),
            lo: line.lo.min(count(holds)),
            hi: line.hi.max(count(holds)),
        },
        None => line,
    })
}

/// What the stalls mean for the limit.
pub(super) fn sentences(answer: &Answer, question: &Question) -> Vec<String> {
    let mut sentences = Vec::new();
    match (answer.keeps_p99, answer.first_over) {
        (Some(keeps), Some(over)) => {
            sentences.push(allowed(answer, question, keeps));
            sentences.extend(exceeded(answer, question, over));
        }
        _ => sentences.extend(flat(answer, question)),
    }
    sentences
}

fn allowed(answer: &Answer, question: &Question, keeps: Figure) -> String {
    let exploration = &question.exploration;
    let every = time(exploration.every.as_secs_f64());
    let limit = time(question.p99.as_secs_f64());
    let begin = format!("Sent every {every}, it keeps the p99 of the other clients below {limit}");
    let measured = Bracket::of(answer, question);
    let p99 = |size: &Size| time(size.p99_s.unwrap_or_default());
    if let Some(fails) = measured.fails_early(keeps.value) {
        let until = measured.holds.map_or_else(
            || "at no measured size".to_owned(),
            |holds| format!("up to {} elements", format_count(holds.elements)),
        );
        return format!(
            "{begin} {until}: with {} elements the measured p99 is {}. The stalls alone would allow {} elements{}; other \
             delays add to the p99.",
            format_count(fails.elements),
            p99(fails),
            elements(keeps.value),
            range(keeps)
        );
    }
    if let Some(holds) = measured.holds_late(keeps.value) {
        return format!(
            "{begin} up to {} elements, where the measured p99 is {}. The line through the stalls has the limit at {} \
             elements{}; a longer measurement (a shorter --every) shows which of them is right.",
            format_count(holds.elements),
            p99(holds),
            elements(keeps.value),
            range(keeps)
        );
    }
    let largest = exploration.sizes.last().copied().unwrap_or(0);
    format!(
        "{begin} up to {} elements{}{}.",
        elements(keeps.value),
        range(keeps),
        beyond(keeps.value, largest)
    )
}

/// From where on some requests wait longer than the limit, and measured maxima that say otherwise.
fn exceeded(answer: &Answer, question: &Question, over: Figure) -> Vec<String> {
    let limit = question.p99.as_secs_f64();
    let words = time(limit);
    let maxima = || answer.usable().filter_map(|size| Some((size, size.max_s?)));
    let spared = maxima().find(|(size, max)| count(size) >= over.value && *max <= limit);
    let from = format!("From {} elements on{}", elements(over.value), range(over));
    let mut sentences = match spared {
        None => {
            vec![format!("{from}, each execution makes some requests wait longer than {words}.")]
        }
        Some((size, max)) => vec![format!(
            "{from}, the stalls are longer than {words}. With {} elements no request waited that long ({} at most): none \
             became due early enough in a stall.",
            format_count(size.elements),
            time(max)
        )],
    };
    if let Some((size, max)) = maxima().find(|(size, max)| count(size) < over.value && *max > limit)
    {
        sentences.push(format!(
            "With {} elements the longest wait was {}: something else also delayed requests.",
            format_count(size.elements),
            time(max)
        ));
    }
    sentences
}

/// The stall does not depend on the size.
fn flat(answer: &Answer, question: &Question) -> Vec<String> {
    let limit = question.p99.as_secs_f64();
    let stalls = answer.usable().filter_map(Size::stall_s);
    let Some(longest) = stalls.max_by(f64::total_cmp) else { return Vec::new() };
    let beside = if longest > limit { "longer than" } else { "within" };
    let mut sentences = vec![format!(
        "The stall does not grow with the size: it is {} at most, {beside} the limit of {}.",
        time(longest),
        time(limit)
    )];
    if let Some(fails) = Bracket::of(answer, question).fails {
        sentences.push(format!(
            "With {} elements the measured p99 is {}.",
            format_count(fails.elements),
            time(fails.p99_s.unwrap_or_default())
        ));
    }
    sentences
}

/// The answer for one size, that of the data in the server: how often the command may be sent.
pub(super) fn of_existing_data(answer: &Answer, question: &Question) -> Vec<String> {
    let exploration = &question.exploration;
    let Some(size) = answer.usable().next().filter(|_| exploration.data == Data::Existing) else {
        return Vec::new();
    };
    let Some(stall) = size.stall_s() else { return Vec::new() };
    let limit = question.p99.as_secs_f64();
    let words = time(limit);
    let mut sentences = vec![match stall > limit {
        // 99 of 100 requests keep x if L is at most x + T/100.
        true => format!(
            "Sent at most once every {}, it keeps the p99 of the other clients below {words}.",
            time((stall - limit) * 100.0)
        ),
        false => format!("That is within the limit of {words}."),
    }];
    if let Some(p99) = size.p99_s {
        let every = time(exploration.every.as_secs_f64());
        let explained = stall <= limit + exploration.every.as_secs_f64() / 100.0;
        let other = if explained && p99 > limit { "; other delays add to it" } else { "" };
        sentences.push(format!(
            "Sent every {every}, the measured p99 of the other clients is {}{other}.",
            time(p99)
        ));
    }
    sentences
}

/// A size as text, rounded to three digits.
fn elements(count: f64) -> String {
    if !count.is_finite() {
        return "∞".to_owned();
    }
    let scale = 10_f64.powf((count.max(1.0).log10().floor() - 2.0).max(0.0));
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "finite, not negative, and rounded"
    )]
    let rounded = ((count / scale).round() * scale) as u64;
    format_count(rounded)
}

/// An interval in brackets; nothing where there is none.
fn range(figure: Figure) -> String {
    match figure.lo < figure.hi {
        true => format!(" ({} to {})", elements(figure.lo), elements(figure.hi)),
        false => String::new(),
    }
}

/// A hint where the answer is beyond the measured sizes.
#[expect(clippy::cast_precision_loss, reason = "sizes are far below 2^53")]
fn beyond(count: f64, largest: u64) -> &'static str {
    if count > largest as f64 { ", a prediction beyond the sizes measured" } else { "" }
}
