//! Tests of `resolve`: what was typed against the plan that comes out.

use super::*;
use crate::cli::{Cli, Command};
use aelab_engine::clock::Nanos;
use aelab_engine::plan::{ArrivalProcess, ConnectSchedulePlan, KeyDistribution, Role};
use clap::Parser as _;

fn resolve(words: &[&str]) -> Result<Resolved, String> {
    let words = ["loadgen", "run"].iter().chain(words);
    let cli = Cli::try_parse_from(words).map_err(|error| crate::cli::one_line(&error))?;
    let Command::Run(args) = cli.command else { return Err("another command".into()) };
    args.resolve().map_err(|failure| failure.message)
}

fn only(words: &[&str]) -> RunPlan {
    let resolved = resolve(words).unwrap_or_else(|e| panic!("{words:?}: {e}"));
    assert_eq!(resolved.runs.len(), 1, "{words:?}");
    resolved.runs.into_iter().next().expect("one run").1
}

#[test]
fn defaults_are_redis_benchmarks() {
    let resolved = resolve(&[]).expect("resolves");
    let titles: Vec<_> = resolved.runs.iter().map(|run| run.0.as_str()).collect();
    assert_eq!(titles, ["SET", "GET"]);
    let plan = &resolved.runs[0].1;
    assert_eq!(plan.groups[0].requests, Some(100_000));
    assert_eq!((plan.groups[0].connections, plan.groups[0].pipeline), (50, 1));
    assert_eq!(plan.phases.measure, None);
    assert_eq!(resolved.target.endpoint.to_string(), "127.0.0.1:6379");
}

#[test]
fn a_rate_opens_the_loop_and_a_duration_warms_up() {
    let plan = only(&["--rate", "20k", "--arrival", "poisson", "GET", "__key__"]);
    assert_eq!(plan.groups[0].arrival.as_str(), "poisson");
    assert_eq!(plan.phases.measure, Some(Nanos::from_secs(10)));
    assert_eq!(plan.phases.warmup, Nanos::from_secs(2));
    let plan = only(&["--duration", "1s", "PING"]);
    assert_eq!(plan.phases.warmup, Nanos::from_millis(200));
    assert_eq!(plan.groups[0].requests, None);
}

#[test]
fn a_course_with_an_end_is_measured_from_its_begin_to_its_end() {
    for (arrival, seconds) in [("ramp:1k-2k@3s", 3), ("ramp:1k-2k", 10), ("step:1k,2k@4s", 8)] {
        let plan = only(&["--arrival", arrival, "PING"]);
        assert_eq!(plan.phases.measure, Some(Nanos::from_secs(seconds)), "{arrival}");
        assert_eq!(plan.phases.warmup, Nanos::ZERO, "{arrival}");
    }
    let plan = only(&["--arrival", "burst:on=1ms,off=9ms", "--rate", "1k", "PING"]);
    assert_eq!(plan.phases.warmup, Nanos::from_secs(2));
}

#[test]
fn idle_connections_are_a_group_of_their_own() {
    let plan = only(&["--idle", "100", "--connect-rate", "1k", "PING"]);
    let idle = &plan.groups[1];
    assert_eq!((idle.name.as_str(), idle.connections), ("idle", 100));
    assert_eq!((&idle.arrival, idle.role), (&ArrivalProcess::Idle, Role::Background));
    assert!(
        plan.groups
            .iter()
            .all(|group| matches!(group.connect_schedule, ConnectSchedulePlan::Before(_)))
    );
    let plan = only(&["--reconnect-interval", "1", "PING"]);
    assert_eq!(plan.groups[0].requests_per_connection, Some(1));
}

#[test]
fn the_command_may_have_flags_of_its_own() {
    let plan = only(&["-c", "3", "SET", "__key__", "-1", "EX", "5"]);
    assert_eq!(plan.groups[0].workload.commands[0].args[2], b"-1");
    let plan = only(&["--", "GET", "-c"]);
    assert_eq!(plan.groups[0].workload.commands[0].args[1], b"-c");
}

#[test]
fn mixes() {
    let plan = only(&["--ratio", "1:10"]);
    let weights: Vec<u32> = plan.groups[0].workload.commands.iter().map(|c| c.weight).collect();
    assert_eq!(weights, [1, 10]);
    let plan = only(&["--ycsb", "B", "-r", "10k"]);
    let workload = &plan.groups[0].workload;
    assert_eq!((workload.keys.prefix.as_str(), workload.values.longest()), ("user", 100));
    assert_eq!(workload.keys.distribution, KeyDistribution::Zipf { exponent: 0.99 });
    let labels: Vec<_> = workload.commands.iter().map(|c| (c.label.as_str(), c.weight)).collect();
    assert_eq!(labels, [("READ", 95), ("UPDATE", 5)]);
    let plan = only(&["--command", "GET a", "--command", "GET b"]);
    let labels = plan.groups[0].workload.commands.iter().map(|c| c.label.clone());
    assert_eq!(labels.collect::<Vec<_>>(), ["GET a", "GET b"]);
    let plan = only(&[
        "--command",
        "GET a",
        "--command",
        "SET a b",
        "--command-ratio",
        "9",
        "--command-ratio",
        "1",
    ]);
    assert_eq!(plan.groups[0].workload.commands[0].weight, 9);
}

