//! What is rendered: complete from the folder alone, the same every time, without any address.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use aelab_reports::render;
use aelab_results::folder::ReadError;
use aelab_results::record::{
    Arrival, CaveatRecord, ClaimPart, Delivery, Pool, RunRecord, Severity, Stall,
};
use aelab_results::{read_folder, write_folder};

use crate::synthetic::{self, Plan};

/// All files below `dir`, by path.
fn files(dir: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        if path.is_dir() {
            let inner = files(&path);
            found.extend(inner.into_iter().map(|(file, bytes)| (format!("{name}/{file}"), bytes)));
        } else {
            found.insert(name, fs::read(&path).unwrap());
        }
    }
    found
}

fn text<'a>(files: &'a BTreeMap<String, Vec<u8>>, name: &str) -> &'a str {
    std::str::from_utf8(&files[name]).unwrap()
}

#[test]
fn a_folder_alone_gives_the_same_bytes_every_time() {
    let dir = synthetic::temp_dir("deterministic");
    synthetic::write_scenario(&dir);
    let written = render(&dir).unwrap();
    assert_eq!(written[0], dir.join("report.html"));
    let first = files(&dir);
    for name in ["percentiles", "response-time", "throughput"] {
        for place in ["", "arms/keys/", "arms/scan/"] {
            assert!(first.contains_key(&format!("{place}charts/{name}.svg")));
            assert!(first.contains_key(&format!("{place}charts/{name}.png")));
        }
    }
    assert!(!first.keys().any(|name| name.ends_with(".part")));
    fs::remove_dir_all(dir.join("charts")).unwrap();
    fs::remove_file(dir.join("report.html")).unwrap();
    render(&dir).unwrap();
    assert!(first == files(&dir), "rendering again changed some file");
}

#[test]
fn the_page_asks_for_nothing_and_says_what_was_found() {
    let dir = synthetic::temp_dir("page");
    synthetic::write_scenario(&dir);
    render(&dir).unwrap();
    let all = files(&dir);
    for page in ["report.html", "arms/keys/report.html"] {
        let html = text(&all, page);
        for forbidden in ["http:", "https:", "//", "src=", "@import", "url("] {
            assert!(!html.contains(forbidden), "{page} contains {forbidden}");
        }
        assert!(html.contains("Content-Security-Policy"));
        assert!(html.contains("default-src 'none'"));
    }
    let html = text(&all, "report.html");
    for wanted in [
        "What do other clients notice while one client lists all keys?",
        "confirmed",
        "client-limited",
        "With keys, KEYS * stops all replies 7 times, for up to 442\u{a0}ms; with scan, no stall",
        "KEYS * of group offender was in flight all the time",
        "href=\"arms/keys/report.html\"",
        "How to read this",
    ] {
        assert!(html.contains(wanted), "the page lacks: {wanted}");
    }
    // Every figure has its numbers as a table, and both widths.
    let figures = html.matches("<figure").count();
    assert_eq!(figures, 3);
    assert_eq!(html.matches("The numbers of this figure").count(), figures);
    assert_eq!(html.matches("<svg").count(), 2 * figures);
}

#[test]
fn names_from_outside_stay_text() {
    let dir = synthetic::temp_dir("escaping");
    let mut run = synthetic::run(&Plan { duration_s: 2, ..Plan::calm() });
    let evil = "<script>alert(1)</script>&\"'|`*\n";
    run.record.groups[0].name = evil.into();
    run.record.server.as_mut().unwrap().name = evil.into();
    run.record.command = [evil.to_owned()].into();
    run.record.caveats.push(CaveatRecord {
        id: evil.into(),
        severity: Severity::Warning,
        value: None,
        limit: None,
        text: evil.into(),
        remedy: evil.into(),
        arm: None,
    });
    run.write(&dir);
    render(&dir).unwrap();
    let all = files(&dir);
    assert!(!text(&all, "report.html").contains("<script>"));
    assert!(!text(&all, "summary.md").contains("<script>"));
}

