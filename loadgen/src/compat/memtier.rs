//! memtier_benchmark: connections are per thread, requests per connection, rates per connection; keys are its own.

use crate::compat::flags::Does::{Anyway, Keep, Refuse, Same};
use crate::compat::flags::Value::{Follows, None as Alone};
use crate::compat::flags::{Flag, Taken, Translation, flag, take};
use aelab_engine::workload::words::{quoted, split_words};

const FLAGS: &[Flag] = &[
    flag(&["-h", "--host", "-s", "--server"], Follows, Same("-h")),
    flag(&["-p", "--port"], Follows, Same("-p")),
    flag(&["-S", "--unix-socket"], Follows, Same("-s")),
    flag(&["-u", "--uri"], Follows, Same("-u")),
    flag(&["-P", "--protocol"], Follows, Keep("Protocol: redis, resp2 or resp3")),
    flag(&["-a", "--authenticate"], Follows, Keep("Password, or USER:PASSWORD")),
    flag(&["--tls"], Alone, Same("--tls")),
    flag(&["--cert"], Follows, Same("--cert")),
    flag(&["--key"], Follows, Same("--key")),
    flag(&["--cacert"], Follows, Same("--cacert")),
    flag(&["--tls-skip-verify"], Alone, Same("--insecure")),
    flag(&["--sni"], Follows, Same("--sni")),
    flag(&["--tls-protocols"], Follows, Refuse("the TLS library chooses; leave it out")),
    flag(&["-4", "--ipv4"], Alone, Refuse("give the address itself with -h")),
    flag(&["-6", "--ipv6"], Alone, Refuse("give the address itself with -h")),
    flag(&["-n", "--requests"], Follows, Keep("Requests per client, or allkeys [default: 10000]")),
    flag(&["-c", "--clients"], Follows, Keep("Clients per thread [default: 50]")),
    flag(&["-t", "--threads"], Follows, Keep("Threads [default: 4]")),
    flag(&["--test-time"], Follows, Keep("Measurement time in seconds, instead of -n")),
    flag(&["--ratio"], Follows, Keep("Ratio of SETs to GETs, kept exactly [default: 1:10]")),
    flag(&["--pipeline"], Follows, Same("-P")),
    flag(&["--reconnect-interval"], Follows, Same("--reconnect-interval")),
    flag(&["--select-db"], Follows, Same("--dbnum")),
    flag(&["--cluster-mode"], Alone, Same("--cluster")),
    flag(&["--rate-limiting"], Follows, Keep("Requests per second and connection")),
    flag(&["--distinct-client-seed"], Alone, Anyway("clients never send the same sequence")),
    flag(&["--randomize"], Alone, Refuse("give another --seed each time, outside --compat")),
    flag(&["--command"], Follows, Keep("Command to send; __key__ and __data__ are replaced")),
    flag(&["--command-ratio"], Follows, Keep("Weight of the --command before it")),
    flag(&["--command-key-pattern"], Follows, Keep("Key pattern of the --command before it")),
    flag(&["-d", "--data-size"], Follows, Keep("Size of values in bytes [default: 32]")),
    flag(&["--data-size-range"], Follows, Keep("Smallest and largest size of values")),
    flag(&["--data-size-list"], Follows, Keep("Sizes of values with their weights")),
    flag(&["--data-size-pattern"], Follows, Keep("Order of the sizes; only R is accepted")),
    flag(&["-R", "--random-data"], Alone, Anyway("data is always random")),
    flag(&["--expiry-range"], Follows, Keep("Shortest and longest time to live, in seconds")),
    flag(&["--key-prefix"], Follows, Keep("Prefix of keys [default: memtier-]")),
    flag(&["--key-minimum"], Follows, Keep("Smallest key number [default: 0]")),
    flag(&["--key-maximum"], Follows, Keep("Largest key number [default: 10000000]")),
    flag(&["--key-pattern"], Follows, Keep("Key patterns of SET and GET [default: R:R]")),
    flag(&["--key-stddev"], Follows, Keep("Standard deviation of the key pattern G")),
    flag(&["--key-zipf-exp"], Follows, Keep("Exponent of the key pattern Z")),
    flag(
        &["--key-median"],
        Follows,
        Refuse("the bell stands in the middle of the keys; leave it out"),
    ),
    flag(&["-o", "--out-file"], Follows, Same("--out-file")),
    flag(&["--json-out-file"], Follows, Same("--json-out-file")),
    flag(&["--hide-histogram"], Alone, Anyway("no histogram is printed")),
    flag(&["--print-percentiles"], Follows, Same("--percentiles")),
    flag(&["--print-all-runs"], Alone, Anyway("there is one run, and it is printed")),
    flag(&["-x", "--run-count"], Follows, Keep("Number of runs; only 1 is accepted")),
    flag(&["--help", "--help-all"], Alone, Same("--help")),
    flag(&["-v", "--version"], Alone, Refuse("use loadgen --version")),
    flag(&["-D", "--debug"], Alone, Refuse("there is no debug output; leave it out")),
    flag(&["--show-config"], Alone, Refuse("--out DIR writes what was run into result.json")),
    flag(
        &["--client-stats"],
        Follows,
        Refuse("--out DIR writes latency.hlog, which has every interval"),
    ),
    flag(
        &["--hdr-file-prefix"],
        Follows,
        Refuse("--out DIR writes latency.hlog, outside --compat"),
    ),
    flag(
        &["--multi-key-get"],
        Follows,
        Refuse("write the keys into --command \"MGET __key__ __key__\""),
    ),
    flag(
        &["--wait-ratio"],
        Follows,
        Refuse("mix in --command \"WAIT 1 100\" with a --command-ratio"),
    ),
    flag(&["--num-slaves"], Follows, Refuse("write it into --command \"WAIT …\"")),
    flag(&["--wait-timeout"], Follows, Refuse("write it into --command \"WAIT …\"")),
    flag(&["--data-import"], Follows, Refuse("replay a capture with --replay, outside --compat")),
    flag(&["--data-verify"], Alone, Refuse("what is read is not compared with what was written")),
    flag(&["--verify-only"], Alone, Refuse("what is read is not compared with what was written")),
    flag(&["--generate-keys"], Alone, Refuse("it goes with --data-import")),
    flag(&["--no-expiry"], Alone, Refuse("it goes with --data-import")),
    flag(
        &["--data-offset"],
        Follows,
        Refuse("write it into --command \"SETRANGE __key__ OFFSET __data__\""),
    ),
];

