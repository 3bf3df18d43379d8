//! From measured figures to the verdict on a claim.
//!
//! Pure: a lookup function supplies the figures. Arms that alternate are compared repetition by
//! repetition ([`aelab_results::stats::pairs`]). Invariant: a missing figure never confirms and never refutes a
//! claim. Read next: `judge/text.rs`, which writes the texts.

use crate::criterion::{Claim, Compare, Criterion, Quantity, Reference};
use aelab_results::stats::pairs;

pub use crate::words::in_words;
pub use aelab_results::stats::Figure;
use noise::Moved;
pub use noise::{Bias, Noise};

mod noise;
mod scale;
mod text;

/// A figure, and its value in each repetition of the arm.
#[derive(Debug, Clone, PartialEq)]
pub struct Measured {
    /// The figure over all repetitions.
    pub figure: Figure,
    /// Its value in each repetition, in order; may be empty if there was only one.
    pub repetitions: Vec<f64>,
    /// What may have moved it, other than the server.
    pub noise: Option<Noise>,
}

impl Measured {
    /// A figure that was measured once.
    #[must_use]
    pub fn once(figure: Figure) -> Self {
        Self { figure, repetitions: Vec::new(), noise: None }
    }

    /// A figure that was measured in several repetitions: their mean with its interval.
    ///
    /// `None` without repetitions.
    #[must_use]
    pub fn of_repetitions(repetitions: Vec<f64>) -> Option<Self> {
        let figure = pairs::mean(&repetitions)?;
        Some(Self { figure, repetitions, noise: None })
    }
}

/// The verdict on a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Every criterion holds.
    Confirmed,
    /// A criterion fails.
    Refuted,
    /// The measurement does not decide it.
    Inconclusive,
}

/// The outcome of one criterion.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// Within the bounds.
    Holds,
    /// Outside the bounds.
    Fails,
    /// Not decided, and why.
    Unknown(String),
}

/// One judged criterion.
#[derive(Debug, Clone, PartialEq)]
pub struct Part {
    /// The statement of the criterion.
    pub says: String,
    /// What was expected: `ratio 0.9 to 1.1`.
    pub expected: String,
    /// The bounds alone: `0.9 to 1.1`.
    bounds: String,
    /// The figures with their names; the path of the missing figure if there is none.
    figures: String,
    /// How they compare: `ratio 1.03`, with its interval if it has one; may be empty.
    comparison: String,
    /// The judged number with its interval, in short: `7.99 ms vs 7.76 ms, ratio 1.03`.
    pub number: String,
    /// The outcome.
    pub outcome: Outcome,
    /// Whether there was a figure to judge.
    pub is_measured: bool,
}

impl Part {
    /// The figures with their names, and how they compare.
    #[must_use]
    pub fn measured(&self) -> String {
        match self.comparison.as_str() {
            "" => self.figures.clone(),
            comparison => format!("{}, {comparison}", self.figures),
        }
    }

    /// The whole part as one line: statement, figures, and what was expected.
    #[must_use]
    pub fn sentence(&self) -> String {
        let Self { says, figures, bounds, .. } = self;
        let says = says.trim_end_matches('.');
        if !self.is_measured {
            return format!("{says}: not measured ({figures})");
        }
        let comparison = match self.comparison.as_str() {
            "" => String::new(),
            comparison => format!("{comparison}, "),
        };
        let why = match &self.outcome {
            Outcome::Unknown(why) => format!(" Not decided: {why}."),
            Outcome::Holds | Outcome::Fails => String::new(),
        };
        format!("{says}: {figures} ({comparison}expected {bounds}).{why}")
    }
}

/// A judged claim.
#[derive(Debug, Clone, PartialEq)]
pub struct Judgement {
    /// The verdict.
    pub verdict: Verdict,
    /// The requirements, in the order of the file.
    pub requires: Vec<Part>,
    /// The criteria that decide, in the order of the file.
    pub holds: Vec<Part>,
}

