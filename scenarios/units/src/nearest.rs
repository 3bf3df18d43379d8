//! "Did you mean …": the known name that is closest to the typed one.
//!
//! Every suggestion of the program comes from [`nearest`]. It gives at most one, and none if no
//! candidate is close. Pure.

use strsim::osa_distance;

/// A suggestion may differ from the typed name in at most one of so many characters.
const MAX_DISTANCE_DIVISOR: usize = 2;

/// The candidate with the smallest edit distance to `typed`, or `None` if none is close enough to
/// be a typing error.
///
/// Upper and lower case are equal. A swap of two adjacent letters counts as one edit (optimal
/// string alignment).
pub fn nearest<'a>(typed: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let limit = (typed.chars().count() / MAX_DISTANCE_DIVISOR).max(1);
    let typed = typed.to_lowercase();
    candidates
        .into_iter()
        .map(|candidate| (osa_distance(&typed, &candidate.to_lowercase()), candidate))
        .filter(|(distance, _)| *distance <= limit)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suggests_a_close_name_only() {
        let known = ["connections", "commands", "rate", "role"];
        assert_eq!(nearest("conections", known), Some("connections"));
        assert_eq!(nearest("comands", known), Some("commands"));
        assert_eq!(nearest("rtae", known), Some("rate"));
        assert_eq!(nearest("RATE", known), Some("rate"));
        assert_eq!(nearest("zzzzzz", known), None);
        assert_eq!(nearest("", known), None);
    }
}
