//! CONFIG GET SET RESETSTAT REWRITE HELP. `config::table` has the directives.

use crate::config::SetError;
use crate::db::glob::{Case, matches};
use crate::server::flags::{ADMIN, LOADING, NOSCRIPT, SECRET_SETTINGS, STALE};
use crate::server::{Call, CommandSpec, Group, NO_KEYS, command, container};
use std::borrow::Cow;

pub(crate) const TABLE: &[CommandSpec] = &[container("config", -2, SUBCOMMANDS).docs(
    Group::Server,
    "2.0.0",
    "Depends on subcommand.",
    "A container for server configuration commands",
)];

const PLAIN: u32 = ADMIN | LOADING | NOSCRIPT | STALE;

const SUBCOMMANDS: &[CommandSpec] = &[
    command("get", -3, PLAIN, NO_KEYS, get).of("config").docs(
        Group::Server,
        "2.0.0",
        "O(N) when N is the number of configuration parameters provided",
        "Get the values of configuration parameters",
    ),
    command("set", -4, PLAIN | SECRET_SETTINGS, NO_KEYS, set)
        .of("config")
        .docs(
            Group::Server,
            "2.0.0",
            "O(N) when N is the number of configuration parameters provided",
            "Set configuration parameters to the given values",
        )
        .tips(&["request_policy:all_nodes", "response_policy:all_succeeded"]),
    command("resetstat", 2, PLAIN, NO_KEYS, resetstat).of("config").docs(
        Group::Server,
        "2.0.0",
        "O(1)",
        "Reset the stats returned by INFO",
    ),
    command("rewrite", 2, PLAIN, NO_KEYS, rewrite).of("config").docs(
        Group::Server,
        "2.8.0",
        "O(1)",
        "Rewrite the configuration file with the in memory configuration",
    ),
    command("help", 2, LOADING | STALE, NO_KEYS, help).of("config").docs(
        Group::Server,
        "5.0.0",
        "O(1)",
        "Show helpful text about the different subcommands",
    ),
];

/// Names and values of the directives that match any of the patterns. O(directives × patterns).
fn get(call: &mut Call<'_>) {
    let place = call.out.deferred();
    let mut count = 0;
    for (name, value) in call.server.config.all() {
        let asked = |pattern: &[u8]| matches(pattern, name.as_bytes(), Case::Ignored);
        if call.args.from(2).any(asked) {
            call.out.bulk(name.as_bytes());
            call.out.bulk(value.as_bytes());
            count += 1;
        }
    }
    call.out.end_map(place, count);
}

/// Changes directives, all or none. O(N) for N directives.
fn set(call: &mut Call<'_>) {
    if !call.args.len().is_multiple_of(2) {
        return call.wrong_arity();
    }
    let text = |index: usize| String::from_utf8_lossy(call.args.at(index));
    let pairs: Vec<(Cow<'_, str>, Cow<'_, str>)> =
        (2..call.args.len()).step_by(2).map(|at| (text(at), text(at + 1))).collect();
    for (at, (name, _)) in pairs.iter().enumerate() {
        if pairs[..at].iter().any(|(other, _)| other.eq_ignore_ascii_case(name)) {
            return failed(call, name, "duplicate parameter");
        }
    }
    let borrowed: Vec<(&str, &str)> = pairs.iter().map(|(n, v)| (&**n, &**v)).collect();
    let before = call.server.config.clone();
    match call.server.config.set_all(&borrowed) {
        Ok(()) => {
            let wanted = call.server.config.settings().clients.maxclients;
            if wanted > before.settings().clients.maxclients
                && let Err(possible) = crate::nofile::make_room(wanted)
            {
                call.server.config = before;
                let reason = format!(
                    "The operating system is not able to handle the specified number of clients, \
                     try with {possible}"
                );
                return failed(call, "maxclients", &reason);
            }
            call.server.settings_changed();
            call.out.ok();
        }
        Err((name, SetError::Unknown)) => call
            .out
            .error(format!("ERR Unknown option or number of arguments for CONFIG SET - '{name}'")),
        Err((name, SetError::Immutable)) => failed(call, &name, "can't set immutable config"),
        Err((name, SetError::Value(reason))) => failed(call, &name, &reason),
    }
}

fn failed(call: &mut Call<'_>, name: &str, reason: &str) {
    call.out
        .error(format!("ERR CONFIG SET failed (possibly related to argument '{name}') - {reason}"));
}

/// Sets the statistics back to zero. O(1).
fn resetstat(call: &mut Call<'_>) {
    call.server.reset_stats();
    call.out.ok();
}

/// Refuses: this server never writes its configuration file. O(1).
fn rewrite(call: &mut Call<'_>) {
    call.out.error(match call.server.config.file {
        None => "ERR The server is running without a config file",
        Some(_) => "ERR Rewriting config file: ae-server does not write configuration files",
    });
}

/// Lists the subcommands. O(1).
fn help(call: &mut Call<'_>) {
    crate::command::help::help(
        call.out,
        "CONFIG",
        &[
            "GET <pattern>",
            "    Return parameters matching the glob-like <pattern> and their values.",
            "SET <directive> <value>",
            "    Set the configuration <directive> to <value>.",
            "RESETSTAT",
            "    Reset statistics reported by the INFO command.",
            "REWRITE",
            "    Rewrite the configuration file.",
        ],
    );
}