/// Looks up a measured figure, or says why there is none.
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
    let measured = match lookup(&criterion.measure) {
        Ok(measured) => measured,
        Err(why) => return missing(criterion, &criterion.measure, why),
    };
    let Some(against) = &criterion.against else {
        let (measured, _) = scale::of_criterion(criterion, measured, None);
        let texts = text::of_value(criterion, measured.figure);
        let outcome = within(criterion, measured.figure);
        return part(
            criterion,
            texts,
            noise::weigh(criterion, measured.figure, outcome, Moved::of(&measured), None),
        );
    };
    let other = match against {
        Reference::Figure(value) => Measured::once(Figure::exact(*value)),
        Reference::Quantity(quantity) => match lookup(quantity) {
            Ok(measured) => measured,
            Err(why) => return missing(criterion, quantity, why),
        },
    };
    let (measured, other) = match scale::of_criterion(criterion, measured, Some(other)) {
        (measured, Some(other)) => (measured, other),
        (measured, None) => (measured, Measured::once(Figure::exact(0.0))),
    };
    let combined = combine(criterion.compare, &measured, &other);
    let texts = text::of_comparison(criterion, against, measured.figure, other.figure, combined);
    let apart = (measured.figure.value - other.figure.value).abs();
    let outcome = match criterion.slack > 0.0 && apart <= criterion.slack {
        true => Outcome::Holds,
        false => within(criterion, combined),
    };
    let (of_measured, of_reference) = (Moved::of(&measured), Moved::of(&other));
    let outcome = noise::weigh(criterion, combined, outcome, of_measured, Some(of_reference));
    part(criterion, texts, outcome)
}

fn part(criterion: &Criterion, texts: text::Texts, outcome: Outcome) -> Part {
    let bounds = text::bounds(criterion);
    let expected = match criterion.compare {
        Compare::Value => bounds.clone(),
        Compare::Ratio | Compare::Difference => format!("{} {bounds}", criterion.compare.name()),
    };
    let text::Texts { figures, comparison, number } = texts;
    let says = criterion.says.clone();
    Part { says, expected, bounds, figures, comparison, number, outcome, is_measured: true }
}

/// A part without its figure.
fn missing(criterion: &Criterion, quantity: &Quantity, why: String) -> Part {
    let texts = text::Texts {
        // The path, so that the figure is easy to find in the file.
        figures: format!("{quantity}: {why}"),
        comparison: String::new(),
        number: format!("not measured: {why}"),
    };
    Part { is_measured: false, ..part(criterion, texts, Outcome::Unknown(why)) }
}

