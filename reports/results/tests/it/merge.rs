//! Sums of runs: exact, derivable again, and refused where they would not be exact.

use crate::synthetic::{self, Plan};
use aelab_results::folder::Folder;
use aelab_results::hlog::{HLOG_FILE, Metric};
use aelab_results::merge::merge;
use aelab_results::rederive::rederive;
use aelab_results::{read_folder, write_folder};
use std::path::Path;

fn folder(dir: &Path, plan: &Plan, seed: u64) -> Folder {
    let mut run = synthetic::run(plan);
    run.record.seed = seed;
    run.write(dir);
    read_folder(dir).unwrap()
}

#[test]
fn every_sample_of_every_run_is_in_the_sum_once() {
    let dir = synthetic::temp_dir("merge-sum");
    let a = folder(&dir.join("a"), &Plan::keys(), 1);
    let b = folder(&dir.join("b"), &Plan::calm(), 2);
    let merged = merge(&[a.clone(), b.clone()]).unwrap();
    write_folder(&dir.join("sum"), &merged.record, &merged.series).unwrap();
    let sum = read_folder(&dir.join("sum")).unwrap();
    let counts = |folder: &Folder| folder.record.groups[0].counts;
    assert_eq!(counts(&sum).ok, counts(&a).ok + counts(&b).ok);
    let group = &sum.record.groups[0];
    assert_eq!(group.connections.asked, 100);
    assert_eq!((group.arrival.rate, group.achieved_rate), (Some(2000.0), 2000.0));
    assert_eq!(sum.record.merged_from.len(), 2);
    let of = |folder: &Folder, start_ns| {
        let log = folder.hlog.as_ref().unwrap().of_group("victims", Metric::Response).unwrap();
        log.intervals.into_iter().find(|one| one.start_ns == start_ns).map(|one| one.counts)
    };
    for start_ns in (0..30_000_000_000).step_by(100_000_000) {
        let parts: Vec<_> = [&a, &b].iter().filter_map(|one| of(one, start_ns)).collect();
        let want = aelab_results::histogram::Sparse::merge(&parts);
        assert_eq!(of(&sum, start_ns).unwrap_or_default(), want, "interval at {start_ns}");
    }
    // Not an average: the stalls of one run are the tail of both.
    let p99 = |folder: &Folder| folder.record.groups[0].total.response_time.us_at(99.0).unwrap();
    assert!(p99(&sum) > p99(&b) * 100.0 && p99(&sum) < p99(&a), "{}", p99(&sum));
    let again = rederive(&sum);
    assert_eq!((again.differences, again.open), (vec![], 0));
}

#[test]
fn what_cannot_be_added_exactly_is_refused() {
    let dir = synthetic::temp_dir("merge-refused");
    let a = folder(&dir.join("a"), &Plan::calm(), 1);
    let b = folder(&dir.join("b"), &Plan::keys(), 2);
    let refused = |parts: &[Folder]| merge(parts).unwrap_err().to_string();
    type Change = fn(&mut Folder);
    let changes: [(&str, Change); 14] = [
        ("interrupted", |f| f.record.interrupted = true),
        ("no latency.hlog", |f| f.hlog = None),
        ("cut off", |f| f.hlog.as_mut().unwrap().torn = true),
        ("other bounds", |f| f.hlog.as_mut().unwrap().rebinned = true),
        ("no run with requests", |f| f.record.groups.clear()),
        ("repetitions", |f| f.repetitions.push(f.clone())),
        ("server", |f| f.record.server.as_mut().unwrap().version = Some("9".into())),
        ("intervals of", |f| {
            let log = f.hlog.as_mut().unwrap();
            log.series.iter_mut().flat_map(|s| &mut s.intervals).for_each(|i| i.length_ns *= 2);
        }),
        ("lengths of 30.0 s and 33.0 s", |f| f.record.duration_s = 33.0),
        ("groups", |f| f.record.groups[0].name = "others".into()),
        ("load of group victims", |f| f.record.groups[0].workload = "SET".into()),
        ("commands of group victims", |f| f.record.groups[0].commands.clear()),
        ("arrival of group victims", |f| f.record.groups[0].arrival.process = "poisson".into()),
        ("rate of group victims", |f| f.record.groups[0].arrival.rate = Some(1100.0)),
    ];
    for (part, change) in changes {
        let mut other = b.clone();
        change(&mut other);
        let said = refused(&[a.clone(), other]);
        assert!(said.contains(part) && !said.contains('\n'), "{part}: {said}");
    }
    assert!(refused(&[]).contains("two or more"));
    assert!(refused(std::slice::from_ref(&a)).contains("two or more"));
    assert!(refused(&[a.clone(), b.clone(), a.clone()]).contains("the same run"));
    // A copy in another folder is the same run, too.
    let copy = Folder { dir: dir.join("copy"), ..a.clone() };
    assert!(merge(&[a.clone(), copy.clone()]).is_ok() == (a.record != copy.record));
}

#[test]
fn runs_of_different_times_are_added_with_a_caveat() {
    let dir = synthetic::temp_dir("merge-apart");
    let a = folder(&dir.join("a"), &Plan::calm(), 1);
    let mut b = folder(&dir.join("b"), &Plan::keys(), 2);
    assert_eq!(merge(&[a.clone(), b.clone()]).unwrap().record.caveats, []);
    b.record.started_at = "2026-01-01T00:01:00Z".into();
    let caveats = merge(&[b, a]).unwrap().record.caveats;
    assert_eq!((caveats[0].id.as_str(), caveats[0].value), ("merged-apart", Some(60.0)));
}

#[test]
fn bounds_of_other_histograms_are_noticed() {
    use base64::Engine as _;
    use hdrhistogram::serialization::{Serializer, V2DeflateSerializer};
    let dir = synthetic::temp_dir("merge-bounds");
    synthetic::run(&Plan::calm()).write(&dir);
    let mut foreign = hdrhistogram::Histogram::<u64>::new_with_bounds(1, 1_000_000, 2).unwrap();
    foreign.record(77_777).unwrap();
    let mut bytes = Vec::new();
    V2DeflateSerializer::new().serialize(&foreign, &mut bytes).unwrap();
    let payload = base64::engine::general_purpose::STANDARD.encode(bytes);
    let path = dir.join(HLOG_FILE);
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(!read_folder(&dir).unwrap().hlog.unwrap().rebinned);
    std::fs::write(&path, format!("{text}Tag=x,29.000,0.100,0.078,{payload}\n")).unwrap();
    assert!(read_folder(&dir).unwrap().hlog.unwrap().rebinned);
}
