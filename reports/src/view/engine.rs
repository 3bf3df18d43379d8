//! The load generator's audit of itself as table rows: the basis for trusting the other numbers.

use aelab_results::record::Audit;
use aelab_results::text::number::{duration, percent};

/// Names and values, in the order shown.
pub(crate) fn facts(audit: &Audit) -> Vec<(&'static str, String)> {
    let most = |of: fn(&aelab_results::record::ThreadAudit) -> Option<f64>| {
        audit.threads.iter().filter_map(of).max_by(f64::total_cmp)
    };
    let lag = audit.own_lag.as_ref();
    let facts = [
        (
            "load generator: threads",
            (!audit.threads.is_empty()).then(|| audit.threads.len().to_string()),
        ),
        ("load generator: pacing", (!audit.pacing.is_empty()).then(|| audit.pacing.clone())),
        (
            "load generator: CPU share of the busiest thread",
            most(|t| Some(t.cpu_share)).map(percent),
        ),
        (
            "load generator: share of time spinning until requests are due",
            most(|t| Some(t.spun_share).filter(|share| *share > 0.0)).map(percent),
        ),
        ("load generator: share of time waiting for a CPU", most(|t| t.queued_share).map(percent)),
        ("load generator: wake-up lag, p50", lag.and_then(|q| q.us_at(50.0)).map(duration)),
        ("load generator: wake-up lag, p99", lag.and_then(|q| q.us_at(99.0)).map(duration)),
        (
            "load generator: wake-up lag as a share of the measured waiting time",
            audit.late_share.map(percent),
        ),
        (
            "before the run: longest gap between two clock readings",
            audit.gaps.map(|gaps| duration(gaps.max_us)),
        ),
        (
            "before the run: share of time lost in such gaps",
            audit.gaps.map(|gaps| percent(gaps.lost_share)),
        ),
        ("CPU time stolen by the hypervisor", audit.machine.steal_share.map(percent)),
        (
            "CPU quota exhausted for",
            audit.machine.throttled_ms.map(|millis| duration(millis * 1e3)),
        ),
    ];
    facts.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use aelab_results::record::ThreadAudit;

    #[test]
    fn what_is_not_known_is_left_out() {
        assert_eq!(facts(&Audit::default()), []);
        let thread = |cpu_share, queued_share| ThreadAudit {
            cpu_share,
            queued_share,
            ..ThreadAudit::default()
        };
        let audit =
            Audit { threads: vec![thread(0.2, None), thread(0.5, Some(0.01))], ..Audit::default() };
        let names: Vec<_> = facts(&audit).into_iter().map(|fact| fact.0).collect();
        assert_eq!(
            names,
            [
                "load generator: threads",
                "load generator: CPU share of the busiest thread",
                "load generator: share of time waiting for a CPU",
            ]
        );
    }
}
