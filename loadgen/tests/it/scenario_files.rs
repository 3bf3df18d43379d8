//! Scenarios of a user's own against servers of the user's own: what is measured there, what is left alone, what is said.

use crate::support::{Called, LOADGEN, Server, TempDir, ask, check_failure, loadgen};
use aelab_results::read_folder;
use aelab_results::record::{ClaimVerdict, RunRecord};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

/// A scenario of one group and no claims.
const SMALL: &str = r#"
question = "Does it work?"
[data]
keys = 1
[phases]
warmup = "100ms"
measure = "500ms"
drain = "5s"
[groups.victims]
role = "victim"
connections = 4
rate = 200
commands = ["GET __key__"]
"#;

/// Runs a file that consists of the small scenario and `more`.
fn run_file(dir: &TempDir, more: &str, args: &[&str]) -> Called {
    let (file, out) = (dir.file("mine.toml"), dir.file("out"));
    std::fs::write(&file, format!("{SMALL}{more}")).expect("written");
    let all = [&["scenario", "run", &file, "--out", &out, "--force"], args].concat();
    loadgen(&all)
}

fn record(dir: &TempDir) -> RunRecord {
    read_folder(Path::new(&dir.file("out"))).expect("reads back").record
}

#[test]
fn a_database_with_as_many_keys_is_not_taken_for_the_data_set() {
    let server = Server::start(&[]);
    assert_eq!(ask(server.port, "SET mine 1").as_deref(), Some("+OK"));
    let dir = TempDir::new();
    let url = format!("redis://127.0.0.1:{}", server.port);
    let called = run_file(&dir, "", &["--target", &url]);
    assert_eq!(called.code, 2, "{}", called.stderr);
    assert!(called.stderr.contains("nothing was changed"), "{}", called.stderr);
    assert_eq!(ask(server.port, "GET mine").as_deref(), Some("$1"), "the first line of the reply");
    // What a run of ours left there is taken up again.
    assert_eq!(ask(server.port, "DEL mine").as_deref(), Some(":1"));
    for _ in 0..2 {
        let called = run_file(&dir, "", &["--target", &url]);
        assert_eq!(called.code, 0, "{}", called.stderr);
    }
}

/// What a script reads: JSON alone on stdout, and the folder on stderr.
#[test]
fn lists_and_verdicts_are_json_on_demand() {
    let listed = loadgen(&["scenario", "list", "--json"]);
    let all: serde_json::Value = serde_json::from_str(&listed.stdout).expect("JSON");
    let names: Vec<_> = all.as_array().expect("an array").iter().map(|one| &one["name"]).collect();
    let text = loadgen(&["scenario", "list"]).stdout;
    let heads = text.lines().filter(|line| !line.starts_with(' '));
    assert_eq!(names, heads.collect::<Vec<_>>(), "the same scenarios");
    assert!(all[0]["claims"][0]["text"].is_string() && all[0]["question"].is_string());

    let dir = TempDir::new();
    let called = run_file(&dir, "", &["--json"]);
    assert_eq!(called.code, 0, "{}", called.stderr);
    let one = RunRecord::from_json(&called.stdout, Path::new("stdout")).expect("a record");
    assert!(one.scenario.is_some() && one == record(&dir));
    assert!(called.stderr.lines().any(|line| line == dir.file("out")), "{}", called.stderr);
    let (file, out) = (dir.file("mine.toml"), dir.file("two"));
    let other = dir.file("other.toml");
    std::fs::copy(&file, &other).expect("copied");
    let called = loadgen(&["scenario", "run", &file, &other, "--out", &out, "--json"]);
    let both: Vec<RunRecord> = serde_json::from_str(&called.stdout).expect("an array");
    assert_eq!(both.len(), 2, "{}", called.stderr);
}

#[test]
fn title_note_and_tags_are_recorded() {
    let dir = TempDir::new();
    let labels = ["--title", "Canary <7>", "--note", "After the upgrade.", "--tag", "env=staging"];
    let called = run_file(&dir, "", &labels);
    assert_eq!(called.code, 0, "{}", called.stderr);
    assert!(called.stdout.lines().any(|line| line == "Canary <7>"), "{}", called.stdout);
    let record = record(&dir);
    assert_eq!((&*record.title, &*record.note), ("Canary <7>", "After the upgrade."));
    assert_eq!(record.tags.get("env").map(String::as_str), Some("staging"));
    let page = std::fs::read_to_string(dir.path().join("out/report.html")).expect("a page");
    for part in ["Canary &lt;7&gt;", "After the upgrade.", "env=staging"] {
        assert!(page.contains(part), "{part}");
    }
    check_failure(&["scenario", "run", "keys-vs-scan", "--tag", "env"], 2, "NAME=VALUE");
}

