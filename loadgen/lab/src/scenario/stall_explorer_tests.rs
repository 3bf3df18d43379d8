//! The explorer's answer from sizes that were measured.

use super::*;
use aelab_scenarios::Scale;
use aelab_scenarios::explore::Growing;
use aelab_units::Rate;
use std::time::Duration;

fn question() -> Question {
    Question {
        exploration: Exploration {
            offender: "KEYS *".into(),
            growing: Growing::Keys,
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
