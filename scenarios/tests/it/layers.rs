//! Arms and scales override the file in the order that README.md gives.

use aelab_scenarios::model::Arrival;
use aelab_scenarios::{Scale, Scenario};
use aelab_units::Rate;
use std::time::Duration;

const FILE: &str = r#"
question = "?"
[data]
keys = 10
[groups.g]
role = "victim"
rate = 1
commands = ["PING"]
[arms.b]
data.keys = 20
[arms.a]
groups.g.rate = 2
[scales.smoke]
data.keys = 5
groups.g.rate = 3
[scales.smoke.arms.a]
groups.g.rate = 4
"#;

fn arm(scale: Scale, name: &str) -> (u64, f64) {
    let scenario = Scenario::parse("t", "t.toml", FILE, scale).unwrap_or_else(|e| panic!("{e}"));
    let arm = scenario.arm(name).expect("the arm");
    let Arrival::Constant(rate) = arm.groups[0].arrival else { panic!("constant") };
    (arm.data.keys, Rate::as_per_second(rate))
}

#[test]
fn later_layers_win() {
    assert_eq!(arm(Scale::Default, "a"), (10, 2.0));
    assert_eq!(arm(Scale::Default, "b"), (20, 1.0));
    assert_eq!(arm(Scale::Smoke, "a"), (5, 4.0));
    assert_eq!(arm(Scale::Smoke, "b"), (20, 3.0), "an arm overrides a scale");
}

#[test]
fn arms_keep_the_order_of_the_file() {
    let scenario = Scenario::parse("t", "t.toml", FILE, Scale::Full).expect("reads");
    let names: Vec<&str> = scenario.arms.iter().map(|arm| arm.name.as_str()).collect();
    assert_eq!(names, ["b", "a"]);
}

#[test]
fn a_file_without_arms_has_one() {
    let text = "question = \"?\"\n[groups.g]\nrole = \"victim\"\ncommands = [\"PING\"]\n";
    let scenario = Scenario::parse("mine", "mine.toml", text, Scale::Default).expect("reads");
    assert_eq!(scenario.arms.len(), 1);
    assert_eq!(scenario.arms[0].name, "mine");
    assert_eq!(scenario.arms[0].groups[0].arrival, Arrival::Closed { think: Duration::ZERO });
}

#[test]
fn the_old_name_of_a_pool_count_still_reads() {
    let claim = "[claims.P]\ntext = \"t\"\n[[claims.P.holds]]\nsays = \"s\"\n\
                 measure = \"b.g.pool.turned_away\"\nmax = 0\n";
    let scenario = Scenario::parse("t", "t.toml", &format!("{FILE}{claim}"), Scale::Full);
    let scenario = scenario.unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(scenario.claims[0].holds[0].measure.to_string(), "b.g.pool.timeouts");
}

#[test]
fn arms_may_have_their_own_server_program() {
    let text = format!(
        "server_bin = \"common\"\n{FILE}\n[scales.smoke.arms.b]\nserver_bin = \"smoke\"\n\
         server_args = [\"a.conf\", \"--hz\", \"50\"]\n"
    );
    let scenario = Scenario::parse("t", "t.toml", &text, Scale::Smoke);
    let scenario = scenario.unwrap_or_else(|e| panic!("{e}"));
    let program = |name| scenario.arm(name).expect("the arm").server_bin.clone();
    assert_eq!(program("a").as_deref(), Some("common"));
    assert_eq!(program("b").as_deref(), Some("smoke"));
    let again = aelab_scenarios::canonical(&scenario);
    let again = Scenario::parse("t", "again", &again, Scale::Smoke).expect("reads back");
    assert_eq!(again, scenario);
}
