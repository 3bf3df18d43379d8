//! How long the arms of a scenario take: for the reader before they run, and as a limit that the session keeps.
//!
//! Pure. Invariant: the limit is above the estimate, so a machine of usual speed never reaches it.

use aelab_scenarios::Scenario;
use aelab_scenarios::model::{Arm, DataSet};
use std::time::Duration;

/// To start a server, look at it and stop it.
const START: Duration = Duration::from_secs(1);
/// Keys or elements that are loaded per second on a usual machine, and on a slow one.
const USUAL_FILL_PER_S: f64 = 400e3;
const SLOW_FILL_PER_S: f64 = 100e3;
/// Share of the estimate that the limit allows in addition, and its least value.
const SLACK: f64 = 0.25;
const SLACK_MIN: Duration = Duration::from_secs(20);

/// The time that a scenario takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Estimate {
    /// On a machine of usual speed.
    pub about: Duration,
    /// On a slow one, with requests that wait at the end and with arms that are repeated.
    pub at_most: Duration,
}

/// The time of all arms and repetitions.
#[must_use]
pub fn estimate(scenario: &Scenario) -> Estimate {
    let sum = |per_s: f64| {
        let arms = scenario.arms.iter().map(|arm| length_at(arm, per_s));
        arms.sum::<Duration>() * scenario.repeat
    };
    let drain = scenario.arms.iter().map(|arm| arm.phases.drain).max().unwrap_or_default();
    let slow = sum(SLOW_FILL_PER_S);
    let slack = slow.mul_f64(SLACK).max(SLACK_MIN);
    Estimate { about: sum(USUAL_FILL_PER_S), at_most: slow + slack + drain }
}

/// The longest usual time of one run of an arm, with requests that wait at the end.
pub(crate) fn length(arm: &Arm) -> Duration {
    length_at(arm, SLOW_FILL_PER_S) + arm.phases.drain
}

fn length_at(arm: &Arm, fill_per_s: f64) -> Duration {
    START + arm.phases.warmup + arm.phases.measure + fill(&arm.data, fill_per_s)
}

#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^53")]
fn fill(data: &DataSet, per_s: f64) -> Duration {
    let elements: u64 = data.collections.iter().map(|collection| collection.elements).sum();
    Duration::from_secs_f64(data.keys.saturating_add(elements) as f64 / per_s)
}

#[cfg(test)]
mod tests {
    use super::*;
    use aelab_scenarios::Scale;

    #[test]
    fn the_estimate_has_loading_and_measuring_and_the_limit_has_room() {
        let text = "question = \"?\"\nrepeat = 2\n[phases]\nwarmup = \"1s\"\nmeasure = \"25s\"\n\
                    drain = \"30s\"\n[groups.g]\nrole = \"victim\"\ncommands = [\"PING\"]\n\
                    [arms.a]\ndata.keys = 400000\n[arms.b]\n";
        let scenario = Scenario::parse("t", "t.toml", text, Scale::Default).expect("reads");
        let estimate = estimate(&scenario);
        // Twice: 1 + 1 + 25 s, and 1 s to load the first; slowly 4 s.
        assert_eq!(estimate.about, Duration::from_secs(2 * (27 + 27 + 1)));
        let slow = Duration::from_secs(2 * (27 + 27 + 4));
        assert_eq!(estimate.at_most, slow + slow / 4 + Duration::from_secs(30));
        assert_eq!(length(&scenario.arms[0]), Duration::from_secs(27 + 4 + 30));
    }
}
