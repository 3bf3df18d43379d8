//! Command templates as typed: words and their placeholders.
//!
//! Not the splitting into words (see `words`). Filling in placeholders is the engine's work; here it is only checked that
//! they exist. Invariant: an unknown `{…}` or `__…__` is an error, never sent as it stands by accident.

use crate::plan::{CommandPlan, Cursor, PAGE_MAX};
use crate::workload::placeholder::{BARE, BRACED, TIED};
use crate::workload::words::split_words;
use aelab_results::text::secret;
use aelab_units::nearest;

/// Marks the cursor of a SCAN-like command, which is then followed to its end.
const CURSOR: &str = "{cursor}";

/// A command from a line of text.
///
/// # Errors
/// When it is empty, a quote is open, or a placeholder is unknown.
pub fn parse_command(line: &str, weight: u32) -> Result<CommandPlan, String> {
    let words = split_words(line).map_err(|why| format!("`{}`: {why}", shown(line)))?;
    command_from_words(words, weight)
}

/// A line that has no words, as a message shows it: nothing behind the name of a command that may hold a password.
fn shown(line: &str) -> String {
    let quotes = ['"', '\''];
    let mut names = line.split_whitespace().map(|word| word.trim_matches(quotes));
    match names.find(|name| secret::may_log_in(name)) {
        Some(name) => format!("{name} ***"),
        None => line.to_owned(),
    }
}

/// A command from words that are already apart, as a shell gives them.
///
/// # Errors
/// When there is none, or a placeholder is unknown.
pub fn command_from_words(words: Vec<Vec<u8>>, weight: u32) -> Result<CommandPlan, String> {
    let words = join_braces(words);
    if words.first().is_none_or(Vec::is_empty) {
        return Err("the command is empty; give one such as GET __key__".to_owned());
    }
    let mut command = CommandPlan::new(&words);
    command.weight = weight;
    for (index, word) in words.iter().enumerate() {
        if word == CURSOR.as_bytes() {
            if command.cursor != Cursor::Ignore {
                return Err("a command can follow only one {cursor}".to_owned());
            }
            if index == 0 {
                return Err("{cursor} cannot be the command's name".to_owned());
            }
            command.cursor = Cursor::Follow { arg_index: index };
            command.args[index] = b"0".to_vec();
            continue;
        }
        // A whole argument that the engine makes two of.
        if is_page(word) {
            check_page(word, &words[..index])?;
            continue;
        }
        check_placeholders(word)?;
    }
    Ok(command)
}

/// The first word of `{page N}`: a part of a list, followed to the list's end.
const PAGE: &str = "page";

/// Whether an argument is `{page N}`.
#[must_use]
pub fn is_page(word: &[u8]) -> bool {
    word.starts_with(b"{page ") && word.ends_with(b"}")
}

/// `{page N}` becomes a first and a last index, which only some commands take.
fn check_page(word: &[u8], before: &[Vec<u8>]) -> Result<(), String> {
    let text = String::from_utf8_lossy(word);
    let size = text.trim_start_matches("{page ").trim_end_matches('}').trim();
    if !size.parse::<u64>().is_ok_and(|size| (1..=PAGE_MAX).contains(&size)) {
        return Err(format!(
            "`{text}`: the page's size must be 1 to {PAGE_MAX}; write {{page 100}}"
        ));
    }
    // The command that it stands in, of several.
    let begin = before.iter().rposition(|word| word == b";").map_or(0, |at| at + 1);
    let name = before.get(begin).map(|name| name.to_ascii_uppercase()).unwrap_or_default();
    if PAGED.iter().any(|paged| paged.as_bytes() == name) {
        return Ok(());
    }
    Err(format!(
        "`{text}` becomes a first and a last index, which {} does not take; it is for {}",
        String::from_utf8_lossy(&name),
        PAGED.join(", ")
    ))
}

