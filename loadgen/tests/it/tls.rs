//! TLS: which certificates are trusted, what is refused and why, and exact counts over TLS.

use crate::support::{Called, LOADGEN, TempDir, check_failure, free_port, loadgen};
use crate::tls_server::{Clients, End, Files, serve, serve_ending};
use aelab_engine::Live;
use aelab_engine::clock::Nanos;
use aelab_engine::plan::{
    CommandPlan, Endpoint, GroupPlan, KeySpace, Phases, RunPlan, Target, ValueSize, Workload,
};
use aelab_engine::tls::{TlsClient, TlsOptions};
use aelab_results::record::RunRecord;
use rcgen::{BasicConstraints, CertificateParams, IsCa, KeyPair};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::AtomicBool;
use std::thread;
use std::time::Duration;

/// An open loop of 200 requests on one connection at a time, that ends as said after 20 replies.
fn run_to_ends(end: End) -> RunRecord {
    let files = Files::new();
    let port = serve_ending(files.server(Clients::Any), 20, end).port().to_string();
    let args = ["run", "-h", "localhost", "-p", &port, "--tls", "--cacert", &files.path("ca.pem")];
    let load =
        ["-c", "1", "--rate", "200", "--duration", "1s", "--warmup", "0s", "--json", "GET", "a"];
    let called = loadgen(&[&args[..], &load].concat());
    RunRecord::from_json(&called.stdout, Path::new("stdout")).expect("a record")
}

#[test]
fn an_invalid_record_is_not_reported_as_closed_by_the_server() {
    let record = run_to_ends(End::Garbage);
    let lost = record.caveats.iter().find(|caveat| caveat.id == "connections-lost");
    let text = &lost.expect("connections were lost").text;
    assert!(text.contains("The load generator closed"), "{text}");
    assert!(text.contains("could not be parsed (TLS: "), "{text}");
    assert!(!text.contains("maxclients"), "{text}");
}

#[test]
fn nothing_is_sent_to_a_server_that_said_it_closes() {
    let record = run_to_ends(End::Announced);
    let group = &record.groups[0];
    assert!(group.connections.reconnects > 0, "{:?}", group.connections);
    assert_eq!(group.counts.error, 0, "{:?}", group.errors);
}

/// A run of the program against `localhost` on this port, with these flags more.
fn run(port: &str, flags: &[&str]) -> Called {
    let args = ["run", "-h", "localhost", "-p", port, "-n", "200", "-c", "3", "-q"];
    loadgen(&[&args[..], flags, &["SET", "__key__", "__data__"]].concat())
}

#[track_caller]
fn refused(port: &str, flags: &[&str], code: i32, parts: &[&str]) {
    let args = ["run", "-h", "localhost", "-p", port, "-n", "10", "-q"];
    for part in parts {
        check_failure(&[&args[..], flags, &["PING"]].concat(), code, part);
    }
}

#[test]
fn certificates_are_verified_and_refusals_have_a_remedy() {
    let files = Files::new();
    let port = serve(files.server(Clients::Any)).port().to_string();
    let (ca, other) = (files.path("ca.pem"), files.path("other-ca.pem"));
    for flags in [&["--tls", "--cacert", &ca][..], &["--tls", "--insecure"]] {
        let called = run(&port, flags);
        assert!(called.ran(), "{flags:?}: {}", called.stderr);
    }
    let url = format!("rediss://localhost:{port}/0");
    let called = loadgen(&["run", "-u", &url, "--cacert", &ca, "-n", "50", "-q", "PING"]);
    assert!(called.ran(), "{}", called.stderr);
    refused(
        &port,
        &["--tls", "--cacert", &other],
        6,
        &["of an unknown authority", "--cacert FILE"],
    );
    let wrong_name = ["--tls", "--cacert", &ca, "--sni", "redis.test"];
    refused(&port, &wrong_name, 6, &["is not for redis.test", "give it with --sni"]);
    let by_address = ["run", "-p", &port, "-n", "50", "-q", "--tls", "--cacert", &ca];
    check_failure(&[&by_address[..], &["PING"]].concat(), 6, "for another name");
    let called = loadgen(&[&by_address[..], &["--sni", "localhost", "PING"]].concat());
    assert!(called.ran(), "{}", called.stderr);
}

