//! A scenario file as typed: all keys, nothing resolved.
//!
//! Invariant: unknown keys are errors, and every value that can be invalid has its place. README.md
//! explains the keys; a test checks that it names all of them.

use serde::Deserialize;
use serde::de::IgnoredAny;
use std::collections::BTreeMap;
use toml::Spanned;

/// A table whose names the user chooses.
pub(crate) type Named<T> = BTreeMap<Spanned<String>, T>;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawScenario {
    pub(crate) question: Spanned<String>,
    #[serde(default)]
    pub(crate) about: String,
    pub(crate) seed: Option<u64>,
    pub(crate) repeat: Option<Spanned<u32>>,
    pub(crate) pause_max: Option<Spanned<String>>,
    #[serde(default)]
    pub(crate) needs: Vec<Spanned<String>>,
    #[serde(default)]
    pub(crate) claims: Named<RawClaim>,
    pub(crate) server_bin: Option<Spanned<String>>,
    #[serde(default)]
    pub(crate) server_args: Vec<Spanned<String>>,
    #[serde(default)]
    pub(crate) server: Named<Spanned<toml::Value>>,
    #[serde(default)]
    pub(crate) limits: RawLimits,
    #[serde(default)]
    pub(crate) data: RawData,
    #[serde(default)]
    pub(crate) link: Option<RawLink>,
    #[serde(default)]
    pub(crate) engine: RawEngine,
    #[serde(default)]
    pub(crate) phases: RawPhases,
    pub(crate) procedure: Option<Named<Spanned<toml::Value>>>,
    #[serde(default)]
    pub(crate) groups: Named<RawGroup>,
    // Removed from the file before this type is read; here only to complete the list of known keys.
    #[serde(default)]
    #[expect(dead_code, reason = "only the name is used, see above")]
    arms: Option<IgnoredAny>,
    #[serde(default)]
    #[expect(dead_code, reason = "only the name is used, see above")]
    scales: Option<IgnoredAny>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawClaim {
    pub(crate) text: String,
    #[serde(default)]
    pub(crate) article: String,
    #[serde(default)]
    pub(crate) of_redis: bool,
    #[serde(default)]
    pub(crate) requires: Vec<RawCriterion>,
    #[serde(default)]
    pub(crate) holds: Vec<RawCriterion>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawCriterion {
    pub(crate) says: String,
    pub(crate) measure: Spanned<String>,
    pub(crate) against: Option<Spanned<toml::Value>>,
    #[serde(rename = "as")]
    pub(crate) compare: Option<Spanned<String>>,
    pub(crate) min: Option<Spanned<toml::Value>>,
    pub(crate) max: Option<Spanned<toml::Value>>,
    pub(crate) slack: Option<Spanned<toml::Value>>,
    #[serde(default)]
    pub(crate) unit: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawData {
    pub(crate) keys: Option<Spanned<toml::Value>>,
    pub(crate) value_size: Option<Spanned<toml::Value>>,
    pub(crate) key_prefix: Option<String>,
    pub(crate) element_prefix: Option<String>,
    #[serde(default)]
    pub(crate) list: Named<Spanned<toml::Value>>,
    #[serde(default)]
    pub(crate) set: Named<Spanned<toml::Value>>,
    #[serde(default)]
    pub(crate) hash: Named<Spanned<toml::Value>>,
    #[serde(default)]
    pub(crate) zset: Named<Spanned<toml::Value>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawLimits {
    pub(crate) nofile: Option<Spanned<toml::Value>>,
    pub(crate) cpus: Option<Spanned<toml::Value>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawLink {
    pub(crate) rtt: Option<Spanned<String>>,
    pub(crate) jitter: Option<Spanned<String>>,
    pub(crate) bandwidth: Option<Spanned<toml::Value>>,
    pub(crate) share: Option<Spanned<toml::Value>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawEngine {
    pub(crate) threads: Option<Spanned<toml::Value>>,
    pub(crate) pacing: Option<Spanned<String>>,
    pub(crate) trace: Option<Spanned<u32>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawPhases {
    pub(crate) warmup: Option<Spanned<String>>,
    pub(crate) measure: Option<Spanned<String>>,
    pub(crate) drain: Option<Spanned<String>>,
    pub(crate) stall_threshold: Option<Spanned<String>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawGroup {
    pub(crate) role: Option<Spanned<String>>,
    pub(crate) connections: Option<Spanned<toml::Value>>,
    pub(crate) pipeline: Option<Spanned<toml::Value>>,
    pub(crate) arrival: Option<Spanned<String>>,
    pub(crate) rate: Option<Spanned<toml::Value>>,
    pub(crate) every: Option<Spanned<String>>,
    pub(crate) commands: Option<Spanned<Vec<String>>>,
    pub(crate) weights: Option<Spanned<Vec<u32>>>,
    pub(crate) keys: Option<Spanned<String>>,
    pub(crate) data_size: Option<Spanned<toml::Value>>,
    pub(crate) think: Option<Spanned<String>>,
    pub(crate) timeout: Option<Spanned<String>>,
    pub(crate) start_after: Option<Spanned<String>>,
    pub(crate) churn: Option<Spanned<toml::Value>>,
    pub(crate) pool: Option<RawPool>,
    pub(crate) connect_rate: Option<Spanned<toml::Value>>,
    pub(crate) connect: Option<Spanned<String>>,
    pub(crate) socket: Option<Spanned<String>>,
    pub(crate) via: Option<Spanned<String>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawPool {
    pub(crate) min_idle: Option<Spanned<toml::Value>>,
    pub(crate) max_idle: Option<Spanned<toml::Value>>,
    pub(crate) max_wait: Option<Spanned<String>>,
    pub(crate) order: Option<Spanned<String>>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::de::DeserializeOwned;

    /// The keys of a type, from the error message of its parser.
    fn keys_of<T: DeserializeOwned>() -> Vec<String> {
        let error = toml::from_str::<T>("no-such-key = 1").err().expect("refused").to_string();
        let (_, known) = error.split_once("expected").expect("its keys");
        known.split('`').skip(1).step_by(2).map(str::to_owned).collect()
    }

    #[test]
    fn the_reference_names_every_key() {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
        let readme = std::fs::read_to_string(path).expect("README.md");
        let rows: Vec<&str> = readme.lines().filter(|line| line.starts_with("| `")).collect();
        let named = |key: &str| {
            let (whole, end) = (format!("`{key}`"), format!(".{key}`"));
            let column = |row: &&&str| {
                row.split('|').nth(1).is_some_and(|first| {
                    // The row of a table, such as `[server]`, or of a key: `list.NAME`, `pool.min_idle`.
                    let table = [format!("`[{key}]`"), format!("[{key}."), format!("`{key}.")];
                    first.contains(&whole)
                        || first.contains(&end)
                        || table.iter().any(|t| first.contains(t))
                })
            };
            rows.iter().any(|row| column(&row))
        };
        let all = [
            ("scenario", keys_of::<RawScenario>()),
            ("claim", keys_of::<RawClaim>()),
            ("criterion", keys_of::<RawCriterion>()),
            ("data", keys_of::<RawData>()),
            ("limits", keys_of::<RawLimits>()),
            ("link", keys_of::<RawLink>()),
            ("engine", keys_of::<RawEngine>()),
            ("phases", keys_of::<RawPhases>()),
            ("group", keys_of::<RawGroup>()),
            ("pool", keys_of::<RawPool>()),
        ];
        for (table, keys) in all {
            assert!(keys.len() > 1, "{table}: {keys:?}");
            for key in keys {
                // These have their own sections.
                let has_section = ["arms", "scales", "requires", "holds"].contains(&&*key);
                assert!(has_section || named(&key), "README.md does not name {table}.{key}");
            }
        }
    }
}
