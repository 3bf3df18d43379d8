//! What the codec costs per command, in the shapes that load tests consist of.
//!
//! Run with `cargo bench -p aelab-resp`.

use aelab_resp::{Parsed, ReplyScanner, RequestLimits, RequestParser, encode};
use divan::counter::ItemsCount;
use divan::{Bencher, black_box};

/// Commands in one buffer: a pipeline as deep as the read quantum holds.
const BATCH: usize = 100;

fn main() {
    divan::main();
}

#[divan::bench]
fn parse_set_32_bytes(bencher: Bencher<'_, '_>) {
    let mut one = Vec::new();
    encode::command(&mut one, &[b"SET", b"key:000000000042", &[b'x'; 32]]);
    let mut input = one.repeat(BATCH);
    let limits = RequestLimits::default();
    let mut args = Vec::new();
    bencher.counter(ItemsCount::new(BATCH)).bench_local(move || {
        let mut parser = RequestParser::default();
        let mut at = 0;
        while let Ok(Parsed::Command { consumed }) =
            parser.parse(&mut input[at..], &limits, &mut args)
        {
            at += consumed;
            black_box(&args);
        }
        assert_eq!(at, input.len());
    });
}

#[divan::bench(args = [32, 1024])]
fn scan_bulk(bencher: Bencher<'_, '_>, bytes: usize) {
    let mut one = Vec::new();
    encode::bulk(&mut one, &vec![b'x'; bytes]);
    let input = one.repeat(BATCH);
    bencher.counter(ItemsCount::new(BATCH)).bench_local(move || {
        let mut scanner = ReplyScanner::default();
        let mut at = 0;
        while let Ok((consumed, Some(reply))) = scanner.scan(&input[at..]) {
            at += consumed;
            black_box(reply);
        }
        assert_eq!(at, input.len());
    });
}

#[divan::bench]
fn scan_ok(bencher: Bencher<'_, '_>) {
    let input = b"+OK\r\n".repeat(BATCH);
    bencher.counter(ItemsCount::new(BATCH)).bench_local(move || {
        let mut scanner = ReplyScanner::default();
        let mut at = 0;
        while let Ok((consumed, Some(reply))) = scanner.scan(&input[at..]) {
            at += consumed;
            black_box(reply);
        }
        assert_eq!(at, input.len());
    });
}
