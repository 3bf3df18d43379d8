//! redis-benchmark's and valkey-benchmark's tests by name: what `-t set,get` sends.
//!
//! A table. Invariant: names, titles and commands are those of redis-benchmark 7.0 and valkey-benchmark 9, so that figures can
//! be compared; what they call `key:__rand_int__` is `__key__` here: the same bytes, and chosen as `--key-dist` says.

use aelab_engine::plan::Framing;
use aelab_units::nearest;

/// One of these tests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Test {
    /// What `-t` calls it.
    pub name: &'static str,
    /// What output calls it.
    pub title: &'static str,
    /// The command.
    pub template: &'static str,
    /// How it is sent.
    pub framing: Framing,
}

impl Test {
    /// The command for a cluster: several keys of one command get a hash tag in common, as redis-benchmark's do, so that they
    /// are in one slot.
    #[must_use]
    pub fn in_cluster(&self) -> String {
        const KEY: &str = "__key__";
        match self.template.matches(KEY).count() {
            0 | 1 => self.template.to_owned(),
            _ => self.template.replace(KEY, "{tag}__key__"),
        }
    }
}

const fn test(name: &'static str, title: &'static str, template: &'static str) -> Test {
    Test { name, title, template, framing: Framing::Resp }
}

/// All tests of redis-benchmark 7.0, in its order, and what valkey-benchmark has beside them.
pub const TESTS: &[Test] = &[
    Test { framing: Framing::Inline, ..test("ping_inline", "PING_INLINE", "PING") },
    test("ping_mbulk", "PING_MBULK", "PING"),
    test("set", "SET", "SET __key__ __data__"),
    test("get", "GET", "GET __key__"),
    test("incr", "INCR", "INCR counter:__rand_int__"),
    test("lpush", "LPUSH", "LPUSH mylist __data__"),
    test("rpush", "RPUSH", "RPUSH mylist __data__"),
    test("lpop", "LPOP", "LPOP mylist"),
    test("rpop", "RPOP", "RPOP mylist"),
    test("sadd", "SADD", "SADD myset element:__rand_int__"),
    test("hset", "HSET", "HSET myhash element:__rand_int__ __data__"),
    test("spop", "SPOP", "SPOP myset"),
    test("zadd", "ZADD", "ZADD myzset __rand_int__ element:__rand_int__"),
    test("zpopmin", "ZPOPMIN", "ZPOPMIN myzset"),
    test("lrange", "LPUSH (needed to benchmark LRANGE)", "LPUSH mylist __data__"),
    test("lrange_100", "LRANGE_100 (first 100 elements)", "LRANGE mylist 0 99"),
    test("lrange_300", "LRANGE_300 (first 300 elements)", "LRANGE mylist 0 299"),
    test("lrange_500", "LRANGE_500 (first 500 elements)", "LRANGE mylist 0 499"),
    test("lrange_600", "LRANGE_600 (first 600 elements)", "LRANGE mylist 0 599"),
    test(
        "mset",
        "MSET (10 keys)",
        "MSET __key__ __data__ __key__ __data__ __key__ __data__ \
         __key__ __data__ __key__ __data__ __key__ __data__ \
         __key__ __data__ __key__ __data__ __key__ __data__ \
         __key__ __data__",
    ),
    // valkey-benchmark's, which redis-benchmark 7.0 has not.
    test(
        "mget",
        "MGET (10 keys)",
        "MGET __key__ __key__ __key__ __key__ __key__ __key__ __key__ __key__ __key__ __key__",
    ),
    test("xadd", "XADD", "XADD mystream * myfield __data__"),
];

/// The tests behind a list such as `set,get`, each once and in the list's order; `ping` stands for both its forms,
/// `lrange` for all its sizes, and each of them fills the list first.
///
/// # Errors
/// An unknown name, with the nearest; a number, with a hint at `--threads`.
pub fn parse_list(list: &str) -> Result<Vec<Test>, String> {
    let mut tests: Vec<Test> = Vec::new();
    for name in list.split(',').map(|name| name.trim().to_ascii_lowercase()) {
        if !name.is_empty() && name.bytes().all(|b| b.is_ascii_digit()) {
            return Err(format!("-t names tests (get,set); for threads use --threads {name}"));
        }
        let is_wanted = |test: &&Test| match name.as_str() {
            "ping" => test.name.starts_with("ping_"),
            "lrange" => test.name.starts_with("lrange"),
            size if size.starts_with("lrange_") => test.name == size || test.name == "lrange",
            other => test.name == other,
        };
        let wanted: Vec<&Test> = TESTS.iter().filter(is_wanted).collect();
        let is_unknown = wanted.iter().all(|test| test.name == "lrange") && name != "lrange";
        if is_unknown {
            let known = || TESTS.iter().map(|test| test.name).chain(["ping"]);
            let hint = match nearest(&name, known()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("known: {}", known().collect::<Vec<_>>().join(", ")),
            };
            return Err(format!("no test is called `{name}`; {hint}"));
        }
        for test in wanted {
            if !tests.contains(test) {
                tests.push(*test);
            }
        }
    }
    Ok(tests)
}

#[cfg(test)]
mod unit {
    use super::*;

    #[test]
    fn lists() {
        let names = |list: &str| {
            let tests = parse_list(list).unwrap_or_else(|e| panic!("{list}: {e}"));
            tests.iter().map(|test| test.title).collect::<Vec<_>>()
        };
        assert_eq!(names("SET,get"), ["SET", "GET"]);
        assert_eq!(names("lrange").len(), 5);
        assert_eq!(names("ping_mbulk"), ["PING_MBULK"]);
        assert_eq!(names("ping"), ["PING_INLINE", "PING_MBULK"]);
        let sizes = ["LPUSH (needed to benchmark LRANGE)", "LRANGE_300 (first 300 elements)"];
        assert_eq!(names("lrange_300"), sizes);
        assert_eq!(names("lrange_300,lrange_300,mset").len(), 3);
        assert_eq!(names("mget,xadd"), ["MGET (10 keys)", "XADD"]);
        for (list, part) in
            [("4", "--threads 4"), ("gte", "`get`"), ("", "known:"), ("lrange_200", "`lrange_100`")]
        {
            let error = parse_list(list).expect_err(list);
            assert!(error.contains(part), "{list}: {error}");
        }
    }

    #[test]
    fn in_a_cluster_the_keys_of_a_test_share_a_slot() {
        for test in TESTS {
            let text = test.in_cluster();
            let (keys, tags) = (text.matches("__key__").count(), text.matches("{tag}").count());
            assert!(tags == if keys > 1 { keys } else { 0 }, "{text}");
        }
    }

    #[test]
    fn every_template_reads() {
        for test in TESTS {
            aelab_engine::workload::command_text::parse_command(test.template, 1)
                .unwrap_or_else(|e| panic!("{e}"));
        }
    }
}