#[test]
fn a_caveat_that_the_scenario_repeats_from_its_arm_is_shown_once() {
    let dir = synthetic::temp_dir("caveat-twice");
    synthetic::write_scenario(&dir);
    let folder = read_folder(&dir).unwrap();
    let (arm, arm_folder) = &folder.arms[0];
    let caveat = CaveatRecord {
        id: "warm-up-unstable".into(),
        severity: Severity::Warning,
        value: None,
        limit: None,
        text: "the median moved by a third".into(),
        remedy: "use a longer --warmup".into(),
        arm: None,
    };
    let mut of_arm = arm_folder.record.clone();
    of_arm.caveats.push(caveat.clone());
    fs::write(dir.join(&arm.dir).join("result.json"), of_arm.to_json().unwrap()).unwrap();
    let mut own = folder.record.clone();
    // As records name the arm, and as older ones did.
    own.caveats.push(CaveatRecord { arm: Some(arm.name.clone()), ..caveat.clone() });
    own.caveats.push(CaveatRecord { text: format!("{}: {}", arm.summary, caveat.text), ..caveat });
    fs::write(dir.join("result.json"), own.to_json().unwrap()).unwrap();
    render(&dir).unwrap();
    let all = files(&dir);
    assert_eq!(text(&all, "report.html").matches("the median moved").count(), 1);
    assert!(text(&all, "summary.md").contains("(keys): the median moved"));
}

#[test]
fn a_log_of_another_record_is_a_caveat() {
    let dir = synthetic::temp_dir("mismatch");
    let mut run = synthetic::run(&Plan { duration_s: 2, ..Plan::calm() });
    run.write(&dir);
    render(&dir).unwrap();
    assert!(!text(&files(&dir), "report.html").contains("log-mismatch"));
    run.record.groups[0].counts.ok += 7;
    run.write(&dir);
    render(&dir).unwrap();
    assert!(text(&files(&dir), "report.html").contains("log-mismatch"));
}

#[test]
fn unfinished_requests_leave_no_number_that_looks_exact() {
    let dir = synthetic::temp_dir("censored");
    let mut run = synthetic::run(&Plan { duration_s: 2, ..Plan::calm() });
    let group = &mut run.record.groups[0];
    group.counts.unfinished = group.counts.ok;
    group.counts.sent += group.counts.ok;
    group.counts.scheduled += group.counts.ok;
    for percentile in &mut group.total.response_time.percentiles {
        if percentile.p > 50.0 {
            percentile.censored = true;
            percentile.us = percentile.us.map(|_| 6_240_000.0);
        }
    }
    run.write(&dir);
    render(&dir).unwrap();
    let summary = text(&files(&dir), "summary.md").to_owned();
    for wanted in [
        "of the response time is at least 6.24 s: 50.0 % of the requests were unfinished",
        "| response time, largest | ≥ 6.24 s |",
        "| unfinished requests | 50",
    ] {
        assert!(summary.contains(wanted), "lacks {wanted}: {summary}");
    }
    let all = files(&dir);
    let exact = ">largest</td><td class=\"r\">";
    let html = text(&all, "report.html");
    assert_eq!(html.matches(exact).count(), 2, "in the figure's numbers and in the table");
    assert_eq!(html.matches(&format!("{exact}≥")).count(), 2);
}

#[test]
fn absurd_lengths_and_counts_are_refused_by_name() {
    let dir = synthetic::temp_dir("absurd");
    let run = synthetic::run(&Plan { duration_s: 2, ..Plan::calm() });
    for length in [1e18, 1e308, -1.0] {
        let mut record = run.record.clone();
        record.duration_s = length;
        write_folder(&dir, &record, &run.series).unwrap();
        let error = render(&dir).unwrap_err().to_string();
        assert!(error.contains("result.json: duration_s is"), "{error}");
    }
    let mut record = run.record.clone();
    record.stalls = vec![Stall { start_s: -0.1, duration_s: 0.5, ..Stall::default() }];
    write_folder(&dir, &record, &run.series).unwrap();
    render(&dir).unwrap();
    record.groups[0].counts.ok = u64::MAX;
    write_folder(&dir, &record, &run.series).unwrap();
    let error = render(&dir).unwrap_err().to_string();
    assert!(error.contains("groups[0].counts.ok"), "{error}");
}

#[test]
fn a_run_without_samples_still_has_a_page() {
    let dir = synthetic::temp_dir("empty");
    write_folder(&dir, &RunRecord::default(), &[]).unwrap();
    render(&dir).unwrap();
    let all = files(&dir);
    assert!(text(&all, "report.html").contains("How to read this report"));
    assert!(!all.keys().any(|name| name.starts_with("charts")));
}

