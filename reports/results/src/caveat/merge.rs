//! One caveat in place of several that say the same: the only place where caveats are deduplicated.
//!
//! Records keep every caveat of every arm, with the arm's name. Pages and the console show what [`merge`] returns.

use crate::record::CaveatRecord;

/// A caveat, and the arms that have it.
#[derive(Debug, Clone, PartialEq)]
pub struct Merged {
    /// The worst of the caveats: wherever they are shown, the figures are the same.
    pub caveat: CaveatRecord,
    /// The arms, that of the worst first, the others in the order given; empty if the caveat is about the whole run.
    pub arms: Vec<String>,
}

impl Merged {
    /// The arms as text: empty, `keys`, or `keys, also in scan, get`.
    #[must_use]
    pub fn place(&self) -> String {
        match self.arms.as_slice() {
            [] => String::new(),
            [arm] => arm.clone(),
            [arm, others @ ..] => format!("{arm}, also in {}", others.join(", ")),
        }
    }
}

/// Merges caveats that say the same, and sorts them: the most severe first, otherwise in the order given.
///
/// Caveats of several arms are merged if id and severity agree, whatever their figures are. Others are merged only if their
/// texts agree too; a caveat about the whole run then stands for the arms.
#[must_use]
pub fn merge(caveats: impl IntoIterator<Item = CaveatRecord>) -> Vec<Merged> {
    let mut merged: Vec<Merged> = Vec::new();
    for caveat in caveats {
        let Some(first) = merged.iter_mut().find(|first| is_same(&first.caveat, &caveat)) else {
            let arms = caveat.arm.iter().cloned().collect();
            merged.push(Merged { caveat, arms });
            continue;
        };
        let is_of_run = first.arms.is_empty();
        let is_worse = !is_of_run && badness(&caveat) > badness(&first.caveat);
        if let Some(arm) = caveat.arm.clone().filter(|_| !is_of_run) {
            if is_worse {
                first.arms.retain(|other| *other != arm);
                first.arms.insert(0, arm);
            } else if !first.arms.contains(&arm) {
                first.arms.push(arm);
            }
        }
        if is_worse {
            first.caveat = caveat;
        }
    }
    merged.sort_by_key(|one| one.caveat.severity);
    merged
}

/// How far a caveat's figure is from its limit, on either side; 0 without figures.
#[must_use]
pub fn badness(caveat: &CaveatRecord) -> f64 {
    match (caveat.value, caveat.limit) {
        (Some(value), Some(limit)) if value > 0.0 && limit > 0.0 => (value / limit).ln().abs(),
        (Some(value), Some(limit)) => (value - limit).abs(),
        _ => 0.0,
    }
}

fn is_same(first: &CaveatRecord, other: &CaveatRecord) -> bool {
    // The text of `no-hits` names a command, which may differ between arms.
    let is_of_arms = first.arm.is_some() && other.arm.is_some() && first.id != "no-hits";
    first.id == other.id
        && first.severity == other.severity
        && (is_of_arms || first.text == other.text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Severity;

    fn caveat(id: &str, arm: &str, text: &str) -> CaveatRecord {
        CaveatRecord {
            id: id.to_owned(),
            severity: Severity::Warning,
            value: None,
            limit: None,
            text: text.to_owned(),
            remedy: String::new(),
            arm: Some(arm.to_owned()).filter(|arm| !arm.is_empty()),
        }
    }

    fn shown(caveats: Vec<CaveatRecord>) -> Vec<(String, String, String)> {
        let row = |one: Merged| (one.place(), one.caveat.id, one.caveat.text);
        merge(caveats).into_iter().map(row).collect()
    }

    #[test]
    fn caveats_of_several_arms_are_merged_whatever_their_figures() {
        let caveats = vec![
            caveat("cpu-stolen", "a", "5 %"),
            caveat("cpu-stolen", "b", "6 %"),
            caveat("cpu-stolen", "a", "7 %"),
            caveat("cpu-stolen", "c", "8 %"),
        ];
        assert_eq!(shown(caveats), [("a, also in b, c".into(), "cpu-stolen".into(), "5 %".into())]);
    }

    #[test]
    fn the_worst_figure_is_shown_whatever_the_order() {
        let starved = |arm: &str, share: f64| CaveatRecord {
            value: Some(share),
            limit: Some(0.02),
            ..caveat("server-starved", arm, &format!("{share}"))
        };
        let slow = |arm: &str, rate: f64| CaveatRecord {
            value: Some(rate),
            limit: Some(1_000.0),
            ..caveat("rate-not-achieved", arm, &format!("{rate}"))
        };
        let place = |text: &str| text.to_owned();
        for caveats in [
            [starved("a", 0.38), starved("b", 0.547), slow("a", 970.0), slow("b", 960.0)],
            [starved("b", 0.547), starved("a", 0.38), slow("b", 960.0), slow("a", 970.0)],
        ] {
            let want = [
                (place("b, also in a"), place("server-starved"), place("0.547")),
                (place("b, also in a"), place("rate-not-achieved"), place("960")),
            ];
            assert_eq!(shown(caveats.to_vec()), want);
        }
    }

    #[test]
    fn a_caveat_of_the_whole_run_is_merged_only_with_an_equal_text() {
        let caveats = vec![
            caveat("interrupted", "", "after 3 s"),
            caveat("interrupted", "a", "after 3 s"),
            caveat("interrupted", "b", "after 1 s"),
        ];
        let places: Vec<_> = shown(caveats).into_iter().map(|(place, ..)| place).collect();
        assert_eq!(places, ["", "b"]);
    }

    #[test]
    fn no_hits_of_different_commands_stay_apart() {
        let caveats = vec![
            caveat("no-hits", "a", "none of 5 GET"),
            caveat("no-hits", "b", "none of 5 HGET"),
            caveat("no-hits", "c", "none of 5 GET"),
        ];
        let places: Vec<_> = shown(caveats).into_iter().map(|(place, ..)| place).collect();
        assert_eq!(places, ["a, also in c", "b"]);
    }

    #[test]
    fn severity_separates_and_sorts() {
        let invalid =
            CaveatRecord { severity: Severity::Invalid, ..caveat("client-limited", "b", "97 %") };
        let caveats = vec![caveat("client-limited", "a", "80 %"), invalid];
        let places: Vec<_> = shown(caveats).into_iter().map(|(place, ..)| place).collect();
        assert_eq!(places, ["b", "a"]);
    }
}