/// Commands that take a first and a last index and answer with an array.
const PAGED: [&str; 4] = ["LRANGE", "ZRANGE", "ZREVRANGE", "EVAL"];

/// Puts a placeholder together again that a shell took apart at its blanks: `{ttl`, `5-9}`.
fn join_braces(words: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
    let mut joined: Vec<Vec<u8>> = Vec::new();
    let mut rest = words.into_iter().peekable();
    while let Some(mut word) = rest.next() {
        if let Some(open) = word.iter().rposition(|byte| *byte == b'{')
            && BRACED.iter().chain([&PAGE]).any(|name| name.as_bytes() == &word[open + 1..])
        {
            while !word[open..].contains(&b'}')
                && let Some(next) = rest.next()
            {
                word.push(b' ');
                word.extend(next);
            }
        }
        joined.push(word);
    }
    joined
}

fn check_placeholders(word: &[u8]) -> Result<(), String> {
    let Ok(text) = std::str::from_utf8(word) else { return Ok(()) };
    check_braces(text)?;
    check_underscores(text)
}

/// Placeholders in braces that are one word.
const ALONE: [&str; 4] = ["same", "cursor", "stamp", "tag"];

/// `{tag}` is a cluster hash tag, and JSON has braces too: what is no placeholder and like none is sent as it is.
fn check_braces(text: &str) -> Result<(), String> {
    let mut rest = text;
    while let Some(open) = rest.find('{') {
        let is_escaped = rest[..open].ends_with('\\');
        rest = &rest[open + 1..];
        if is_escaped {
            continue;
        }
        let Some(close) = rest.find('}') else {
            let name = rest.split_whitespace().next().unwrap_or_default();
            if BRACED.contains(&name) {
                return Err(format!("`{{{rest}` has no closing brace; write {{{name} …}}"));
            }
            break;
        };
        let inner = &rest[..close];
        let name = inner.split_whitespace().next().unwrap_or_default();
        let is_word = !name.is_empty() && name.bytes().all(|b| b.is_ascii_lowercase());
        if BRACED.contains(&inner) && inner != "same" {
            return Err(format!(
                "`{{{inner}}}` does not say which; write {{{inner} …}}, see docs/workloads.md"
            ));
        }
        if is_word && inner.contains(' ') && !BRACED.contains(&name) {
            let hint = nearest(name, BRACED)
                .map_or(String::new(), |n| format!("; did you mean {{{n} …}}?"));
            return Err(format!("unknown placeholder `{{{inner}}}`{hint}"));
        }
        if is_word
            && inner == name
            && let Some(near) = nearest(name, ALONE.into_iter().chain(BRACED))
            && near != name
        {
            let near = if ALONE.contains(&near) { near.to_owned() } else { format!("{near} …") };
            return Err(format!(
                "unknown placeholder `{{{inner}}}`; did you mean {{{near}}}? to send it as it is, write \\{{{inner}}}"
            ));
        }
        if inner == "cursor" {
            return Err("{cursor} is a whole argument; put a blank on both sides of it".to_owned());
        }
        rest = &rest[close + 1..];
    }
    Ok(())
}

/// Two underscores, small letters, two underscores: a placeholder, or one that was meant.
fn check_underscores(text: &str) -> Result<(), String> {
    let known = || BARE.iter().chain(&TIED).copied();
    let mut rest = text;
    while let Some(open) = rest.find("__") {
        rest = &rest[open..];
        let Some(close) = rest[2..].find("__") else { break };
        let holder = &rest[..close + 4];
        let name = &holder[2..close + 2];
        let is_name = !name.is_empty()
            && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
        if is_name && !known().any(|one| one == holder) {
            let braced = match (ALONE.contains(&name), BRACED.contains(&name)) {
                (true, _) => Some(format!("{{{name}}}")),
                (false, true) => Some(format!("{{{name} …}}")),
                (false, false) => None,
            };
            if let Some(braced) = braced {
                return Err(format!(
                    "unknown placeholder `{holder}`; did you mean {braced}? see docs/workloads.md"
                ));
            }
            let is_whole = holder == text;
            // Compared without the underscores, which all have in common.
            let near = nearest(name, known().map(|one| one.trim_matches('_')));
            if let Some(near) = near.or_else(|| is_whole.then_some("key")) {
                return Err(format!("unknown placeholder `{holder}`; did you mean `__{near}__`?"));
            }
        }
        rest = &rest[if is_name { close + 4 } else { 2 }..];
    }
    Ok(())
}

