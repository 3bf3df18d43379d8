//! The server's own view of a run: INFO and SLOWLOG.
//!
//! Facts as the server gives them; their interpretation is in [`crate::observe::stall_cause`]. Invariant: what a server does
//! not offer is absent, and never an error that ends a measurement.

use crate::control::Control;
use aelab_resp::value::Value;
use aelab_results::record::{LatencyEvent, Server};
use aelab_results::text::secret;
use std::collections::BTreeMap;
use std::time::Duration;

/// SLOWLOG entries asked for: all that the lab lets its servers keep.
pub const SLOWLOG_MAX: &str = "4096";
/// The start of the evidence of a stall whose cause could not be looked up.
pub const REFUSED_SLOWLOG: &str = "the server refused SLOWLOG";

/// The same where the server logs no command, or only longer ones.
pub const SLOWLOG_OFF: &str = "the server's slow log is off";
/// See [`SLOWLOG_OFF`].
pub const SLOWLOG_COARSE: &str = "the server's slow log has only commands of more than";
/// What switches it on: Redis's own default, 10 ms.
pub const SLOWLOG_ON: &str = "switch it on with CONFIG SET slowlog-log-slower-than 10000";

/// Why the slow log cannot explain a stall of this length, by the server's settings; `None` if it can, or if they are unknown.
#[must_use]
pub fn slowlog_gap(config: &BTreeMap<String, String>, stall: Duration) -> Option<String> {
    let number = |name: &str| config.get(name)?.parse::<i64>().ok();
    if number("slowlog-max-len") == Some(0) {
        return Some(format!(
            "{SLOWLOG_OFF} (slowlog-max-len 0); switch it on with CONFIG SET slowlog-max-len 128"
        ));
    }
    let threshold = number("slowlog-log-slower-than")?;
    let Ok(threshold) = u64::try_from(threshold) else {
        return Some(format!("{SLOWLOG_OFF} (slowlog-log-slower-than {threshold}); {SLOWLOG_ON}"));
    };
    let threshold = Duration::from_micros(threshold);
    (threshold > stall).then(|| {
        let micros = (stall.as_micros() / 2).max(1);
        format!(
            "{SLOWLOG_COARSE} {} ms; log shorter ones with CONFIG SET slowlog-log-slower-than {micros}",
            threshold.as_secs_f64() * 1e3
        )
    })
}

/// INFO as fields by name, comments and sections dropped.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Info(BTreeMap<String, String>);

impl Info {
    /// Reads the text of INFO.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let fields = text
            .lines()
            .filter(|line| !line.starts_with('#'))
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.trim().to_owned(), value.trim().to_owned()));
        Self(fields.collect())
    }

    /// All fields by name.
    #[must_use]
    pub fn fields(&self) -> &BTreeMap<String, String> {
        &self.0
    }

    /// A field's text.
    #[must_use]
    pub fn text(&self, field: &str) -> Option<&str> {
        self.0.get(field).map(String::as_str)
    }

    /// A field's number.
    #[must_use]
    pub fn number(&self, field: &str) -> Option<f64> {
        self.text(field)?.parse().ok()
    }

    /// Whether it is the bundled server.
    #[must_use]
    pub fn is_bundled(&self) -> bool {
        self.server().name == "ae-server"
    }

    /// Keys in all databases; `None` if there is no keyspace section at all, as from a server that has none.
    #[must_use]
    pub fn keys(&self) -> Option<u64> {
        let in_db = |(name, value): (&String, &String)| {
            let number = name.strip_prefix("db")?;
            number.parse::<u32>().ok()?;
            value.split(',').find_map(|part| part.strip_prefix("keys=")?.parse::<u64>().ok())
        };
        // An empty server lists no database.
        let has_any = self.0.contains_key("redis_version");
        has_any.then(|| self.0.iter().filter_map(in_db).sum())
    }

    /// The server, as the record names it.
    #[must_use]
    pub fn server(&self) -> Server {
        let first = |names: &[(&str, &str)]| {
            names.iter().find_map(|(field, name)| {
                self.text(field).map(|version| ((*name).to_owned(), version.to_owned()))
            })
        };
        // Forks keep `redis_version` for the sake of clients; their own field comes first.
        let known = [
            ("ae_server_version", "ae-server"),
            ("valkey_version", "valkey"),
            ("dragonfly_version", "dragonfly"),
            ("redis_version", "redis"),
        ];
        let (name, version) = first(&known)
            .map_or_else(|| ("unknown".to_owned(), None), |(name, version)| (name, Some(version)));
        // A fork that keeps `redis_version` for clients may name itself in `server_name`.
        let name = self.text("server_name").map_or(name, str::to_owned);
        Server {
            name,
            version,
            pid: self.text("process_id").and_then(|pid| pid.parse().ok()),
            keys: self.keys(),
            ..Server::default()
        }
    }
}