#[test]
fn a_server_with_a_password_is_used_also_behind_a_proxy() {
    let dir = TempDir::new();
    let more = "[server]\nrequirepass = \"se cret\"\n[arms.plain]\n[arms.shared]\nlink.share = 2\n";
    let called = run_file(&dir, more, &[]);
    assert_eq!(called.code, 0, "{}", called.stderr);
    let folder = read_folder(Path::new(&dir.file("out"))).expect("reads back");
    assert_eq!(folder.arms.len(), 2);
    for (arm, folder) in &folder.arms {
        let counts = &folder.record.groups[0].counts;
        assert!(counts.ok > 0 && counts.error == 0, "{}: {counts:?}", arm.name);
    }
}

#[test]
fn data_larger_than_maxmemory_is_refused_before_loading() {
    let dir = TempDir::new();
    let more = "[server]\nmaxmemory = \"3mb\"\n";
    let text = SMALL.replace("keys = 1\n", "keys = 1\nlist.big = \"1M\"\n") + more;
    let (file, out) = (dir.file("mine.toml"), dir.file("out"));
    std::fs::write(&file, text).expect("written");
    check_failure(&["scenario", "run", &file, "--out", &out], 2, "below the server's maxmemory");
}

#[test]
fn a_claim_about_an_arm_that_is_left_out_is_not_judged() {
    let server = Server::start(&[]);
    let dir = TempDir::new();
    let url = format!("redis://127.0.0.1:{}", server.port);
    let more = r#"
[claims.Y1]
text = "the plain arm answers"
[[claims.Y1.holds]]
says = "it answers"
measure = "plain.victims.count.ok"
min = 10
[claims.Y2]
text = "hz makes no difference"
[[claims.Y2.holds]]
says = "as many are answered at 100"
measure = "often.victims.count.ok"
against = "plain.victims.count.ok"
min = 0.9
[arms.plain]
[arms.often]
server.hz = 100
"#;
    let called = run_file(&dir, more, &["--target", &url, "--strict"]);
    assert!(called.stdout.contains("Y2 not judged on this server"), "{}", called.stdout);
    let record = record(&dir);
    let claims = record.scenario.expect("a scenario").claims;
    assert!(claims[0].left_out.is_empty(), "{claims:?}");
    assert!(claims[1].left_out.contains("the target is running already"), "{claims:?}");
    // What was judged decides, unless the machine was too busy.
    let judged = claims[0].verdict == ClaimVerdict::Confirmed;
    assert!(called.code == 0 || !judged || called.code == 4, "{}: {}", called.code, called.stderr);
}

#[test]
fn a_server_behind_a_wrapper_is_looked_at_and_reaped() {
    let dir = TempDir::new();
    let script = dir.file("wrapper.sh");
    let text = format!("#!/bin/sh\n{LOADGEN} serve \"$@\"\necho over\n");
    std::fs::write(&script, text).expect("written");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(&script, mode).expect("executable");
    let called = run_file(&dir, "", &["--server-bin", &script]);
    assert_eq!(called.code, 0, "{}", called.stderr);
    let folder = read_folder(Path::new(&dir.file("out"))).expect("reads back");
    let (_, arm) = &folder.arms[0];
    let pid = arm.record.server.as_ref().and_then(|server| server.pid).expect("it said so");
    let view = arm.record.server_view.as_ref().expect("its own view");
    assert!(view.process["ended"]["rss_bytes"] > 3 << 20, "a shell is smaller: {view:?}");
    let name = std::fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
    assert!(!name.contains("loadgen"), "the server {pid} is left behind");
}

/// A script that starts the bundled server with an argument of its own.
fn build(dir: &TempDir, name: &str, more: &str) {
    let script = dir.file(name);
    let text = format!("#!/bin/sh\nexec {LOADGEN} serve \"$@\" {more}\n");
    std::fs::write(&script, text).expect("written");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(&script, mode).expect("executable");
}

