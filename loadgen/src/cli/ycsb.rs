//! The core workloads of YCSB, as its Redis binding runs them: records are hashes of ten fields of 100 bytes.
//!
//! B. F. Cooper et al., "Benchmarking cloud serving systems with YCSB", 2010. Not its key scattering: YCSB hashes key
//! numbers so that hot keys do not lie side by side; in a hash table they do not anyway, and keys that can be counted are
//! easier to look at. Invariant: the load phase writes exactly the records that the run phase asks for.

use aelab_engine::plan::{CommandPlan, KeyDistribution, Sending};
use aelab_engine::workload::command_text::parse_command;
use clap::ValueEnum;

/// Records unless `-r` says otherwise, as YCSB's own property file has it.
pub const DEFAULT_RECORDS: u64 = 1_000;
/// What keys begin with.
pub const KEY_PREFIX: &str = "user";
/// Exponent of YCSB's zipfian and latest.
const EXPONENT: f64 = 0.99;

/// A core workload.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Ycsb {
    /// Half reads, half updates of one field; zipfian.
    A,
    /// 95 % reads, 5 % updates; zipfian.
    B,
    /// Reads only; zipfian.
    C,
    /// 95 % reads of recently inserted records, 5 % inserts.
    D,
    /// 95 % scans of 1 to 100 records, 5 % inserts; zipfian.
    E,
    /// Half reads, half read-modify-writes; zipfian.
    F,
}

/// The sorted set of all keys that scans go by.
const INDEX: &str = "_indices";

/// Where records lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Home {
    /// In one server, with an index of all keys.
    Server,
    /// In a cluster, each in its key's slot: an index of all of them would lie in one slot, and nothing could scan by it.
    Cluster,
}

/// A whole record and its place in the index, as one operation.
fn insertion(distribution: &str, records: u64, home: Home) -> String {
    let fields: String = (0..10).map(|field| format!(" field{field} __data__")).collect();
    let record = format!("HSET {{key {distribution} {records}}}{fields}");
    match home {
        Home::Server => format!("{record} ; ZADD {INDEX} {{same number}} {{same}}"),
        Home::Cluster => record,
    }
}

impl Ycsb {
    /// How `__key__` is chosen.
    #[must_use]
    pub const fn keys(self) -> KeyDistribution {
        match self {
            Self::A | Self::B | Self::C | Self::E | Self::F => {
                KeyDistribution::Zipf { exponent: EXPONENT }
            }
            Self::D => KeyDistribution::Latest { exponent: EXPONENT },
        }
    }

    /// What is sent, by weight, over `records` records.
    ///
    /// # Errors
    /// A workload that a cluster cannot run; the templates have none.
    pub fn commands(self, records: u64, home: Home) -> Result<Vec<CommandPlan>, String> {
        let whole = match self {
            Self::E => Some("scans go by an index of all keys"),
            Self::F => Some("reads and writes of one record are one operation of two commands"),
            Self::A | Self::B | Self::C | Self::D => None,
        };
        if let (Home::Cluster, Some(why)) = (home, whole) {
            return Err(format!("--ycsb {self:?}: {why}; a to d work with --cluster"));
        }
        let read = |weight| named("READ", weight, "HGETALL __key__");
        let update = |weight| {
            // Which field is chosen matters little to a hash; YCSB draws it as well.
            let template = "HSET __key__ field{rand 10} __data__";
            named("UPDATE", weight, template)
        };
        let insert = |weight| named("INSERT", weight, &insertion("new", records, home));
        match self {
            Self::A => Ok(vec![read(50)?, update(50)?]),
            Self::B => Ok(vec![read(95)?, update(5)?]),
            Self::C => Ok(vec![read(1)?]),
            Self::D => Ok(vec![read(95)?, insert(5)?]),
            Self::E => {
                // Keys are in the order of their numbers, so a number is a rank; whole records in one reply.
                let fields: String = (0..10).map(|field| format!(" GET *->field{field}")).collect();
                let from = format!("{{number zipf:{EXPONENT} {records}}}");
                let scan = format!("SORT {INDEX} BY nosort LIMIT {from} {{rand 1-100}}{fields}");
                Ok(vec![named("SCAN", 95, &scan)?, insert(5)?])
            }
            Self::F => {
                let template = "HGETALL __key__ ; HSET {same} field{rand 10} __data__";
                let modify = named("READ-MODIFY-WRITE", 50, template)?;
                Ok(vec![read(50)?, CommandPlan { sending: Sending::InTurn, ..modify }])
            }
        }
    }

    /// What the load phase sends, once for each record.
    ///
    /// # Errors
    /// None of these templates has any.
    pub fn load_phase(records: u64, home: Home) -> Result<Vec<CommandPlan>, String> {
        Ok(vec![named("LOAD", 1, &insertion("sequential", records, home))?])
    }
}

fn named(label: &str, weight: u32, template: &str) -> Result<CommandPlan, String> {
    Ok(CommandPlan { label: label.to_owned(), ..parse_command(template, weight)? })
}

#[cfg(test)]
mod unit {
    use super::*;

    #[test]
    fn every_workload_reads_and_has_ten_fields() {
        for workload in Ycsb::value_variants() {
            let commands = workload
                .commands(1_000, Home::Server)
                .unwrap_or_else(|e| panic!("{workload:?}: {e}"));
            let total: u32 = commands.iter().map(|command| command.weight).sum();
            assert!(total == 100 || total == 1, "{workload:?}");
        }
        let load = Ycsb::load_phase(10, Home::Server).expect("reads");
        assert_eq!(load[0].args.len(), (2 + 2 * 10) + 1 + 4);
    }

    #[test]
    fn in_a_cluster_each_request_is_one_command() {
        let load = Ycsb::load_phase(10, Home::Cluster).expect("reads");
        assert_eq!(load[0].args.len(), 2 + 2 * 10);
        for workload in [Ycsb::A, Ycsb::B, Ycsb::C, Ycsb::D] {
            let commands = workload.commands(10, Home::Cluster).expect("reads");
            assert!(commands.iter().all(|command| !command.takes_several_calls()), "{workload:?}");
        }
        for workload in [Ycsb::E, Ycsb::F] {
            let error = workload.commands(10, Home::Cluster).expect_err("of one server");
            assert!(error.contains("a to d work"), "{error}");
        }
    }
}