/// One SLOWLOG entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SlowEntry {
    /// Rises with each entry.
    pub id: i64,
    /// When it was logged, in whole seconds since 1970.
    pub at_unix_s: i64,
    /// How long the command executed.
    pub duration: Duration,
    /// The command's name in capitals.
    pub command: String,
    /// The whole command, as far as the server kept it.
    pub words: Vec<Vec<u8>>,
}

/// All settings of the server by name, passwords masked; or how it refused to tell.
///
/// # Errors
/// Only when the connection breaks.
pub fn config(
    control: &mut Control,
) -> Result<Result<BTreeMap<String, String>, String>, aelab_engine::error::Failure> {
    let reply = control.command(&[b"CONFIG", b"GET", b"*"])?;
    if let Value::Error(text) = &reply {
        return Ok(Err(String::from_utf8_lossy(text).into_owned()));
    }
    Ok(Ok(settings(&reply)))
}

/// Names and values of a reply to CONFIG GET: a list of both in turn, or in RESP3 a map.
fn settings(reply: &Value) -> BTreeMap<String, String> {
    let pairs: Vec<(&Value, &Value)> = match reply {
        Value::Map(pairs) => pairs.iter().map(|(name, value)| (name, value)).collect(),
        other => {
            let words = other.as_slice().unwrap_or_default();
            words.chunks_exact(2).map(|pair| (&pair[0], &pair[1])).collect()
        }
    };
    let text = |value: &Value| Some(String::from_utf8_lossy(value.as_bytes()?).into_owned());
    let named = pairs.into_iter().filter_map(|(name, value)| Some((text(name)?, text(value)?)));
    let masked = |(name, value): (String, String)| {
        let value = secret::setting(&name, &value).to_owned();
        (name, value)
    };
    named.map(masked).collect()
}

/// Fields of INFO that are settings, for a server that refuses CONFIG: the field, and the setting's name.
const SETTINGS_IN_INFO: [(&str, &str); 6] = [
    ("multiplexing_api", "multiplexing_api"),
    ("maxclients", "maxclients"),
    ("hz", "hz"),
    ("maxmemory", "maxmemory"),
    ("maxmemory_policy", "maxmemory-policy"),
    ("io_threads_active", "io_threads_active"),
];

/// The server with its settings: those of CONFIG GET, and those that INFO has beside them.
#[must_use]
pub fn describe(info: &Info, config: Result<BTreeMap<String, String>, String>) -> Server {
    let (config, config_refusal) = match config {
        Ok(config) => (config, None),
        Err(refusal) => (BTreeMap::new(), Some(refusal)),
    };
    let mut server = Server { config, config_refusal, ..info.server() };
    for (field, name) in SETTINGS_IN_INFO {
        if let Some(value) = info.text(field) {
            server.config.entry(name.to_owned()).or_insert_with(|| value.to_owned());
        }
    }
    server
}

/// The slow log, oldest entry first; empty if the server has none.
///
/// # Errors
/// Only when the connection breaks.
pub fn slowlog(control: &mut Control) -> Result<Vec<SlowEntry>, aelab_engine::error::Failure> {
    Ok(slowlog_or_refusal(control)?.unwrap_or_default())
}

