//! The explorer's answer from sizes that were measured.

use super::*;
use aelab_scenarios::Scale;
use aelab_scenarios::explore::{Data, Growing};
use aelab_units::Rate;
use std::time::Duration;

fn question() -> Question {
    Question {
        exploration: Exploration {
            offender: "KEYS *".into(),
            growing: Growing::Keys,
            data: Data::Loaded,
            sizes: vec![1000, 10_000],
            every: Duration::from_secs(5),
            victim: "PING".into(),
            connections: 1,
            rate: Rate::per_second(1.0).expect("a rate"),
            scale: Scale::Default,
        },
        p99: Duration::from_millis(2),
    }
}

#[test]
fn the_limit_is_read_from_the_line() {
    // 1 µs an element: 2 ms at 2,000, and 2 ms + 5 s/100 at 52,000.
    let size = |elements: u64| Size {
        elements,
        stalls_s: vec![elements as f64 * 1e-6; 3],
        ..Size::default()
    };
    let sizes = vec![size(1000), size(10_000)];
    let points: Vec<(f64, f64)> =
        sizes.iter().flat_map(|s| s.stalls_s.iter().map(|y| (s.elements as f64, *y))).collect();
    let line = line(&points);
    let reaches = |y: f64| line.and_then(|line| line.reaches(y));
    let answer = Answer { keeps_p99: reaches(0.052), first_over: reaches(0.002), sizes, line };
    let text = answer.sentences(&question()).join(" ");
    assert!(text.contains("up to 52k elements"), "{text}");
    assert!(text.contains("a prediction beyond the sizes measured"), "{text}");
    assert!(text.contains("From 2k elements on"), "{text}");
    let record = answer.record(&question());
    assert_eq!(record.figures.len(), 4);
    assert_eq!(record.curve.expect("a curve").points.len(), 2 + 21);
}

#[test]
fn nothing_seen_is_said_so() {
    let answer = Answer { sizes: Vec::new(), line: None, keeps_p99: None, first_over: None };
    assert!(answer.sentences(&question())[0].contains("too short at all"));
}

#[test]
fn too_short_and_invalid_are_told_apart() {
    let of = |sizes: Vec<Size>| {
        let answer = Answer { sizes, line: None, keeps_p99: None, first_over: None };
        answer.sentences(&question()).join(" ")
    };
    let short = Size { elements: 1000, ..Size::default() };
    let seen = Size { elements: 10_000, stalls_s: vec![0.0146; 3], ..Size::default() };
    let invalid = Size { invalid: Some("client-limited".into()), ..seen.clone() };
    // A size that is invalid is no reason for other sizes.
    let text = of(vec![seen.clone(), invalid.clone()]);
    assert!(text.contains("repeat the run on an idle machine"), "{text}");
    assert!(!text.contains("larger --sizes"), "{text}");
    let text = of(vec![short.clone(), invalid]);
    assert!(text.contains("10k elements: discarded, although stalls of 14.6ms"), "{text}");
    assert!(text.contains("With 1k elements KEYS * was too short"), "{text}");
    assert!(!text.contains("at all of these sizes"), "{text}");
    let text = of(vec![short, seen]);
    assert!(text.contains("With 10k elements KEYS * stalls all clients for 14.6ms"), "{text}");
    assert!(text.contains("A line needs stalls at two sizes"), "{text}");
}

#[test]
fn a_command_that_fails_or_removes_its_collection_is_told() {
    let of = |size: Size| {
        let sizes = vec![size.clone(), Size { elements: 10_000, ..size }];
        Answer { sizes, line: None, keeps_p99: None, first_over: None }
    };
    let refused = Size { refusal: Some("WRONGTYPE no set".into()), ..Size::default() };
    let answer = of(refused);
    assert_eq!(answer.refusal(), Some("WRONGTYPE no set"));
    assert_eq!(answer.sentences(&question()), ["KEYS * failed each time: WRONGTYPE no set"]);
    let removed = Size { keys_lost: 1, stalls_s: vec![0.01], ..Size::default() };
    let text = of(removed).sentences(&question()).join(" ");
    assert!(text.contains("removes the elements it reads"), "{text}");
}

