//! Matching of Lua 5.1 patterns that can be interrupted.
//!
//! Lua's own matcher backtracks in C, where no hook runs: one call can take longer than a day. Calls
//! that could take long come here instead. The results are those of Lua 5.1, which the tests compare.
//! A pattern ends at its first NUL, as there (`%z` stands for a NUL).
//! Invariant: nothing here has to be dropped, since an error of Lua's may jump over these frames.

use std::ffi::CStr;

/// Steps between two questions whether to continue. A step takes a few nanoseconds.
const STEPS_PER_LOOK: u32 = 100_000;
/// Captures of a pattern, at most (`LUA_MAXCAPTURES`).
pub(super) const CAPTURES_MAX: usize = 32;
/// Calls that could take more steps than this are matched here: about 20 ms.
const STEPS_OF_LUA_MAX: f64 = 1e7;

/// Why there is no result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// The script must end.
    Ended,
    /// The pattern is wrong.
    Malformed(&'static CStr),
}

/// What a pair of parentheses has matched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Capture {
    /// Its end is not found yet.
    Open {
        start: usize,
    },
    /// `()`
    Position(usize),
    Text {
        start: usize,
        end: usize,
    },
}

/// Whether Lua's own matcher could take long: an upper bound of its steps.
pub(super) fn is_expensive(subject_len: usize, pattern: &[u8], is_plain: bool) -> bool {
    let (subject, len) = (subject_len as f64 + 1.0, pattern.len() as f64 + 1.0);
    if is_plain {
        return subject * len > STEPS_OF_LUA_MAX;
    }
    // Each repetition, and each `%b`, tries up to all positions for each position of those before it.
    let repetitions = pattern.iter().filter(|byte| matches!(byte, b'*' | b'+' | b'-')).count();
    let scans = repetitions + pattern.windows(2).filter(|pair| *pair == b"%b").count();
    let options = pattern.iter().filter(|byte| **byte == b'?').count();
    let (scans, options) = (scans.min(1_000) as i32, options.min(1_000) as i32);
    subject.powi(scans + 1) * 2_f64.powi(options) * len > STEPS_OF_LUA_MAX
}

/// Whether `string.find` takes the pattern for a text. Lua looks no further than the first NUL.
pub(super) fn has_no_specials(pattern: &[u8]) -> bool {
    let special = |byte: &u8| b"^$*+?.([%-".contains(byte);
    !until_nul(pattern).iter().any(special)
}

fn until_nul(pattern: &[u8]) -> &[u8] {
    pattern.split(|byte| *byte == 0).next().unwrap_or_default()
}

/// One search of a pattern in a subject.
pub(super) struct Matcher<'a> {
    subject: &'a [u8],
    pattern: &'a [u8],
    captures: [Capture; CAPTURES_MAX],
    level: usize,
    steps: u32,
    may_go_on: &'a dyn Fn() -> bool,
}

type Found = Result<Option<usize>, Stop>;

impl<'a> Matcher<'a> {
    /// `may_go_on` is asked regularly; the search stops if it says no.
    pub(super) fn new(
        subject: &'a [u8],
        pattern: &'a [u8],
        may_go_on: &'a dyn Fn() -> bool,
    ) -> Self {
        Matcher {
            subject,
            pattern,
            captures: [Capture::Position(0); CAPTURES_MAX],
            level: 0,
            steps: 0,
            may_go_on,
        }
    }

    /// The first place at or after `from` (at most the subject's length) where the pattern matches:
    /// start and end.
    ///
    /// # Errors
    /// [`Stop`].
    pub(super) fn search(&mut self, from: usize) -> Result<Option<(usize, usize)>, Stop> {
        self.pattern = until_nul(self.pattern);
        let is_anchored = self.pattern.first() == Some(&b'^');
        for start in from..=self.subject.len() {
            self.level = 0;
            if let Some(end) = self.run(start, usize::from(is_anchored))? {
                return Ok(Some((start, end)));
            }
            if is_anchored {
                break;
            }
        }
        Ok(None)
    }

    /// The first place at or after `from` where the pattern stands as a text.
    ///
    /// # Errors
    /// [`Stop::Ended`].
    pub(super) fn search_text(&mut self, from: usize) -> Result<Option<(usize, usize)>, Stop> {
        let len = self.pattern.len();
        for start in from..=self.subject.len() {
            let Some(place) = self.subject.get(start..start + len) else { break };
            let equal = place.iter().zip(self.pattern).take_while(|(a, b)| a == b).count();
            self.step(1 + equal)?;
            if equal == len {
                return Ok(Some((start, start + len)));
            }
        }
        Ok(None)
    }

