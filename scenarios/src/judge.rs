//! From measured figures to a verdict on a claim.
//!
//! Pure: figures come through a lookup function, texts and a verdict come out. Arms that took turns
//! are compared turn by turn ([`crate::pairs`]). Invariant: every part of a judgement says which
//! figures it rests on, so that a reader can check it.

use crate::criterion::{
    Claim, Compare, Criterion, Dimension, Quantity, Reference, SpanStat, Subject,
};
use crate::pairs;
use crate::words::{YES_NO, counted, ratio_with_interval};

pub use crate::figure::Figure;
pub use crate::words::in_words;
use std::mem::discriminant;

/// A figure, and what each turn gave where the arm was played more than once.
#[derive(Debug, Clone, PartialEq)]
pub struct Measured {
    /// The figure over all turns.
    pub figure: Figure,
    /// Its value in each turn, in order; empty or one if there was only one.
    pub turns: Vec<f64>,
}

impl Measured {
    /// A figure that was measured once.
    #[must_use]
    pub fn once(figure: Figure) -> Self {
        Self { figure, turns: Vec::new() }
    }

    /// A figure that was measured in several turns: their mean with its interval.
    ///
    /// `None` without turns.
    #[must_use]
    pub fn in_turns(turns: Vec<f64>) -> Option<Self> {
        let figure = pairs::mean(&turns)?;
        Some(Self { figure, turns })
    }
}

/// What a claim comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Every criterion holds.
    Confirmed,
    /// A criterion fails.
    Refuted,
    /// The measurement does not decide it.
    Inconclusive,
}

/// How one criterion came out.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// Within its bounds.
    Holds,
    /// Outside.
    Fails,
    /// Not decided, and why.
    Unknown(String),
}

/// One criterion, judged.
#[derive(Debug, Clone, PartialEq)]
pub struct Part {
    /// What it would mean.
    pub says: String,
    /// The bounds, in words.
    pub expected: String,
    /// The figures, in words.
    pub measured: String,
    /// The one number that is judged, with its interval, in words.
    pub number: String,
    /// How it came out.
    pub outcome: Outcome,
}

/// A claim, judged.
#[derive(Debug, Clone, PartialEq)]
pub struct Judgement {
    /// The verdict.
    pub verdict: Verdict,
    /// What is required, in the order of the file.
    pub requires: Vec<Part>,
    /// What decides, in the order of the file.
    pub holds: Vec<Part>,
}

/// A lookup of measured figures: the figure, or why there is none.
pub type Lookup<'a> = &'a dyn Fn(&Quantity) -> Result<Measured, String>;

/// Judges a claim.
#[must_use]
pub fn judge(claim: &Claim, lookup: Lookup<'_>) -> Judgement {
    let requires: Vec<Part> = claim.requires.iter().map(|c| judge_one(c, lookup)).collect();
    let holds: Vec<Part> = claim.holds.iter().map(|c| judge_one(c, lookup)).collect();
    let all = |parts: &[Part]| parts.iter().all(|part| part.outcome == Outcome::Holds);
    let verdict = if !all(&requires) || holds.is_empty() {
        Verdict::Inconclusive
    } else if all(&holds) {
        Verdict::Confirmed
    } else if holds.iter().any(|part| part.outcome == Outcome::Fails) {
        Verdict::Refuted
    } else {
        Verdict::Inconclusive
    };
    Judgement { verdict, requires, holds }
}

fn judge_one(criterion: &Criterion, lookup: Lookup<'_>) -> Part {
    let part = |measured: String, number: String, outcome| Part {
        says: criterion.says.clone(),
        expected: expected_text(criterion),
        measured,
        number,
        outcome,
    };
    let missing = |quantity: &Quantity, why: String| {
        part(format!("{quantity}: {why}"), format!("not measured: {why}"), Outcome::Unknown(why))
    };
    let dimension = criterion.measure.dimension();
    let figure = match lookup(&criterion.measure) {
        Ok(figure) => figure,
        Err(why) => return missing(&criterion.measure, why),
    };
    let unit = unit_of(criterion);
    let words = |figure: Figure| counted(figure, dimension, unit);
    let measured = format!("{} = {}", criterion.measure, words(figure.figure));
    let (other, other_name) = match &criterion.against {
        None => {
            let number = words(figure.figure);
            return part(measured, number, within(criterion, figure.figure));
        }
        Some(Reference::Figure(value)) => {
            (Measured::once(Figure::exact(*value)), "the article's figure".into())
        }
        Some(Reference::Quantity(quantity)) => match lookup(quantity) {
            Ok(figure) => (figure, quantity.to_string()),
            Err(why) => return missing(quantity, why),
        },
    };
    let combined = combine(criterion.compare, &figure, &other);
    let other_unit = unit_of_other(criterion, unit);
    let outcome = match criterion.compare {
        Compare::Ratio => format!("ratio {}", ratio_with_interval(combined)),
        _ => format!("difference {}", words(combined)),
    };
    // For people: both figures without their paths, then how they compare.
    let number = match criterion.compare {
        Compare::Ratio => format!(
            "{} against {}: {} times",
            counted(Figure::exact(figure.figure.value), dimension, unit),
            counted(Figure::exact(other.figure.value), dimension, other_unit),
            ratio_with_interval(combined)
        ),
        _ => format!(
            "{} against {}: {outcome}",
            counted(Figure::exact(figure.figure.value), dimension, unit),
            counted(Figure::exact(other.figure.value), dimension, unit),
        ),
    };
    let other_text = counted(other.figure, dimension, other_unit);
    let measured = format!("{measured}, {other_name} = {other_text}, {outcome}");
    let apart = (figure.figure.value - other.figure.value).abs();
    if criterion.slack > 0.0 && apart <= criterion.slack {
        return part(measured, number, Outcome::Holds);
    }
    part(measured, number, within(criterion, combined))
}

