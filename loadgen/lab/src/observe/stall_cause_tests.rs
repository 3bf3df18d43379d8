//! Tests of [`super`]: what is booked on whom, in made-up time.

use super::*;
use aelab_engine::record::result::Outcome;
use aelab_engine::workload::command_text::parse_command;

fn span(start_ms: u64, millis: u64) -> Span {
    Span {
        start: Nanos::from_millis(start_ms),
        duration: Nanos::from_millis(millis),
        delayed: 1,
        lost: Nanos::ZERO,
        engine_late: Nanos::ZERO,
        engine_busy: Nanos::ZERO,
    }
}

fn entry(command: &str, at_unix_s: i64, millis: u64) -> SlowEntry {
    let duration = Duration::from_millis(millis);
    let words = vec![command.as_bytes().to_vec(), b"all".to_vec()];
    SlowEntry { id: 7, at_unix_s, duration, command: command.into(), words }
}

fn request(sent: u64, replied: u64) -> LoggedRequest {
    LoggedRequest {
        command: 0,
        intended: Nanos::from_millis(sent),
        sent: Nanos::from_millis(sent),
        replied: Nanos::from_millis(replied),
        outcome: Outcome::Ok,
    }
}

#[test]
fn only_a_request_that_spans_the_stall_is_a_suspect() {
    let log = [request(0, 50), request(100, 300), request(400, 450)];
    assert_eq!(covering(&log, &span(110, 150)), Some(1));
    assert_eq!(covering(&log, &span(20, 100)), None, "it lasted on after the request");
    assert_eq!(covering(&[], &span(0, 10)), None);
}

#[test]
fn the_slow_log_entry_must_fit_in_time_and_length() {
    let log = [entry("KEYS", 999, 90), entry("KEYS", 1000, 300), entry("SCAN", 1000, 100)];
    let best = |millis| best_entry(log.iter(), "KEYS", 1000, Nanos::from_millis(millis));
    assert_eq!(best(100), Some(&log[0]));
    assert_eq!(best(290), Some(&log[1]));
    assert_eq!(best_entry(log.iter(), "KEYS", 2000, Nanos::from_millis(90)), None);
    assert!(fits(&log[1], &span(0, 290)) && fits(&log[1], &span(0, 200)));
    assert!(!fits(&log[1], &span(0, 15)), "a hiccup while the reply streams out");
    assert!(!fits(&log[1], &span(0, 900)), "much longer than the command");
}

/// What stalls come to beside one offender with these calls (sent and replied, in ms), measured from 1 s to 11 s; the wall
/// clock stands at 1000 s when the run begins.
fn verdict(
    command: &str,
    calls: &[(u64, u64)],
    slowlog: &[SlowEntry],
    waits: &Waits,
    stalls: &[Span],
) -> Explained {
    let keeping = if slowlog.is_empty() { Keeping::Unknown } else { Keeping::Keeps };
    verdict_of(command, calls, slowlog, keeping, waits, stalls)
}

fn verdict_of(
    command: &str,
    calls: &[(u64, u64)],
    slowlog: &[SlowEntry],
    keeping: Keeping,
    waits: &Waits,
    stalls: &[Span],
) -> Explained {
    let commands = [parse_command(command, 1).expect("a command")];
    let log: Vec<LoggedRequest> = calls.iter().map(|(sent, end)| request(*sent, *end)).collect();
    let inquiry = Inquiry {
        suspects: vec![Suspect { group: "offender", commands: &commands, log: &log }],
        started: Nanos::from_secs(5),
        started_wall_ns: 1_000_000_000_000,
        measured: Nanos::from_secs(1)..Nanos::from_secs(11),
        slowlog,
        keeping,
        waits,
        entries: Vec::new(),
        calls: Vec::new(),
    };
    inquiry.conclude(stalls)
}

fn causes(explained: &Explained) -> Vec<Option<&str>> {
    explained.stalls.iter().map(|stall| stall.cause.as_deref()).collect()
}

#[test]
fn one_execution_explains_one_stall() {
    let log = [entry("KEYS", 1002, 76)];
    // While the reply of the first streams out, something else stops the server for half as long.
    let stalls = [span(2000, 75), span(2080, 51)];
    let of = |slowlog| verdict("KEYS *", &[(2000, 2140)], slowlog, &Waits::default(), &stalls);
    let with_log = of(&log);
    assert_eq!(causes(&with_log), [Some("KEYS *"), None]);
    assert!(with_log.stalls[1].evidence[1].contains("another stall"), "{with_log:?}");
    // Nor is it counted twice where the server keeps no slow log.
    assert_eq!(causes(&of(&[])), [Some("KEYS *"), None]);
}

#[test]
fn an_empty_slow_log_of_a_server_that_keeps_one_blames_no_command() {
    let of = |keeping| {
        let stalls = [span(2000, 40)];
        verdict_of("ZRANGE z 0 9", &[(2000, 2040)], &[], keeping, &Waits::default(), &stalls)
    };
    assert_eq!(causes(&of(Keeping::Keeps)), [None]);
    assert_eq!(causes(&of(Keeping::Unknown)), [Some("ZRANGE z 0 9")]);
}

