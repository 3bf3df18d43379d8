//! Integration tests of this crate, in one binary.

mod synthetic;

/// The demonstration folders, for looking at: `cargo test -p aelab-reports gallery`.
#[test]
fn gallery() {
    let dir = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("gallery");
    let _ = synthetic::temp_dir("gallery");
    let scenario = dir.join("scenario");
    synthetic::write_scenario(&scenario);
    aelab_reports::render(&scenario).unwrap();
    let single = synthetic::run(&synthetic::Plan::one_freeze());
    aelab_reports::write_folder(&dir.join("single"), &single.record, &single.series).unwrap();
    aelab_reports::render(&dir.join("single")).unwrap();
}
