//! Passwords in texts: replaced by [`MASK`] before anything is recorded or printed.
//!
//! Pure. Invariant: masking twice gives the same text. A word that may hold a password is masked: a mask too many costs less
//! than a password in a report. Read next: `record/command_line.rs`, through which every recorded command line passes.

use std::borrow::Cow;

/// What stands in place of a password.
pub const MASK: &str = "***";

/// Long flags whose value is a password, of this program, of the servers and of the tools whose command lines are accepted.
const FLAGS: [&str; 8] = [
    "--pass",
    "--password",
    "--authenticate",
    "--requirepass",
    "--masterauth",
    "--tls-key-file-pass",
    "--tls-client-key-file-pass",
    "--token",
];
/// Long flags whose value names a server.
const PLACES: [&str; 6] = ["--host", "--endpoint", "--uri", "--target", "--server", "--upstream"];
/// Short flags without a value, which may stand before others in one word (`-qa PASS`).
const ALONE: &str = "3qeIlxRD46v";
/// Ends of the names of a server's settings whose value is a password: `requirepass`, `masterauth`, `tls-key-file-pass`.
const SETTINGS: [&str; 4] = ["pass", "password", "auth", "secret"];
/// Commands that may hold a password.
const COMMANDS: [&str; 6] = ["AUTH", "HELLO", "CONFIG", "ACL", "MIGRATE", "SENTINEL"];
/// Words of a login: a user and a password, or as many rules as an ACL user may be given at once.
const WORDS_MAX: usize = 16;
/// What a server says before it repeats the words of a command that it does not know.
const REPEATED: &str = "with args beginning with";

/// Whether the value of a server's setting is a password.
#[must_use]
pub fn is_setting(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    SETTINGS.iter().any(|end| name.len() > end.len() && name.ends_with(end))
}

/// The value of a server's setting, masked if it is a password.
#[must_use]
pub fn setting<'a>(name: &str, value: &'a str) -> &'a str {
    if is_setting(name) && !value.is_empty() { MASK } else { value }
}

/// Whether a command of this name may hold a password.
#[must_use]
pub fn may_log_in(name: &str) -> bool {
    COMMANDS.iter().any(|known| name.eq_ignore_ascii_case(known))
}

/// A command line without its passwords, word by word: values of password flags in every form (`-a X`, `-aX`, `--pass=X`),
/// logins in URLs, and commands that log in.
#[must_use]
pub fn command_line(words: &[String]) -> Vec<String> {
    // A command that logs in; behind it there may be flags all the same, if its name is a flag's value.
    let command = words.iter().position(|word| may_log_in(word)).unwrap_or(words.len());
    let logins_masked = words[..command].iter().cloned().chain(command_words(&words[command..]));
    let mut next = Next::Word;
    let mut is_command = false;
    let one = |word: String| {
        match std::mem::replace(&mut next, Next::Word) {
            Next::Word => {}
            Next::Password => return MASK.to_owned(),
            Next::Place => return place(&word),
        }
        is_command |= word == "--";
        if is_command {
            return one_word(&word);
        }
        let (name, value) = split_flag(&word);
        match (kind_of(name), value) {
            (Kind::Password, Some(_)) => {
                format!("{}{MASK}", &word[..word.len() - value.map_or(0, str::len)])
            }
            (Kind::Place, Some(value)) => {
                format!("{}{}", &word[..word.len() - value.len()], place(value))
            }
            (Kind::Password, None) => {
                next = Next::Password;
                word
            }
            (Kind::Place, None) => {
                next = Next::Place;
                word
            }
            (Kind::Other, _) => one_word(&word),
        }
    };
    logins_masked.map(one).collect()
}

/// A text with logins in URLs masked: `redis://user:***@host`.
#[must_use]
pub fn in_text(text: &str) -> Cow<'_, str> {
    let is_end = |c: char| c.is_whitespace() || matches!(c, '\'' | '"' | '`' | ';' | ')');
    urls_masked(text, &|rest| rest.find(is_end).unwrap_or(rest.len()))
}

/// The words of one or several commands (with `;` between them) without passwords.
#[must_use]
pub fn command_words(words: &[String]) -> Vec<String> {
    let mut out = Vec::with_capacity(words.len());
    for (at, command) in words.split(|word| word == ";").enumerate() {
        if at > 0 {
            out.push(";".to_owned());
        }
        let begin = secret_from(command.iter().map(String::as_str)).unwrap_or(command.len());
        let secret = begin..(begin + WORDS_MAX).min(command.len());
        let masked = |(at, word): (usize, &String)| match secret.contains(&at) {
            true => MASK.to_owned(),
            false => word.clone(),
        };
        out.extend(command.iter().enumerate().map(masked));
    }
    out
}

/// A server's reply without the password that was sent to it; a server repeats the words of a command it does not know.
#[must_use]
pub fn reply(text: &str, password: Option<&str>) -> String {
    let Some(password) = password.filter(|password| !password.is_empty()) else {
        return text.to_owned();
    };
    // A long password is repeated in part, so what is repeated is left out.
    let text = match text.find(REPEATED) {
        Some(at) => text[..at].trim_end_matches([' ', ',']),
        None => text,
    };
    text.replace(password, MASK)
}

