//! The help of a front-end: which flags of the tool are accepted, and what they mean.
//!
//! Made from the same tables that translate the flags, so it cannot name a flag that is not accepted.

use crate::compat::flags::{Does, Flag, Value};
use crate::compat::tool::Tool;
use crate::compat::{memtier, redis_benchmark, valkey_benchmark};

/// Columns of the terminal that help is written for, as `loadgen run --help`.
const WIDTH: usize = 100;
/// Column at which descriptions begin.
const INDENT: usize = 30;

/// The help of a tool's front-end. `describe` gives the first sentence that `loadgen run --help` has on one of its own flags,
/// such as `-c`.
#[must_use]
pub fn help(tool: Tool, describe: &dyn Fn(&str) -> Option<String>) -> String {
    let name = tool.name();
    let (flags, usage) = match tool {
        Tool::RedisBenchmark => (redis_benchmark::flags(), "[FLAGS] [COMMAND]..."),
        Tool::ValkeyBenchmark => (valkey_benchmark::flags(), "[FLAGS] [COMMAND]..."),
        Tool::Memtier => (memtier::flags(), "[FLAGS]"),
    };
    let mut out = format!(
        "Accept the command line of {name}, and print the result in its format\n\n\
         Usage: loadgen run --compat {name} {usage}\n"
    );
    let accepted = |flag: &Flag| match flag.does {
        Does::Same("--help") => Some("Print this help".to_owned()),
        Does::Same(ours) => {
            Some(describe(ours).unwrap_or_else(|| format!("As {ours} of loadgen run")))
        }
        Does::Keep(meaning) => Some(meaning.to_owned()),
        Does::Anyway(_) | Does::Refuse(_) => None,
    };
    let anyway = |flag: &Flag| match flag.does {
        Does::Anyway(how) => Some(how.to_owned()),
        _ => None,
    };
    let refused = |flag: &Flag| match flag.does {
        Does::Refuse(remedy) => Some(remedy.to_owned()),
        _ => None,
    };
    section(&mut out, "Flags", &flags, &accepted);
    section(&mut out, "Accepted, and without effect", &flags, &anyway);
    section(&mut out, "Not available", &flags, &refused);
    out.push_str(
        "\ndocs/switching.md compares the output. loadgen run --help has the flags of loadgen.\n",
    );
    out
}

fn section(
    out: &mut String,
    title: &str,
    flags: &[Flag],
    text_of: &dyn Fn(&Flag) -> Option<String>,
) {
    let mut lines = flags.iter().filter_map(|flag| Some((flag, text_of(flag)?))).peekable();
    if lines.peek().is_none() {
        return;
    }
    out.push_str(&format!("\n{title}:\n"));
    for (flag, text) in lines {
        let mut head = format!("  {}", flag.names.join(", "));
        if flag.value == Value::Follows {
            head.push_str(" <VALUE>");
        }
        // A long head has its description on the next line.
        let mut column = head.len();
        out.push_str(&head);
        if column + 2 > INDENT {
            out.push('\n');
            column = 0;
        }
        out.push_str(&" ".repeat(INDENT - column));
        column = INDENT;
        for (position, word) in text.split_whitespace().enumerate() {
            if position > 0 && column + 1 + word.chars().count() > WIDTH {
                out.push('\n');
                out.push_str(&" ".repeat(INDENT));
                column = INDENT;
            } else if position > 0 {
                out.push(' ');
                column += 1;
            }
            out.push_str(word);
            column += word.chars().count();
        }
        out.push('\n');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_flag_is_in_the_help_and_no_line_is_too_long() {
        for (tool, flags) in [
            (Tool::RedisBenchmark, redis_benchmark::flags()),
            (Tool::ValkeyBenchmark, valkey_benchmark::flags()),
            (Tool::Memtier, memtier::flags()),
        ] {
            let text = help(tool, &|flag| Some(format!("What {flag} does")));
            for flag in &flags {
                let head = format!("  {}", flag.names.join(", "));
                assert!(text.lines().any(|line| line.starts_with(&head)), "{head}");
            }
            for line in text.lines() {
                assert!(line.chars().count() <= WIDTH, "{line}");
            }
        }
    }
}
