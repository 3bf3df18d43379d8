//! Redis's glob patterns: `*`, `?`, `[a-z]`, `[^…]` and `\` to take the next character as it is.
//!
//! Same answers as `stringmatchlen`, its quirks included (only an empty pattern matches an empty text; a class
//! without its bracket ends with the pattern), but without recursion: of all stars only the last one seen needs
//! a second try, so that no pattern costs more than pattern times text.

/// Whether letters of either case are the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Case {
    /// `a` is not `A`.
    Sensitive,
    /// ASCII letters match either case.
    Ignored,
}

/// A pattern with what is known about it in advance, for matching many texts.
pub struct Pattern<'a> {
    glob: &'a [u8],
    shape: Shape,
}

enum Shape {
    /// `*`
    Everything,
    /// No special character at all.
    Literal,
    /// A literal prefix of this length, then one star.
    Prefix(usize),
    General,
}

impl<'a> Pattern<'a> {
    /// Analyses the pattern.
    #[must_use]
    pub fn new(glob: &'a [u8]) -> Self {
        let special = glob.iter().position(|byte| b"*?[\\".contains(byte));
        let shape = match special {
            None => Shape::Literal,
            Some(0) if glob == b"*" => Shape::Everything,
            Some(at) if at > 0 && at + 1 == glob.len() && glob[at] == b'*' => Shape::Prefix(at),
            Some(_) => Shape::General,
        };
        Self { glob, shape }
    }

    /// True if every text matches.
    #[must_use]
    pub const fn is_everything(&self) -> bool {
        matches!(self.shape, Shape::Everything)
    }

    /// True if the whole text matches, with the case of letters mattering.
    #[inline]
    #[must_use]
    pub fn matches(&self, text: &[u8]) -> bool {
        match self.shape {
            Shape::Everything => true,
            Shape::Literal => self.glob == text,
            Shape::Prefix(length) => text.starts_with(&self.glob[..length]),
            Shape::General => matches(self.glob, text, Case::Sensitive),
        }
    }
}

/// True if the whole text matches the pattern.
#[must_use]
pub fn matches(pattern: &[u8], text: &[u8], case: Case) -> bool {
    if text.is_empty() {
        return pattern.is_empty();
    }
    let (mut at, mut seen) = (0, 0);
    // Where to continue if the text after the last star does not match: pattern after the star, next text to try.
    let mut retry: Option<(usize, usize)> = None;
    while seen < text.len() {
        if pattern.get(at) == Some(&b'*') {
            while pattern.get(at) == Some(&b'*') {
                at += 1;
            }
            if at == pattern.len() {
                return true;
            }
            retry = Some((at, seen));
            continue;
        }
        let matched = match pattern.get(at) {
            None => None,
            Some(_) => one(&pattern[at..], text[seen], case).map(|used| at + used),
        };
        match (matched, retry) {
            (Some(next), _) => {
                at = next;
                seen += 1;
            }
            (None, Some((after_star, tried))) => {
                at = after_star;
                seen = tried + 1;
                retry = Some((after_star, seen));
            }
            (None, None) => return false,
        }
    }
    pattern[at..].iter().all(|&byte| byte == b'*')
}

/// Matches one byte against the (non-star) element that the pattern begins with; returns the element's length.
fn one(pattern: &[u8], byte: u8, case: Case) -> Option<usize> {
    match pattern {
        [b'?', ..] => Some(1),
        [b'[', ..] => {
            let (matched, length) = class(pattern, byte, case);
            matched.then_some(length)
        }
        [b'\\', escaped, ..] => same(*escaped, byte, case).then_some(2),
        [literal, ..] => same(*literal, byte, case).then_some(1),
        [] => None,
    }
}

/// Matches a byte against the class that the pattern begins with; returns the class's length too.
fn class(pattern: &[u8], byte: u8, case: Case) -> (bool, usize) {
    let mut at = 1;
    let negated = pattern.get(at) == Some(&b'^');
    at += usize::from(negated);
    let mut found = false;
    loop {
        match &pattern[at.min(pattern.len())..] {
            [] => break,
            [b'\\', escaped, ..] => {
                found |= *escaped == byte;
                at += 2;
            }
            [b']', ..] => {
                at += 1;
                break;
            }
            [low, b'-', high, ..] => {
                let (low, high) = (fold(*low, case), fold(*high, case));
                found |= (low.min(high)..=low.max(high)).contains(&fold(byte, case));
                at += 3;
            }
            [literal, ..] => {
                found |= same(*literal, byte, case);
                at += 1;
            }
        }
    }
    (found != negated, at)
}

const fn fold(byte: u8, case: Case) -> u8 {
    match case {
        Case::Sensitive => byte,
        Case::Ignored => byte.to_ascii_lowercase(),
    }
}

const fn same(a: u8, b: u8, case: Case) -> bool {
    fold(a, case) == fold(b, case)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_as_in_redis() {
        let cases = [
            ("*", "anything", true),
            ("*", "", false), // KEYS and SCAN never ask: a lone star is everything to them
            ("", "", true),
            ("", "a", false),
            ("h?llo", "hello", true),
            ("h?llo", "hllo", false),
            ("h*llo", "heeeello", true),
            ("h[ae]llo", "hallo", true),
            ("h[ae]llo", "hillo", false),
            ("h[^e]llo", "hallo", true),
            ("h[^e]llo", "hello", false),
            ("h[a-b]llo", "hbllo", true),
            ("h[b-a]llo", "hbllo", true),
            ("h\\*llo", "h*llo", true),
            ("h\\*llo", "hxllo", false),
            ("a[\\]]b", "a]b", true),
            ("a[b", "ab", true),
            ("a\\", "a\\", true),
            ("*foo*bar*", "xxfooyybarzz", true),
            ("*foo*bar", "foobarfoo", false),
            ("a**b", "ab", true),
            ("key:*", "key:", true),
            ("key:*", "kex:1", false),
            ("abc", "ab", false),
            ("ab", "abc", false),
        ];
        for (pattern, text, expected) in cases {
            let (glob, bytes) = (pattern.as_bytes(), text.as_bytes());
            assert_eq!(matches(glob, bytes, Case::Sensitive), expected, "{pattern} {text}");
            if !(pattern == "*" && text.is_empty()) {
                assert_eq!(Pattern::new(glob).matches(bytes), expected, "{pattern} {text}");
            }
        }
        assert!(matches(b"MAX*", b"maxclients", Case::Ignored));
    }

    #[test]
    fn a_hostile_pattern_takes_no_exponential_time() {
        let pattern = "a*".repeat(50) + "b";
        let text = "a".repeat(10_000);
        assert!(!matches(pattern.as_bytes(), text.as_bytes(), Case::Sensitive));
    }
}