#[test]
fn what_only_the_server_saw_is_no_agreement_with_the_server() {
    let size = Size {
        elements: 1000,
        stalls_s: vec![0.001],
        execution_s: Some(0.001),
        witness: Witness::Server,
        ..Size::default()
    };
    let answer = Answer { sizes: vec![size], line: None, keeps_p99: None, first_over: None };
    assert_eq!(answer.agreement(), None);
    let text = answer.sentences(&question()).join(" ");
    assert!(text.contains("(SLOWLOG) are used"), "{text}");
}

/// The sentences about sizes with these stalls, p99 and maxima in milliseconds, and the figure of the record.
fn check(rows: &[(u64, f64, f64, f64)], wanted: &[&str], largest: Option<f64>) {
    let size = |(elements, stall, p99, max): &(u64, f64, f64, f64)| Size {
        elements: *elements,
        stalls_s: vec![stall / 1e3; 3],
        p99_s: Some(p99 / 1e3),
        max_s: Some(max / 1e3),
        ..Size::default()
    };
    let sizes: Vec<Size> = rows.iter().map(size).collect();
    let points: Vec<(f64, f64)> =
        sizes.iter().flat_map(|s| s.stalls_s.iter().map(|y| (s.elements as f64, *y))).collect();
    let line = line(&points);
    let reaches = |y: f64| line.and_then(|line| line.reaches(y));
    let answer = Answer { keeps_p99: reaches(0.052), first_over: reaches(0.002), sizes, line };
    let mut question = question();
    question.exploration.sizes = rows.iter().map(|row| row.0).collect();
    let text = answer.sentences(&question).join(" ");
    for part in wanted {
        assert!(text.contains(part), "no \"{part}\" in: {text}");
    }
    let record = answer.record(&question);
    let found = record.figures.iter().find(|figure| figure.name == "largest_for_p99");
    assert_eq!(found.map(|figure| figure.value.round()), largest, "{text}");
}

#[test]
fn no_sentence_contradicts_the_table() {
    // One millisecond for each thousand elements: the line allows 52,000.
    let line = |elements: u64, p99: f64, max: f64| (elements, elements as f64 / 1e3, p99, max);
    check(
        &[line(10_000, 0.3, 11.0), line(30_000, 0.4, 31.0), line(100_000, 48.0, 101.0)],
        &["below 2ms up to 52k elements", "each execution makes some requests wait"],
        Some(52_000.0),
    );
    check(
        &[line(10_000, 0.3, 11.0), line(30_000, 3.1, 31.0), line(100_000, 48.0, 101.0)],
        &["up to 10k elements: with 30k elements the measured p99 is 3.1ms", "would allow 52k"],
        Some(10_000.0),
    );
    check(
        &[line(10_000, 2.5, 11.0), line(30_000, 3.1, 31.0)],
        &["at no measured size: with 10k elements the measured p99 is 2.5ms"],
        Some(0.0),
    );
    check(
        &[line(10_000, 0.3, 11.0), line(100_000, 0.9, 101.0)],
        &["up to 100k elements, where the measured p99 is 900us", "has the limit at 52k"],
        Some(100_000.0),
    );
    check(
        &[line(1000, 0.3, 5.0), line(10_000, 0.3, 1.5)],
        &[
            "With 10k elements no request waited that long (1.5ms at most)",
            "With 1k elements the longest wait was 5ms: something else",
        ],
        Some(52_000.0),
    );
    check(
        &[(1000, 9.0, 7.0, 9.5), (10_000, 8.0, 0.3, 9.0)],
        &[
            "does not grow with the size: it is 9ms at most, longer than the limit of 2ms",
            "p99 is 7ms",
        ],
        None,
    );
}

#[test]
fn data_that_is_there_gets_a_period_in_place_of_a_size() {
    let size =
        Size { elements: 7000, stalls_s: vec![0.010; 3], p99_s: Some(0.0003), ..Size::default() };
    let answer = Answer { sizes: vec![size], line: None, keeps_p99: None, first_over: None };
    let mut question = question();
    question.exploration.data = Data::Existing;
    question.exploration.sizes = vec![7000];
    assert_eq!(
        answer.sentences(&question),
        [
            "With 7k elements KEYS * stalls all clients for 10ms.",
            "Sent at most once every 800ms, it keeps the p99 of the other clients below 2ms.",
            "Sent every 5s, the measured p99 of the other clients is 300us.",
        ]
    );
    question.exploration.sizes.push(9000);
    let text = answer.sentences(&question).join(" ");
    assert!(text.contains("9k elements: not measured"), "{text}");
}
