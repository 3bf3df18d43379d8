//! Replies that all containers (`CLIENT`, `CONFIG`, `SCRIPT` …) share.

use crate::reply::Reply;
use crate::server::Call;

/// Replies with a container's help text, in the shape all of Redis's `HELP` subcommands have.
pub(crate) fn help(out: &mut Reply, name: &str, lines: &[&str]) {
    out.array(lines.len() + 3);
    out.simple(
        format!("{name} <subcommand> [<arg> [value] [opt] ...]. Subcommands are:").as_bytes(),
    );
    for line in lines {
        out.simple(line.as_bytes());
    }
    out.simple(b"HELP");
    out.simple(b"    Prints this help.");
}

/// Replies that the subcommand of `container` (upper case) is unknown or has the wrong arguments.
pub(crate) fn unknown_or_wrong_arity(call: &mut Call<'_>, container: &str) {
    let mut text = b"ERR unknown subcommand or wrong number of arguments for '".to_vec();
    text.extend_from_slice(call.args.at(1));
    text.extend_from_slice(b"'. Try ");
    text.extend_from_slice(container.as_bytes());
    text.extend_from_slice(b" HELP.");
    call.out.error(text);
}