/// Its defaults.
const CLIENTS_PER_THREAD: u64 = 50;
const THREADS: u64 = 4;
const REQUESTS_PER_CLIENT: u64 = 10_000;
const KEY_MAXIMUM: u64 = 10_000_000;

/// All flags.
pub(super) fn flags() -> Vec<Flag> {
    FLAGS.to_vec()
}

/// See [`crate::compat::translate`].
pub(super) fn translate(words: &[String]) -> Result<Translation, String> {
    let taken = take(words, FLAGS)?;
    if let Some(word) = taken.command.first() {
        return Err(format!("'{word}' is not a flag; give commands with --command"));
    }
    let mut said = Translation { words: taken.same.clone(), notes: taken.notes.clone() };
    target(&taken, &mut said)?;
    let threads = taken.number("-t", THREADS)?;
    let clients = taken.number("-c", CLIENTS_PER_THREAD)?.saturating_mul(threads);
    said.say(&["-c", &clients.to_string(), "--threads", &threads.to_string()]);
    let (least, most) =
        (taken.number("--key-minimum", 0)?, taken.number("--key-maximum", KEY_MAXIMUM)?);
    let keys = most.checked_sub(least).map(|keys| keys + 1);
    let keys =
        keys.ok_or_else(|| format!("--key-maximum {most} is below --key-minimum {least}"))?;
    length(&taken, clients, keys, &mut said)?;
    let sizes = sizes(&taken, &mut said)?;
    said.say(&["-d", &sizes]);
    let prefix = taken.last("--key-prefix").unwrap_or("memtier-");
    said.say(&["--key-prefix", prefix, "--key-digits", "0"]);
    said.say(&["--key-minimum", &least.to_string(), "-r", &keys.to_string()]);
    commands(&taken, keys, &mut said)?;
    match taken.last("-x") {
        None => Ok(said),
        Some("1") => {
            said.notes.push("-x 1: there is one run anyway".to_owned());
            Ok(said)
        }
        Some(_) => Err("-x: loop in the shell: for i in 1 2 3; do loadgen run …; done".to_owned()),
    }
}

