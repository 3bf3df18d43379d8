//! Verdicts: the claims of a scenario judged by the figures of its arms, and their form in the record.
//!
//! Invariant: a claim is judged by measured figures only; an arm that was left out or is invalid decides nothing, except
//! that a time that can only be too long is below a bound.

use crate::arm::ArmOutcome;
use crate::scenario::ScenarioOutcome;
use crate::scenario::figures::look_up;
use crate::scenario::noise;
use crate::server::LOG_END;
use aelab_results::record::{
    CaveatRecord, Claim as ClaimRecord, ClaimPart, ClaimVerdict, Group, Severity,
};
use aelab_scenarios::criterion::{Claim, Quantity, Reference, StallCause, Subject, TraceField};
use aelab_scenarios::judge::{Bias, Judgement, Measured, Noise, Outcome, Part, Verdict, judge};

/// A claim judged by the arms' figures; an arm that must not be used decides nothing.
pub(super) fn judged(claim: &Claim, outcome: &ScenarioOutcome) -> Judgement {
    let lookup = |quantity: &Quantity| -> Result<Measured, String> {
        if let Some(why) = left_out_for(quantity, outcome) {
            return Err(why);
        }
        let mut of_arm = outcome.arms.iter().filter(|arm| arm.name == quantity.arm);
        let invalid = of_arm.find_map(|arm| {
            let caveat = invalid(arm, &quantity.subject)?;
            Some((format!("arm {} must not be used: {caveat}", quantity.arm), arm))
        });
        if let Some((why, arm)) = &invalid
            && !is_only_too_long(arm, &quantity.subject)
        {
            return Err(why.clone());
        }
        let mut measured = look_up(&outcome.arms, quantity)?;
        measured.noise = noise::of(&outcome.arms, quantity, &measured);
        if let (Some((why, _)), None) = (invalid, &measured.noise) {
            measured.noise = Some(Noise { why, bias: Bias::TooHigh, amount: f64::INFINITY });
        }
        Ok(measured)
    };
    judge(claim, &lookup)
}

fn left_out_for(quantity: &Quantity, outcome: &ScenarioOutcome) -> Option<String> {
    let (arm, why) = outcome.left_out.iter().find(|(arm, _)| *arm == quantity.arm)?;
    Some(format!("arm {arm} was left out: {why}"))
}

/// Why a claim cannot be judged on this server, if an arm that it is about was left out.
#[must_use]
pub fn left_out_of(claim: &Claim, outcome: &ScenarioOutcome) -> Option<String> {
    let criteria = claim.requires.iter().chain(&claim.holds);
    let quantities = criteria.flat_map(|criterion| {
        let against = match &criterion.against {
            Some(Reference::Quantity(quantity)) => Some(quantity),
            Some(Reference::Figure(_)) | None => None,
        };
        [Some(&criterion.measure), against].into_iter().flatten()
    });
    quantities.filter_map(|quantity| left_out_for(quantity, outcome)).next()
}

/// Why a figure of an arm must not be used. A slow load generator makes times, rates and the counts that depend on time limits
/// wrong; other counts, and what the server reports, stay right.
fn invalid<'a>(arm: &'a ArmOutcome, subject: &Subject) -> Option<&'a str> {
    let timed = match subject {
        Subject::Latency { .. } | Subject::AchievedRate { .. } | Subject::Stall { .. } => true,
        Subject::Count { which, .. } => ["shed", "timeout", "unfinished"].contains(&&**which),
        Subject::Pool { which, .. } => ["timeouts", "most_open"].contains(&&**which),
        Subject::Procedure { figure, .. } => is_timed(figure),
        Subject::Trace { field } => matches!(field, TraceField::Part(..) | TraceField::Unaccounted),
        _ => false,
    };
    let caveats = &arm.kept.record.caveats;
    let invalidates = |caveat: &&CaveatRecord| {
        caveat.severity == Severity::Invalid
            && (timed || INVALIDATES_ALL.contains(&caveat.id.as_str()))
    };
    // The end of the server's log is in the caveat itself.
    let brief = |caveat: &'a CaveatRecord| caveat.text.split(LOG_END).next();
    caveats.iter().find(invalidates).and_then(brief)
}