#[test]
fn commands_that_receive_are_groups_of_their_own() {
    let pair = |c: &str, more: &[&str]| {
        let words = ["-c", c, "--rate", "100", "--duration", "1s", "--timeout", "1s"];
        only(
            &[&words[..], &["--command", "SUBSCRIBE a", "--command", "PUBLISH a {stamp}"], more]
                .concat(),
        )
    };
    let shape = |plan: &RunPlan| -> Vec<(String, usize)> {
        plan.groups.iter().map(|group| (group.name.clone(), group.connections)).collect()
    };
    let plan = pair("10", &[]);
    assert_eq!(shape(&plan), [("load".to_owned(), 5), ("receivers".to_owned(), 5)]);
    let [load, receivers] = plan.groups.as_slice() else { panic!("two groups") };
    assert_eq!(load.workload.commands[0].label, "PUBLISH");
    assert_eq!((load.arrival.as_str(), receivers.arrival.as_str()), ("constant", "closed"));
    assert!(load.timeout.is_some() && receivers.timeout.is_none());
    let plan = pair("50", &["--command-ratio", "49", "--command-ratio", "1"]);
    assert_eq!(shape(&plan), [("load".to_owned(), 1), ("receivers".to_owned(), 49)]);
    let plan = pair("2", &["--command-ratio", "1", "--command-ratio", "99"]);
    assert_eq!(shape(&plan), [("load".to_owned(), 1), ("receivers".to_owned(), 1)]);
    // All of one kind need no groups, subscribers to several channels apart.
    assert_eq!(only(&["--command", "BLPOP a 0", "--command", "BRPOP b 0"]).groups.len(), 1);
    let three =
        ["--command", "BLPOP q 0", "--command", "SUBSCRIBE a", "--command", "LPUSH q {stamp}"];
    assert_eq!(shape(&only(&three)).iter().map(|(_, c)| *c).collect::<Vec<_>>(), [17, 16, 17]);
}

#[test]
fn slips_get_hints() {
    for (words, part) in [
        (&["-t", "4"][..], "use --threads 4"),
        (&["-P", "redis"], "the protocol is always Redis's"),
        (&["--rate", "-5"], "greater than zero"),
        (&["--rate", "0"], "greater than zero"),
        (&["--duration", "30"], "the unit is missing"),
        (&["--duration", "0s"], "too short"),
        (&["--duration", "99ms"], "100 ms or more"),
        (&["-c", "1", "--command", "BLPOP q 0", "--command", "LPUSH q {stamp}"], "-c 2 or more"),
        (&["-n", "0"], "1 or more"),
        (&["--threads", "8", "-c", "4"], "lower --threads or raise -c"),
        (&["--prefill"], "give -r N"),
        (&["--prefill", "-r", "1k", "--key-digits", "2"], "1000 keys do not fit in 2 digits"),
        (&["--prefill", "-r", "9", "--key-digits", "99999"], "at most 20 digits"),
        (&["-d", "9-1"], "upside down"),
        (&["--conections", "4"], "--connections"),
        (&["--arrival", "poisson"], "--rate"),
        (&["-d", "32:x"], "no weight"),
        (&["--compressible", "50"], "between 0 and 1"),
        (&["--key-dist", "zipff"], "none of uniform"),
        (&["--key-dist", "zipf", "-t", "ping"], "PING_INLINE has no __key__"),
        (&["--arrival", "ramp:1k"], "FROM-TO"),
        (&["--arrival", "ramp:1k-2k", "--rate", "5"], "leave --rate out"),
        (&["--arrival", "poisson", "--think-time", "1ms"], "cannot be used with"),
        (&["--reconnect-interval", "0"], "at least 1"),
        (&["--connect-storm"], "--connect-rate"),
        (&["-t", "get", "PING"], "cannot be used with"),
        (&["GET", "__kye__"], "__key__"),
        (&["--ycsb", "g"], "possible values"),
        (&["--ycsb", "a", "PING"], "cannot be used with"),
        (&["--command-file", "/nowhere"], "/nowhere"),
        (&["--pool-min-idle", "4"], "--rate"),
        (&["--pool-max-total", "4", "-c", "4"], "cannot be used with"),
        (&["--rate", "5", "--pool-max-total", "4", "--pool-min-idle", "5"], "--pool-max-total"),
        (&["--rate", "5", "--pool-max-idle", "1", "--pool-min-idle", "2"], "--pool-max-idle 1"),
        (&["--rate", "5", "--pool-max-wait", "0"], "no limit"),
        (&["--rate", "5", "--pool-order", "filo"], "lifo"),
        (&["--rate", "5", "--pool-order", "fifo", "-P", "2"], "one request at a time"),
        (&["--pin-requests"], "--rate"),
        (&["--rate", "5", "--pin-requests", "--pool-max-total", "3"], "cannot be used with a pool"),
    ] {
        let error = resolve(words).expect_err(part);
        assert!(error.contains(part), "{words:?}: {error}");
        assert!(!error.contains('\n'), "{error}");
    }
}
