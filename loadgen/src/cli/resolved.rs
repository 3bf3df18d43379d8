//! A run with everything decided: what `loadgen run` measures after its flags are resolved.

use aelab_engine::plan::{RunPlan, Target};
use aelab_lab::server::fill::FillPlan;
use aelab_results::caveat::Caveat;

/// What to write before a run.
#[derive(Debug, Clone)]
pub enum Prefill {
    /// Strings, with MSET.
    Strings(FillPlan),
    /// Whatever a plan of the engine writes, each record once.
    Records(Box<RunPlan>),
}

/// A run with everything decided.
#[derive(Debug, Clone)]
pub struct Resolved {
    /// The server.
    pub target: Target,
    /// What to fill before, if anything.
    pub prefill: Option<Prefill>,
    /// The runs, one after the other: title and plan.
    pub runs: Vec<(String, RunPlan)>,
    /// Percentiles asked for.
    pub percentiles: Vec<f64>,
    /// Notes for the user, printed before the run.
    pub notes: Vec<String>,
    /// Caveats that are known before anything is measured.
    pub caveats: Vec<Caveat>,
}
