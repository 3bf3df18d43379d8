//! What went wrong, in words, with how often: lists that no server can make long.
//!
//! Not a log. Invariant: the counts of a list add up to everything that was noted.

use crate::record::result::ErrorCount;
use aelab_results::text::escape::escaped;

/// Distinct words kept apart; a server that makes up words fills no memory.
const WORDS_MAX: usize = 64;
/// Longest error word kept, bytes.
const WORD_BYTES_MAX: usize = 32;
/// The word for what is too much for a list.
const OTHER: &str = "other";

/// Adds to the count of a word; what is too much for the list counts as `other`.
pub(crate) fn count_word(words: &mut Vec<(String, u64)>, word: &str, count: u64) {
    let has_room = words.len() < WORDS_MAX;
    match words.iter_mut().position(|(known, _)| known == word) {
        Some(place) => words[place].1 += count,
        None if has_room => words.push((word.to_owned(), count)),
        None => match words.iter_mut().find(|(known, _)| known == OTHER) {
            Some((_, known)) => *known += count,
            None => words.push((OTHER.to_owned(), count)),
        },
    }
}

/// Errors by their first word, each with the first text seen.
#[derive(Debug, Default)]
pub(crate) struct ErrorCounts(Vec<ErrorCount>);

impl ErrorCounts {
    /// Counts an error with this text. Allocates only for a word that is new.
    pub(crate) fn note(&mut self, text: &[u8]) {
        let word = text.split(|byte| *byte == b' ').next().unwrap_or_default();
        let word = String::from_utf8_lossy(&word[..word.len().min(WORD_BYTES_MAX)]);
        self.count(&escaped(&word), 1, || escaped(&String::from_utf8_lossy(text)).into_owned());
    }

    /// Adds what another list holds.
    pub(crate) fn add(&mut self, other: &Self) {
        for error in &other.0 {
            self.count(&error.word, error.count, || error.text.clone());
        }
    }

    fn count(&mut self, word: &str, count: u64, text: impl FnOnce() -> String) {
        let place = self.0.iter().position(|known| known.word == word);
        let word = if place.is_none() && self.0.len() >= WORDS_MAX { OTHER } else { word };
        match place.or_else(|| self.0.iter().position(|known| known.word == word)) {
            Some(place) => self.0[place].count += count,
            None => self.0.push(ErrorCount { word: word.to_owned(), count, text: text() }),
        }
    }

    /// The list, most frequent first.
    pub(crate) fn into_sorted(mut self) -> Vec<ErrorCount> {
        self.0.sort_by_key(|error| std::cmp::Reverse(error.count));
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_makes_up_words_fills_no_memory_and_nothing_is_lost() {
        let (mut tally, mut words) = (ErrorCounts::default(), Vec::new());
        for number in 0..1_000 {
            tally.note(format!("E{number} text {number}").as_bytes());
            tally.note(b"E5 another text");
            count_word(&mut words, &format!("E{number}"), 1);
        }
        let mut twice = ErrorCounts::default();
        twice.add(&tally);
        twice.add(&tally);
        let sorted = twice.into_sorted();
        assert_eq!((sorted[0].word.as_str(), sorted[0].text.as_str()), ("E5", "E5 another text"));
        assert_eq!(sorted.len(), WORDS_MAX + 1);
        assert_eq!(sorted.iter().map(|error| error.count).sum::<u64>(), 4_000);
        assert_eq!((words.len(), words.iter().map(|w| w.1).sum::<u64>()), (WORDS_MAX + 1, 1_000));
    }
}