/// The commands of a file: one template per line, before it a weight if it is not 1; empty lines and lines that begin with
/// `#` are skipped.
///
/// # Errors
/// The number of the first line that cannot be read, and why; or that there is no command.
pub fn parse_command_file(text: &str) -> Result<Vec<CommandPlan>, String> {
    let mut commands = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (first, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
        // No command's name begins with a digit, a sign or a point.
        let is_weight = first.starts_with(|c: char| c.is_ascii_digit() || "+-.".contains(c));
        let at = |why: String| format!("line {number}: {why}");
        let (weight, template) = match (is_weight, first.parse()) {
            (false, _) => (1, line),
            (true, Ok(weight)) => (weight, rest),
            (true, Err(_)) => {
                return Err(at(format!(
                    "'{first}' is no weight; write N COMMAND, such as 9 GET __key__"
                )));
            }
        };
        commands.push(parse_command(template, weight).map_err(at)?);
    }
    if commands.is_empty() {
        return Err("there is no command in it; write one per line".to_owned());
    }
    Ok(commands)
}

/// Longest label of a command that its arguments distinguish from others of its name.
const LABEL_CHARS_MAX: usize = 40;

/// Gives commands of one name labels of their own: the whole command, cut, and numbered if that is not enough.
pub fn distinguish(commands: &mut [CommandPlan]) {
    let labels: Vec<String> = commands.iter().map(|command| command.label.clone()).collect();
    let is_shared = |label: &String| labels.iter().filter(|other| *other == label).count() > 1;
    let mut used: Vec<String> = Vec::new();
    for (command, label) in commands.iter_mut().zip(&labels) {
        if is_shared(label) {
            let arguments = command.args.get(1..).unwrap_or_default();
            let words = arguments.iter().map(|arg| String::from_utf8_lossy(arg).into_owned());
            let text: Vec<String> = std::iter::once(label.clone()).chain(words).collect();
            let text = secret::command_words(&text);
            // On one line, whatever the arguments are.
            let plain = |c: char| if c.is_control() { '\u{b7}' } else { c };
            let text: String = text.join(" ").chars().map(plain).take(LABEL_CHARS_MAX).collect();
            // As `latency.hlog` writes it: its tags know no comma, colon or blank.
            let tag = text.replace(|c: char| c == ',' || c == ':' || c.is_whitespace(), "_");
            let copies = used.iter().filter(|one| **one == tag).count();
            used.push(tag);
            command.label = if copies > 0 { format!("{text} #{}", copies + 1) } else { text };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_with_an_open_quote_shows_no_password() {
        for line in
            ["AUTH canary\"", "auth u 'canary", "\"HELLO 3 AUTH u canary", "PING ; AUTH \"canary x"]
        {
            let said = parse_command(line, 1).expect_err(line);
            assert!(said.contains("***") && !said.contains("canary"), "{said}");
        }
        let said = parse_command("GET \"x", 1).expect_err("open");
        assert!(said.starts_with("`GET \"x`: "), "{said}");
    }

    #[test]
    fn a_file_of_commands_has_weights_and_its_broken_line_is_named() {
        let text = "# reads\n9 GET __key__\n\nSET __key__ \"a b\"\n";
        let commands = parse_command_file(text).expect("reads");
        assert_eq!((commands[0].weight, commands[1].weight), (9, 1));
        assert_eq!(commands[1].args[2], b"a b");
        for (text, part) in [
            ("GET a\nGET \"b\n", "line 2: "),
            ("GET a\n\n9x GET b\n", "line 3: '9x' is no weight"),
            ("-1 GET a\n", "line 1: '-1' is no weight"),
            ("0.5 GET a\n", "line 1: '0.5' is no weight"),
            ("5\n", "line 1: "),
            ("GET __kye__", "line 1: "),
            ("# nothing", "no command"),
        ] {
            let error = parse_command_file(text).expect_err(text);
            assert!(error.contains(part), "{text}: {error}");
        }
    }

    #[test]
    fn commands_of_one_name_are_told_apart() {
        let lines = ["GET a", "GET \"b\\nc\"", "SET c d", "GET a", "GET a,b", "GET a:b"];
        let mut commands = lines.map(|line| parse_command(line, 1).expect("reads"));
        distinguish(&mut commands);
        let labels = commands.map(|command| command.label);
        assert_eq!(labels[..4], ["GET a", "GET b\u{b7}c", "SET", "GET a #2"]);
        assert_eq!(labels[4..], ["GET a,b", "GET a:b #2"]);
    }

    #[test]
    fn placeholders_are_checked_and_cursors_followed() {
        let scan = parse_command("sscan set {cursor} COUNT 10", 2).expect("reads");
        assert_eq!(scan.cursor, Cursor::Follow { arg_index: 2 });
        assert_eq!(scan.args[2], b"0");
        assert_eq!((scan.label.as_str(), scan.weight), ("SSCAN", 2));
        assert!(parse_command("GET user:{tag}:1", 1).is_ok());
        let apart = ["EXPIRE", "a:{key", "zipf", "9}", "{ttl", "5-9}"].map(|word| word.into());
        let joined = command_from_words(apart.into(), 1).expect("reads");
        assert_eq!(joined.args[1..], [b"a:{key zipf 9}".to_vec(), b"{ttl 5-9}".to_vec()]);
        assert!(parse_command("HSET {key 9} n {same number}", 1).is_ok());
        assert!(parse_command("LRANGE l {page 5}", 1).is_ok());
        assert!(parse_command("GET a ; lrange l {page 5}", 1).is_ok());
        for literal in [
            "GET \\{kye}",
            "GET {user}:{order}",
            "GET user__name__x",
            "SET a '{\"a\":1}'",
            "SET a \"\"",
            "GET {user1000}.x",
            "SET a __x__y",
        ] {
            assert!(parse_command(literal, 1).is_ok(), "{literal}");
        }
        for (line, part) in [
            ("", "empty"),
            ("SET a {\"a\":1}", "single quotes"),
            ("GET __ky__", "did you mean `__key__`"),
            ("GET user:__rnd_int__:x", "did you mean `__rand_int__`"),
            ("GET __anything__", "unknown placeholder"),
            ("GET {key}", "write {key …}"),
            ("GET {smae}", "{same}"),
            ("SCAN x{cursor}", "whole argument"),
            ("GET {key zipf 9", "closing brace"),
            ("GET __kye__", "did you mean `__key__`"),
            ("SET a b EX __ttl__", "did you mean {ttl …}"),
            ("PUBLISH a __stamp__", "did you mean {stamp}?"),
            ("GET {kye uniform 10}", "did you mean {key …}"),
            ("SCAN {cursor} {cursor}", "only one"),
            ("GET {kye}", "did you mean {key …}"),
            ("GET a:{stmp}", "write \\{stmp}"),
            ("LRANGE l {page 0}", "1 to"),
            ("LRANGE l {page x}", "1 to"),
            ("GET {page 5}", "which GET does not take"),
            ("LRANGE l {page 5} ; GET a {page 5}", "which GET does not take"),
        ] {
            let error = parse_command(line, 1).expect_err(line);
            assert!(error.contains(part), "{line}: {error}");
        }
    }
}