/// The slow log, oldest entry first; or how the server refused it to this user. Empty if the server has none.
///
/// # Errors
/// Only when the connection breaks.
pub fn slowlog_or_refusal(
    control: &mut Control,
) -> Result<Result<Vec<SlowEntry>, String>, aelab_engine::error::Failure> {
    let reply = control.command(&[b"SLOWLOG", b"GET", SLOWLOG_MAX.as_bytes()])?;
    if let Some(refusal) = forbidden(&reply) {
        return Ok(Err(refusal));
    }
    let mut entries: Vec<SlowEntry> =
        reply.as_slice().unwrap_or_default().iter().filter_map(slow_entry).collect();
    entries.sort_by_key(|entry| entry.id);
    Ok(Ok(entries))
}

/// How the server refused INFO to this user, if it did.
///
/// # Errors
/// Only when the connection breaks.
pub fn info_refusal(control: &mut Control) -> Result<Option<String>, aelab_engine::error::Failure> {
    Ok(forbidden(&control.command(&[b"INFO", b"server"])?))
}

/// The text of an error that says that this user has no permission.
fn forbidden(reply: &Value) -> Option<String> {
    let Value::Error(text) = reply else { return None };
    text.starts_with(b"NOPERM").then(|| String::from_utf8_lossy(text).into_owned())
}

fn slow_entry(value: &Value) -> Option<SlowEntry> {
    let fields = value.as_slice()?;
    let words = fields.get(3)?.as_slice()?;
    let command = words.first()?.as_str()?.to_ascii_uppercase();
    let words: Vec<Vec<u8>> =
        words.iter().filter_map(|word| Some(word.as_bytes()?.to_vec())).collect();
    // Servers before Redis 6.2 log passwords as they are.
    let words = match std::str::from_utf8(&words[0]) {
        Ok(name) if secret::may_log_in(name) => secret::command_words(
            &words
                .iter()
                .map(|word| String::from_utf8_lossy(word).into_owned())
                .collect::<Vec<_>>(),
        )
        .into_iter()
        .map(String::into_bytes)
        .collect(),
        _ => words,
    };
    Some(SlowEntry {
        id: fields.first()?.as_i64()?,
        at_unix_s: fields.get(1)?.as_i64()?,
        duration: Duration::from_micros(u64::try_from(fields.get(2)?.as_i64()?).ok()?),
        command,
        words,
    })
}

/// The events of the server's latency monitor; empty if it has none.
///
/// # Errors
/// Only when the connection breaks.
pub fn latency(control: &mut Control) -> Result<Vec<LatencyEvent>, aelab_engine::error::Failure> {
    let latest = control.command(&[b"LATENCY", b"LATEST"])?;
    let mut events: Vec<LatencyEvent> =
        latest.as_slice().unwrap_or_default().iter().filter_map(latency_event).collect();
    for event in &mut events {
        let history = control.command(&[b"LATENCY", b"HISTORY", event.event.as_bytes()])?;
        let sample = |value: &Value| {
            let fields = value.as_slice()?;
            let length = u64::try_from(fields.get(1)?.as_i64()?).ok()?;
            Some((fields.first()?.as_i64()?, length))
        };
        event.history = history.as_slice().unwrap_or_default().iter().filter_map(sample).collect();
    }
    Ok(events)
}