#[test]
fn a_stall_that_a_late_reply_splits_is_one() {
    let log = [entry("KEYS", 1002, 100)];
    let stalls = [span(2000, 60), span(2062, 38)];
    let found = verdict("KEYS *", &[(2000, 2140)], &log, &Waits::default(), &stalls);
    assert_eq!(causes(&found), [Some("KEYS *")]);
    assert!((found.stalls[0].duration_s - 0.1).abs() < 1e-9, "{found:?}");
    assert_eq!(found.stalls[0].delayed, 2);
}

#[test]
fn a_cursor_is_booked_once_for_each_slow_call() {
    // Seven pauses of the machine under one iteration, of which the slow log knows a single call.
    let stalls: Vec<Span> = (0..7).map(|n| span(2000 + n * 50, 15)).collect();
    let log = [entry("SCAN", 1002, 14)];
    let of = |slowlog| {
        verdict("SCAN {cursor} COUNT 10", &[(1900, 3000)], slowlog, &Waits::default(), &stalls)
    };
    assert_eq!(causes(&of(&log)).iter().flatten().count(), 1);
    assert_eq!(causes(&of(&[])).iter().flatten().count(), 0, "it was merely under way");
}

#[test]
fn a_server_without_a_cpu_is_no_slow_command() {
    // The slow log's clock ran on while the process waited for 100 of 105 ms.
    let log = [entry("SCAN", 1002, 105)];
    let waits = Waits::of(&[(6900, 0), (7000, 0), (7110, 100), (7200, 100)]);
    let stalls = [span(2005, 105)];
    let of = |waits| verdict("SCAN {cursor} COUNT 10", &[(1900, 3000)], &log, waits, &stalls);
    let found = of(&waits);
    assert_eq!(causes(&found), [None]);
    assert!(found.stalls[0].evidence[0].contains("waiting for a CPU"), "{found:?}");
    assert_eq!(found.cpu_waits, [Duration::from_millis(105)]);
    let found = of(&Waits::of(&[(6900, 0), (7000, 0), (7110, 2), (7200, 2)]));
    assert!(causes(&found)[0].is_some_and(|cause| cause.starts_with("SCAN")), "{found:?}");
}

#[test]
fn a_command_and_a_missing_cpu_make_a_stall_together() {
    let log = [entry("KEYS", 1002, 105)];
    let stalls = [span(2005, 105)];
    let of = |slowlog, waited| {
        let waits = Waits::of(&[(6900, 0), (7000, 0), (7110, waited), (7200, waited)]);
        verdict("KEYS *", &[(2000, 2115)], slowlog, &waits, &stalls)
    };
    let both = of(&log, 60);
    assert_eq!(causes(&both), [Some("KEYS *")]);
    assert_eq!(both.cpu_waits, [Duration::from_millis(105)]);
    let evidence = &both.stalls[0].evidence;
    assert!(evidence[1].contains("executed for"), "{evidence:?}");
    assert!(evidence[2].contains("waiting for a CPU for 60.0 ms"), "{evidence:?}");
    assert_eq!(causes(&of(&log, 90)), [None], "next to nothing was executed");
    let unknown = of(&[], 60);
    assert_eq!(causes(&unknown), [None], "nothing says that it was executed at all");
    assert!(unknown.stalls[0].evidence[0].contains("waiting for a CPU"), "{unknown:?}");
}

#[test]
fn without_suspects_the_slow_log_tells_whose_a_stall_was() {
    let log = [entry("DEBUG", 1002, 100), entry("GET", 1002, 3)];
    let stalls = [span(2000, 101), span(3000, 40)];
    let inquiry = Inquiry {
        suspects: Vec::new(),
        started: Nanos::from_secs(5),
        started_wall_ns: 1_000_000_000_000,
        measured: Nanos::from_secs(1)..Nanos::from_secs(11),
        slowlog: &log,
        keeping: Keeping::Keeps,
        waits: &Waits::default(),
        entries: Vec::new(),
        calls: Vec::new(),
    };
    let found = inquiry.conclude(&stalls);
    assert_eq!(causes(&found), [Some("DEBUG all"), None], "{found:?}");
    assert!(found.stalls[0].evidence[0].contains("DEBUG executed for 100.000 ms"), "{found:?}");
}

#[test]
fn what_lies_outside_the_measurement_is_no_stall_of_it() {
    let stalls = [span(500, 400), span(980, 50), span(5000, 30), span(11_500, 100)];
    let found = verdict("KEYS *", &[], &[], &Waits::default(), &stalls);
    let starts: Vec<f64> = found.stalls.iter().map(|s| (s.start_s * 1e3).round()).collect();
    assert_eq!(starts, [-20.0, 4000.0]);
}

#[test]
fn entries_of_the_warm_up_stay_out() {
    let log = [entry("KEYS", 999, 1), entry("KEYS", 1000, 2), entry("KEYS", 1000, 3)];
    let millis = |entries: Vec<Duration>| entries.iter().map(Duration::as_millis).sum::<u128>();
    assert_eq!(millis(measured_entries(&log, "KEYS", 1000, None)), 5);
    assert_eq!(millis(measured_entries(&log, "KEYS", 1000, Some(1))), 3);
    assert_eq!(millis(measured_entries(&log, "SCAN", 1000, Some(1))), 0);
}