fn target(taken: &Taken, said: &mut Translation) -> Result<(), String> {
    match taken.last("-P") {
        None | Some("redis" | "resp2") => {}
        Some("resp3") => said.say(&["-3"]),
        Some(other) => {
            return Err(format!(
                "-P {other}: the protocol is always Redis's: redis, resp2 or resp3"
            ));
        }
    }
    match taken.last("-a").map(|login| login.split_once(':').ok_or(login)) {
        None => {}
        Some(Ok(("", password)) | Err(password)) => said.say(&["-a", password]),
        Some(Ok((user, password))) => said.say(&["--user", user, "-a", password]),
    }
    Ok(())
}

/// How many requests or how long, and at which rate: all are per connection there and totals here.
fn length(taken: &Taken, clients: u64, keys: u64, said: &mut Translation) -> Result<(), String> {
    match (taken.last("-n"), taken.last("--test-time")) {
        (Some(_), Some(_)) => return Err("-n and --test-time exclude each other".to_owned()),
        (None, Some(seconds)) => {
            seconds
                .parse::<u64>()
                .map_err(|_| format!("--test-time {seconds} is not a number of seconds"))?;
            said.say(&["--duration", &format!("{seconds}s"), "--warmup", "0"]);
        }
        (Some("allkeys"), None) => {
            // Each connection goes through all keys, unless each has a part of them.
            let is_parts = taken.last("--key-pattern").is_some_and(|pattern| pattern == "P:P");
            let all = if is_parts { keys } else { keys.saturating_mul(clients) };
            said.say(&["-n", &all.to_string()]);
        }
        (_, None) => {
            let each = taken.number("-n", REQUESTS_PER_CLIENT)?;
            said.say(&["-n", &each.saturating_mul(clients).to_string()]);
        }
    }
    if taken.last("--rate-limiting").is_some() {
        let each = taken.number("--rate-limiting", 0)?;
        // Zero is its word for no limit.
        if each == 0 {
            return Ok(());
        }
        let all = each.saturating_mul(clients);
        said.say(&["--rate", &all.to_string()]);
        said.notes.push(format!(
            "--rate-limiting {each} for each of {clients} connections is --rate {all} in all, and latency counts from when \
             a request was due"
        ));
    }
    Ok(())
}

fn sizes(taken: &Taken, said: &mut Translation) -> Result<String, String> {
    match taken.last("--data-size-pattern") {
        None => {}
        Some("R") => {
            said.notes.push("--data-size-pattern R: sizes are drawn at random anyway".to_owned())
        }
        Some(pattern) => {
            return Err(format!(
                "--data-size-pattern {pattern}: sizes are drawn at random (R); leave it out"
            ));
        }
    }
    let given = ["--data-size-list", "--data-size-range", "-d"];
    Ok(given.iter().find_map(|name| taken.last(name)).unwrap_or("32").to_owned())
}

/// memtier counts: each connection sends its commands in turn, and as many as any other. At a rate, each has its own schedule.
fn exact(taken: &Taken, said: &mut Translation) {
    said.say(&["--ratio-order", "exact"]);
    let has_rate = taken.last("--rate-limiting").is_some_and(|rate| rate != "0");
    if has_rate && !taken.same.iter().any(|word| word == "--cluster") {
        said.say(&["--pin-requests"]);
    }
}