fn latency_event(value: &Value) -> Option<LatencyEvent> {
    let fields = value.as_slice()?;
    let number = |at: usize| u64::try_from(fields.get(at)?.as_i64()?).ok();
    Some(LatencyEvent {
        event: fields.first()?.as_str()?.to_owned(),
        latest_ms: number(2)?,
        longest_ms: number(3)?,
        history: Vec::new(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_info() {
        let info =
            Info::parse("# Server\r\nredis_version:7.0.15\r\nprocess_id:12\r\n\r\nhz:10\r\n");
        assert_eq!(info.number("hz"), Some(10.0));
        assert_eq!(info.keys(), Some(0));
        let filled = Info::parse("redis_version:7.0\r\ndb0:keys=5,expires=1\r\ndb3:keys=2\r\n");
        assert_eq!(filled.keys(), Some(7));
        let server = info.server();
        assert_eq!((server.name.as_str(), server.pid), ("redis", Some(12)));
        assert_eq!(server.version.as_deref(), Some("7.0.15"));
        assert_eq!(Info::parse("").server().name, "unknown");
    }

    #[test]
    fn settings_are_read_in_both_protocols_and_secrets_are_masked() {
        let text = |t: &str| Value::Bulk(t.as_bytes().to_vec());
        let pairs = [
            ("save", "3600 1"),
            ("requirepass", "canary"),
            ("masterauth", "canary"),
            ("primaryauth", "canary"),
            ("tls-key-file-pass", "canary"),
            ("tls-auth-clients", "yes"),
        ];
        let list = pairs.iter().flat_map(|(name, value)| [text(name), text(value)]).collect();
        let map = pairs.iter().map(|(name, value)| (text(name), text(value))).collect();
        for reply in [Value::Array(list), Value::Map(map)] {
            let settings = settings(&reply);
            assert_eq!(settings.len(), pairs.len());
            assert_eq!((&*settings["save"], &*settings["tls-auth-clients"]), ("3600 1", "yes"));
            assert!(settings.values().all(|value| value != "canary"), "{settings:?}");
        }
        assert_eq!(secret::setting("requirepass", ""), "", "no password is no secret");
    }

    #[test]
    fn a_slow_log_that_cannot_explain_a_stall_is_named_with_the_remedy() {
        let ms = Duration::from_millis;
        for (slower_than, max_len, stall, want) in [
            (
                "-1",
                "128",
                ms(30),
                Some("slow log is off (slowlog-log-slower-than -1); switch it on with CONFIG SET"),
            ),
            ("10000", "0", ms(30), Some("CONFIG SET slowlog-max-len")),
            (
                "1000000",
                "128",
                ms(30),
                Some(
                    "more than 1000 ms; log shorter ones with CONFIG SET slowlog-log-slower-than 15000",
                ),
            ),
            ("10000", "128", ms(30), None),
            ("0", "128", ms(30), None),
        ] {
            let config = [("slowlog-log-slower-than", slower_than), ("slowlog-max-len", max_len)];
            let config = config.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
            let said = slowlog_gap(&config, stall);
            let fits = match (&said, want) {
                (Some(said), Some(want)) => said.contains(want),
                (None, None) => true,
                _ => false,
            };
            assert!(fits, "{slower_than} {max_len}: {said:?}");
        }
        assert_eq!(slowlog_gap(&BTreeMap::new(), ms(30)), None, "unknown");
    }

    #[test]
    fn without_config_the_settings_are_those_of_info() {
        let info = Info::parse("redis_version:7.0\nhz:10\nmaxmemory_policy:noeviction\n");
        let server = describe(&info, Err("ERR unknown command 'CONFIG'".to_owned()));
        assert_eq!(server.config["maxmemory-policy"], "noeviction");
        assert!(server.config_refusal.is_some_and(|why| why.contains("CONFIG")));
        let told = describe(&info, Ok([("hz".to_owned(), "50".to_owned())].into()));
        assert_eq!((told.config["hz"].as_str(), told.config_refusal), ("50", None));
    }

    #[test]
    fn reads_slow_entries() {
        let text = |t: &str| Value::Bulk(t.as_bytes().to_vec());
        let entry = Value::Array(vec![
            Value::Integer(3),
            Value::Integer(1_700_000_000),
            Value::Integer(15_000),
            Value::Array(vec![text("keys"), text("*")]),
        ]);
        let entry = slow_entry(&entry).expect("an entry");
        assert_eq!((entry.command.as_str(), entry.duration.as_millis()), ("KEYS", 15));
        assert_eq!(slow_entry(&Value::Null), None);
    }

    #[test]
    fn reads_latency_events() {
        let number = Value::Integer;
        let event =
            vec![Value::Bulk(b"command".to_vec()), number(1_700_000_000), number(12), number(40)];
        let event = latency_event(&Value::Array(event)).expect("an event");
        assert_eq!((event.event.as_str(), event.latest_ms, event.longest_ms), ("command", 12, 40));
        assert_eq!(latency_event(&Value::Null), None);
    }
}
