//! Records with known answers: constant load on a server that freezes for a while.
//!
//! A request that is due `s` seconds into a freeze of `S` waits `S − s` (instant drain); all others
//! take the base time with a little spread. Connections see it differently: what was sent before the
//! freeze is slow in service time, the rest was waiting in the client.

use std::ops::Deref;
use std::path::{Path, PathBuf};

use aelab_results::caveat::{Caveat, Facts, assess};
use aelab_results::histogram::Sparse;
use aelab_results::hlog::{HlogSeries, INTERVAL_NS, Interval, Metric, SeriesKey};
use aelab_results::record::{
    Arm, Arrival, Claim, ClaimVerdict, Connections, Counts, Environment, Group, Metrics, Quantiles,
    Role, RunRecord, SCHEMA, Scenario, Server, Stall, Tool,
};
use aelab_results::stats::{DEFAULT_PERCENTILES, Sample, summarise};
use aelab_results::write_folder;

/// Base response time in ns.
const BASE_NS: u64 = 80_000;
const SECOND_NS: u64 = 1_000_000_000;

/// What to make up.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) rate: u64,
    pub(crate) duration_s: u64,
    /// Start and length of each freeze in ns.
    pub(crate) freezes: Vec<(u64, u64)>,
    pub(crate) connections: u64,
    pub(crate) cause: Option<&'static str>,
}

impl Plan {
    /// 1,000 requests per second for 30 s, one freeze of 1 s: the case with the known percentiles.
    pub(crate) fn one_freeze() -> Self {
        Self {
            rate: 1000,
            duration_s: 30,
            freezes: vec![(10 * SECOND_NS, SECOND_NS)],
            connections: 50,
            cause: Some("DEBUG SLEEP 1"),
        }
    }

    /// The same load without any freeze.
    pub(crate) fn calm() -> Self {
        Self { freezes: Vec::new(), cause: None, ..Self::one_freeze() }
    }

    /// A freeze of about 0.4 s every four seconds.
    pub(crate) fn keys() -> Self {
        let freezes = (0..7).map(|k| ((2 + 4 * k) * SECOND_NS, 400_000_000 + k * 7_000_000));
        Self { freezes: freezes.collect(), cause: Some("KEYS *"), ..Self::one_freeze() }
    }
}

/// A made-up run: its record and its histograms.
pub(crate) struct Run {
    pub(crate) record: RunRecord,
    pub(crate) series: Vec<HlogSeries>,
}

impl Run {
    /// Writes the folder of the run.
    pub(crate) fn write(&self, dir: &Path) {
        write_folder(dir, &self.record, &self.series).expect("the test directory is writable");
    }
}

/// A directory of one test's own, removed when the test is over.
pub(crate) struct TempDir(PathBuf);

impl Deref for TempDir {
    type Target = Path;

    fn deref(&self) -> &Path {
        &self.0
    }
}