/// What is sent: SET and GET by their ratio, or the commands given.
fn commands(taken: &Taken, keys: u64, said: &mut Translation) -> Result<(), String> {
    let given: Vec<&str> = taken.all("--command").collect();
    let ratios: Vec<&str> = taken.all("--command-ratio").collect();
    let patterns: Vec<&str> = taken.all("--command-key-pattern").collect();
    if !given.is_empty() {
        for (index, text) in given.iter().enumerate() {
            let pattern = patterns.get(index).copied().unwrap_or("R");
            let key = key(taken, pattern, keys, given.len() > 1)?;
            let command =
                command(text, &key).map_err(|why| format!("--command '{text}': {why}"))?;
            said.say(&["--command", &command]);
        }
        if given.len() > 1 {
            exact(taken, said);
        }
        for index in 0..given.len() {
            if !ratios.is_empty() {
                said.say(&["--command-ratio", ratios.get(index).copied().unwrap_or("1")]);
            }
        }
        return Ok(());
    }
    let ratio = taken.last("--ratio").unwrap_or("1:10");
    let wrong = || format!("--ratio {ratio}: write SET:GET such as 1:10");
    let (set, get) = ratio.split_once(':').ok_or_else(wrong)?;
    let pattern = taken.last("--key-pattern").unwrap_or("R:R");
    let (set_keys, get_keys) = pattern
        .split_once(':')
        .ok_or_else(|| format!("--key-pattern {pattern}: write SET:GET such as R:R"))?;
    let expiry = expiry(taken, said)?;
    let weight = |text: &str| text.parse::<u32>().map_err(|_| wrong());
    let weights = [weight(set)?, weight(get)?];
    let is_mix = weights.iter().all(|weight| *weight > 0);
    let templates = [
        (set, format!("SET {} __data__{expiry}", key(taken, set_keys, keys, is_mix)?)),
        (get, format!("GET {}", key(taken, get_keys, keys, is_mix)?)),
    ];
    let used = || templates.iter().zip(&weights).filter(|(_, weight)| **weight > 0);
    if used().next().is_none() {
        return Err(wrong());
    }
    if used().count() > 1 {
        exact(taken, said);
    }
    for ((_, template), _) in used() {
        said.say(&["--command", template]);
    }
    for (_, weight) in used() {
        said.say(&["--command-ratio", &weight.to_string()]);
    }
    Ok(())
}

/// The words that give a SET its time to live. 0 is memtier's word for none, which `EX` does not take.
fn expiry(taken: &Taken, said: &mut Translation) -> Result<String, String> {
    let Some(range) = taken.last("--expiry-range") else { return Ok(String::new()) };
    let wrong = || format!("--expiry-range {range}: write MIN-MAX in seconds, such as 10-20");
    let (min, max) = range.split_once('-').ok_or_else(wrong)?;
    let number = |text: &str| text.parse::<u64>().map_err(|_| wrong());
    Ok(match (number(min)?, number(max)?) {
        (min, max) if min > max => return Err(wrong()),
        (0, 0) => {
            said.notes.push("--expiry-range 0-0: keys do not expire".to_owned());
            String::new()
        }
        (0, max) => {
            said.notes.push(format!(
                "--expiry-range 0-{max}: every key expires, after 1 to {max} s; in memtier, one in {} does not",
                max.saturating_add(1)
            ));
            format!(" EX {{ttl 1-{max}}}")
        }
        (min, max) => format!(" EX {{ttl {min}-{max}}}"),
    })
}

/// A command with the key's placeholder in it. Braces and semicolons are text to memtier, and stay so.
fn command(text: &str, key: &str) -> Result<String, String> {
    let one = |word: Vec<u8>| {
        if word == b";" {
            return "\\;".to_owned();
        }
        let mut out = Vec::with_capacity(word.len());
        for (at, byte) in word.iter().enumerate() {
            if *byte == b'{' && word.get(at + 1).is_some_and(u8::is_ascii_lowercase) {
                out.push(b'\\');
            }
            out.push(*byte);
        }
        let word = quoted(&out);
        // Quotes take the blanks of a placeholder, too.
        word.replace("__key__", key)
    };
    Ok(split_words(text)?.into_iter().map(one).collect::<Vec<_>>().join(" "))
}

/// A letter of a key pattern as a placeholder. In a mix, each connection counts by itself, so that it reads what it wrote. One
/// command alone counts over all connections: `-n` is a total here, and each key is to be written once.
fn key(taken: &Taken, letter: &str, keys: u64, is_mix: bool) -> Result<String, String> {
    let distribution = match letter {
        "R" => "uniform".to_owned(),
        "S" | "P" if !is_mix => "sequential".to_owned(),
        "S" => "sequential:each".to_owned(),
        "P" => "sequential:part".to_owned(),
        "Z" => format!("zipf:{}", taken.last("--key-zipf-exp").unwrap_or("1")),
        "G" => match taken.last("--key-stddev") {
            None => "gaussian".to_owned(),
            Some(text) => {
                let deviation: f64 =
                    text.parse().map_err(|_| format!("--key-stddev {text} is not a number"))?;
                format!("gaussian:{}", deviation / keys as f64)
            }
        },
        other => {
            return Err(format!(
                "--key-pattern has no '{other}'; known: R random, S sequential, P parallel, G gaussian, Z zipf"
            ));
        }
    };
    Ok(format!("{{key {distribution} {keys}}}"))
}
