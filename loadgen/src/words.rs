//! Command templates as people type them: words, quotes, placeholders.
//!
//! Words are split as `redis-cli` splits them. Filling in placeholders is the engine's work; here it is only checked that
//! they exist. Invariant: an unknown `{…}` or `__…__` is an error, never sent as it stands by accident.

use crate::engine::plan::{CommandPlan, Cursor};
use aelab_scenarios::nearest;

/// Placeholders that the engine fills in.
const PLACEHOLDERS: [&str; 3] = ["__key__", "__data__", "__rand_int__"];
/// Placeholders in braces that the engine fills in, by their first word.
const BRACED: [&str; 3] = ["key", "rand", "ttl"];
/// Marks the cursor of a SCAN-like command, which is then followed to its end.
const CURSOR: &str = "{cursor}";

/// Splits a line into words: blanks separate, `"…"` takes `\n \r \t \xHH \\ \"`, `'…'` takes `\'`.
///
/// # Errors
/// When a quote is not closed, or text follows it directly.
pub fn split_words(line: &str) -> Result<Vec<Vec<u8>>, String> {
    let mut words = Vec::new();
    let mut rest = line.as_bytes();
    loop {
        rest = rest.trim_ascii_start();
        match rest.first() {
            None => return Ok(words),
            Some(b'"') => {
                let (word, after) = double_quoted(&rest[1..])?;
                words.push(word);
                rest = after;
            }
            Some(b'\'') => {
                let (word, after) = single_quoted(&rest[1..])?;
                words.push(word);
                rest = after;
            }
            Some(_) => {
                let end = word_end(rest);
                words.push(rest[..end].to_vec());
                rest = &rest[end..];
            }
        }
    }
}

/// The end of a bare word; blanks inside braces belong to it (`{key zipf 100}`).
fn word_end(rest: &[u8]) -> usize {
    let mut depth = 0_usize;
    for (at, byte) in rest.iter().enumerate() {
        match byte {
            b'{' => depth += 1,
            b'}' => depth = depth.saturating_sub(1),
            blank if blank.is_ascii_whitespace() && depth == 0 => return at,
            _ => {}
        }
    }
    // An opening brace without its end does not swallow the rest of the line.
    match depth {
        0 => rest.len(),
        _ => rest.iter().position(u8::is_ascii_whitespace).unwrap_or(rest.len()),
    }
}

type Quoted<'a> = Result<(Vec<u8>, &'a [u8]), String>;

fn after_quote(rest: &[u8]) -> Result<&[u8], String> {
    match rest.first() {
        Some(byte) if !byte.is_ascii_whitespace() => {
            Err("put a blank after a closing quote".to_owned())
        }
        _ => Ok(rest),
    }
}

fn double_quoted(text: &[u8]) -> Quoted<'_> {
    let mut word = Vec::new();
    let mut at = 0;
    while let Some(&byte) = text.get(at) {
        let hex = |range: std::ops::Range<usize>| {
            std::str::from_utf8(text.get(range)?).ok().and_then(|d| u8::from_str_radix(d, 16).ok())
        };
        match (byte, text.get(at + 1)) {
            (b'"', _) => return Ok((word, after_quote(&text[at + 1..])?)),
            (b'\\', Some(b'x')) if hex(at + 2..at + 4).is_some() => {
                word.extend(hex(at + 2..at + 4));
                at += 4;
            }
            (b'\\', Some(escaped)) => {
                word.push(match escaped {
                    b'n' => b'\n',
                    b'r' => b'\r',
                    b't' => b'\t',
                    other => *other,
                });
                at += 2;
            }
            _ => {
                word.push(byte);
                at += 1;
            }
        }
    }
    Err("a double quote is not closed".to_owned())
}

fn single_quoted(text: &[u8]) -> Quoted<'_> {
    let mut word = Vec::new();
    let mut at = 0;
    while let Some(&byte) = text.get(at) {
        match (byte, text.get(at + 1)) {
            (b'\'', _) => return Ok((word, after_quote(&text[at + 1..])?)),
            (b'\\', Some(b'\'')) => {
                word.push(b'\'');
                at += 2;
            }
            _ => {
                word.push(byte);
                at += 1;
            }
        }
    }
    Err("a single quote is not closed".to_owned())
}

/// A command from a line of text.
///
/// # Errors
/// When it is empty, a quote is open, or a placeholder is unknown.
pub fn parse_command(line: &str, weight: u32) -> Result<CommandPlan, String> {
    command_from_words(split_words(line).map_err(|why| format!("`{line}`: {why}"))?, weight)
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
        check_placeholders(word)?;
    }
    Ok(command)
}

/// Puts a placeholder together again that a shell took apart at its blanks: `{ttl`, `5-9}`.
fn join_braces(words: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
    let mut joined: Vec<Vec<u8>> = Vec::new();
    let mut rest = words.into_iter().peekable();
    while let Some(mut word) = rest.next() {
        if let Some(open) = word.iter().rposition(|byte| *byte == b'{')
            && BRACED.iter().any(|name| name.as_bytes() == &word[open + 1..])
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
    let mut rest = text;
    while let Some(open) = rest.find('{') {
        let Some(close) = rest[open..].find('}') else { break };
        let inner = &rest[open + 1..open + close];
        let name = inner.split_whitespace().next().unwrap_or_default();
        // `{tag}` is a cluster hash tag: braces around one unknown word are sent as they are.
        if inner.contains(' ') && !BRACED.contains(&name) {
            let hint = nearest(name, BRACED)
                .map_or(String::new(), |n| format!("; did you mean {{{n} …}}?"));
            return Err(format!("unknown placeholder `{{{inner}}}`{hint}"));
        }
        rest = &rest[open + close + 1..];
    }
    let framed = text.len() > 4 && text.starts_with("__") && text.ends_with("__");
    if framed && !PLACEHOLDERS.contains(&text) {
        let hint = nearest(text, PLACEHOLDERS).unwrap_or("__key__");
        return Err(format!("unknown placeholder `{text}`; did you mean `{hint}`?"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<String> {
        let words = split_words(line).unwrap_or_else(|e| panic!("{line}: {e}"));
        words.iter().map(|w| String::from_utf8_lossy(w).into_owned()).collect()
    }

    #[test]
    fn splits_as_redis_cli_does() {
        assert_eq!(words("SET  a b"), ["SET", "a", "b"]);
        assert_eq!(words(r#"SET "a b" 'c d'"#), ["SET", "a b", "c d"]);
        assert_eq!(words(r#"SET "\x41\n\"" '\''"#), ["SET", "A\n\"", "'"]);
        assert_eq!(words(r#"SET """#), ["SET", ""]);
        assert_eq!(words("GET {key zipf 100}"), ["GET", "{key zipf 100}"]);
        assert_eq!(words("GET {key x"), ["GET", "{key", "x"]);
        assert!(split_words("SET \"a").is_err());
        assert!(split_words("SET 'a'b").is_err());
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
        for (line, part) in [
            ("", "empty"),
            ("GET __kye__", "did you mean `__key__`"),
            ("GET {kye uniform 10}", "did you mean {key …}"),
            ("SCAN {cursor} {cursor}", "only one"),
        ] {
            let error = parse_command(line, 1).expect_err(line);
            assert!(error.contains(part), "{line}: {error}");
        }
    }
}
