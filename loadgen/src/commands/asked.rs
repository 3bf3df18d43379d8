//! What a run asks the server about itself beside the load, and what is said where it may not.
//!
//! Not what the answers mean (see `lab/attribute.rs`). Invariant: a server that refuses to tell costs no measurement, but the
//! reader learns what could not be looked up, and why.

use crate::console;
use crate::control::Control;
use crate::engine::plan::Target;
use crate::engine::result::RunResult;
use crate::exit::Failure;
use crate::lab::view::{Info, REFUSED_SLOWLOG, SlowEntry, info_refusal, slowlog_or_refusal};
use aelab_reports::record::Stall;

/// What each server says of itself.
///
/// # Errors
/// One of them is not there (exit 6).
pub(super) fn look(target: &Target) -> Result<Vec<(Target, Info)>, Failure> {
    let one = |target: Target| {
        let info = Info::parse(&Control::open(&target)?.info()?);
        Ok((target, info))
    };
    target.each().map(one).collect()
}

/// Tells the user at the terminal that the server does not say what it is.
///
/// # Errors
/// The connection breaks.
pub(super) fn say_if_unknown(control: &mut Control, target: &Target) -> Result<(), Failure> {
    if let Some(refusal) = info_refusal(control)? {
        console::note(&format!(
            "{} refused INFO ({refusal}): the record will not say which server it is, and a restart would go unseen; allow \
             this user +info",
            target.endpoint
        ));
    }
    Ok(())
}

/// The slow log of the one server that stalled, if it tells; of several, whose entry is whose would be a guess.
#[derive(Debug, Default)]
pub(super) struct SlowLog {
    /// What it has.
    pub(super) entries: Vec<SlowEntry>,
    /// How the server refused it.
    refusal: Option<String>,
}

impl SlowLog {
    /// Asks for it.
    pub(super) fn ask(target: &Target, result: &RunResult) -> Self {
        if result.stalls.is_empty() || target.each().count() > 1 {
            return Self::default();
        }
        // A server that is gone, or keeps none, is no reason to fail: the stall has no cause then.
        match Control::open(target).and_then(|mut control| slowlog_or_refusal(&mut control)) {
            Ok(Ok(entries)) => Self { entries, refusal: None },
            Ok(Err(refusal)) => Self { entries: Vec::new(), refusal: Some(refusal) },
            Err(_) => Self::default(),
        }
    }

    /// Says in each stall of unknown cause that it could not be looked up, where the server refused to tell.
    pub(super) fn complete(&self, mut stalls: Vec<Stall>) -> Vec<Stall> {
        let Some(refusal) = &self.refusal else { return stalls };
        for stall in stalls.iter_mut().filter(|stall| stall.cause.is_none()) {
            stall.evidence.push(format!(
                "{REFUSED_SLOWLOG} ({refusal}), so no command could be looked up; allow this user +slowlog|get"
            ));
        }
        stalls
    }
}