#[test]
fn a_folder_of_authorities_is_trusted() {
    let files = Files::new();
    let port = serve(files.server(Clients::Any)).port().to_string();
    let folder = TempDir::new();
    // As `openssl rehash` names them.
    std::fs::copy(files.path("ca.pem"), folder.file("0123abcd.0")).expect("copied");
    let called = run(&port, &["--tls", "--cacertdir", folder.path().to_str().expect("a path")]);
    assert!(called.ran(), "{}", called.stderr);
}

/// What `openssl req -x509` makes for a test server: an authority's certificate, for one host, signed with its own key.
#[test]
fn a_certificate_that_signed_itself_is_trusted_where_it_is_given_itself() {
    let files = Files::new();
    let mut params = CertificateParams::new(vec!["localhost".to_owned()]).expect("a name");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().expect("a key");
    files.write("server.pem", &params.self_signed(&key).expect("signed").pem());
    files.write("server.key", &key.serialize_pem());
    let port = serve(files.server(Clients::Any)).port().to_string();
    let own = files.path("server.pem");
    let called = run(&port, &["--tls", "--cacert", &own]);
    assert!(called.ran(), "{}", called.stderr);
    refused(&port, &["--tls", "--cacert", &own, "--sni", "redis.test"], 6, &["another name"]);
    let other = files.path("ca.pem");
    let words = ["an authority's own (", "--cacert FILE", "--insecure"];
    refused(&port, &["--tls", "--cacert", &other], 6, &words);
    assert!(run(&port, &["--tls", "--insecure"]).ran());
    // Given or not, it must be of today.
    params.not_after = rcgen::date_time_ymd(2001, 1, 1);
    params.not_before = rcgen::date_time_ymd(2000, 1, 1);
    files.write("server.pem", &params.self_signed(&key).expect("signed").pem());
    let port = serve(files.server(Clients::Any)).port().to_string();
    refused(&port, &["--tls", "--cacert", &own], 6, &["renew the server's certificate"]);
}

#[test]
fn a_server_may_want_a_client_certificate() {
    let files = Files::new();
    let port = serve(files.server(Clients::Known)).port().to_string();
    let (ca, cert, key) =
        (files.path("ca.pem"), files.path("client.pem"), files.path("client.key"));
    let called = run(&port, &["--tls", "--cacert", &ca, "--cert", &cert, "--key", &key]);
    assert!(called.ran(), "{}", called.stderr);
    refused(&port, &["--tls", "--cacert", &ca], 6, &["--cert and --key"]);
    let wrong_key = ["--tls", "--cert", &cert, "--key", &files.path("server.key")];
    refused(&port, &wrong_key, 2, &["do not work together"]);
    let no_key = ["--tls", "--cert", &cert, "--key", &cert];
    refused(&port, &no_key, 2, &["private key"]);
}

/// What `openssl x509 -req` makes without `-extfile`; it is for no use but this test.
const VERSION_1: (&str, &str) = (
    "\
-----BEGIN CERTIFICATE-----\n\
MIIBJTCBzQIURPSc4sxotwOzREW/v4aSF7Qe+ZowCgYIKoZIzj0EAwIwGTEXMBUG\n\
A1UEAwwOdGVzdCBhdXRob3JpdHkwIBcNMjYxMTIzMjA0NjI3WhgPMjEyNjEwMzAy\n\
MDQ2MjdaMBExDzANBgNVBAMMBmNsaWVudDBZMBMGByqGSM49AgEGCCqGSM49AwEH\n\
A0IABIAnn7pBXr7sUe/K2etSkG/tlgb94jrFgTcx8UTzdOVSSsFvHWkPPEY9j5N2\n\
frFrhPxoxiRI9qxvbWJJwoQYq04wCgYIKoZIzj0EAwIDRwAwRAIgcO7mLzY/lSNi\n\
9U/tlGUrkZ0QNd1mFZjl9PNGnGK6EesCIBBkKRFfM63/d//Oh2Mzk53JlhsQLni4\n\
tt8JxdtQpofb\n\
-----END CERTIFICATE-----\n\n",
    "\
-----BEGIN PRIVATE KEY-----\n\
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgsGbELmX2xsN3jI/f\n\
xnbRg58PncrXppNkLmmGKpgQSxihRANCAASAJ5+6QV6+7FHvytnrUpBv7ZYG/eI6\n\
xYE3MfFE83TlUkrBbx1pDzxGPY+Tdn6xa4T8aMYkSPasb21iScKEGKtO\n\
-----END PRIVATE KEY-----\n\n",
);

