//! The page of a comparison: the figures of both sides on common axes, the same bytes each time.

use crate::synthetic::{self, Plan};
use aelab_reports::render_comparison;
use aelab_results::compare::compare;
use aelab_results::read_folder;
use std::path::Path;

fn page(a: &Path, b: &Path, out: &Path) -> (String, Vec<String>) {
    let (a, b) = (read_folder(a).unwrap(), read_folder(b).unwrap());
    std::fs::create_dir_all(out).unwrap();
    let files = render_comparison(out, &compare(&a, &b), &a, &b).unwrap();
    let names = files.iter().map(|file| file.strip_prefix(out).unwrap().display().to_string());
    (std::fs::read_to_string(out.join("report.html")).unwrap(), names.collect())
}

#[test]
fn a_comparison_of_runs_has_ratios_curves_and_what_differs() {
    let dir = synthetic::temp_dir("compare-page");
    let (a, b) = (dir.join("a"), dir.join("b"));
    synthetic::run(&Plan::calm()).write(&a);
    let mut other = synthetic::run(&Plan::keys());
    other.record.environment.governor = Some("powersave".into());
    other.write(&b);
    let (html, files) = page(&a, &b, &dir.join("out"));
    for name in ["shift", "percentiles"] {
        assert!(files.contains(&format!("charts/{name}.svg")), "{files:?}");
        assert!(html.contains(&format!("id=\"figure-{name}\"")), "{name}");
    }
    for part in ["p99 of the response time", "powersave", "within a run only", "one run each"] {
        assert!(html.contains(part), "{part}");
    }
    assert!(!html.contains("http://") || html.matches("src=\"http").count() == 0);
    assert_eq!(page(&a, &b, &dir.join("again")).0, html);
}

#[test]
fn scenarios_are_compared_arm_by_arm() {
    let dir = synthetic::temp_dir("compare-page-arms");
    synthetic::write_scenario(&dir.join("a"));
    let (html, files) = page(&dir.join("a"), &dir.join("a"), &dir.join("out"));
    assert!(html.contains("keys, victims") && html.contains("scan, victims"));
    assert_eq!(files, ["report.html", "charts/shift.svg", "charts/shift.png"]);
}
