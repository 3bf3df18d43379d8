//! `loadgen relay` as a command: what it says, what passes, how it ends. The relay itself is tested in `relay.rs`.

use crate::support::{LOADGEN, Server, ask, check_failure};
use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

#[test]
fn a_ping_passes_and_an_interrupt_ends_it() {
    let server = Server::start(&[]);
    let upstream = server.port_arg();
    let mut relay = Command::new(LOADGEN)
        .args(["relay", "--listen", "0", "--upstream", &upstream, "--rtt", "1ms"])
        .stderr(Stdio::piped())
        .spawn()
        .expect("the relay starts");
    let mut lines = BufReader::new(relay.stderr.take().expect("piped")).lines();
    let first = lines.next().expect("a line").expect("text");
    let (from, to) = first.split_once(" -> ").expect(&first);
    assert_eq!(to, format!("127.0.0.1:{upstream}"));
    let port = from.rsplit_once(':').and_then(|(_, port)| port.parse().ok()).expect(from);
    assert_eq!(ask(port, "PING").as_deref(), Some("+PONG"));
    let pid = relay.id().to_string();
    assert!(Command::new("kill").args(["-INT", &pid]).status().expect("kill").success());
    let last = lines.next().expect("a line").expect("text");
    assert!(last.starts_with("relayed 1 connection,"), "{last}");
    assert_eq!(relay.wait().expect("ended").code(), Some(0));
}

#[test]
fn values_that_make_no_sense() {
    let with = |more: &[&'static str]| {
        let mut args = vec!["relay", "--listen", "0", "--upstream", "1"];
        args.extend(more);
        args
    };
    check_failure(&with(&["--rtt", "1ms", "--jitter", "2ms"]), 2, "--jitter");
    check_failure(&with(&["--rtt", "5"]), 2, "the unit is missing");
    check_failure(&with(&["--user", "me"]), 2, "--share");
    check_failure(&with(&["--share", "1", "--user", "me"]), 2, "--user needs a password");
    check_failure(&["relay", "--listen", "x:y", "--upstream", "1"], 2, "--listen");
    check_failure(&["relay", "--listen", "192.0.2.1:1", "--upstream", "1"], 2, "of this machine");
}
