//! The engine's own figures, as they are kept.

use aelab_engine::clock::Nanos;
use aelab_engine::record::result::{Gaps, RunResult, ThreadAudit};
use aelab_results::caveat::Facts;
use aelab_results::record::{Audit, Gaps as KeptGaps, Machine, ThreadAudit as KeptThread, Warmup};
use aelab_results::stats;

/// The engine's figures of a run.
pub(crate) fn audit(result: &RunResult, facts: &Facts) -> Audit {
    let audit = &result.audit;
    let moves = audit.machine.unwrap_or_default();
    Audit {
        pacing: audit.pacing.as_str().to_owned(),
        threads: audit.threads.iter().map(thread).collect(),
        own_lag: (!audit.open_loop_lag.is_empty())
            .then(|| crate::record::whole(&audit.open_loop_lag, &stats::DEFAULT_PERCENTILES)),
        late_share: facts.late.map(|(share, ..)| share),
        gaps: audit.threads.iter().filter_map(|thread| thread.gaps).reduce(Gaps::worst).map(gaps),
        machine: Machine {
            steal_share: moves.steal_share,
            throttled_count: moves.throttled.map(|(count, _)| count),
            throttled_ms: moves.throttled.map(|(_, time)| millis(time)),
            clock_step_ms: audit.machine.map(|moves| moves.clock_step_ns as f64 / 1e6),
            mhz_min: moves.mhz.map(|(low, _)| low),
            mhz_max: moves.mhz.map(|(_, high)| high),
        },
        warmup: result.warmup_end.as_ref().map(|settled| Warmup {
            length_s: result.measure_from.as_secs_f64(),
            settled: settled.moving.is_empty(),
            moving: settled.moving.clone(),
        }),
    }
}

fn thread(thread: &ThreadAudit) -> KeptThread {
    KeptThread {
        cpu_share: thread.cpu_share(),
        spun_share: thread.spun_share(),
        queued_share: thread.queued_share(),
        involuntary_switches: thread.involuntary_switches,
        late_max_us: millis(thread.late_max) * 1e3,
        cpu: thread.pinned.map(|cpu| cpu as u64),
        margin_us: thread.margin.map(|margin| millis(margin) * 1e3),
    }
}

fn gaps(gaps: Gaps) -> KeptGaps {
    KeptGaps {
        length_ms: millis(gaps.length),
        max_us: millis(gaps.max) * 1e3,
        p99_us: millis(gaps.p99) * 1e3,
        lost_share: gaps.lost_share(),
    }
}

fn millis(span: Nanos) -> f64 {
    span.as_secs_f64() * 1e3
}