#[test]
fn the_server_judges_a_client_certificate_of_version_1() {
    let files = Files::new();
    let port = serve(files.server(Clients::Having)).port().to_string();
    files.write("old.pem", VERSION_1.0);
    files.write("old.key", VERSION_1.1);
    let [ca, cert, key] = ["ca.pem", "old.pem", "old.key"].map(|name| files.path(name));
    let called = run(&port, &["--tls", "--cacert", &ca, "--cert", &cert, "--key", &key]);
    assert!(called.ran(), "{}", called.stderr);
    // One that does not take it says so itself.
    let port = serve(files.server(Clients::Known)).port().to_string();
    let flags = ["--tls", "--cacert", &ca, "--cert", &cert, "--key", &key];
    refused(&port, &flags, 6, &["the server refused us", "--cert"]);
}

/// `--insecure` accepts what the library cannot read, also on the connections that are measured.
#[test]
fn any_certificate_is_accepted_if_none_is_verified() {
    let files = Files::new();
    files.write("old.pem", VERSION_1.0);
    files.write("old.key", VERSION_1.1);
    let old = serve(files.server_of("old")).port().to_string();
    let good = serve(files.server(Clients::Any)).port().to_string();
    for port in [&old, &good] {
        let called = run(port, &["--tls", "--insecure"]);
        assert!(called.ran(), "{}", called.stderr);
    }
    // Without the flag, the message says how to make a good one.
    let ca = files.path("ca.pem");
    let parts = ["version 1", "subjectAltName=DNS:HOST", "--cacert cert.pem", "--insecure"];
    refused(&old, &["--tls", "--cacert", &ca], 6, &parts);
    refused(&old, &["--tls", "--cacert", &files.path("old.pem")], 6, &parts);
}

#[test]
fn scenarios_take_the_same_flags_for_their_target() {
    let files = Files::new();
    let port = serve(files.server(Clients::Known)).port().to_string();
    let url = format!("rediss://localhost:{port}");
    let [ca, cert, key] = ["ca.pem", "client.pem", "client.key"].map(|name| files.path(name));
    let out = TempDir::new();
    let out = out.file("out");
    let base = ["scenario", "run", "keys-vs-scan", "--scale", "smoke", "--out", &out];
    let refused = |flags: &[&str], code: i32, part: &str| {
        check_failure(&[&base[..], flags].concat(), code, part);
    };
    refused(&["--target", &url, "--cacert", &files.path("other-ca.pem")], 6, "unknown authority");
    refused(&["--target", &url, "--cacert", &ca], 6, "give --cert and --key");
    // With all of them it is understood, and found to be no Redis.
    let called = loadgen(
        &[&base[..], &["--target", &url, "--cacert", &ca, "--cert", &cert, "--key", &key]].concat(),
    );
    assert!(!called.stderr.contains("TLS"), "{}", called.stderr);
    refused(&["--cacert", &ca], 2, "--target rediss://");
    refused(&["--target", "redis://localhost:1", "--insecure"], 2, "write rediss://");
}

#[test]
fn flags_that_cannot_be_meant() {
    let files = Files::new();
    let ca = files.path("ca.pem");
    check_failure(&["run", "--cacert", &ca, "PING"], 2, "add --tls");
    check_failure(&["run", "--tls", "--cacert", "/nonexistent", "PING"], 2, "/nonexistent");
    check_failure(&["run", "--tls", "--cacert", &files.path("ca.key"), "PING"], 2, "ca.key");
    check_failure(&["run", "--tls", "--cert", &ca, "PING"], 2, "--key");
    check_failure(&["run", "--tls", "-s", "/tmp/x", "PING"], 2, "--tls");
    check_failure(&["run", "--tls", "-u", "unix:///tmp/x", "PING"], 2, "does not support TLS");
}

#[test]
fn tls_and_plain_servers_are_distinguished() {
    let files = Files::new();
    let plain = crate::support::Server::start(&[]);
    refused(&plain.port_arg(), &["--tls", "--insecure"], 6, &["leave out --tls"]);
    let port = serve(files.server(Clients::Any)).port().to_string();
    let called = loadgen(&["run", "-p", &port, "-n", "10", "PING"]);
    assert_eq!(called.code, 6, "{}", called.stderr);
}