    /// The captures of the last match.
    ///
    /// # Errors
    /// If the pattern leaves one open.
    pub(super) fn captures(&self) -> Result<&[Capture], Stop> {
        let captures = self.captures.get(..self.level).unwrap_or_default();
        if captures.iter().any(|capture| matches!(capture, Capture::Open { .. })) {
            return Err(Stop::Malformed(c"unfinished capture"));
        }
        Ok(captures)
    }

    fn step(&mut self, steps: usize) -> Result<(), Stop> {
        self.steps = self.steps.saturating_add(u32::try_from(steps).unwrap_or(u32::MAX));
        if self.steps >= STEPS_PER_LOOK {
            self.steps = 0;
            if !(self.may_go_on)() {
                return Err(Stop::Ended);
            }
        }
        Ok(())
    }

    /// Matches the pattern from `p` at `s`, and returns where the match ends.
    fn run(&mut self, mut s: usize, mut p: usize) -> Found {
        loop {
            self.step(1)?;
            let next = self.pattern.get(p + 1).copied();
            match self.pattern.get(p) {
                None => return Ok(Some(s)),
                Some(b'(') if next == Some(b')') => {
                    return self.open(Capture::Position(s), s, p + 2);
                }
                Some(b'(') => return self.open(Capture::Open { start: s }, s, p + 1),
                Some(b')') => return self.close(s, p + 1),
                Some(b'$') if next.is_none() => return Ok((s == self.subject.len()).then_some(s)),
                Some(b'%') if next == Some(b'b') => {
                    let Some(end) = self.balanced(s, p + 2)? else { return Ok(None) };
                    (s, p) = (end, p + 4);
                }
                Some(b'%') if next == Some(b'f') => {
                    let set = p + 2;
                    if self.pattern.get(set) != Some(&b'[') {
                        return Err(Stop::Malformed(c"missing '[' after '%f' in pattern"));
                    }
                    let end = self.item_end(set)?;
                    let before = s.checked_sub(1).map_or(0, |at| self.subject[at]);
                    let here = self.subject.get(s).copied().unwrap_or(0);
                    if self.in_set(before, set, end - 1) || !self.in_set(here, set, end - 1) {
                        return Ok(None);
                    }
                    p = end;
                }
                Some(b'%') if next.is_some_and(|byte| byte.is_ascii_digit()) => {
                    let Some(end) = self.again(s, next.unwrap_or_default())? else {
                        return Ok(None);
                    };
                    (s, p) = (end, p + 2);
                }
                Some(_) => {
                    let end = self.item_end(p)?;
                    let is_here = self.is_at(s, p, end);
                    match self.pattern.get(end) {
                        Some(b'?') => {
                            if is_here && let Some(found) = self.run(s + 1, end + 1)? {
                                return Ok(Some(found));
                            }
                            p = end + 1;
                        }
                        Some(b'*') => return self.longest(s, p, end),
                        Some(b'+') if is_here => return self.longest(s + 1, p, end),
                        Some(b'-') => return self.shortest(s, p, end),
                        _ if !is_here => return Ok(None),
                        _ => (s, p) = (s + 1, end),
                    }
                }
            }
        }
    }

    /// The end of the item at `p`: a byte, a class or a set.
    fn item_end(&self, p: usize) -> Result<usize, Stop> {
        let at = |p: usize| self.pattern.get(p).copied();
        match at(p) {
            Some(b'%') if at(p + 1).is_none() => {
                Err(Stop::Malformed(c"malformed pattern (ends with '%')"))
            }
            Some(b'%') => Ok(p + 2),
            Some(b'[') => {
                let mut end = p + 1 + usize::from(at(p + 1) == Some(b'^'));
                // The first byte belongs to the set, even if it is a bracket.
                loop {
                    match at(end) {
                        None => return Err(Stop::Malformed(c"malformed pattern (missing ']')")),
                        Some(b'%') if at(end + 1).is_some() => end += 2,
                        Some(_) => end += 1,
                    }
                    if at(end) == Some(b']') {
                        return Ok(end + 1);
                    }
                }
            }
            _ => Ok(p + 1),
        }
    }

    /// Whether the byte at `s` is one of the item from `p` to `end`.
    fn is_at(&self, s: usize, p: usize, end: usize) -> bool {
        let Some(&byte) = self.subject.get(s) else { return false };
        match self.pattern[p] {
            b'.' => true,
            b'%' => is_in_class(byte, self.pattern[p + 1]),
            b'[' => self.in_set(byte, p, end - 1),
            plain => plain == byte,
        }
    }

