//! The figures as data: series in plain units, a title that states the finding, and a table with the same numbers. No pixels.

use crate::view::table::Table;

/// A figure.
#[derive(Debug, Clone)]
pub(crate) struct Figure {
    /// File name without ending, also the id in the page.
    pub(crate) name: &'static str,
    /// The finding, one sentence.
    pub(crate) title: String,
    /// What is drawn, one or two sentences.
    pub(crate) subtitle: String,
    /// What to draw.
    pub(crate) plot: Plot,
    /// The same numbers as a table.
    pub(crate) twin: Table,
}

impl Figure {
    /// Marks the figure of an invalid report in its title, because pictures are also shown without the page.
    pub(crate) fn mark_invalid(&mut self) {
        self.title.insert_str(0, "INVALID: ");
    }
}

/// What to draw.
#[derive(Debug, Clone)]
pub(crate) enum Plot {
    /// Percentile curves on a nines axis.
    Percentiles(PercentilePlot),
    /// Response time over time, one panel per arm.
    ResponseOverTime(TimePlot),
    /// Replies per second over time, one panel per arm.
    Throughput(RatePlot),
    /// Something measured over something varied.
    Lines(LinesPlot),
}

/// Something measured over something varied.
#[derive(Debug, Clone)]
pub(crate) struct LinesPlot {
    /// Name of the x axis.
    pub(crate) x: String,
    /// Name of the y axis.
    pub(crate) y: String,
    /// Whether y is in µs; else it is a plain number.
    pub(crate) y_is_time: bool,
    /// Whether both axes are logarithmic; else both begin at zero.
    pub(crate) log: bool,
    /// The lines.
    pub(crate) series: Vec<Series>,
}

/// One line.
#[derive(Debug, Clone)]
pub(crate) struct Series {
    /// Direct label.
    pub(crate) label: String,
    /// Position, for the colour.
    pub(crate) arm: usize,
    /// Computed from the others, not measured.
    pub(crate) is_fit: bool,
    /// x and y, x rising; both above zero where the axes are logarithmic.
    pub(crate) points: Vec<(f64, f64)>,
}

/// Percentile curves.
#[derive(Debug, Clone)]
pub(crate) struct PercentilePlot {
    /// The curves, arm by arm.
    pub(crate) curves: Vec<Curve>,
    /// Samples of the longest curve: the axis ends there.
    pub(crate) count: u64,
    /// The quantile above which some curve has fewer than ten samples.
    pub(crate) thin_from: f64,
}

/// One curve.
#[derive(Debug, Clone)]
pub(crate) struct Curve {
    /// Direct label.
    pub(crate) label: String,
    /// Position of its arm, for the colour.
    pub(crate) arm: usize,
    /// Which metric, for the dash.
    pub(crate) kind: CurveKind,
    /// Quantile and value in µs, rising.
    pub(crate) points: Vec<(f64, f64)>,
    /// Quantile, lower and upper end in µs; may be empty.
    pub(crate) band: Vec<(f64, f64, f64)>,
}

/// Which of the two times a curve shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CurveKind {
    /// The first one: solid.
    Lead,
    /// The other one: dashed.
    Other,
}

/// Response time over time.
#[derive(Debug, Clone)]
pub(crate) struct TimePlot {
    /// End of the time axis in seconds.
    pub(crate) span_s: f64,
    /// One per arm.
    pub(crate) panels: Vec<TimePanel>,
}

/// One arm over time.
#[derive(Debug, Clone)]
pub(crate) struct TimePanel {
    /// Heading.
    pub(crate) label: String,
    /// Words after the heading; may be empty.
    pub(crate) summary: String,
    /// Position of the arm, for the colour.
    pub(crate) arm: usize,
    /// Columns in order of time; those without replies are missing.
    pub(crate) columns: Vec<TimeColumn>,
    /// Length of a column in seconds.
    pub(crate) column_s: f64,
    /// The stalls, in order of time.
    pub(crate) stalls: Vec<StallMark>,
}

/// A slice of time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct TimeColumn {
    /// Start in seconds.
    pub(crate) start_s: f64,
    /// Largest value in µs.
    pub(crate) max_us: f64,
    /// Its 99th percentile in µs.
    pub(crate) p99_us: f64,
    /// Its median in µs.
    pub(crate) p50_us: f64,
    /// Replies in it.
    pub(crate) count: u64,
}

/// A stall as marked in a figure.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct StallMark {
    /// Start in seconds.
    pub(crate) start_s: f64,
    /// Length in seconds.
    pub(crate) duration_s: f64,
    /// Cause and length.
    pub(crate) long: String,
    /// Length alone, for where there is little room.
    pub(crate) short: String,
}

/// Replies per second over time.
#[derive(Debug, Clone)]
pub(crate) struct RatePlot {
    /// End of the time axis in seconds.
    pub(crate) span_s: f64,
    /// Top of the rate axis, replies per second; what is above is cut off and marked.
    pub(crate) top: f64,
    /// One per arm.
    pub(crate) panels: Vec<RatePanel>,
}

/// One arm over time.
#[derive(Debug, Clone)]
pub(crate) struct RatePanel {
    /// Heading.
    pub(crate) label: String,
    /// Words after the heading; may be empty.
    pub(crate) summary: String,
    /// Position of the arm, for the colour.
    pub(crate) arm: usize,
    /// Start in seconds and replies per second, without gaps.
    pub(crate) points: Vec<(f64, f64)>,
    /// Length of a column in seconds.
    pub(crate) column_s: f64,
    /// The offered rate, if there is one.
    pub(crate) offered: Option<f64>,
    /// The stalls, in order of time.
    pub(crate) stalls: Vec<StallMark>,
}