#[test]
fn an_interrupted_scenario_shows_the_arms_it_has() {
    let dir = synthetic::temp_dir("interrupted");
    synthetic::write_scenario(&dir);
    let mut record = read_folder(&dir).unwrap().record;
    fs::remove_dir_all(dir.join("arms/scan")).unwrap();
    assert!(matches!(read_folder(&dir), Err(ReadError::Record(_))), "a lost arm is an error");
    record.interrupted = true;
    write_folder(&dir, &record, &[]).unwrap();
    render(&dir).unwrap();
    assert!(text(&files(&dir), "report.html").contains("1 arm not run"));
}

#[test]
fn claims_have_texts_and_a_caveat_of_two_arms_is_shown_once() {
    let dir = synthetic::temp_dir("words");
    synthetic::write_scenario(&dir);
    let mut record = read_folder(&dir).unwrap().record;
    let caveat = |arm: &str, text: &str| CaveatRecord {
        id: "machine-noisy".into(),
        severity: Severity::Warning,
        value: None,
        limit: None,
        text: text.into(),
        remedy: String::new(),
        arm: Some(arm.into()),
    };
    record.caveats = vec![caveat("keys", "lost 5 %"), caveat("scan", "lost 6 %")];
    let part = |number: &str, outcome: &str, why: &str| ClaimPart {
        says: "KEYS ran at least twice".into(),
        wanted: "at least 2".into(),
        number: number.into(),
        outcome: outcome.into(),
        why: why.into(),
    };
    let claim = &mut record.scenario.as_mut().unwrap().claims[0];
    claim.measured = "keys.offender.count.ok = 10".into();
    claim.parts = vec![part("10 requests", "holds", ""), part("0.4 times", "open", "too wide")];
    claim.note = "measured on the bundled server".into();
    write_folder(&dir, &record, &[]).unwrap();
    render(&dir).unwrap();
    let all = files(&dir);
    for page in ["report.html", "summary.md"] {
        let page = text(&all, page);
        for wanted in [
            "10 requests",
            "KEYS ran at least twice: at least 2",
            "0.4 times: not decided, too wide",
            "measured on the bundled server.",
            "(keys, also in scan): lost 5 %",
        ] {
            assert!(page.contains(wanted), "lacks: {wanted}");
        }
        assert!(!page.contains("count.ok") && !page.contains("lost 6 %"));
    }
}

#[test]
fn all_repetitions_of_an_arm_are_shown_and_the_headline_is_the_verdicts() {
    let dir = synthetic::temp_dir("repetitions");
    synthetic::write_scenario(&dir);
    // The first repetition of scan is calm, the second one is as bad as keys.
    synthetic::run(&Plan::keys()).write(&dir.join("arms/scan/turns/2"));
    synthetic::run(&Plan::keys()).write(&dir.join("arms/keys/turns/2"));
    render(&dir).unwrap();
    let (once, folder) = (read_folder(&dir).unwrap(), files(&dir));
    let samples = |arm: usize| {
        let whole = aelab_results::pooled::pooled(&once.arms[arm].1);
        let group = &whole.record.groups[0];
        assert_eq!(group.total.response_time.count, group.counts.ok);
        (group.counts.ok, whole.record.stalls.len(), whole.record.duration_s)
    };
    let first = |arm: usize| &once.arms[arm].1.record;
    for arm in [0, 1] {
        let (ok, stalls, length_s) = samples(arm);
        let second = &once.arms[arm].1.repetitions[0].record;
        assert_eq!(ok, first(arm).groups[0].counts.ok + second.groups[0].counts.ok);
        assert_eq!(stalls, first(arm).stalls.len() + second.stalls.len());
        assert!(length_s >= first(arm).duration_s + second.duration_s, "{length_s}");
    }
    for (name, page) in
        [("summary.md", text(&folder, "summary.md")), ("report.html", text(&folder, "report.html"))]
    {
        for part in ["2 repetitions of each arm", "Nobody gets a reply: ratio 1.02"] {
            assert!(page.contains(part), "{name} lacks {part}");
        }
    }
    let summary = text(&folder, "summary.md");
    // Each by itself, and the stalls of the second repetition among all.
    for row in ["| keys | 1 |", "| keys | 2 |", "| scan | 1 |", "| scan | 2 |"] {
        assert!(summary.contains(row), "{row}: {summary}");
    }
    assert!(summary.contains("| stalls with a known cause | 14 | 7 |"), "{summary}");
    assert!(text(&folder, "arms/scan/report.html").contains("2 repetitions of this arm"));
    // A claim without its figure has no headline.
    let mut record = once.record.clone();
    let claim = &mut record.scenario.as_mut().expect("a scenario").claims[0];
    claim.number = "not measured: arm scan must not be used".into();
    write_folder(&dir, &record, &[]).unwrap();
    render(&dir).unwrap();
    let summary = text(&files(&dir), "summary.md").to_owned();
    assert!(!summary.contains("- Nobody gets a reply"), "{summary}");
}