/// Values far larger than a socket's buffer: writes are cut in the middle of records, and every request is still stamped,
/// sent and answered once.
#[test]
fn every_request_is_accounted_for_over_tls() {
    let files = Files::new();
    let addr = serve(files.server(Clients::Any));
    let options = TlsOptions { cacert: Some(files.path("ca.pem").into()), ..TlsOptions::default() };
    let client = TlsClient::new(&options).expect("a client");
    let endpoint = client.endpoint("localhost", addr).expect("a name");
    for (bytes, pipeline, requests) in [(3_000_000, 4, 40), (20_000, 16, 800), (8, 100, 20_000)] {
        let workload = Workload {
            commands: vec![CommandPlan::new(&["SET", "__key__", "__data__"])],
            keys: KeySpace::uniform(1_000),
            values: ValueSize::Fixed(bytes),
            compressible: 0.0,
            order: aelab_engine::plan::CommandOrder::Random,
        };
        let target = Target::plain(Endpoint::Tls(endpoint.clone()));
        let group = GroupPlan {
            requests: Some(requests),
            pipeline,
            ..GroupPlan::new("load", target, 3, workload)
        };
        let phases = Phases {
            warmup: Nanos::ZERO,
            measure: Some(Nanos::from_secs(60)),
            drain_max: Nanos::from_secs(5),
        };
        let plan = RunPlan::new(vec![group], phases);
        let result =
            aelab_engine::run(&plan, &Live::new(&plan), &AtomicBool::new(false)).expect("runs");
        let group = &result.groups[0];
        group.counts.check().expect("the books balance");
        assert_eq!((group.counts.ok, group.counts.sent), (requests, requests));
        assert_eq!((group.connections.established, group.connections.lost), (3, 0));
        assert_eq!(group.opening.connected.len(), 3);
        assert!(group.traffic.sent_bytes >= requests * bytes as u64);
        // Sent is never before due, nor after the reply.
        assert_eq!(group.commands[0].send_lag.total.len(), requests);
        assert!(group.commands[0].service_time.exact.min > 0);
    }
}

/// A real server, if there is one.
struct Redis(Child);

impl Redis {
    fn start(files: &Files, port: u16) -> Option<Self> {
        let child = Command::new("redis-server")
            .args(["--port", "0", "--save", "", "--tls-port", &port.to_string()])
            .args(["--tls-cert-file", &files.path("server.pem")])
            .args(["--tls-key-file", &files.path("server.key")])
            .args(["--tls-ca-cert-file", &files.path("ca.pem")])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        let required = std::env::var("AELAB_REQUIRE_REDIS").is_ok_and(|value| value == "1");
        let mut child = match child {
            Ok(child) => Self(child),
            Err(_) if !required => return None,
            Err(error) => panic!("AELAB_REQUIRE_REDIS=1, but redis-server: {error}"),
        };
        for _ in 0..500 {
            if TcpStream::connect(("127.0.0.1", port)).is_ok() {
                return Some(child);
            }
            if let Ok(Some(status)) = child.0.try_wait() {
                assert!(!required, "redis-server ended: {status}");
                // Built without TLS.
                return None;
            }
            thread::sleep(Duration::from_millis(20));
        }
        panic!("redis-server does not listen");
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_real_server_with_tls_and_client_certificates() {
    let (files, port) = (Files::new(), free_port());
    let Some(_redis) = Redis::start(&files, port) else { return };
    let port = port.to_string();
    let [ca, cert, key] = ["ca.pem", "client.pem", "client.key"].map(|name| files.path(name));
    let flags = ["--tls", "--cacert", &*ca, "--cert", &*cert, "--key", &*key];
    refused(&port, &flags[..3], 6, &["--cert"]);
    let load = ["-n", "3000", "-c", "5", "-P", "8", "-d", "20000", "--ratio", "1:1", "--json"];
    let args = [&["run", "-h", "localhost", "-p", &*port][..], &flags, &load].concat();
    let output = Command::new(LOADGEN).args(args).output().expect("runs");
    assert!(
        matches!(output.status.code(), Some(0 | 4)),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let json = String::from_utf8_lossy(&output.stdout);
    let record = RunRecord::from_json(&json, Path::new("stdout")).expect("a record");
    let group = &record.groups[0];
    assert_eq!((group.counts.ok, group.counts.error), (3_000, 0));
    assert!(group.counts.add_up() && record.server.is_some());
}