/// Whether a lack of CPU time, which makes the arm invalid, can only have made this time longer: all requests were sent when they
/// were due or later, whatever the server and the load generator did. The figure is then an upper bound.
fn is_only_too_long(arm: &ArmOutcome, subject: &Subject) -> bool {
    let is_time = matches!(
        subject,
        Subject::Latency { .. }
            | Subject::Stall { cause: StallCause::Any | StallCause::Unexplained, .. }
    );
    let record = &arm.kept.record;
    let is_bound = |caveat: &CaveatRecord| {
        caveat.severity != Severity::Invalid || TOO_LONG.contains(&caveat.id.as_str())
    };
    let is_complete = |group: &Group| {
        group.arrival.is_open()
            && group.counts.shed == 0
            && group.arrival.rate.is_none_or(|rate| group.achieved_rate >= rate * COMPLETE_SHARE)
    };
    is_time && record.caveats.iter().all(is_bound) && record.groups.iter().all(is_complete)
}

/// Caveats of a lack of CPU time.
const TOO_LONG: [&str; 2] = ["client-limited", "server-starved"];
/// From this share of the asked rate on, all requests were sent.
const COMPLETE_SHARE: f64 = 0.98;

/// Whether a figure of a procedure is a time, a rate, or a comparison of them. Its name says so.
fn is_timed(figure: &str) -> bool {
    let compares = ["ratio", "lower_by", "slope", "share"].iter().any(|word| figure.contains(word));
    compares || figure.ends_with("_s")
}

/// Caveats that make every figure of an arm unusable.
const INVALIDATES_ALL: [&str; 4] =
    ["server-changed", "no-success", "no-connection-left", "interrupted"];

/// The part that decided: a requirement that is not met, else a part that failed, else one without an answer, else the first
/// part.
fn deciding(judgement: &Judgement) -> Option<&Part> {
    let holds = || judgement.holds.iter();
    let lacking = || judgement.requires.iter().find(|part| part.outcome != Outcome::Holds);
    lacking()
        .or_else(|| holds().find(|part| part.outcome == Outcome::Fails))
        .or_else(|| holds().find(|part| part.outcome != Outcome::Holds))
        .or_else(|| holds().next())
}

/// What a reader must know about a verdict: that a claim about Redis was measured on the bundled server.
#[must_use]
pub fn note(claim: &Claim, outcome: &ScenarioOutcome) -> String {
    let bundled = outcome.arms.iter().any(|arm| arm.info_before.is_bundled());
    match claim.of_redis && bundled {
        true => "measured on the bundled server, which imitates Redis here; --server-bin redis-server judges Redis itself"
            .to_owned(),
        false => String::new(),
    }
}

fn part_record(part: &Part) -> ClaimPart {
    let (outcome, why) = match &part.outcome {
        Outcome::Holds => ("holds", ""),
        Outcome::Fails => ("fails", ""),
        Outcome::Unknown(why) => ("open", why.as_str()),
    };
    ClaimPart {
        says: part.says.clone(),
        wanted: part.expected.clone(),
        number: part.number.clone(),
        outcome: outcome.to_owned(),
        why: why.to_owned(),
    }
}

/// A claim with its verdict, as the record has it.
pub(super) fn claim_record(
    claim: &Claim,
    judgement: &Judgement,
    outcome: &ScenarioOutcome,
) -> ClaimRecord {
    let parts = || judgement.requires.iter().chain(&judgement.holds);
    let join = |text: fn(&Part) -> String| parts().map(text).collect::<Vec<_>>().join("; ");
    ClaimRecord {
        id: claim.id.clone(),
        text: claim.text.clone(),
        article: claim.article.clone(),
        note: note(claim, outcome),
        left_out: left_out_of(claim, outcome).unwrap_or_default(),
        parts: parts().map(part_record).collect(),
        decided_by: deciding(judgement).map_or_else(String::new, |part| part.says.clone()),
        number: deciding(judgement).map_or_else(String::new, |part| part.number.clone()),
        wanted: deciding(judgement).map_or_else(String::new, |part| part.expected.clone()),
        expected: join(|part| format!("{}: {}", part.says, part.expected)),
        measured: join(|part| match &part.outcome {
            Outcome::Unknown(why) if part.is_measured => {
                format!("{} (not decided: {why})", part.measured())
            }
            Outcome::Unknown(_) => format!("not measured ({})", part.measured()),
            Outcome::Holds | Outcome::Fails => part.measured(),
        }),
        verdict: match judgement.verdict {
            Verdict::Confirmed => ClaimVerdict::Confirmed,
            Verdict::Refuted => ClaimVerdict::Refuted,
            Verdict::Inconclusive => ClaimVerdict::Inconclusive,
        },
    }
}