    /// Whether the set from the `[` at `p` to the `]` at `last` has the byte.
    fn in_set(&self, byte: u8, p: usize, last: usize) -> bool {
        let is_negated = self.pattern.get(p + 1) == Some(&b'^');
        let mut at = p + 1 + usize::from(is_negated);
        while at < last {
            let first = self.pattern[at];
            let has = if first == b'%' {
                at += 1;
                is_in_class(byte, self.pattern[at])
            } else if self.pattern.get(at + 1) == Some(&b'-') && at + 2 < last {
                at += 2;
                (first..=self.pattern[at]).contains(&byte)
            } else {
                first == byte
            };
            if has {
                return !is_negated;
            }
            at += 1;
        }
        is_negated
    }

    /// As often as possible, then less often.
    fn longest(&mut self, s: usize, p: usize, end: usize) -> Found {
        let mut count = 0;
        while self.is_at(s + count, p, end) {
            count += 1;
            self.step(1)?;
        }
        for count in (0..=count).rev() {
            if let Some(found) = self.run(s + count, end + 1)? {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    /// As rarely as possible, then more often.
    fn shortest(&mut self, mut s: usize, p: usize, end: usize) -> Found {
        loop {
            if let Some(found) = self.run(s, end + 1)? {
                return Ok(Some(found));
            }
            if !self.is_at(s, p, end) {
                return Ok(None);
            }
            s += 1;
        }
    }

    /// `%bxy`: from an x to the y that balances it.
    fn balanced(&mut self, s: usize, p: usize) -> Found {
        let (Some(&open), Some(&close)) = (self.pattern.get(p), self.pattern.get(p + 1)) else {
            return Err(Stop::Malformed(c"unbalanced pattern"));
        };
        if self.subject.get(s) != Some(&open) {
            return Ok(None);
        }
        let mut depth = 1_usize;
        for at in s + 1..self.subject.len() {
            self.step(1)?;
            let byte = self.subject[at];
            if byte == close {
                depth -= 1;
                if depth == 0 {
                    return Ok(Some(at + 1));
                }
            } else if byte == open {
                depth += 1;
            }
        }
        Ok(None)
    }

    fn open(&mut self, capture: Capture, s: usize, p: usize) -> Found {
        let Some(slot) = self.captures.get_mut(self.level) else {
            return Err(Stop::Malformed(c"too many captures"));
        };
        *slot = capture;
        self.level += 1;
        let found = self.run(s, p)?;
        if found.is_none() {
            self.level -= 1;
        }
        Ok(found)
    }

    fn close(&mut self, s: usize, p: usize) -> Found {
        let open = self.captures[..self.level].iter_mut().enumerate().rev();
        let found = open.into_iter().find_map(|(index, capture)| match *capture {
            Capture::Open { start } => Some((index, start)),
            _ => None,
        });
        let Some((index, start)) = found else {
            return Err(Stop::Malformed(c"invalid pattern capture"));
        };
        self.captures[index] = Capture::Text { start, end: s };
        let found = self.run(s, p)?;
        if found.is_none() {
            self.captures[index] = Capture::Open { start };
        }
        Ok(found)
    }

    /// `%1`: the text of a capture once more.
    fn again(&mut self, s: usize, digit: u8) -> Found {
        let index = usize::from(digit).checked_sub(usize::from(b'1'));
        let capture = index.and_then(|index| self.captures[..self.level].get(index));
        let (start, end) = match capture {
            None | Some(Capture::Open { .. }) => {
                return Err(Stop::Malformed(c"invalid capture index"));
            }
            // Lua compares its length with a number that nothing reaches.
            Some(Capture::Position(_)) => return Ok(None),
            Some(&Capture::Text { start, end }) => (start, end),
        };
        self.step(end - start)?;
        let is_here = self.subject[s..].starts_with(&self.subject[start..end]);
        Ok(is_here.then_some(s + end - start))
    }
}

/// Whether a class such as `%a` has the byte. Any other letter or sign stands for itself.
fn is_in_class(byte: u8, class: u8) -> bool {
    let has = match class.to_ascii_lowercase() {
        b'a' => byte.is_ascii_alphabetic(),
        b'c' => byte.is_ascii_control(),
        b'd' => byte.is_ascii_digit(),
        b'l' => byte.is_ascii_lowercase(),
        b'p' => byte.is_ascii_punctuation(),
        b's' => byte.is_ascii_whitespace() || byte == 0x0b,
        b'u' => byte.is_ascii_uppercase(),
        b'w' => byte.is_ascii_alphanumeric(),
        b'x' => byte.is_ascii_hexdigit(),
        b'z' => byte == 0,
        _ => return class == byte,
    };
    has != class.is_ascii_uppercase()
}
