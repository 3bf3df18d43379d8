//! The server of an arm: its program, its arguments and its directives.
//!
//! Invariant: a directive is set in one place only, so that none is silently overridden.

use super::in_file_order;
use super::read::scalar_text;
use crate::error::{ScenarioError, Source};
use crate::raw::Named;
use toml::Spanned;

/// Directives that the lab sets itself, to find the server and its log.
const LAB_DIRECTIVES: [&str; 6] =
    ["port", "bind", "unixsocket", "daemonize", "logfile", "tls-port"];

/// The program, if the arm names one.
pub(super) fn resolve_bin(
    source: Source<'_>,
    typed: Option<Spanned<String>>,
) -> Result<Option<String>, ScenarioError> {
    match typed {
        Some(path) if path.get_ref().trim().is_empty() => Err(source.error(
            &path.span(),
            "`server_bin` is empty: write the path of a server program, or remove it",
        )),
        path => Ok(path.map(Spanned::into_inner)),
    }
}

/// Arguments of the program, and directives by name.
pub(super) type Settings = (Vec<String>, Vec<(String, String)>);

/// Arguments and directives of the server.
pub(super) fn resolve_server(
    source: Source<'_>,
    args: Vec<Spanned<String>>,
    directives: Named<Spanned<toml::Value>>,
) -> Result<Settings, ScenarioError> {
    let lab_sets = |name: &str| {
        let own = LAB_DIRECTIVES.iter().find(|own| name.eq_ignore_ascii_case(own))?;
        Some(format!("the lab sets `{own}` itself: remove it"))
    };
    let directive_in = |arg: &str| {
        // `--name value` may be one argument or two, as for redis-server.
        let name = arg.strip_prefix("--")?.split_ascii_whitespace().next()?;
        Some(name.to_ascii_lowercase())
    };
    for arg in &args {
        if directive_in(arg.get_ref()).is_some_and(|name| name == "requirepass") {
            let message = "`requirepass` must be in `server`, where the lab reads the password";
            return Err(source.error(&arg.span(), message));
        }
        if let Some(why) = directive_in(arg.get_ref()).and_then(|name| lab_sets(&name)) {
            return Err(source.error(&arg.span(), why));
        }
    }
    let mut server = Vec::new();
    for (key, span, value) in in_file_order(directives) {
        if let Some(why) = lab_sets(&key) {
            return Err(source.error(&span, why));
        }
        let is_same = |arg: &&Spanned<String>| {
            directive_in(arg.get_ref()).is_some_and(|name| name.eq_ignore_ascii_case(&key))
        };
        if let Some(arg) = args.iter().find(is_same) {
            let message = format!("`{key}` is in `server` and in `server_args`: remove one");
            return Err(source.error(&arg.span(), message));
        }
        server.push((key, scalar_text(source, &value)?));
    }
    server.sort();
    Ok((args.into_iter().map(Spanned::into_inner).collect(), server))
}