/// What a plain number counts: what the file says, or what its path does.
fn unit_of(criterion: &Criterion) -> &str {
    match (criterion.unit.as_str(), criterion.measure.dimension()) {
        ("", Dimension::Number) => natural_unit(&criterion.measure),
        (typed, _) => typed,
    }
}

/// What the other side counts: its own things where it is a count of something else.
fn unit_of_other<'a>(criterion: &'a Criterion, unit: &'a str) -> &'a str {
    match &criterion.against {
        Some(Reference::Quantity(other))
            if discriminant(&other.subject) != discriminant(&criterion.measure.subject)
                && !natural_unit(other).is_empty() =>
        {
            natural_unit(other)
        }
        _ => unit,
    }
}

fn natural_unit(quantity: &Quantity) -> &'static str {
    match &quantity.subject {
        Subject::Count { .. } => "requests",
        Subject::Connections { .. } => "connections",
        Subject::Stall { stat: SpanStat::Count, .. } => "stalls",
        Subject::Slowlog { stat: SpanStat::Count, .. } => "executions",
        _ => "",
    }
}

fn combine(compare: Compare, figure: &Measured, other: &Measured) -> Figure {
    let took_turns = figure.turns.len() > 1 && figure.turns.len() == other.turns.len();
    let paired = match compare {
        Compare::Ratio if took_turns => pairs::ratio(&figure.turns, &other.turns),
        Compare::Ratio => pairs::ratio_unpaired(&figure.turns, &other.turns),
        Compare::Difference if took_turns => pairs::difference(&figure.turns, &other.turns),
        _ => None,
    };
    let (figure, other) = (figure.figure, other.figure);
    paired.unwrap_or_else(|| match compare {
        Compare::Value => figure,
        Compare::Ratio => pairs::quotient(figure, other),
        Compare::Difference => Figure {
            value: figure.value - other.value,
            lo: figure.lo - other.hi,
            hi: figure.hi - other.lo,
        },
    })
}

fn within(criterion: &Criterion, figure: Figure) -> Outcome {
    if !figure.value.is_finite() {
        return Outcome::Unknown("the comparison divides by zero".into());
    }
    let min = criterion.min.unwrap_or(f64::NEG_INFINITY);
    let max = criterion.max.unwrap_or(f64::INFINITY);
    if figure.lo >= min && figure.hi <= max {
        Outcome::Holds
    } else if figure.hi < min || figure.lo > max {
        Outcome::Fails
    } else {
        Outcome::Unknown("its confidence interval lies on both sides of the bound".into())
    }
}