fn combine(compare: Compare, measured: &Measured, other: &Measured) -> Figure {
    let (first, second) = (&measured.repetitions, &other.repetitions);
    let is_paired = first.len() > 1 && first.len() == second.len();
    let combined = match compare {
        Compare::Ratio if is_paired => pairs::ratio(first, second),
        Compare::Ratio => pairs::ratio_unpaired(first, second),
        Compare::Difference if is_paired => pairs::difference(first, second),
        _ => None,
    };
    let (figure, other) = (measured.figure, other.figure);
    combined.unwrap_or_else(|| match compare {
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
        return Outcome::Unknown("the reference is zero, so there is no ratio".into());
    }
    let min = criterion.min.unwrap_or(f64::NEG_INFINITY);
    let max = criterion.max.unwrap_or(f64::INFINITY);
    if figure.lo >= min && figure.hi <= max {
        Outcome::Holds
    } else if figure.hi < min || figure.lo > max {
        Outcome::Fails
    } else {
        Outcome::Unknown("the confidence interval contains a bound".into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::criterion::{SpanStat, Subject};

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
        (judgement.verdict, part.outcome.clone(), part.sentence())
    }

    #[test]
    fn bounds_slack_intervals_and_gaps() {
        let exact = |v| Ok(Figure::exact(v));
        let (verdict, _, text) = check(ratio(0.9, 1.1, 0.0), exact(0.105), 0.1);
        assert_eq!(verdict, Verdict::Confirmed);
        assert_eq!(
            text,
            "equal: median X execution time 105 ms, median Y execution time 100 ms \
             (ratio 1.05, expected 0.9 to 1.1)."
        );
        assert_eq!(check(ratio(0.9, 1.1, 0.0), exact(0.12), 0.1).0, Verdict::Refuted);
        assert_eq!(check(ratio(0.9, 1.1, 0.03), exact(0.12), 0.1).0, Verdict::Confirmed);
        let wide = Ok(Figure { value: 0.105, lo: 0.1, hi: 0.12 });
        assert_eq!(check(ratio(0.9, 1.1, 0.0), wide, 0.1).0, Verdict::Inconclusive);
        let (verdict, outcome, text) = check(ratio(0.9, 1.1, 0.0), Err("no entry"), 0.1);
        assert_eq!(verdict, Verdict::Inconclusive);
        assert_eq!(text, "equal: not measured (a.slowlog.X.median: no entry)");
        assert_eq!(outcome, Outcome::Unknown("no entry".into()));
        for zero_or_one in [1.0, 0.0] {
            let (verdict, _, text) = check(ratio(0.9, 1.1, 0.0), exact(zero_or_one), 0.0);
            assert_eq!(verdict, Verdict::Inconclusive);
            assert!(text.contains("so there is no ratio") && !text.contains("NaN"), "{text}");
            assert!(!text.contains("interval"), "{text}");
        }
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
        assert_eq!(part.number, "10 writes vs 10 requests, ratio 1");
    }

    #[test]
    fn repetitions_are_compared_pair_by_pair() {
        // A drift of the machine moves both arms in the same way, so the ratio hardly moves.
        let drift = [1.0, 2.0, 4.0, 3.0];
        let repetitions = |factor: f64| {
            let values = drift.iter().zip([1.0, 1.01, 0.99, 1.0]).map(|(d, n)| d * n * factor);
            Measured::of_repetitions(values.collect()).expect("repetitions")
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
            Subject::Slowlog { command, .. } if command == "X" => Ok(repetitions(0.65)),
            _ => Ok(Measured::of_repetitions(drift.to_vec()).expect("repetitions")),
        });
        assert_eq!(judgement.verdict, Verdict::Confirmed, "{judgement:?}");
        let number = &judgement.holds[0].number;
        assert!(number.contains(", ratio 0.65 (0.6"), "{number}");
    }

    #[test]
    fn repetitions_are_put_together_on_the_scale_on_which_they_are_judged() {
        // One repetition in three is disturbed: the interval of the arithmetic mean reaches below zero.
        let (x, y) = (vec![1e-4, 2e-4, 5e-3], vec![2e-4, 1e-4, 2e-4]);
        let of = |values: &[f64]| Measured::of_repetitions(values.to_vec()).expect("repetitions");
        assert!(of(&x).figure.lo < 0.0, "the case is of that kind");
        let judged = |criterion: &Criterion| {
            judge_one(criterion, &|q| match &q.subject {
                Subject::Slowlog { command, .. } if command == "X" => Ok(of(&x)),
                _ => Ok(of(&y)),
            })
        };
        let geometric = |values: &[f64]| values.iter().product::<f64>().cbrt();
        let alone = Criterion { against: None, compare: Compare::Value, ..ratio(0.0, 1.0, 0.0) };
        for criterion in [ratio(0.0, 9.0, 0.0), alone] {
            let part = judged(&criterion);
            let said = part.sentence() + &part.number;
            assert!(!said.contains('-') && !said.contains('\u{2212}'), "{said}");
        }
        let (scaled, other) = scale::of_criterion(&ratio(0.0, 9.0, 0.0), of(&x), Some(of(&y)));
        let other = other.expect("the reference");
        assert!((scaled.figure.value / geometric(&x) - 1.0).abs() < 1e-9);
        let combined = combine(Compare::Ratio, &scaled, &other);
        let quotient = scaled.figure.value / other.figure.value;
        assert!((combined.value / quotient - 1.0).abs() < 1e-9, "the figures give the ratio");
        // A difference has arithmetic means on both sides, and may be negative.
        let difference = Criterion { compare: Compare::Difference, ..ratio(0.0, 9.0, 0.0) };
        let (scaled, other) = scale::of_criterion(&difference, of(&y), Some(of(&x)));
        let apart = combine(Compare::Difference, &scaled, &other.clone().expect("one"));
        let mean = |values: &[f64]| values.iter().sum::<f64>() / 3.0;
        assert!((apart.value - (mean(&y) - mean(&x))).abs() < 1e-12);
        // With a zero there are no logarithms on either side, and still no impossible interval.
        let zeros = Measured::of_repetitions(vec![0.0, 0.0, 3e-3]).expect("repetitions");
        let (scaled, other) = scale::of_criterion(&ratio(0.0, 9.0, 0.0), zeros, Some(of(&x)));
        assert!(scaled.figure.lo >= 0.0 && other.is_some_and(|other| other.figure.lo >= 0.0));
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

    #[test]
    fn arms_are_named_only_if_they_differ() {
        let mut criterion = ratio(0.0, 0.25, 2e-3);
        criterion.measure = Quantity { arm: "b".into(), ..quantity("Y") };
        let seconds = |q: &Quantity| if q.arm == "a" { 0.008 } else { 0.0004 };
        let part = judge_one(&criterion, &|q| Ok(Measured::once(Figure::exact(seconds(q)))));
        assert_eq!(
            part.sentence(),
            "equal: median Y execution time 400 us in arm b, 8 ms in arm a \
             (ratio 0.05, expected 0 to 0.25, or a difference of at most 2 ms)."
        );
        assert_eq!(part.number, "400 us vs 8 ms, ratio 0.05");
        assert_eq!(part.expected, "ratio 0 to 0.25, or a difference of at most 2 ms");
    }
}
