//! Tests of templates: what is written for given numbers.

use super::*;
use crate::plan::KeyDistribution;

struct Fixed(u64);

impl Numbers for Fixed {
    fn number(&mut self, _slot: usize) -> u64 {
        self.0
    }

    fn again(&mut self, _slot: usize) -> u64 {
        self.0
    }

    fn mark(&mut self, _destination: u32, out: &mut Vec<u8>) {
        out.extend_from_slice(b"mark");
    }
}

fn check(args: &[&str], values: ValueSize, number: u64, want: &str) {
    let keys = KeySpace::uniform(1_000);
    let template = Template::compile(&CommandPlan::new(args), &keys, &values).expect("compiles");
    let mut out = Vec::new();
    template.write(&mut out, b"abcdefghij", 0, &mut Fixed(number));
    assert_eq!(String::from_utf8_lossy(&out), want);
}

#[test]
fn placeholders_become_well_formed_requests() {
    let d3 = || ValueSize::Fixed(3);
    check(&["PING"], d3(), 0, "*1\r\n$4\r\nPING\r\n");
    check(&["GET", "__key__"], d3(), 7, "*2\r\n$3\r\nGET\r\n$16\r\nkey:000000000007\r\n");
    check(&["ECHO", "a__rand_int__b"], d3(), 42, "*2\r\n$4\r\nECHO\r\n$14\r\na000000000042b\r\n");
    check(&["ECHO", "__data__"], d3(), 2, "*2\r\n$4\r\nECHO\r\n$3\r\ncde\r\n");
    check(&["ECHO", "x{rand 1000}"], d3(), 999, "*2\r\n$4\r\nECHO\r\n$4\r\nx999\r\n");
    check(&["ECHO", ""], d3(), 0, "*2\r\n$4\r\nECHO\r\n$0\r\n\r\n");
    check(
        &["ECHO", "{user}:{\"a\":1}"],
        d3(),
        0,
        "*2\r\n$4\r\nECHO\r\n$14\r\n{user}:{\"a\":1}\r\n",
    );
    check(&["GET", "{key zipf:1.1 9}"], d3(), 7, "*2\r\n$3\r\nGET\r\n$16\r\nkey:000000000007\r\n");
    check(
        &["HSET", "{key 9}", "n", "{same}"],
        d3(),
        7,
        "*4\r\n$4\r\nHSET\r\n$16\r\nkey:000000000007\r\n$1\r\nn\r\n$16\r\nkey:000000000007\r\n",
    );
    check(&["ECHO", "{data 2}"], d3(), 2, "*2\r\n$4\r\nECHO\r\n$2\r\ncd\r\n");
    check(&["EX", "{ttl 30-90}"], d3(), 44, "*2\r\n$2\r\nEX\r\n$2\r\n44\r\n");
    check(
        &["MSET", "a{tag}", "1", "b{tag}", "2"],
        d3(),
        42,
        "*5\r\n$4\r\nMSET\r\n$8\r\na{00042}\r\n$1\r\n1\r\n$8\r\nb{00042}\r\n$1\r\n2\r\n",
    );
    check(&["EX", "{ttl 0-3}"], d3(), 0, "*2\r\n$2\r\nEX\r\n$1\r\n0\r\n");
    check(&["EX", "{rand 0-5}"], d3(), 5, "*2\r\n$2\r\nEX\r\n$1\r\n5\r\n");
    check(&["EX", "{rand 0-0}"], d3(), 0, "*2\r\n$2\r\nEX\r\n$1\r\n0\r\n");
    check(&["EX", "{ttl 60}"], d3(), 0, "*2\r\n$2\r\nEX\r\n$2\r\n60\r\n");
    let range = ValueSize::Range { min: 1, max: 9 };
    check(&["ECHO", "__data__"], range, 4, "*2\r\n$4\r\nECHO\r\n$4\r\nefgh\r\n");
}

