//! Folders that lack a file, or have one that cannot be read.

use crate::synthetic::{self, Plan};

#[test]
fn a_log_without_a_record_is_drawn_and_the_page_says_what_is_missing() {
    let dir = synthetic::temp_dir("log-alone");
    let run = synthetic::run(&Plan::one_freeze());
    run.write(&dir);
    std::fs::remove_file(dir.join("result.json")).unwrap();
    // The last line is cut off, too.
    let log = dir.join("latency.hlog");
    let text = std::fs::read_to_string(&log).unwrap();
    std::fs::write(&log, &text[..text.len() - 40]).unwrap();
    let files = aelab_reports::render(&dir).unwrap();
    assert!(files.len() > 4, "{files:?}");
    let page = std::fs::read_to_string(dir.join("report.html")).unwrap();
    assert!(page.contains("There is no result.json") && page.contains("victims"), "{page}");
    assert!(!dir.join("result.json").exists(), "a record that was not measured is not written");
    std::fs::remove_file(&log).unwrap();
    let error = aelab_reports::render(&dir).unwrap_err().to_string();
    assert!(error.contains("cannot read the record") && !error.contains('\n'), "{error}");
}

#[test]
fn records_that_cannot_be_read_are_one_line_that_says_why() {
    let dir = synthetic::temp_dir("unreadable");
    synthetic::run(&Plan::calm()).write(&dir);
    let path = dir.join("result.json");
    for (text, part) in [
        ("{\"schema\": 2}", "schema 2"),
        ("{\"summary\": {\"total\": 1}}", "no schema number"),
        ("[1, 2]", "no schema number"),
        ("{\"schema\": 1, \"groups\": 7}", "not a record of a run"),
        ("{\"schema\": 1,", "not a record of a run"),
        ("", "not a record of a run"),
    ] {
        std::fs::write(&path, text).unwrap();
        let error = aelab_reports::render(&dir).unwrap_err().to_string();
        assert!(error.contains(part) && !error.contains('\n'), "{text}: {error}");
    }
}