#[test]
fn hiccups_are_kept_and_not_counted() {
    let dir = synthetic::temp_dir("hiccups");
    let run = synthetic::run(&Plan { duration_s: 2, ..Plan::calm() });
    let mut record = run.record.clone();
    let stall = |start_s, duration_s, cause: Option<&str>| Stall {
        start_s,
        duration_s,
        cause: cause.map(str::to_owned),
        ..Stall::default()
    };
    record.stalls = vec![stall(0.1, 0.004, None), stall(0.5, 0.005, None)];
    write_folder(&dir, &record, &run.series).unwrap();
    render(&dir).unwrap();
    let summary = text(&files(&dir), "summary.md").to_owned();
    assert!(summary.contains("No stall of 20 ms or more; 2 shorter ones"), "{summary}");
    record.stalls.extend([stall(0.7, 0.003, Some("KEYS *")), stall(0.9, 0.03, None)]);
    write_folder(&dir, &record, &run.series).unwrap();
    render(&dir).unwrap();
    let summary = text(&files(&dir), "summary.md").to_owned();
    assert!(summary.contains("| stalls with a known cause | 1 |"), "{summary}");
    assert!(summary.contains("| stalls of 20 ms or more, cause unknown | 1 |"), "{summary}");
    assert_eq!(read_folder(&dir).unwrap().record.stalls.len(), 4, "all are kept");
}

#[test]
fn arms_outside_the_folder_are_refused() {
    let dir = synthetic::temp_dir("outside");
    synthetic::write_scenario(&dir);
    let mut record = read_folder(&dir).unwrap().record;
    record.scenario.as_mut().unwrap().arms[0].dir = "../elsewhere".into();
    write_folder(&dir, &record, &[]).unwrap();
    assert!(matches!(read_folder(&dir), Err(ReadError::ArmOutside { .. })));
}

#[test]
fn a_file_in_the_way_is_named_and_nothing_is_lost() {
    let dir = synthetic::temp_dir("in-the-way");
    let run = synthetic::run(&Plan { duration_s: 2, ..Plan::calm() });
    fs::create_dir_all(dir.join("latency.hlog/x")).unwrap();
    let error = write_folder(&dir, &run.record, &run.series).unwrap_err().to_string();
    assert!(error.contains("latency.hlog") && error.contains("--out"), "{error}");
    let file = dir.join("file");
    fs::write(&file, "").unwrap();
    let error = write_folder(&file.join("run"), &run.record, &run.series).unwrap_err();
    assert!(error.to_string().contains("nothing was written"), "{error}");
}

#[test]
fn the_summary_fits_a_pull_request() {
    let dir = synthetic::temp_dir("summary");
    synthetic::write_scenario(&dir);
    render(&dir).unwrap();
    insta::assert_snapshot!("summary", text(&files(&dir), "summary.md"));
}

/// The demonstration folders, for looking at: below the target directory, in `tmp/gallery`.
#[test]
fn gallery() {
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("gallery");
    synthetic::write_scenario(&dir.join("scenario"));
    render(&dir.join("scenario")).unwrap();
    synthetic::run(&Plan::one_freeze()).write(&dir.join("single"));
    render(&dir.join("single")).unwrap();
}