/// What the next word is.
enum Next {
    Word,
    Password,
    Place,
}

/// What the value of a flag is.
enum Kind {
    Password,
    /// A server, perhaps with a login.
    Place,
    Other,
}

/// A flag's name, and its value if it is in the same word: `--name=value`, `-nvalue`, `-qnvalue`.
fn split_flag(word: &str) -> (&str, Option<&str>) {
    if word.starts_with("--") {
        return word.split_once('=').map_or((word, None), |(name, value)| (name, Some(value)));
    }
    let Some(letters) = word.strip_prefix('-') else { return ("", None) };
    let Some((at, letter)) = letters.char_indices().find(|(_, c)| !ALONE.contains(*c)) else {
        return ("", None);
    };
    let (name, value) = letters[at..].split_at(letter.len_utf8());
    (name, Some(value).filter(|value| !value.is_empty()))
}

fn kind_of(name: &str) -> Kind {
    let is = |known: &&str| name.eq_ignore_ascii_case(known);
    match name {
        "a" => Kind::Password,
        "h" | "u" | "s" => Kind::Place,
        _ if FLAGS.iter().any(is) => Kind::Password,
        _ if PLACES.iter().any(is) => Kind::Place,
        _ => Kind::Other,
    }
}

/// A server's place: a URL, or a host before which a login may stand by mistake.
fn place(text: &str) -> String {
    match text.rsplit_once('@') {
        Some((login, host)) if !text.contains("://") && !text.starts_with('/') => {
            let user = login.split_once(':').map_or(String::new(), |(user, _)| format!("{user}:"));
            format!("{user}{MASK}@{host}")
        }
        _ => urls_masked(text, &str::len).into_owned(),
    }
}

/// A word that is no password flag: it may be a URL, or a command in quotes, perhaps behind `--flag=`.
fn one_word(word: &str) -> String {
    let word = urls_masked(word, &str::len);
    let (flag, text) = match word.split_once('=').filter(|_| word.starts_with("--")) {
        Some((flag, text)) => (format!("{flag}="), text),
        None => (String::new(), &*word),
    };
    if !text.contains(char::is_whitespace) {
        return word.into_owned();
    }
    let parts = text.split(';').map(|part| {
        let tokens: Vec<&str> = part.split_whitespace().collect();
        match secret_from(tokens.iter().copied()) {
            Some(begin) if begin < tokens.len() => {
                let before = &part[..part.len() - part.trim_start().len()];
                format!("{before}{} {MASK}", tokens[..begin].join(" "))
            }
            _ => part.to_owned(),
        }
    });
    format!("{flag}{}", parts.collect::<Vec<_>>().join(";"))
}

/// Index of the first word of a command that is or may be a password; all words behind it are masked with it.
fn secret_from<'a>(words: impl Iterator<Item = &'a str>) -> Option<usize> {
    // Words of a text may have their quotes.
    let bare = |word: &'a str| word.trim_matches(['"', '\'']);
    let words: Vec<&str> = words.map(bare).collect();
    let is = |word: &str, name: &str| word.eq_ignore_ascii_case(name);
    // A weight may stand before a command.
    let first = words.iter().position(|word| word.parse::<f64>().is_err())?;
    let name = *words.get(first)?;
    if !may_log_in(name) {
        return None;
    }
    if is(name, "AUTH") {
        return Some(first + 1);
    }
    let opens = |word: &&str| is_setting(word) || is(word, "AUTH") || is(word, "AUTH2");
    let after = words.iter().skip(first + 1).position(opens).map(|at| first + at + 2);
    let is_rule = |word: &&str| word.len() > 1 && word.starts_with(['>', '<', '#', '!']);
    let rule = words.iter().position(is_rule).filter(|_| is(name, "ACL"));
    after.into_iter().chain(rule).min()
}