fn expected_text(criterion: &Criterion) -> String {
    let dimension = match criterion.compare {
        Compare::Ratio => Dimension::Number,
        Compare::Value | Compare::Difference => criterion.measure.dimension(),
    };
    // A bound is read beside the figure, which says what it counts.
    let unit = match (criterion.compare, criterion.unit.as_str()) {
        (Compare::Value | Compare::Difference, unit @ ("%" | YES_NO)) => unit,
        _ => "",
    };
    let words = |value: f64| counted(Figure::exact(value), dimension, unit);
    if unit == YES_NO {
        // At least 1 and at most 0 leave one answer each.
        return words(criterion.min.or(criterion.max).unwrap_or(1.0));
    }
    let bounds = match (criterion.min, criterion.max) {
        (Some(min), Some(max)) => format!("{} to {}", words(min), words(max)),
        (Some(min), None) => format!("at least {}", words(min)),
        (None, Some(max)) => format!("at most {}", words(max)),
        (None, None) => "anything".to_owned(),
    };
    let slack = if criterion.slack > 0.0 {
        format!(" or equal within {}", in_words(criterion.slack, criterion.measure.dimension()))
    } else {
        String::new()
    };
    let bounds = match criterion.compare {
        Compare::Value => bounds,
        Compare::Ratio | Compare::Difference => format!("{} {bounds}", criterion.compare.name()),
    };
    format!("{bounds}{slack}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quantity(command: &str) -> Quantity {
        let command = command.to_owned();
        Quantity { arm: "a".into(), subject: Subject::Slowlog { command, stat: SpanStat::Median } }
    }

    fn ratio(min: f64, max: f64, slack: f64) -> Criterion {
        Criterion {
            says: "equal".into(),
            measure: quantity("X"),
            against: Some(Reference::Quantity(quantity("Y"))),
            compare: Compare::Ratio,
            min: Some(min),
            max: Some(max),
            slack,
            unit: String::new(),
        }
    }

    fn check(criterion: Criterion, x: Result<Figure, &str>, y: f64) -> (Verdict, Outcome, String) {
        let claim = Claim {
            id: "T".into(),
            text: String::new(),
            article: String::new(),
            of_redis: false,
            requires: vec![],
            holds: vec![criterion],
        };
        let lookup = |q: &Quantity| match &q.subject {
            Subject::Slowlog { command, .. } if command == "X" => {
                x.map(Measured::once).map_err(str::to_owned)
            }
            _ => Ok(Measured::once(Figure::exact(y))),
        };
        let judgement = judge(&claim, &lookup);
        let part = judgement.holds.into_iter().next().expect("one part");
        (judgement.verdict, part.outcome, part.measured)
    }

    #[test]
    fn bounds_slack_intervals_and_gaps() {
        let exact = |v| Ok(Figure::exact(v));
        let (verdict, _, text) = check(ratio(0.9, 1.1, 0.0), exact(0.105), 0.1);
        assert_eq!(verdict, Verdict::Confirmed);
        assert_eq!(text, "a.slowlog.X.median = 105ms, a.slowlog.Y.median = 100ms, ratio 1.05");
        assert_eq!(check(ratio(0.9, 1.1, 0.0), exact(0.12), 0.1).0, Verdict::Refuted);
        assert_eq!(check(ratio(0.9, 1.1, 0.03), exact(0.12), 0.1).0, Verdict::Confirmed);
        let wide = Ok(Figure { value: 0.105, lo: 0.1, hi: 0.12 });
        assert_eq!(check(ratio(0.9, 1.1, 0.0), wide, 0.1).0, Verdict::Inconclusive);
        let (verdict, outcome, _) = check(ratio(0.9, 1.1, 0.0), Err("no entry"), 0.1);
        assert_eq!(verdict, Verdict::Inconclusive);
        assert_eq!(outcome, Outcome::Unknown("no entry".into()));
        assert_eq!(check(ratio(0.9, 1.1, 0.0), exact(1.0), 0.0).0, Verdict::Inconclusive);
    }

    #[test]
    fn a_plain_number_says_what_it_counts() {
        let subject = Subject::Count { group: "offender".into(), which: "ok".into() };
        let measure = Quantity { arm: "keys".into(), subject };
        let criterion = Criterion {
            measure,
            against: None,
            compare: Compare::Value,
            ..ratio(2.0, f64::INFINITY, 0.0)
        };
        let part = judge_one(&criterion, &|_| Ok(Measured::once(Figure::exact(10.0))));
        assert_eq!(part.number, "10 requests");
        let writes = Subject::Growth { field: "writes".into() };
        let against = Reference::Quantity(criterion.measure.clone());
        let criterion = Criterion {
            measure: Quantity { arm: "keys".into(), subject: writes },
            against: Some(against),
            unit: "writes".into(),
            ..ratio(2.0, f64::INFINITY, 0.0)
        };
        let part = judge_one(&criterion, &|_| Ok(Measured::once(Figure::exact(10.0))));
        assert_eq!(part.number, "10 writes against 10 requests: 1 times");
    }

    #[test]
    fn turns_are_compared_pair_by_pair() {
        // The machine's own drift moves both arms alike: the ratio hardly moves.
        let drift = [1.0, 2.0, 4.0, 3.0];
        let turns = |factor: f64| {
            let values = drift.iter().zip([1.0, 1.01, 0.99, 1.0]).map(|(d, n)| d * n * factor);
            Measured::in_turns(values.collect()).expect("turns")
        };
        let claim = Claim {
            id: "T".into(),
            text: String::new(),
            article: String::new(),
            of_redis: false,
            requires: vec![],
            holds: vec![ratio(0.6, 0.7, 0.0)],
        };
        let judgement = judge(&claim, &|q| match &q.subject {
            Subject::Slowlog { command, .. } if command == "X" => Ok(turns(0.65)),
            _ => Ok(Measured::in_turns(drift.to_vec()).expect("turns")),
        });
        assert_eq!(judgement.verdict, Verdict::Confirmed, "{judgement:?}");
        let number = &judgement.holds[0].number;
        assert!(number.contains(": 0.65 (0.6") && number.ends_with(" times"), "{number}");
    }

    #[test]
    fn a_failed_requirement_is_inconclusive() {
        let claim = Claim {
            id: "T".into(),
            text: String::new(),
            article: String::new(),
            of_redis: false,
            requires: vec![ratio(2.0, 3.0, 0.0)],
            holds: vec![ratio(0.9, 1.1, 0.0)],
        };
        let judgement = judge(&claim, &|_| Ok(Measured::once(Figure::exact(1.0))));
        assert_eq!(judgement.verdict, Verdict::Inconclusive);
        assert_eq!(judgement.requires[0].expected, "ratio 2 to 3");
    }
}
