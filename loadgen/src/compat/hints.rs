//! What to say when a flag of another tool is typed without `--compat`.
//!
//! Only for flags that loadgen does not have, or has with another kind of value. Invariant: a hint names the flag as typed and
//! one way on.

use crate::compat::benchmark_tests;

/// Flags of other tools, and what to do here.
const HINTS: &[(&str, &str)] = &[
    ("-l", "to loop, use the shell: while loadgen run …; do :; done"),
    ("-e", "errors are always counted and shown; leave -e out"),
    ("-I", "for idle connections use --idle N, together with any load"),
    ("-k", "to reconnect for each request (-k 0) use --reconnect-interval 1"),
    ("-x", "nothing is read from stdin; write the argument itself, or use --command-file"),
    ("-S", "a Unix socket is -s PATH"),
    ("-o", "text goes to a file with --out-file, results to a folder with --out"),
    ("-R", "data is always random; for data that can be compressed use --compressible"),
    ("-D", "there is no debug output; leave -D out"),
    ("-4", "give the address itself with -h"),
    ("-6", "give the address itself with -h"),
    ("--precision", "latencies are printed with three decimals; leave it out"),
    ("--hide-histogram", "no histogram is printed; leave it out, or use --compat memtier"),
    (
        "--rate-limiting",
        "rates are totals here: --rate is memtier's --rate-limiting times its connections",
    ),
    ("--server", "the host is -h"),
    ("--authenticate", "a password is -a PASS, a user --user NAME"),
    ("--protocol", "the protocol is always Redis's; RESP3 is -3"),
    ("--data-size-range", "a range of sizes is -d 16-1024"),
    ("--data-size-list", "sizes with weights are -d 32:9,4KiB:1"),
    ("--key-maximum", "the number of keys is -r N"),
    ("--key-pattern", "how keys are chosen is --key-dist uniform, sequential, gaussian or zipf"),
    ("--key-stddev", "the deviation is --key-dist gaussian:0.1, a share of the key space"),
    ("--key-zipf-exp", "the exponent is --key-dist zipf:0.99"),
    (
        "--expiry-range",
        "write it into a command: --command \"SET __key__ __data__ EX {ttl 10-20}\"",
    ),
    ("--cluster-mode", "it is --cluster here"),
    ("--tls-skip-verify", "it is --insecure here"),
    ("--print-percentiles", "it is --percentiles here"),
    ("--hdr-file-prefix", "--out DIR writes latency.hlog"),
    ("--run-count", "loop in the shell: for i in 1 2 3; do loadgen run …; done"),
    ("--enable-tracking", "CLIENT TRACKING is not supported"),
    ("--sequential", "keys in turn are --key-dist sequential"),
    ("--mptcp", "there is no such transport; leave it out"),
    ("--rdma", "there is no such transport; leave it out"),
    ("--rfr", "requests go to primaries only; leave it out"),
    ("--num-functions", "functions are called with a command: FCALL name 0"),
];

/// Flags that no tool has, or one whose command lines cannot be given here, and what was meant.
const MEANT: &[(&[&str], &str)] = &[
    (&["--vus", "--users", "--concurrency"], "concurrent users are connections here, -c N"),
    (
        &["--sentinel", "--sentinel-master", "--master-name"],
        "Sentinel is not supported; give the primary's address with -h and -p (SENTINEL GET-MASTER-ADDR-BY-NAME returns it)",
    ),
    (&["--min-idle", "--pool-min"], "it is --pool-min-idle"),
    (&["--max-idle"], "it is --pool-max-idle"),
    (
        &["--max-total", "--pool-size", "--pool-max", "--pool"],
        "the size of a pool is --pool-max-total N",
    ),
    (&["--max-wait"], "it is --pool-max-wait"),
    (&["--keys", "--num-keys", "--key-count"], "the number of keys is -r N"),
    (&["--poisson", "--exponential"], "it is --arrival poisson, with a --rate"),
    (&["--format", "--output"], "the form is --json, --csv or -q, and --out DIR writes a folder"),
    (&["--value-size", "--size", "--payload"], "the size of __data__ is -d SIZE"),
    (&["--zipf", "--zipfian"], "keys are chosen by --key-dist zipf:0.99"),
    (
        &["--distribution"],
        "keys are chosen by --key-dist uniform, sequential, zipf …, times by --arrival constant, poisson …",
    ),
    (
        &["--ttl", "--expire", "--expiry"],
        "write it into a command: --command \"SET __key__ __data__ EX {ttl 10-20}\"",
    ),
    (&["--version"], "use loadgen --version"),
];

/// The hint for a flag that is neither ours nor another tool's.
#[must_use]
pub fn meant(flag: &str) -> Option<String> {
    let name = flag.split_once('=').map_or(flag, |(name, _)| name);
    let (_, way) = MEANT.iter().find(|(names, _)| names.contains(&name))?;
    Some(format!("run has no flag {name}: {way}; see --help"))
}

/// The hint at a flag of valkey-benchmark's that loadgen has too, with a unit: `--duration 5`.
fn bare_seconds(words: &[String], flag: &str, value: &str) -> String {
    let is_valkeys = words.iter().any(|word| word == "--rps" || word.starts_with("--rps="));
    let way = match is_valkeys {
        true => "; to give valkey-benchmark's whole command line, use --compat valkey-benchmark",
        false => "",
    };
    format!("{flag} {value} needs a unit; for seconds write {flag} {value}s{way}")
}

/// The hint at flags that loadgen has with another meaning, told by their values: memtier's `-t 4` and `-s HOST`,
/// valkey-benchmark's `--duration 5`.
#[must_use]
pub fn habit(words: &[String]) -> Option<String> {
    const WAY: &str = "to give memtier's whole command line, use --compat memtier";
    let is_port = |word: &String| word == "-p" || word == "--port" || word.starts_with("--port=");
    let apart = |(at, word): (usize, &String)| match word.split_once('=') {
        Some((flag, value)) if flag.starts_with("--") => Some((flag.to_owned(), value.to_owned())),
        _ => Some((word.clone(), words.get(at + 1)?.clone())),
    };
    let mut pairs = words.iter().take_while(|word| *word != "--").enumerate().filter_map(apart);
    pairs.find_map(|(flag, value)| {
        let value = &value;
        let is_number = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
        match flag.as_str() {
            "--duration" | "--warmup" if is_number && value != "0" => {
                Some(bare_seconds(words, &flag, value))
            }
            "-t" if is_number => {
                benchmark_tests::parse_list(value).err().map(|why| format!("{why}; {WAY}"))
            }
            "-s" if !value.contains('/') && words.iter().any(is_port) => {
                Some(format!("-s is a Unix socket here, the host is -h {value}; {WAY}"))
            }
            _ => None,
        }
    })
}

/// The hint for the first word of a `loadgen run` command line that is another tool's flag.
#[must_use]
pub fn hint(words: &[String]) -> Option<String> {
    words.iter().take_while(|word| *word != "--").find_map(|word| {
        let name = word.split_once('=').map_or(word.as_str(), |(name, _)| name);
        let (_, way) = HINTS.iter().find(|(flag, _)| *flag == name)?;
        Some(format!("{name} is another tool's flag: {way}; to give a whole command line of redis-benchmark or memtier, use \
                      --compat"))
    })
}
