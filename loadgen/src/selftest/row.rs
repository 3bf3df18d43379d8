//! One line of the self-test: expected, measured, tolerance, and whether it holds.
//!
//! Not printing (see `console::selftest`). Invariant: the verdict follows from the numbers shown.

use std::fmt;
use std::ops::RangeInclusive;

/// What a figure counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Nanoseconds, shown in the unit that fits.
    Time,
    /// Things.
    Count,
    /// A part of a whole, shown in percent.
    Share,
    /// A bare number: a ratio, a coefficient.
    Plain,
    /// Per second.
    Rate,
}

/// A number with its unit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Figure(pub f64, pub Unit);

impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(value, unit) = *self;
        match unit {
            Unit::Time if value.abs() >= 1e9 => write!(f, "{:.4} s", value / 1e9),
            Unit::Time if value.abs() >= 1e6 => write!(f, "{:.2} ms", value / 1e6),
            Unit::Time => write!(f, "{:.1} us", value / 1e3),
            Unit::Count => write!(f, "{value:.0}"),
            Unit::Share => write!(f, "{:.2} %", value * 100.0),
            Unit::Plain => write!(f, "{value:.3}"),
            Unit::Rate => write!(f, "{value:.3}/s"),
        }
    }
}

/// See the module.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// The acceptance test it belongs to.
    pub id: &'static str,
    /// What is compared.
    pub what: String,
    /// What must come out.
    pub expected: String,
    /// What came out.
    pub measured: String,
    /// How far apart the two may be.
    pub tolerance: String,
    /// Whether they are closer than that.
    pub holds: bool,
}

impl Row {
    /// Measured may be off by this share of what is expected.
    pub fn near(
        id: &'static str,
        what: impl Into<String>,
        unit: Unit,
        [measured, expected]: [f64; 2],
        share: f64,
    ) -> Self {
        Self {
            id,
            what: what.into(),
            expected: Figure(expected, unit).to_string(),
            measured: Figure(measured, unit).to_string(),
            tolerance: format!("±{} %", trimmed(share * 100.0)),
            holds: (measured / expected - 1.0).abs() <= share,
        }
    }

    /// Measured must lie in the range.
    pub fn inside(
        id: &'static str,
        what: impl Into<String>,
        unit: Unit,
        measured: f64,
        range: RangeInclusive<f64>,
    ) -> Self {
        let (low, high) = (Figure(*range.start(), unit), Figure(*range.end(), unit));
        Self {
            id,
            what: what.into(),
            expected: format!("{low} to {high}"),
            measured: Figure(measured, unit).to_string(),
            tolerance: "inside".to_owned(),
            holds: range.contains(&measured),
        }
    }

    /// Measured must not exceed the limit.
    pub fn at_most(
        id: &'static str,
        what: impl Into<String>,
        unit: Unit,
        measured: f64,
        limit: f64,
    ) -> Self {
        Self {
            id,
            what: what.into(),
            expected: format!("at most {}", Figure(limit, unit)),
            measured: Figure(measured, unit).to_string(),
            tolerance: "limit".to_owned(),
            holds: measured <= limit,
        }
    }

    /// Counts that must be equal.
    pub fn exactly(
        id: &'static str,
        what: impl Into<String>,
        measured: u64,
        expected: u64,
    ) -> Self {
        Self {
            id,
            what: what.into(),
            expected: expected.to_string(),
            measured: measured.to_string(),
            tolerance: "exact".to_owned(),
            holds: measured == expected,
        }
    }

    /// Something that is so or not.
    pub fn said(
        id: &'static str,
        what: impl Into<String>,
        expected: impl Into<String>,
        measured: impl Into<String>,
        holds: bool,
    ) -> Self {
        Self {
            id,
            what: what.into(),
            expected: expected.into(),
            measured: measured.into(),
            tolerance: "exact".to_owned(),
            holds,
        }
    }

    /// The same row of a measurement that was made again.
    #[must_use]
    pub fn at_try(mut self, number: usize) -> Self {
        self.what = format!("{} (try {number})", self.what);
        self
    }

    /// The same row with the figure of the textbook beside what was computed for this very run.
    #[must_use]
    pub fn in_theory(mut self, unit: Unit, theory: f64) -> Self {
        self.expected = format!("{} (theory {})", self.expected, Figure(theory, unit));
        self
    }
}

/// A percentage without zeros that say nothing.
fn trimmed(value: f64) -> String {
    let text = format!("{value:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verdicts_follow_from_the_numbers() {
        assert!(Row::near("A1", "p99", Unit::Time, [0.71e9, 0.70e9], 0.02).holds);
        assert!(!Row::near("A1", "p99", Unit::Time, [0.75e9, 0.70e9], 0.02).holds);
        // What was not measured holds nothing.
        assert!(!Row::near("A1", "p99", Unit::Time, [f64::NAN, 0.70e9], 0.02).holds);
        assert!(!Row::inside("A1", "p99", Unit::Time, f64::NAN, 0.0..=1.0).holds);
        assert!(!Row::at_most("A1", "p99", Unit::Time, f64::NAN, 1.0).holds);
        assert!(!Row::exactly("A1", "count", 1, 2).holds);
    }

    #[test]
    fn figures_carry_their_unit() {
        assert_eq!(Figure(1.0005e9, Unit::Time).to_string(), "1.0005 s");
        assert_eq!(Figure(1_500.0, Unit::Time).to_string(), "1.5 us");
        assert_eq!(Row::near("A", "", Unit::Share, [0.1, 0.1], 0.001).tolerance, "±0.1 %");
    }
}
