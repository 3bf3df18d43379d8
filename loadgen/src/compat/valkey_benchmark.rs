//! valkey-benchmark 8 and 9: redis-benchmark's flags, and rates, times and sequences beside them.
//!
//! Its rate is a bucket of tokens, and its clock starts when a token was there; here latency counts from when a request was due.

use crate::compat::flags::Does::{Keep, Refuse};
use crate::compat::flags::Value::{Follows, None as Alone};
use crate::compat::flags::{Flag, Taken, Translation, flag, take};
use crate::compat::redis_benchmark::{ALL_TESTS, COMMON, keep_alive_and_precision};
use crate::compat::tool::Tool;

const NO_FUZZ: &str =
    "it fuzzes the server; write the commands with --command-file, outside --compat";
const NO_TRANSPORT: &str = "loadgen speaks TCP, TLS and Unix sockets; leave it out";
const NO_FUNCTIONS: &str =
    "load the functions first, then call them: FCALL name 1 key:__rand_int__";
const NO_DATA_SET: &str = "write its rows as commands into a --command-file, outside --compat";

/// Tests that redis-benchmark has not.
const MORE_TESTS: &str = "mget,xadd";

/// What redis-benchmark has not, or means otherwise.
const FLAGS: &[Flag] = &[
    flag(&["-u"], Follows, Keep("Server URL: valkey://, valkeys://, redis:// or rediss://")),
    flag(&["-n"], Follows, Keep("Total number of requests [default: 100000]")),
    flag(&["--duration"], Follows, Keep("Measurement time in seconds, instead of -n")),
    flag(&["--warmup"], Follows, Keep("Warm-up time in seconds")),
    flag(&["--rps"], Follows, Keep("Total number of requests per second")),
    flag(&["--rfr"], Follows, Keep("Read from replicas; only no is accepted")),
    flag(&["--sequential"], Alone, Keep("Use the keys in order, each once")),
    flag(&["--version", "-v"], Alone, Refuse("use loadgen --version")),
    flag(&["--num-functions", "--num-keys-in-fcall"], Follows, Refuse(NO_FUNCTIONS)),
    flag(&["--mptcp"], Alone, Refuse(NO_TRANSPORT)),
    flag(&["--rdma"], Alone, Refuse(NO_TRANSPORT)),
    flag(&["--fuzz"], Alone, Refuse(NO_FUZZ)),
    flag(&["--fuzz-mode", "--fuzz-loglevel"], Follows, Refuse(NO_FUZZ)),
    flag(&["--dataset"], Follows, Refuse(NO_DATA_SET)),
    flag(&["--xml-root-element", "--maxdocs"], Follows, Refuse(NO_DATA_SET)),
];

/// All flags.
pub(super) fn flags() -> Vec<Flag> {
    [COMMON, FLAGS].concat()
}

/// See [`crate::compat::translate`].
pub(super) fn translate(words: &[String]) -> Result<Translation, String> {
    let taken = take(words, &flags())?;
    let mut said = Translation { words: taken.same.clone(), notes: taken.notes.clone() };
    if let Some(url) = taken.last("-u") {
        let url = match (url.strip_prefix("valkey://"), url.strip_prefix("valkeys://")) {
            (Some(rest), _) => format!("redis://{rest}"),
            (_, Some(rest)) => format!("rediss://{rest}"),
            _ => url.to_owned(),
        };
        // First, where a reader of the line looks for the server.
        said.words.splice(0..0, ["-u".to_owned(), url]);
    }
    length(&taken, &mut said)?;
    keep_alive_and_precision(&taken, &mut said)?;
    match taken.last("--rfr") {
        None => {}
        Some("no") => said.notes.push("--rfr no: requests go to primaries anyway".to_owned()),
        Some(mode) => {
            return Err(format!("--rfr {mode}: requests go to primaries only; leave it out"));
        }
    }
    if taken.last("--sequential").is_some() {
        sequential(&taken, &mut said)?;
    }
    if taken.command.is_empty() {
        let tests = tests(&taken, &mut said.notes)?;
        said.say(&["-t", &tests]);
        return Ok(said);
    }
    sequence(&taken.command, &mut said)?;
    said.say(&["--"]);
    said.words.extend(taken.command(Tool::ValkeyBenchmark));
    Ok(said)
}

/// The tests to run: everything, if it is not told, but functions.
fn tests(taken: &Taken, notes: &mut Vec<String>) -> Result<String, String> {
    let Some(list) = taken.last("-t") else {
        notes.push("function_load and fcall are left out: load the functions first".to_owned());
        return Ok(format!("{ALL_TESTS},{MORE_TESTS}"));
    };
    let names = list.split(',').map(|name| name.trim().to_ascii_lowercase());
    match names.into_iter().find(|name| matches!(name.as_str(), "function_load" | "fcall")) {
        Some(name) => Err(format!("-t {name} has no equivalent: {NO_FUNCTIONS}")),
        None => Ok(list.to_owned()),
    }
}

/// How many or how long, and at which rate.
fn length(taken: &Taken, said: &mut Translation) -> Result<(), String> {
    if taken.last("--rps").is_some() {
        let rate = taken.number("--rps", 0)?;
        // Zero is its word for no limit.
        if rate > 0 {
            said.say(&["--rate", &rate.to_string()]);
            said.notes.push(
                "--rps: latency counts from when a request was due, not from when it was sent"
                    .to_owned(),
            );
        }
    }
    let warmup = taken.number("--warmup", 0)?;
    match (taken.last("-n"), taken.last("--duration")) {
        (Some(_), Some(_)) => return Err("-n and --duration exclude each other".to_owned()),
        (None, Some(_)) => {
            let seconds = taken.number("--duration", 0)?;
            let warmup = if warmup > 0 { format!("{warmup}s") } else { "0".to_owned() };
            said.say(&["--duration", &format!("{seconds}s"), "--warmup", &warmup]);
        }
        (count, None) if warmup > 0 => {
            return Err(format!(
                "--warmup {warmup} with {} requests: give a --duration, in which it is not counted",
                count.unwrap_or("100000")
            ));
        }
        (Some(count), None) => said.say(&["-n", count]),
        (None, None) => said.say(&["-n", "100000"]),
    }
    Ok(())
}

/// Its `__rand_int__` counts up then; ours stays random, while keys have an order of their own.
fn sequential(taken: &Taken, said: &mut Translation) -> Result<(), String> {
    if taken.command.iter().any(|word| word.contains("__rand_")) {
        return Err(
            "--sequential: __rand_int__ is random here; write {key sequential N} for it, with the number of -r for N"
                .to_owned(),
        );
    }
    said.say(&["--key-dist", "sequential"]);
    Ok(())
}

/// Several commands with `;` between them, some of them to be repeated.
fn sequence(command: &[String], said: &mut Translation) -> Result<(), String> {
    let mut parts = command.split(|word| word == ";");
    let is_number = |word: &String| word.parse::<u64>().is_ok();
    if let Some(count) = parts.clone().filter_map(|part| part.first()).find(|word| is_number(word))
    {
        return Err(format!(
            "{count} before a command would repeat it: write the command so often, or mix with --command-ratio outside \
             --compat"
        ));
    }
    if parts.nth(1).is_some() {
        said.notes.push(
            "a sequence of commands is one operation here: it counts once, and its time ends with the last reply"
                .to_owned(),
        );
    }
    Ok(())
}