#[test]
fn replies_that_stop_completely_are_shown() {
    let dir = synthetic::temp_dir("gone");
    let mut run = synthetic::run(&Plan { duration_s: 10, ..Plan::calm() });
    // The server is gone after four seconds; what was due later has no reply.
    let mut left = 0;
    for series in &mut run.series {
        series.intervals.retain(|interval| interval.start_ns < 4_000_000_000);
        left = series.intervals.iter().map(|interval| interval.counts.total()).sum();
    }
    let counts = &mut run.record.groups[0].counts;
    counts.unfinished = counts.ok - left;
    counts.ok = left;
    run.write(&dir);
    render(&dir).unwrap();
    let summary = text(&files(&dir), "summary.md").to_owned();
    assert!(summary.contains("Replies stop completely after 4"), "{summary}");
    assert!(summary.contains("Replies stop for 6"), "{summary}");
    assert!(!summary.contains("No stall"), "{summary}");
}

#[test]
fn a_pool_shows_its_wait_and_its_timeouts() {
    let dir = synthetic::temp_dir("pool");
    let mut run = synthetic::run(&Plan { duration_s: 2, ..Plan::calm() });
    let group = &mut run.record.groups[0];
    group.connections.asked = 80;
    group.pool = Some(Pool {
        wait: group.total.service_time.clone(),
        opened: 31,
        closed: 17,
        pool_timeouts: 1234,
        most_open: 66,
    });
    run.write(&dir);
    render(&dir).unwrap();
    let all = files(&dir);
    let summary = text(&all, "summary.md");
    for wanted in [
        "| pool timeouts | 1,234 |",
        "| wait for a pool connection, p99 |",
        "| victims | 80 | 50 | 66 | 31 | 17 | 1,234 |",
        "Time that requests waited for a pool connection:",
        "| victims | p90 |",
        "| victims | largest |",
    ] {
        assert!(summary.contains(wanted), "lacks {wanted}: {summary}");
    }
    let html = text(&all, "report.html");
    assert!(
        html.contains("<h2>Connection pool</h2>") && html.contains("pool, at most 66 of 80 open")
    );
    assert!(!html.contains("50 of 80"));
    run.record.groups[0].pool = None;
    run.write(&dir);
    render(&dir).unwrap();
    assert!(!text(&files(&dir), "report.html").contains("Connection pool"));
}

#[test]
fn messages_are_counted_apart_from_replies() {
    let dir = synthetic::temp_dir("messages");
    let mut run = synthetic::run(&Plan { duration_s: 2, ..Plan::calm() });
    let mut receivers = run.record.groups[0].clone();
    receivers.name = "receivers".into();
    receivers.arrival = Arrival { process: "closed".into(), rate: None };
    receivers.achieved_rate = 10_000.0;
    receivers.delivery = Some(Delivery {
        received: 24_000,
        measured: 20_000,
        lost: 7,
        duplicated: 5,
        out_of_order: 3,
        foreign: 2,
    });
    run.record.groups.push(receivers);
    run.write(&dir);
    render(&dir).unwrap();
    let all = files(&dir);
    let summary = text(&all, "summary.md");
    for wanted in [
        "| replies per second | 1,000/s |",
        "| messages received per second | 10,000/s |",
        "| requests due per second | 1,000/s |",
        "| response time of replies, p50 |",
        "| response time of messages, p50 |",
        "| receivers | 24,000 | 20,000 | 7 | 5 | 3 | 2 |",
        "(replies and messages together)",
        "1,000/s replies and 10,000/s messages on average",
        "| messages lost | 7 of 24,007 |",
        ", and 7 of 24,007 messages are lost",
    ] {
        assert!(summary.contains(wanted), "lacks {wanted}: {summary}");
    }
    assert!(!summary.contains("11,000/s"), "{summary}");
    let html = text(&all, "report.html");
    assert!(html.contains("<h2>Messages</h2>") && html.contains("<td>receiving</td>"));
    // Commands that wait for data without stamps have no messages, only a wait.
    let group = &mut run.record.groups[1];
    group.delivery = Some(Delivery::default());
    group.blocked = Some(group.total.service_time.clone());
    run.write(&dir);
    render(&dir).unwrap();
    let summary = text(&files(&dir), "summary.md").to_owned();
    assert!(summary.contains("Time that commands waited for data:"), "{summary}");
    assert!(!summary.contains("Delivery of messages"), "{summary}");
}