impl Drop for TempDir {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A fresh directory for one test.
pub(crate) fn temp_dir(name: &str) -> TempDir {
    let dir = std::env::temp_dir().join(format!("aelab-reports-{}-{name}", std::process::id()));
    let _ = std::fs::remove_dir_all(&dir);
    std::fs::create_dir_all(&dir).expect("the temporary directory is writable");
    TempDir(dir)
}

/// Intended, sent and replied of every request, in ns.
fn requests(plan: &Plan) -> Vec<(u64, u64, u64)> {
    let mut noise = 0x2545_f491_4f6c_dd1d_u64;
    let total = plan.rate * plan.duration_s;
    let mut waiting = 0;
    (0..total)
        .map(|k| {
            noise ^= noise << 13;
            noise ^= noise >> 7;
            noise ^= noise << 17;
            let spread = (noise % 1000) * (noise % 97) / 2;
            let intended = k * SECOND_NS / plan.rate;
            let frozen = plan.freezes.iter().find(|(at, len)| (*at..at + len).contains(&intended));
            match frozen {
                Some((at, len)) => {
                    waiting += 1;
                    let thaw = at + len;
                    // Only as many as there are connections were on their way.
                    let sent = if waiting <= plan.connections { intended } else { thaw };
                    (intended, sent + 1, thaw + BASE_NS + spread)
                }
                None => {
                    waiting = 0;
                    (intended, intended + 1, intended + BASE_NS + spread)
                }
            }
        })
        .collect()
}

fn intervals(samples: impl Iterator<Item = (u64, u64)>) -> Vec<Interval> {
    let mut slots: std::collections::BTreeMap<u64, Vec<u64>> = std::collections::BTreeMap::new();
    for (replied, value) in samples {
        slots.entry(replied / INTERVAL_NS).or_default().push(value);
    }
    slots
        .into_iter()
        .map(|(slot, values)| Interval {
            start_ns: slot * INTERVAL_NS,
            length_ns: INTERVAL_NS,
            counts: Sparse::from_values(values),
        })
        .collect()
}

fn quantiles(intervals: &[Interval]) -> Quantiles {
    let sample = Sample { intervals, exact: None, unfinished: None, given_up_ns: None };
    summarise(&sample, &DEFAULT_PERCENTILES)
}

/// Makes a run up.
pub(crate) fn run(plan: &Plan) -> Run {
    let requests = requests(plan);
    let of =
        |value: fn(&(u64, u64, u64)) -> u64| intervals(requests.iter().map(|r| (r.2, value(r))));
    let (response, service, lag) = (of(|r| r.2 - r.0), of(|r| r.2 - r.1), of(|r| r.1 - r.0));
    let total = Metrics {
        response_time: quantiles(&response),
        service_time: quantiles(&service),
        send_lag: quantiles(&lag),
        ..Metrics::default()
    };
    let n = requests.len() as u64;
    let series = |key, intervals: &Vec<Interval>| HlogSeries { key, intervals: intervals.clone() };
    let tagged = |metric| SeriesKey::tagged("victims", "GET", metric);
    let record = RunRecord {
        schema: SCHEMA,
        tool: Tool {
            name: "loadgen".into(),
            version: "0.1.0".into(),
            commit: Some("0123abc".into()),
        },
        command: ["loadgen", "run", "--rate", "1000", "GET", "__key__"].map(String::from).into(),
        seed: 1,
        started_at: "2026-01-01T00:00:00Z".into(),
        duration_s: plan.duration_s as f64,
        environment: environment(),
        server: Some(Server {
            name: "ae-server".into(),
            version: Some("0.1.0".into()),
            pid: Some(4711),
            keys: None,
            config: [("maxclients".to_owned(), "10000".to_owned())].into(),
            config_refusal: None,
        }),
        groups: vec![Group {
            name: "victims".into(),
            role: Role::Victim,
            arrival: Arrival { process: "constant".into(), rate: Some(plan.rate as f64) },
            connections: Connections {
                asked: plan.connections,
                established: plan.connections,
                ..Connections::default()
            },
            counts: Counts { scheduled: n, sent: n, ok: n, ..Counts::default() },
            achieved_rate: plan.rate as f64,
            commands: [("GET".to_owned(), total.clone())].into(),
            total,
            ..Group::default()
        }],
        stalls: plan.freezes.iter().map(|freeze| stall(plan, *freeze)).collect(),
        ..RunRecord::default()
    };
    let series = vec![
        series(SeriesKey::Headline, &response),
        series(tagged(Metric::Response), &response),
        series(tagged(Metric::Service), &service),
        series(tagged(Metric::Lag), &lag),
    ];
    Run { record, series }
}

fn stall(plan: &Plan, (at, len): (u64, u64)) -> Stall {
    let seconds = len as f64 / 1e9;
    let delayed = (seconds * plan.rate as f64).round();
    Stall {
        start_s: at as f64 / 1e9,
        duration_s: seconds,
        delayed: delayed as u64,
        lost_client_seconds: delayed * seconds / 2.0,
        cause: plan.cause.map(String::from),
        evidence: plan
            .cause
            .map(|c| format!("{c} of group offender was in flight all the time"))
            .into_iter()
            .collect(),
    }
}

fn environment() -> Environment {
    Environment {
        cpu_model: Some("Example CPU".into()),
        cores: Some(2),
        kernel: Some("Linux 6.1.0".into()),
        governor: Some("performance".into()),
        nofile: Some(1024),
        somaxconn: Some(4096),
        clock: Some("monotonic, 23 ns a reading".into()),
        other: [("memory_mib".to_owned(), 8192.into())].into(),
    }
}

/// The arms and the claim of `keys-vs-scan`, written to `dir`.
pub(crate) fn write_scenario(dir: &Path) {
    let arms = [
        ("keys", Plan::keys(), "KEYS * every 4 s"),
        ("scan", Plan::calm(), "SCAN … COUNT 1000 every 4 s"),
    ];
    for (name, plan, _) in &arms {
        run(plan).write(&dir.join("arms").join(name));
    }
    let facts = Facts {
        client_cpu_share: Some(0.81),
        offered_rate: Some(1000.0),
        achieved_rate: 1000.0,
        ..Facts::default()
    };
    let record = RunRecord {
        caveats: assess(&facts).iter().map(Caveat::to_record).collect(),
        groups: Vec::new(),
        stalls: Vec::new(),
        command: ["loadgen", "scenario", "run", "keys-vs-scan"].map(String::from).into(),
        scenario: Some(Scenario {
            name: "keys-vs-scan".into(),
            title: "KEYS * against SCAN".into(),
            question: "What do other clients notice while one client lists all keys?".into(),
            scale: "smoke".into(),
            arms: arms
                .iter()
                .map(|(name, _, summary)| Arm {
                    name: (*name).into(),
                    dir: format!("arms/{name}"),
                    summary: (*summary).into(),
                })
                .collect(),
            claims: vec![Claim {
                id: "A13".into(),
                text: "KEYS * on a large keyspace stalls everyone; SCAN does not.".into(),
                expected: "longest stall with keys at least 10 times that with scan".into(),
                article: "everyone waits".into(),
                number: "ratio 1.02".into(),
                wanted: "ratio 0.9 to 1.1".into(),
                decided_by: "nobody gets a reply".into(),
                measured: "442 ms against none".into(),
                verdict: ClaimVerdict::Confirmed,
                ..Claim::default()
            }],
        }),
        ..run(&Plan::calm()).record
    };
    write_folder(dir, &record, &[]).expect("the test directory is writable");
}
