//! The keys of a scenario file that stand for the flags which remedies name.
//!
//! No remedies of its own (see `text`). Invariant: longer phrases come before those that they hold.

/// What stands in a scenario file where a remedy names a flag of `loadgen run`; longer phrases first.
const KEYS: [(&str, &str); 23] = [
    (
        "name whoever does in the same run: --command \"BLPOP LIST 0\" --command \"RPUSH LIST {stamp}\"",
        "add a group that does (`commands = [\"RPUSH LIST {stamp}\"]`)",
    ),
    (
        "name whoever does in the same run: --command \"SUBSCRIBE CHANNEL\" --command \"PUBLISH CHANNEL {stamp}\"",
        "add a group that does (`commands = [\"PUBLISH CHANNEL {stamp}\"]`)",
    ),
    (
        "publish them in the same run, with {stamp} in them: --command \"SUBSCRIBE CHANNEL\" --command \"PUBLISH CHANNEL {stamp}\"",
        "publish them in a group of the scenario, with {stamp} in them (`commands = [\"PUBLISH CHANNEL {stamp}\"]`)",
    ),
    ("a smaller --pool-min-idle", "a smaller `min_idle` of the group's pool"),
    (
        "raise -n, or give a --duration, so that it measures for a second or more",
        "measure for a second or more (`[phases] measure`)",
    ),
    (
        "fewer connections or a smaller pipeline (-c, -P)",
        "fewer `connections` or a smaller `pipeline` of the group",
    ),
    (
        "give the load generator processors of its own (--cpus, a larger quota)",
        "give the load generator processors of its own (a larger quota, more processors than `cpus` leaves to the server)",
    ),
    (
        "give the load generator processors of its own (--cpus)",
        "give the load generator processors of its own (more than `cpus` leaves to the server)",
    ),
    ("more --connections or --pipeline", "more `connections` or `pipeline` of the group"),
    ("more --connections", "more `connections` of the group"),
    ("a larger --pool-max-total", "more `connections` of the group"),
    ("fewer connections (-c)", "fewer `connections`"),
    ("fewer or smaller keys (-r, -d)", "fewer or smaller keys (`[data]`)"),
    ("the key space first (--prefill)", "the key space first (`[data] keys`)"),
    (" (--reconnect immediate)", ""),
    (" (--cluster)", ""),
    (" (-a, --user)", ""),
    ("--threads", "`[engine] threads`"),
    ("--warmup", "`[phases] warmup`"),
    ("--timeout", "`timeout` of the group"),
    ("a lower --rate", "a lower `rate` of the group"),
    ("--rate", "the `rate` of the group"),
    ("measure longer", "measure longer (`[phases] measure`)"),
];

/// A remedy for a run that a scenario file describes: its keys in place of the flags of a plain run.
#[must_use]
pub fn in_scenario(remedy: &str) -> String {
    KEYS.iter().fold(remedy.to_owned(), |text, (flag, key)| text.replace(flag, key))
}
