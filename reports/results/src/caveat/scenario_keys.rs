//! The keys of a scenario file in place of the flags that remedies name.
//!
//! No remedies of its own (see `remedy`). Invariant: a phrase comes before the shorter phrases that it contains.

/// A phrase of a remedy that names flags of `loadgen run`, and what replaces it in a scenario.
const KEYS: [(&str, &str); 25] = [
    (
        "Push data in the same run: `--command \"BLPOP LIST 0\" --command \"RPUSH LIST {stamp}\"`",
        "Add a group that pushes data (`commands = [\"RPUSH LIST {stamp}\"]`)",
    ),
    (
        "Publish in the same run: `--command \"SUBSCRIBE CHANNEL\" --command \"PUBLISH CHANNEL {stamp}\"`",
        "Add a group that publishes (`commands = [\"PUBLISH CHANNEL {stamp}\"]`)",
    ),
    (
        "Publish messages with `{stamp}` in the same run: `--command \"SUBSCRIBE CHANNEL\" --command \"PUBLISH CHANNEL {stamp}\"`",
        "Add a group that publishes messages with `{stamp}` (`commands = [\"PUBLISH CHANNEL {stamp}\"]`)",
    ),
    ("a smaller `--pool-min-idle`", "a smaller `min_idle` of the group's pool"),
    ("Raise `-n` or give a `--duration`", "Set a longer `[phases] measure`"),
    (
        "fewer connections (`-c`), a smaller pipeline (`-P`)",
        "fewer `connections` or a smaller `pipeline` of the group",
    ),
    (
        "Reserve more cores for the load generator (`--cpus`, a larger quota)",
        "Leave more cores to the load generator (fewer `cpus` for the server, a larger quota)",
    ),
    (
        "reserve a core for the load generator with `--cpus`",
        "leave a core to the load generator (fewer `cpus` for the server)",
    ),
    (
        "Reserve a core for the load generator with `--cpus`",
        "Leave a core to the load generator (fewer `cpus` for the server)",
    ),
    (
        "more `--connections` or a larger `--pipeline`",
        "more `connections` or a larger `pipeline` of the group",
    ),
    ("a larger `--pool-max-total`", "more `connections` of the group"),
    ("fewer connections (`-c`)", "fewer `connections`"),
    ("fewer or smaller keys (`-r`, `-d`)", "fewer or smaller keys (`[data]`)"),
    ("Load data first (`--prefill`)", "Load data first (`[data] keys`)"),
    (" (`--reconnect immediate`)", ""),
    (" (`--cluster`)", ""),
    (" (`-a`, `--user`)", ""),
    ("`--threads`", "`[engine] threads`"),
    ("`--warmup`", "`[phases] warmup`"),
    ("Set a `--timeout`", "Set the group's `timeout`"),
    ("set a `--timeout`", "set the group's `timeout`"),
    ("`--timeout`", "the group's `timeout`"),
    ("a lower `--rate`", "a lower `rate` of the group"),
    ("`--rate`", "the group's `rate`"),
    ("Measure longer", "Measure longer (`[phases] measure`)"),
];

/// A remedy for a run that a scenario file describes: its keys in place of the flags of `loadgen run`.
#[must_use]
pub fn in_scenario(remedy: &str) -> String {
    KEYS.iter().fold(remedy.to_owned(), |text, (flag, key)| text.replace(flag, key))
}
