//! Other tools' command lines, read as those tools read them and said again in loadgen's words.
//!
//! Not a second load generator: what comes out of a translation is parsed like anything typed. Invariant: a flag is translated,
//! or refused with what to do instead; one that means what happens here anyway is named in a note.

pub mod benchmark_tests;
mod flags;
mod help;
mod hints;
mod memtier;
mod redis_benchmark;
mod tool;
mod valkey_benchmark;

pub use flags::Translation;
pub use help::help;
pub use hints::{habit, hint, meant};
pub use tool::{Tool, tool_of};

use aelab_engine::error::Failure;

/// Says a tool's command line in loadgen's words.
///
/// # Errors
/// A flag that the tool does not have, that lacks its value, or that has no equivalent (exit 2).
pub fn translate(tool: Tool, words: &[String]) -> Result<Translation, Failure> {
    match tool {
        Tool::RedisBenchmark => redis_benchmark::translate(words),
        Tool::ValkeyBenchmark => valkey_benchmark::translate(words),
        Tool::Memtier => memtier::translate(words),
    }
    .map_err(|why| Failure::usage(format!("--compat {}: {why}", tool.name())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(tool: Tool, line: &str) -> Result<String, String> {
        let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        translate(tool, &words).map(|said| said.words.join(" ")).map_err(|failure| failure.message)
    }

    #[test]
    fn the_tool_is_found_and_taken_out() {
        let words = |line: &str| line.split(' ').map(str::to_owned).collect::<Vec<_>>();
        let found = tool_of(&words("-c 1 --compat memtier -t 2")).expect("reads");
        assert_eq!(found, Some((Tool::Memtier, words("-c 1 -t 2"))));
        let found = tool_of(&words("--compat=redis-benchmark -q")).expect("reads");
        assert_eq!(found, Some((Tool::RedisBenchmark, words("-q"))));
        assert_eq!(tool_of(&words("-c 1")).expect("reads"), None);
        assert!(tool_of(&words("--compat ab")).is_err());
        assert!(tool_of(&words("--compat")).is_err());
    }

    #[test]
    fn redis_benchmarks_command_lines() {
        for (line, want) in [
            ("-n 100 -t set,get -q", "-n 100 -q -t set,get"),
            (
                "-c 5 -r 1000 -P 16 get key:__rand_int__",
                "-c 5 -r 1000 -P 16 -- get key:__rand_int__",
            ),
            ("-k 0 -t set", "--reconnect-interval 1 -t set"),
            ("-a pw --user me --dbnum 3 -3 -t get", "-a pw --user me --dbnum 3 -3 -t get"),
            ("-c5 -n10 ping", "-c 5 -n 10 -- ping"),
            ("-n 1 get a:{tag}", "-n 1 -- get a:\\{tag}"),
            ("-n 1 --cluster get a:{tag}", "-n 1 --cluster -- get a:{tag}"),
            ("-n 1 set {key} ;", "-n 1 -- set \\{key} \\;"),
        ] {
            assert_eq!(said(Tool::RedisBenchmark, line).as_deref(), Ok(want), "{line}");
        }
        let all = said(Tool::RedisBenchmark, "").expect("reads");
        assert!(all.contains("-t ping,set,get,incr") && all.ends_with("lrange,mset"), "{all}");
        for (line, part) in [
            ("-l", "while"),
            ("-I", "--idle"),
            ("-x", "stdin"),
            ("--enable-tracking", "CLIENT TRACKING"),
            ("--precision 5", "three"),
            ("--tls-ciphers x", "TLS"),
            ("-c", "needs a value"),
            ("--theads 4", "--threads"),
            ("-k 2", "0 or 1"),
        ] {
            let error = said(Tool::RedisBenchmark, line).expect_err(line);
            assert!(error.contains(part), "{line}: {error}");
        }
    }

    #[test]
    fn a_flag_of_which_no_word_is_left_is_named_in_a_note() {
        for (tool, line, flags) in [
            (
                Tool::RedisBenchmark,
                "-e -q --precision 3 -k 1 -t ping",
                &["-e", "--precision 3", "-k 1"][..],
            ),
            (Tool::ValkeyBenchmark, "-e --rfr no -t ping", &["-e", "--rfr no"]),
            (
                Tool::Memtier,
                "--hide-histogram -R -x 1 --data-size-pattern R --print-all-runs",
                &["--hide-histogram", "-R", "-x 1", "--data-size-pattern R", "--print-all-runs"],
            ),
        ] {
            let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
            let said = translate(tool, &words).expect("reads");
            for flag in flags {
                let is_named = |note: &String| note.starts_with(&format!("{flag}:"));
                assert!(said.notes.iter().any(is_named), "{flag}: {:?}", said.notes);
            }
        }
    }

    #[test]
    fn valkey_benchmarks_command_lines() {
        for (line, want) in [
            ("-n 100 -t set -q", "-q -n 100 -t set"),
            ("--rps 1000 --duration 5 -t get", "--rate 1000 --duration 5s --warmup 0 -t get"),
            (
                "--duration 5 --warmup 2 -c 9 get key:__rand_int__",
                "-c 9 --duration 5s --warmup 2s -- get key:__rand_int__",
            ),
            ("-r 100 --sequential -t set", "-r 100 -n 100000 --key-dist sequential -t set"),
            (
                "-u valkey://h:1/2 --cacertdir d --tls -t set",
                "-u redis://h:1/2 --cacertdir d --tls -n 100000 -t set",
            ),
            ("-u valkeys://h -t set", "-u rediss://h -n 100000 -t set"),
            ("-r 10 -- SET a b ; GET a", "-r 10 -n 100000 -- SET a b ; GET a"),
            ("-k 0 -t set", "-n 100000 --reconnect-interval 1 -t set"),
            (
                "-n 9",
                "-n 9 -t ping,set,get,incr,lpush,rpush,lpop,rpop,sadd,hset,spop,zadd,zpopmin,lrange,mset,mget,xadd",
            ),
        ] {
            assert_eq!(said(Tool::ValkeyBenchmark, line).as_deref(), Ok(want), "{line}");
        }
        for (line, part) in [
            ("--mptcp", "TCP"),
            ("--rdma", "TCP"),
            ("--rfr yes", "primaries"),
            ("--fuzz", "fuzz"),
            ("-t set,fcall", "FCALL"),
            ("--dataset x.csv", "--command-file"),
            ("--num-functions 3", "FCALL"),
            ("--enable-tracking", "TRACKING"),
            ("--rps many", "--rps"),
            ("-n 5 --duration 1", "exclude"),
            ("--sequential -r 10 get key:__rand_int__", "{key sequential"),
            ("3 set a b", "repeat"),
            ("set a b ; 2 get a", "repeat"),
            ("--warmup 2 -n 10 -t set", "--duration"),
        ] {
            let error = said(Tool::ValkeyBenchmark, line).expect_err(line);
            assert!(error.contains(part), "{line}: {error}");
        }
    }

    /// The words that redis-cli makes of each `--command`, which the server must get.
    #[test]
    fn the_words_of_memtiers_commands_are_kept() {
        use aelab_engine::workload::command_text::parse_command;
        for (typed, want) in [
            (r#"SET k "a b""#, &["SET", "k", "a b"][..]),
            (r#"SET k """#, &["SET", "k", ""]),
            (r#""SET" k v"#, &["SET", "k", "v"]),
            ("SET k ''", &["SET", "k", ""]),
            ("SET k 'it\\'s'", &["SET", "k", "it's"]),
            (r#"SET k "\x00\n""#, &["SET", "k", "\0\n"]),
            ("SET a:__key__ x", &["SET", "a:{key uniform 10}", "x"]),
            (r#"SET "a __key__" x"#, &["SET", "a {key uniform 10}", "x"]),
            ("SET k {tag}", &["SET", "k", "\\{tag}"]),
            ("SET k \"{rand 5}\"", &["SET", "k", "\\{rand 5}"]),
            ("SET k ;", &["SET", "k", "\\;"]),
        ] {
            let words = ["--key-maximum", "9", "--command", typed].map(str::to_owned);
            let said = translate(Tool::Memtier, &words).expect("reads").words;
            let at = said.iter().position(|word| word == "--command").expect("is there");
            let command = parse_command(&said[at + 1], 1).expect("reads");
            let got: Vec<_> = command.args.iter().map(|arg| String::from_utf8_lossy(arg)).collect();
            assert_eq!(got, want, "{typed}");
        }
        let words = ["--command", "SET k \"a"].map(str::to_owned);
        let error = translate(Tool::Memtier, &words).expect_err("not closed").message;
        assert!(error.contains("--command 'SET k \"a'"), "{error}");
    }

    #[test]
    fn memtiers_command_lines() {
        let words = said(Tool::Memtier, "").expect("reads");
        for part in [
            "-c 200 --threads 4",
            "-n 2000000",
            "-d 32",
            "--key-prefix memtier- --key-digits 0 --key-minimum 0 -r 10000001",
            "--command SET __key__ __data__",
            "--command-ratio 1 --command-ratio 10",
        ] {
            let whole = words.replace("{key uniform 10000001}", "__key__");
            assert!(whole.contains(part), "{part}: {whole}");
        }
        for (line, part) in [
            ("-t 2 -c 3 -n 7", "-c 6 --threads 2 -n 42"),
            ("--test-time 5", "--duration 5s --warmup 0"),
            ("-t 1 -c 2 --rate-limiting 100 --test-time=1", "--rate 200"),
            ("--key-minimum 1 --key-maximum 100 -n allkeys --key-pattern P:P", "-n 100 "),
            ("-t 1 -c 3 --key-minimum 1 --key-maximum 100 -n allkeys", "-n 300 "),
            ("--key-pattern S:S", "{key sequential:each 10000001} __data__"),
            ("--key-pattern P:P", "{key sequential:part 10000001} __data__"),
            ("--key-pattern S:S --ratio 1:0", "{key sequential 10000001} __data__"),
            ("", "--ratio-order exact --command SET"),
            ("--command=GET --command=PING", "--command GET --command PING --ratio-order exact"),
            (
                "--ratio 1:0 --key-pattern P:P --key-minimum=1 --key-maximum 10",
                "{key sequential 10}",
            ),
            ("--key-pattern=G:G --key-maximum 1000 --key-stddev 100", "{key gaussian:0.0999"),
            ("--data-size-range=4-204", "-d 4-204"),
            ("--expiry-range=10-20", "EX {ttl 10-20}"),
            ("--expiry-range=0-3", "EX {ttl 1-3}"),
            ("--expiry-range=0-0", "--command SET {key uniform 10000001} __data__ --command GET"),
            ("-a me:pw", "--user me -a pw"),
            ("-P resp3", "-3"),
            ("--pipeline=9", "-P 9"),
            ("--tls --tls-skip-verify", "--tls --insecure"),
            ("--json-out-file x.json", "--json-out-file x.json"),
            ("--command=\"GET\" --command-ratio 3", "--command GET --command-ratio 3"),
        ] {
            let words = said(Tool::Memtier, line).unwrap_or_else(|e| panic!("{line}: {e}"));
            assert!(words.contains(part), "{line}: {words}");
        }
        for (line, part) in [
            ("-P memcache_text", "Redis"),
            ("--multi-key-get 3", "MGET"),
            ("-x 3", "shell"),
            ("--key-pattern X:R", "--key-pattern"),
            ("--ratio 1", "--ratio"),
            ("-n all", "-n"),
            ("--data-verify", "no equivalent"),
            ("--expiry-range=3", "MIN-MAX"),
            ("--expiry-range=3-1", "MIN-MAX"),
        ] {
            let error = said(Tool::Memtier, line).expect_err(line);
            assert!(error.contains(part), "{line}: {error}");
        }
    }
}