#[test]
fn a_number_that_outgrows_its_digits_is_written_in_full() {
    let written = |keys: &KeySpace, number: u64| {
        let template =
            Template::compile(&CommandPlan::new(&["GET", "__key__"]), keys, &ValueSize::Fixed(3));
        let mut out = Vec::new();
        template.expect("compiles").write(&mut out, b"", 0, &mut Fixed(number));
        String::from_utf8_lossy(&out).into_owned()
    };
    let first = 90_000_000_000_000;
    let high = KeySpace { first, ..KeySpace::uniform(10) };
    assert_eq!(written(&high, first + 7), "*2\r\n$3\r\nGET\r\n$18\r\nkey:90000000000007\r\n");
    let distribution = KeyDistribution::New;
    let new = KeySpace { distribution, digits: 1, ..KeySpace::uniform(9) };
    assert_eq!(written(&new, 9), "*2\r\n$3\r\nGET\r\n$5\r\nkey:9\r\n");
    assert_eq!(written(&new, 10), "*2\r\n$3\r\nGET\r\n$6\r\nkey:10\r\n");
}

#[test]
fn commands_of_an_operation_share_their_slots_and_are_written_together_or_in_turn() {
    let args = ["MULTI", ";", "SET", "__key__", "\\;", ";", "EXEC"];
    let want = "*1\r\n$5\r\nMULTI\r\n*3\r\n$3\r\nSET\r\n$16\r\nkey:000000000007\r\n$1\r\n;\r\n*1\r\n$4\r\nEXEC\r\n";
    check(&args, ValueSize::Fixed(3), 7, want);
    let keys = KeySpace::uniform(1_000);
    let plan = CommandPlan { sending: Sending::InTurn, ..CommandPlan::new(&args) };
    assert_eq!(plan.label, "MULTI+SET+EXEC");
    let template = Template::compile(&plan, &keys, &ValueSize::Fixed(3)).expect("compiles");
    assert_eq!(template.shape, Shape::InTurn(3));
    let mut calls = Vec::new();
    (0..3).for_each(|part| template.write_call(&mut calls, b"", part, &mut Fixed(7)));
    assert_eq!(String::from_utf8_lossy(&calls), want);
}

#[test]
fn a_page_is_two_arguments() {
    let plan = CommandPlan::new(&["LRANGE", "l", "{page 100}"]);
    let template = Template::compile(&plan, &KeySpace::uniform(1), &ValueSize::Fixed(1));
    let template = template.expect("compiles");
    assert_eq!(template.shape, Shape::Pages(100));
    let mut out = Vec::new();
    template.write_call(&mut out, b"", 200, &mut Fixed(0));
    let want = "*4\r\n$6\r\nLRANGE\r\n$1\r\nl\r\n$3\r\n200\r\n$3\r\n299\r\n";
    assert_eq!(String::from_utf8_lossy(&out), want);
    for (args, part) in [
        (&["GET", "a", ";"][..], "empty command"),
        (&["MULTI", ";", "LRANGE", "l", "{page 9}"], "no cursor of one is followed"),
    ] {
        let plan = CommandPlan::new(args);
        let error = Template::compile(&plan, &KeySpace::uniform(1), &ValueSize::Fixed(1));
        assert!(error.expect_err("wrong").contains(part));
    }
}

#[test]
fn what_is_wrong_is_named() {
    let keys = KeySpace::uniform(10);
    for (arg, part) in [
        ("{key zipff 3}", "zipff"),
        ("{key zipf:nan 3}", "exponent"),
        ("{key uniform 0}", "'0'"),
        ("{same}", "no key before it"),
        ("{data 9-1}", "upside down"),
        ("{key uniform 1 2}", "write {key"),
        ("{rand 0}", "'0'"),
        ("{rand x}", "'x'"),
        ("{rand 9-3}", "above"),
        ("{rand -3}", "positive"),
        ("{ttl 0}", "'0'"),
        ("{ttl 99999999999999999999}", "positive"),
    ] {
        let command = CommandPlan::new(&["GET", arg]);
        let error = Template::compile(&command, &keys, &ValueSize::Fixed(1)).expect_err("wrong");
        assert!(error.contains(part), "{error}");
    }
}
