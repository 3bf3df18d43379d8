//! The server's settings: those that bear on latency, and those in which arms differ.
//!
//! A server has two hundred settings. The page shows those that a reader of times asks for, and the others folded away.

use crate::view::table::Table;
use aelab_results::folder::Folder;
use aelab_results::record::Server;
use std::collections::BTreeSet;

/// Settings that bear on response times, throughput or memory.
const NOTABLE: [&str; 36] = [
    "save",
    "appendonly",
    "appendfsync",
    "no-appendfsync-on-rewrite",
    "auto-aof-rewrite-percentage",
    "io-threads",
    "io-threads-do-reads",
    "io_threads_active",
    "io-model",
    "multiplexing_api",
    "maxmemory",
    "maxmemory-policy",
    "maxmemory-samples",
    "maxmemory-clients",
    "maxclients",
    "hz",
    "dynamic-hz",
    "timeout",
    "tcp-backlog",
    "tcp-keepalive",
    "activerehashing",
    "activedefrag",
    "lazyfree-lazy-eviction",
    "lazyfree-lazy-expire",
    "lazyfree-lazy-user-del",
    "lazyfree-lazy-user-flush",
    "client-output-buffer-limit",
    "notify-keyspace-events",
    "slowlog-log-slower-than",
    "latency-monitor-threshold",
    "cluster-enabled",
    "databases",
    "server_cpulist",
    "disable-thp",
    "jemalloc-bg-thread",
    "tls-port",
];

/// Settings that say where a server is: they differ between the arms of every scenario.
const PLACES: [&str; 12] = [
    "port",
    "tls-port",
    "bind",
    "dir",
    "dbfilename",
    "appendfilename",
    "appenddirname",
    "pidfile",
    "logfile",
    "unixsocket",
    "proc-title-template",
    "oom-score-adj-values",
];

/// A record with so few settings is shown whole: what was read of it was chosen before.
const FEW: usize = 24;

/// The tables of settings.
#[derive(Debug)]
pub(crate) struct Settings {
    /// Notable ones, and those in which the arms differ.
    pub(crate) shown: Table,
    /// All others, of the first server.
    pub(crate) rest: Table,
}

impl Settings {
    /// The settings of a folder's servers.
    pub(crate) fn of(folder: &Folder) -> Self {
        let servers = servers(folder);
        let first = servers.first().map(|(_, server)| *server);
        let names: BTreeSet<&str> = servers
            .iter()
            .flat_map(|(_, server)| server.config.keys())
            .map(String::as_str)
            .collect();
        let differs = |name: &str| {
            let of = |server: &Server| server.config.get(name).cloned();
            servers.iter().any(|(_, server)| of(server) != first.and_then(of))
        };
        let is_short = names.len() <= FEW;
        let (shown, rest): (Vec<&str>, Vec<&str>) = names.into_iter().partition(|name| {
            let is_place = PLACES.contains(name);
            is_short || NOTABLE.contains(name) || (!is_place && differs(name))
        });
        let has_columns = shown.iter().any(|name| !PLACES.contains(name) && differs(name));
        let columns: Vec<&(String, &Server)> =
            servers.iter().take(if has_columns { usize::MAX } else { 1 }).collect();
        let mut heads = vec!["<Setting".to_owned()];
        match has_columns {
            true => heads.extend(columns.iter().map(|(arm, _)| format!("<{arm}"))),
            false => heads.push("<Value".to_owned()),
        }
        let heads: Vec<&str> = heads.iter().map(String::as_str).collect();
        let mut table = Table::new("Settings of the server that bear on response times", &heads);
        for name in shown {
            let values = columns.iter().map(|(_, server)| value(server, name));
            table.push(std::iter::once(name.to_owned()).chain(values).collect());
        }
        let mut others = Table::new("All other settings", &["<Setting", "<Value"]);
        for name in rest {
            others.push(vec![name.to_owned(), first.map_or_else(String::new, |s| value(s, name))]);
        }
        Self { shown: table, rest: others }
    }
}

/// An empty value is a value: `save ""` switches snapshots off.
fn value(server: &Server, name: &str) -> String {
    match server.config.get(name).map(String::as_str) {
        Some("") => "\"\"".to_owned(),
        Some(value) => value.to_owned(),
        None => String::new(),
    }
}

/// The folder's own server, or those of its arms.
fn servers(folder: &Folder) -> Vec<(String, &Server)> {
    let own = folder.record.server.as_ref().map(|server| (String::new(), server));
    let arms = folder
        .arms
        .iter()
        .filter_map(|(arm, one)| Some((arm.name.clone(), one.record.server.as_ref()?)));
    match folder.arms.is_empty() {
        true => own.into_iter().collect(),
        false => arms.collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aelab_results::record::{Arm, RunRecord};
    use std::path::PathBuf;

    fn folder(config: &[(&str, &str)]) -> Folder {
        let config = config.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned()));
        let many = (0..30).map(|n| (format!("list-max-{n}"), n.to_string()));
        let server = Server { config: config.chain(many).collect(), ..Server::default() };
        let record = RunRecord { server: Some(server), ..RunRecord::default() };
        Folder {
            dir: PathBuf::new(),
            record,
            hlog: None,
            arms: Vec::new(),
            repetitions: Vec::new(),
        }
    }

    #[test]
    fn notable_settings_are_shown_and_the_others_are_not_lost() {
        let settings = Settings::of(&folder(&[("save", ""), ("hz", "10"), ("port", "7000")]));
        let rows = vec![vec!["hz", "10"], vec!["save", "\"\""]];
        assert_eq!(settings.shown.rows, rows);
        assert_eq!(settings.rest.rows.len(), 31);
    }

    #[test]
    fn a_setting_in_which_arms_differ_is_shown_for_each() {
        let arm = |name: &str| Arm { name: name.to_owned(), ..Arm::default() };
        let mut whole = folder(&[]);
        whole.record.server = None;
        let one = folder(&[("hz", "10"), ("list-compress-depth", "0"), ("port", "1")]);
        let other = folder(&[("hz", "10"), ("list-compress-depth", "2"), ("port", "2")]);
        whole.arms = vec![(arm("a"), one), (arm("b"), other)];
        let settings = Settings::of(&whole);
        let heads: Vec<&str> = settings.shown.head.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(heads, ["Setting", "a", "b"]);
        assert_eq!(
            settings.shown.rows,
            vec![vec!["hz", "10", "10"], vec!["list-compress-depth", "0", "2"]]
        );
    }
}
