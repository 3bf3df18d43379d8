//! What a relay may be asked, and what is said when it may not.

use crate::relay::{Options, parse_endpoint};
use aelab_engine::clock::Nanos;
use aelab_engine::plan::Endpoint;

#[test]
fn values_that_make_no_sense_are_refused_in_one_line() {
    let plain = || {
        let addr = |port: u16| Endpoint::Tcp(([127, 0, 0, 1], port).into());
        Options::new(addr(0), addr(6379))
    };
    plain().check().expect("a relay that adds nothing");
    let cases: [(Options, &str); 6] = [
        (Options { rtt: Nanos::from_secs(61), ..plain() }, "--rtt: 61s is too long"),
        (Options { jitter: Nanos(1), ..plain() }, "--jitter: 1ns exceeds the round-trip time"),
        (Options { bandwidth: Some(0), ..plain() }, "--bandwidth: 0 bytes per second"),
        (Options { share: Some(0), ..plain() }, "--share: 0 connections"),
        (Options { window_bytes: 1, ..plain() }, "--window: 1 bytes"),
        (Options { listen: plain().upstream, ..plain() }, "--upstream: 127.0.0.1:6379 is where"),
    ];
    for (options, expected) in cases {
        let text = options.check().expect_err(expected).to_string();
        assert!(text.starts_with(expected) && !text.contains('\n'), "{text}");
    }
}

#[test]
fn endpoints_are_read_as_people_write_them() {
    let read = |text| parse_endpoint("--listen", text).map_err(|error| error.to_string());
    assert_eq!(read("7000"), Ok(Endpoint::Tcp(([127, 0, 0, 1], 7000).into())));
    assert_eq!(read("0.0.0.0:7000"), Ok(Endpoint::Tcp(([0, 0, 0, 0], 7000).into())));
    assert_eq!(read("unix:/tmp/x"), Ok(Endpoint::Unix("/tmp/x".into())));
    assert_eq!(read("unix:///tmp/x"), Ok(Endpoint::Unix("/tmp/x".into())));
    for bad in ["", "unix:", "localhost", "localhost:99999"] {
        let text = read(bad).expect_err(bad);
        assert!(text.starts_with("--listen: ") && text.contains("HOST:PORT"), "{text}");
    }
}