#[test]
fn arms_compare_two_builds_of_the_server() {
    let dir = TempDir::new();
    build(&dir, "old", "--hz 20");
    build(&dir, "new", "--hz 30");
    std::fs::write(dir.file("my.conf"), "maxclients 77\n").expect("written");
    let more = format!(
        r#"
[arms.bundled]
[arms.old]
server_bin = "./old"
[arms.new]
server_bin = "./new"
server_args = [{:?}, "--databases", "3"]
"#,
        dir.file("my.conf")
    );
    let called = run_file(&dir, &more, &[]);
    assert_eq!(called.code, 0, "{}", called.stderr);
    let folder = read_folder(Path::new(&dir.file("out"))).expect("reads back");
    let config = |name: &str| {
        let (_, arm) = folder.arms.iter().find(|(arm, _)| arm.name == name).expect(name);
        arm.record.server.clone().expect("a server").config
    };
    assert_eq!(config("old")["hz"], "20");
    assert_eq!(config("new")["hz"], "30");
    assert_eq!(config("new")["maxclients"], "77");
    assert!(config("new")["server_bin"].ends_with("/new"), "{:?}", config("new"));
    assert!(config("new")["server_args"].ends_with("my.conf --databases 3"));
    assert!(!config("bundled").contains_key("server_bin"));
    // A program that no arm would use is no silent choice.
    let own = "server_bin = \"./old\"\n".to_owned() + SMALL;
    let (file, out) = (dir.file("own.toml"), dir.file("own"));
    std::fs::write(&file, own).expect("written");
    let args = ["scenario", "run", &file, "--out", &out, "--server-bin", "redis-server"];
    check_failure(&args, 2, "--server-bin has no effect");
}

#[test]
fn a_missing_server_program_is_found_before_the_first_arm_runs() {
    let dir = TempDir::new();
    std::fs::write(dir.file("text"), "no program").expect("written");
    for (program, why) in [
        ("./nowhere", "it does not exist"),
        ("./text", "it is not executable"),
        ("no-such-server-program", "it is in no folder of PATH"),
    ] {
        let more = format!("[arms.good]\n[arms.bad]\nserver_bin = \"{program}\"\n");
        let called = run_file(&dir, &more, &[]);
        assert_eq!(called.code, 2, "{}", called.stderr);
        assert!(called.failure().contains(why), "{}", called.stderr);
        assert!(called.failure().contains("arm bad: "), "{}", called.stderr);
        assert!(!Path::new(&dir.file("out")).exists(), "nothing was measured");
    }
}

#[test]
fn a_server_that_dies_in_the_middle_ends_with_its_last_words() {
    let dir = TempDir::new();
    let script = dir.file("mortal.sh");
    let text =
        format!("#!/bin/sh\n{LOADGEN} serve \"$@\" &\nsleep 3\nkill -9 $!\necho so long\nexit 9\n");
    std::fs::write(&script, text).expect("written");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(&script, mode).expect("executable");
    let (file, out) = (dir.file("mine.toml"), dir.file("out"));
    let long = SMALL.replace("500ms", "6s").replace("drain = \"5s\"", "drain = \"100ms\"");
    std::fs::write(&file, long).expect("written");
    let called = loadgen(&["scenario", "run", &file, "--out", &out, "--server-bin", &script]);
    assert_eq!(called.code, 4, "{}", called.stderr);
    assert!(called.failure().contains("so long"), "{}", called.stderr);
}

#[test]
fn scenarios_with_other_data_follow_each_other_on_a_server_of_ones_own() {
    let server = Server::start(&[]);
    let dir = TempDir::new();
    let (one, two, out) = (dir.file("one.toml"), dir.file("two.toml"), dir.file("out"));
    std::fs::write(&one, SMALL).expect("written");
    std::fs::write(&two, SMALL.replace("keys = 1", "keys = 20")).expect("written");
    let url = format!("redis://127.0.0.1:{}", server.port);
    let called = loadgen(&["scenario", "run", &one, &two, "--out", &out, "--target", &url]);
    assert_eq!(called.code, 0, "{}", called.stderr);
    assert_eq!(ask(server.port, "DBSIZE").as_deref(), Some(":0"), "nothing is left behind");
}

#[test]
fn a_fill_that_is_interrupted_leaves_nothing_behind() {
    let server = Server::start(&[]);
    let dir = TempDir::new();
    let (file, out) = (dir.file("mine.toml"), dir.file("out"));
    let text = SMALL.replace("keys = 1\n", "keys = \"2M\"\n");
    std::fs::write(&file, text).expect("written");
    let url = format!("redis://127.0.0.1:{}", server.port);
    let child = Command::new(LOADGEN)
        .args(["scenario", "run", &file, "--out", &out, "--target", &url])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("loadgen runs");
    let begun = || ask(server.port, "DBSIZE").is_some_and(|size| size.len() > 4);
    while !begun() {
        sleep(Duration::from_millis(5));
    }
    let killed = Command::new("kill").args(["-INT", &child.id().to_string()]).status();
    assert!(killed.expect("kill runs").success());
    let output = child.wait_with_output().expect("loadgen ends");
    assert_eq!(output.status.code(), Some(4));
    assert_eq!(ask(server.port, "DBSIZE").as_deref(), Some(":0"), "nothing is left behind");
}
