//! The catalog: every scenario parses at every scale, and snapshots hold the resolved forms.

use aelab_scenarios::catalog::{CATALOG, find};
use aelab_scenarios::{Scale, Scenario, canonical};

#[test]
fn every_entry_is_valid() {
    for entry in CATALOG {
        for scale in Scale::ALL {
            let scenario = entry.resolve(scale).unwrap_or_else(|e| panic!("{e}"));
            assert!(!scenario.claims.is_empty(), "{}: has no claim", entry.name);
            for claim in &scenario.claims {
                assert!(!claim.holds.is_empty(), "{}: {} has no criterion", entry.name, claim.id);
            }
        }
    }
}

#[test]
fn resolved_forms() {
    for entry in CATALOG {
        for scale in Scale::ALL {
            let scenario = entry.resolve(scale).unwrap_or_else(|e| panic!("{e}"));
            insta::assert_snapshot!(format!("{}-{scale}", entry.name), canonical(&scenario));
        }
    }
}

#[test]
fn the_canonical_form_parses_to_the_same_scenario() {
    for entry in CATALOG {
        for scale in Scale::ALL {
            let scenario = entry.resolve(scale).unwrap_or_else(|e| panic!("{e}"));
            let text = canonical(&scenario);
            let again = Scenario::parse(entry.name, "canonical.toml", &text, scale)
                .unwrap_or_else(|e| panic!("{e}\n{text}"));
            assert_eq!(again, scenario);
        }
    }
}

#[test]
fn a_misspelt_name_suggests_the_nearest() {
    assert_eq!(
        find("key-vs-scan").expect_err("misspelt"),
        "unknown scenario `key-vs-scan`; did you mean `keys-vs-scan`?"
    );
    assert!(find("something-else").expect_err("unknown").contains("scenario list"));
}