/// A text with the logins in its URLs masked; `end_of` says where a URL that begins the text ends.
fn urls_masked<'a>(text: &'a str, end_of: &dyn Fn(&str) -> usize) -> Cow<'a, str> {
    const SCHEME_END: &str = "://";
    let mut out = String::new();
    let mut done = 0;
    while let Some(found) = text[done..].find(SCHEME_END) {
        let begin = done + found + SCHEME_END.len();
        let url = &text[begin..begin + end_of(&text[begin..])];
        let is_path = text[..begin].ends_with("unix://");
        let login = url.rfind('@').filter(|_| !is_path).map(|at| &url[..at]);
        out.push_str(&text[done..begin]);
        done = begin;
        // The form of a URL in a message is no URL.
        if let Some(login) = login.filter(|login| !login.starts_with('[') && !login.ends_with('['))
        {
            let user = login.split_once(':').map_or("", |(user, _)| user);
            let colon = if login.contains(':') { ":" } else { "" };
            out.push_str(&format!("{user}{colon}{MASK}"));
            done += login.len();
        }
    }
    if out.is_empty() {
        return Cow::Borrowed(text);
    }
    out.push_str(&text[done..]);
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "s3cr3t";

    fn masked(line: &[&str]) -> Vec<String> {
        command_line(&line.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn no_form_of_a_password_is_left_in_a_command_line() {
        for (line, want) in [
            (&["run", "-a", "s3cr3t", "PING"][..], "run -a *** PING"),
            (&["run", "-as3cr3t", "-q"], "run -a*** -q"),
            (&["run", "-a=s3cr3t"], "run -a***"),
            (&["run", "-qa", "s3cr3t", "-n", "1"], "run -qa *** -n 1"),
            (&["run", "-3qas3cr3t"], "run -3qa***"),
            (&["run", "--pass", "s3cr3t"], "run --pass ***"),
            (&["run", "--pass=s3cr3t"], "run --pass=***"),
            (&["run", "--password=s3cr3t"], "run --password=***"),
            (&["run", "--authenticate", "me:s3cr3t"], "run --authenticate ***"),
            (&["run", "-u", "redis://:s3cr3t@h:1/2"], "run -u redis://:***@h:1/2"),
            (&["run", "-uredis://me:s3cr3t@h"], "run -uredis://me:***@h"),
            (&["run", "--uri=rediss://s3cr3t@h"], "run --uri=rediss://***@h"),
            (&["run", "-u", "redis://me:s3cr3t p@/w@h"], "run -u redis://me:***@h"),
            (&["run", "-u", "valkeys://me:s3cr3t@h"], "run -u valkeys://me:***@h"),
            (&["run", "--target=redis://:s3cr3t@h"], "run --target=redis://:***@h"),
            (&["run", "-h", "me:s3cr3t@h"], "run -h me:***@h"),
            (&["run", "-hs3cr3t@h"], "run -h***@h"),
            (&["run", "--endpoint=me:s3cr3t@h:1"], "run --endpoint=me:***@h:1"),
            (&["run", "--key-prefix", "acl", "-a", "s3cr3t"], "run --key-prefix acl -a ***"),
            (&["run", "AUTH", "s3cr3t"], "run AUTH ***"),
            (&["run", "--", "auth", "me", "s3cr3t"], "run -- auth *** ***"),
            (&["run", "GET", "a", ";", "AUTH", "s3cr3t"], "run GET a ; AUTH ***"),
            (
                &["run", "--", "GET", "a", ";", "AUTH", "s3cr3t", ";", "GET", "b"],
                "run -- GET a ; AUTH *** ; GET b",
            ),
            (&["run", "HELLO", "3", "AUTH", "me", "s3cr3t"], "run HELLO 3 AUTH *** ***"),
            (&["run", "CONFIG", "SET", "requirepass", "s3cr3t"], "run CONFIG SET requirepass ***"),
            (&["run", "ACL", "SETUSER", "me", "on", ">s3cr3t"], "run ACL SETUSER me on ***"),
            (&["run", "--command", "AUTH 's3cr3t x'"], "run --command AUTH ***"),
            (&["run", "--command=AUTH s3cr3t"], "run --command=AUTH ***"),
            (&["run", "--command", "GET a ; AUTH s3cr3t"], "run --command GET a ; AUTH ***"),
            (
                &["run", "--offender", "CONFIG SET masterauth s3cr3t"],
                "run --offender CONFIG SET masterauth ***",
            ),
        ] {
            let out = masked(line);
            assert_eq!(out.join(" "), want);
            assert!(!out.concat().contains(SECRET), "{line:?}");
            assert_eq!(command_line(&out), out, "masking twice changes nothing");
        }
    }

    #[test]
    fn other_words_stay() {
        for line in [
            &["run", "-p", "6379", "-c", "5", "SET", "auth:1", "a b"][..],
            &["run", "--command", "GET user@host", "-u", "unix:///tmp/a@b.sock"],
            &["run", "-u", "redis://h:1", "--arrival", "ramp:1k-2k", "--", "GET", "-a"],
            &["run", "--command", "9 GET a", "--key-prefix", "a b"],
        ] {
            assert_eq!(masked(line), line, "{line:?}");
        }
    }

    #[test]
    fn urls_in_messages_have_no_password() {
        assert_eq!(
            in_text("'redis://me:s3cr3t@h:1' is bad; see a@b"),
            "'redis://me:***@h:1' is bad; see a@b"
        );
        let form = "write redis://[USER:PASS@]HOST[:PORT][/DB], rediss://… or unix://PATH";
        assert_eq!(in_text(form), form);
    }

    #[test]
    fn a_servers_reply_does_not_repeat_the_password() {
        let said = "ERR unknown command `AUTH`, with args beginning with: `s3cr3t`, ";
        assert_eq!(reply(said, Some(SECRET)), "ERR unknown command `AUTH`");
        assert_eq!(reply("no 's3cr3t' here", Some(SECRET)), "no '***' here");
        assert_eq!(reply("ERR x", None), "ERR x");
        assert!(is_setting("RequirePass") && is_setting("tls-key-file-pass"));
        assert!(!is_setting("save") && !is_setting("pass"), "a word of its own is none");
        assert_eq!((setting("masterauth", SECRET), setting("masterauth", "")), (MASK, ""));
    }
}
