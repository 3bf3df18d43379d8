//! redis-benchmark 7.0: nearly every flag means the same here; its defaults are kept.

use crate::compat::flags::Does::{Anyway, Keep, Refuse, Same};
use crate::compat::flags::Value::{Follows, None as Alone};
use crate::compat::flags::{Flag, Taken, Translation, flag, take};
use crate::compat::tool::Tool;

/// The tests that run by default: all.
pub(super) const ALL_TESTS: &str =
    "ping,set,get,incr,lpush,rpush,lpop,rpop,sadd,hset,spop,zadd,zpopmin,lrange,mset";

/// What `-e` asks for.
const SHOWN: &str = "errors are always counted and shown";

/// Flags that valkey-benchmark has too, with the same meaning.
pub(super) const COMMON: &[Flag] = &[
    flag(&["-h"], Follows, Same("-h")),
    flag(&["-p"], Follows, Same("-p")),
    flag(&["-s"], Follows, Same("-s")),
    flag(&["-a"], Follows, Same("-a")),
    flag(&["--user"], Follows, Same("--user")),
    flag(&["-c"], Follows, Same("-c")),
    flag(&["-d"], Follows, Same("-d")),
    flag(&["--dbnum"], Follows, Same("--dbnum")),
    flag(&["-3"], Alone, Same("-3")),
    flag(&["--threads"], Follows, Same("--threads")),
    flag(&["--cluster"], Alone, Same("--cluster")),
    flag(
        &["-k"],
        Follows,
        Keep("1 keeps connections open (the default); 0 opens one for each request"),
    ),
    flag(&["-r"], Follows, Same("-r")),
    flag(&["-P"], Follows, Same("-P")),
    flag(&["-q"], Alone, Same("-q")),
    flag(&["--csv"], Alone, Same("--csv")),
    flag(&["-t"], Follows, Keep("Tests to run [default: all]")),
    flag(&["--precision"], Follows, Keep("Decimals of latencies; only 3 is accepted")),
    flag(&["--seed"], Follows, Same("--seed")),
    flag(&["--tls"], Alone, Same("--tls")),
    flag(&["--sni"], Follows, Same("--sni")),
    flag(&["--cacert"], Follows, Same("--cacert")),
    flag(&["--insecure"], Alone, Same("--insecure")),
    flag(&["--cert"], Follows, Same("--cert")),
    flag(&["--key"], Follows, Same("--key")),
    flag(&["-e", "--show-errors"], Alone, Anyway(SHOWN)),
    flag(&["--help", "--help-all"], Alone, Same("--help")),
    flag(&["-l"], Alone, Refuse("loop in the shell: while loadgen run …; do :; done")),
    flag(&["-I"], Alone, Refuse("use loadgen run --idle N --rate 1 --duration 1h PING")),
    flag(
        &["-x"],
        Alone,
        Refuse("nothing is read from stdin; give the argument itself, or a --command-file"),
    ),
    flag(&["--enable-tracking"], Alone, Refuse("CLIENT TRACKING is not supported; leave it out")),
    flag(&["--cacertdir"], Follows, Same("--cacertdir")),
    flag(&["--tls-ciphers"], Follows, Refuse("the TLS library chooses; leave it out")),
    flag(&["--tls-ciphersuites"], Follows, Refuse("the TLS library chooses; leave it out")),
];

const FLAGS: &[Flag] = &[
    flag(&["-u"], Follows, Same("-u")),
    flag(&["-n"], Follows, Same("-n")),
    flag(&["--version"], Alone, Refuse("use loadgen --version")),
    flag(
        &["--rps"],
        Follows,
        Refuse("that is valkey-benchmark's: --compat valkey-benchmark knows it"),
    ),
    flag(
        &["--duration", "--warmup"],
        Follows,
        Refuse("that is valkey-benchmark's: --compat valkey-benchmark knows it"),
    ),
];

/// All flags.
pub(super) fn flags() -> Vec<Flag> {
    [COMMON, FLAGS].concat()
}

/// See [`crate::compat::translate`].
pub(super) fn translate(words: &[String]) -> Result<Translation, String> {
    let taken = take(words, &flags())?;
    let mut said = Translation { words: taken.same.clone(), notes: taken.notes.clone() };
    keep_alive_and_precision(&taken, &mut said)?;
    if taken.command.is_empty() {
        said.say(&["-t", taken.last("-t").unwrap_or(ALL_TESTS)]);
    } else {
        said.say(&["--"]);
        said.words.extend(taken.command(Tool::RedisBenchmark));
    }
    Ok(said)
}

/// `-k` and `--precision`, which valkey-benchmark has, too.
pub(super) fn keep_alive_and_precision(
    taken: &Taken,
    said: &mut Translation,
) -> Result<(), String> {
    match taken.last("-k") {
        None => {}
        Some("1") => said.notes.push("-k 1: connections are kept open anyway".to_owned()),
        Some("0") => said.say(&["--reconnect-interval", "1"]),
        Some(other) => return Err(format!("-k {other}: write 0 or 1")),
    }
    match taken.last("--precision") {
        None => Ok(()),
        Some("3") => {
            said.notes.push("--precision 3: latencies always have three decimals".to_owned());
            Ok(())
        }
        Some(digits) => Err(format!(
            "--precision {digits}: latencies are printed with three decimals; leave it out"
        )),
    }
}
