//! Invalid files: each error is one line with file, line, column and a remedy.

use aelab_scenarios::{Scale, Scenario};

const GOOD: &str = r#"question = "?"
[claims.A1]
text = "t"
[[claims.A1.holds]]
says = "s"
measure = "a.victims.response.p99"
max = "5ms"
[phases]
measure = "1s"
[groups.victims]
role = "victim"
connections = 5
rate = "2k"
commands = ["GET __key__"]
[arms.a]
label = "A"
[arms.b]
groups.victims.rate = "1k"
[scales.full]
phases.measure = "9s"
"#;

/// Replaces `from` by `to` in a valid file and compares the error.
fn check(from: &str, to: &str, expected: &str) {
    assert!(GOOD.contains(from), "{from}");
    let text = GOOD.replacen(from, to, 1);
    let error = Scenario::parse("t", "t.toml", &text, Scale::Smoke).expect_err(to).to_string();
    assert_eq!(error, expected, "for {to}");
    assert!(!error.contains('\n'), "{error}");
}

#[test]
fn the_valid_file_reads() {
    Scenario::parse("t", "t.toml", GOOD, Scale::Smoke).unwrap_or_else(|e| panic!("{e}"));
}

#[test]
fn keys() {
    check(
        "connections",
        "conections",
        "t.toml:12:1: unknown key `conections`; did you mean `connections`?",
    );
    check("[phases]", "[fases]", "t.toml:8:2: unknown key `fases`; did you mean `phases`?");
    check(
        "groups.victims.rate",
        "groups.victims.rtae",
        "t.toml:18:16: unknown key `rtae`; did you mean `rate`?",
    );
    check("label", "labell", "t.toml:16:1: unknown key `labell`; did you mean `label`?");
    check(
        "[scales.full]",
        "[scales.ful]",
        "t.toml:19:9: unknown scale `ful`; did you mean `full`?",
    );
    check(
        "phases.measure = \"9s\"",
        "arms.c.data.keys = 1",
        "t.toml:20:6: unknown arm `c`; did you mean `a`?",
    );
    check(
        "groups.victims.rate = \"1k\"",
        "groups.victim.rate = \"1k\"",
        "t.toml:18:8: group `victim` has no `role`: add one of victim, offender, background, probe, \
         or did you mean group `victims`?",
    );
}

#[test]
fn values() {
    check(
        "\"2k\"",
        "-5",
        "t.toml:13:8: `-5` is not a rate: a rate must be greater than zero; \
         remove it for a closed loop",
    );
    check(
        "\"9s\"",
        "\"9\"",
        "t.toml:20:18: `9` is not a duration: the unit is missing; write 250us, 10ms, 30s or 5m",
    );
    check("= 5", "= 0", "t.toml:12:15: 0 is out of range: write 1 to 1000000");
    check("\"victim\"", "\"vicitm\"", "t.toml:11:8: unknown role `vicitm`; did you mean `victim`?");
    check(
        "[\"GET __key__\"]",
        "[]",
        "t.toml:14:12: empty command: group `victims`; write at least one word",
    );
    check(
        "\"1s\"",
        "\"0s\"",
        "t.toml:9:11: `measure` is zero, so nothing is recorded: write a longer duration",
    );
    check("= \"2k\"", "= [2]", "t.toml:13:8: expected a text or a number, not a list or table");
}

#[test]
fn criteria() {
    check(
        "a.victims.response.p99",
        "c.victims.response.p99",
        "t.toml:6:11: unknown arm `c`; did you mean `a`?",
    );
    check(
        "a.victims.response.p99",
        "a.victim.response.p99",
        "t.toml:6:11: unknown group `victim`; did you mean `victims`?",
    );
    check(
        "a.victims.response.p99",
        "a.victims.responce.p99",
        "t.toml:6:11: unknown metric `responce`; did you mean `response`?",
    );
    check(
        "a.victims.response.p99",
        "a.victims.response.p100",
        "t.toml:6:11: unknown statistic `p100`; did you mean `p50`?",
    );
    check("max = \"5ms\"", "", "t.toml:6:11: the criterion has no bound: add `min`, `max` or both");
    check(
        "max = \"5ms\"",
        "min = \"9ms\"\nmax = \"5ms\"",
        "t.toml:8:7: `max` is less than `min`: raise `max` or lower `min`",
    );
    check(
        "a.victims.response.p99\"\nmax = \"5ms\"",
        "a.info.hz\"\nmax = nan",
        "t.toml:7:7: NaN is not finite: write a finite number",
    );
    check(
        "[[claims.A1.holds]]",
        "[[claims.A1.requires]]",
        "t.toml:2:9: claim `A1` has no criterion: add a [[claims.A1.holds]]",
    );
    check(
        "[claims.A1]",
        "[claims.\"a b\"]\ntext = \"t\"\n[claims.A1]",
        "t.toml:2:9: invalid name: claim `a b`; use only letters, digits, `-` and `_`",
    );
    check(
        "a.victims.response.p99",
        "a.stall.GTE.longest",
        "t.toml:6:11: unknown command of the arm `GTE`; did you mean `GET`?",
    );
    check(
        "a.victims.response.p99",
        "a.slowlog.KEYS.median",
        "t.toml:6:11: unknown command of the arm `KEYS`; known: GET",
    );
}

#[test]
fn impossible_settings() {
    check(
        "label = \"A\"",
        "server.port = 7000",
        "t.toml:16:8: the lab sets `port` itself: remove it",
    );
    check(
        "label = \"A\"",
        "link = { rtt = \"1ms\", jitter = \"2ms\" }",
        "t.toml:16:32: `jitter` is larger than `rtt`: write at most the value of `rtt`",
    );
    check(
        "label = \"A\"",
        "link.bandwidth = \"5B\"",
        "t.toml:16:18: `bandwidth` is too low: write at least 120B per second, \
         or remove it for no limit",
    );
    check(
        "label = \"A\"",
        "data.list.big = 0",
        "t.toml:16:17: `big` has no elements: write at least 1, or remove it",
    );
    check(
        "label = \"A\"",
        "data = { list.big = 5, set.big = 5 }",
        "t.toml:16:28: `big` is also a list: a key has one type; rename one",
    );
}

#[test]
fn syntax() {
    let error = Scenario::parse("t", "t.toml", "question = \n", Scale::Smoke).expect_err("broken");
    assert_eq!((error.line, error.column), (1, 12), "{error}");
    assert!(!error.to_string().contains('\n'), "{error}");
    let error = Scenario::parse("t", "t.toml", "", Scale::Smoke).expect_err("empty").to_string();
    assert_eq!(error, "t.toml:1:1: key `question` is missing: add it");
}

#[test]
fn server_programs() {
    let arm = |line: &str| format!("label = \"A\"\n{line}");
    check(
        "label = \"A\"",
        &arm("server_bin = \" \""),
        "t.toml:17:14: `server_bin` is empty: write the path of a server program, or remove it",
    );
    check(
        "label = \"A\"",
        &arm("server_args = [\"x\", \"--Port 7\"]"),
        "t.toml:17:21: the lab sets `port` itself: remove it",
    );
    check(
        "label = \"A\"",
        &arm("server_args = [\"--hz\", \"7\"]\nserver.HZ = 10"),
        "t.toml:17:16: `HZ` is in `server` and in `server_args`: remove one",
    );
    check(
        "label = \"A\"",
        &arm("server_args = [\"--requirepass\", \"x\"]"),
        "t.toml:17:16: `requirepass` must be in `server`, where the lab reads the password",
    );
}
