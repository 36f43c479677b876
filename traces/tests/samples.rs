//! The samples in `data/`: each is told by its content and has the counts that are in its README's table; and nothing that
//! may happen to a file makes a reader panic.

#![allow(clippy::unwrap_used, reason = "what is missing or malformed here fails the test, as it should")]

use std::fs;
use std::io::Cursor;
use std::path::{Path, PathBuf};

use cnn_replay::damage::BadLines;
use cnn_replay::file::TraceFile;
use cnn_replay::input::Input;
use cnn_replay::reader::{FORMATS, ReaderOptions};
use cnn_replay::{PrepareOptions, ReadOptions, RuleSet, TraceError, prepare};
use fastrand::Rng;

/// The samples, with their format, lines (or records), damaged lines, requests and documents.
const SAMPLES: &[(&str, &str, u64, u64, u64, usize)] = &[
    ("squid-sample-access.log", "squid", 71, 0, 50, 28),
    ("squid-sample-access-full.log", "squid", 71, 0, 50, 28),
    ("squid-sample-access-common.log", "apache", 71, 0, 50, 28),
    ("squid-sample-access-combined.log", "apache", 71, 0, 50, 28),
    ("made-up-mixed.access.log", "squid", 122, 2, 120, 40),
    ("made-up.json", "json", 120, 0, 120, 40),
    ("made-up.csv", "csv", 301, 0, 300, 53),
    ("made-up.csv.xz", "csv", 301, 0, 300, 53),
    ("made-up.tsv", "csv", 301, 0, 298, 52),
    ("made-up.oracleGeneral", "oracleGeneral", 300, 0, 300, 53),
    ("made-up-v1.vscsi", "vscsi", 300, 0, 300, 53),
    ("made-up-v2.vscsi", "vscsi", 300, 0, 300, 53),
    ("made-up.tr", "webcachesim", 300, 0, 300, 53),
    ("made-up.tr.gz", "webcachesim", 300, 0, 300, 53),
    ("made-up.lis", "arc", 300, 0, 1147, 236),
    ("made-up.lirs", "lirs", 312, 0, 300, 53),
    ("made-up.lirs.zst", "lirs", 312, 0, 300, 53),
    ("made-up.address", "address", 300, 0, 300, 53),
    ("made-up-keys.cache2k", "cache2k", 300, 0, 300, 53),
    ("made-up-keys.corda", "corda", 300, 0, 300, 53),
];

fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("data").join(name)
}

#[test]
fn every_sample_is_told_by_its_content_and_has_its_counts() {
    for &(name, format, lines, damaged, requests, documents) in SAMPLES {
        let prepared = prepare(&[path(name)], &PrepareOptions::default(), &mut |_| {}).unwrap();
        let file = &prepared.files[0];
        let seen = (
            file.format,
            file.damage.lines,
            file.damage.damaged,
            prepared.trace.len(),
            prepared.trace.objects().len(),
        );
        assert_eq!(seen, (format, lines, damaged, requests, documents), "{name}");
    }
}

#[test]
fn every_format_has_a_sample_and_every_sample_its_line_in_the_readme() {
    let readme = fs::read_to_string(path("README.md")).unwrap();
    for entry in fs::read_dir(path("")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(name == "README.md" || SAMPLES.iter().any(|sample| sample.0 == name), "{name} is in no test");
        assert!(
            name == "README.md" || readme.contains(&format!("`{name}`")),
            "{name} is not in data/README.md"
        );
    }
    for format in FORMATS.iter().filter(|format| format.name != "logformat") {
        assert!(SAMPLES.iter().any(|sample| sample.1 == format.name), "{} has no sample", format.name);
    }
}

#[test]
fn a_log_is_the_same_by_its_format_string() {
    let full = "%ts.%03tu %6tr %>a:%>p %Ss/%03>Hs %<st %rm %ru %[un %Sh/%<a %mt \"%{User-Agent}>h\" tt=%tr dt=%dt reqsz=%>st err=%err_code";
    for (name, logformat) in [
        ("squid-sample-access.log", "squid"),
        ("squid-sample-access-full.log", full),
        ("squid-sample-access-common.log", "common"),
        ("squid-sample-access-combined.log", "combined"),
    ] {
        let of = |logformat: Option<&str>| {
            let reader =
                ReaderOptions { logformat: logformat.map(str::to_owned), ..ReaderOptions::default() };
            let read = ReadOptions { reader, bad_lines: BadLines::STRICT, ..ReadOptions::default() };
            let prepared =
                prepare(&[path(name)], &PrepareOptions { read, ..PrepareOptions::default() }, &mut |_| {});
            let prepared = prepared.unwrap_or_else(|error| panic!("{name}: {error}"));
            let mut rows = Vec::new();
            let take = |chunk: &[cnn_replay::Row]| {
                rows.extend(chunk.iter().map(|row| (row.object, row.time_us, row.elapsed_us, row.flags)));
                true
            };
            prepared.trace.for_each_chunk(0, take).unwrap();
            (rows, prepared.trace.bytes(), prepared.ignored)
        };
        assert_eq!(of(None), of(Some(logformat)), "{name}");
    }
}

#[test]
fn strictness_ends_at_the_first_damaged_line_and_names_it() {
    let read = ReadOptions { bad_lines: BadLines::STRICT, ..ReadOptions::default() };
    let options = PrepareOptions { read, ..PrepareOptions::default() };
    let error = prepare(&[path("made-up-mixed.access.log")], &options, &mut |_| {}).err().unwrap();
    let error = error.to_string();
    assert!(
        error.contains(
            "made-up-mixed.access.log: 1 of 12 lines damaged\n  line 12: no result code and status: squid[77]"
        ),
        "{error}"
    );
}

#[test]
fn files_one_after_the_other_are_one_trace() {
    let paths = [path("squid-sample-access.log"), path("squid-sample-access-full.log")];
    let mut last = None;
    let prepared =
        prepare(&paths, &PrepareOptions::default(), &mut |progress| last = Some(progress)).unwrap();
    assert_eq!((prepared.trace.len(), prepared.trace.objects().len()), (100, 28));
    let last = last.unwrap();
    assert_eq!(Some(last.bytes_read), last.bytes_total);
}

/// Reads bytes as a file of the given format, or of the one they look like, and judges every record.
fn read(bytes: &[u8], format: Option<&str>) -> Result<u64, TraceError> {
    let reader = ReaderOptions {
        logformat: Some("%ts.%03tu %6tr [%tl] %>a \"%rm %ru\" %Ss %<st".to_owned()),
        columns: None,
    };
    let reader = if format == Some("logformat") { reader } else { ReaderOptions::default() };
    let options = ReadOptions { format: format.map(str::to_owned), reader, bad_lines: BadLines::Share(1.0) };
    let input = Input::new(Path::new("mutated"), Cursor::new(bytes.to_vec()), None)?;
    let mut file = TraceFile::new(input, &options)?;
    let mut records = 0;
    while file.read_next(&mut |record| {
        records += 1;
        for rules in [RuleSet::Http, RuleSet::Squid, RuleSet::Reference] {
            rules.judge(record);
        }
    })? {}
    Ok(records)
}

/// Flips, overwrites, removes, repeats, inserts, cuts off.
fn mutate(bytes: &mut Vec<u8>, rng: &mut Rng) {
    const TELLING: &[u8] = b"\n\r \t\"\\,;:/[]{}-+%0.\0\xff\xfe9Aa*#";
    for _ in 0..rng.u32(1..30) {
        if bytes.is_empty() {
            return;
        }
        let at = rng.usize(..bytes.len());
        let end = (at + rng.usize(..40)).min(bytes.len());
        match rng.u8(..8) {
            0 => bytes[at] ^= 1 << rng.u8(..8),
            1 => bytes[at] = rng.u8(..),
            2 | 3 => bytes[at] = TELLING[rng.usize(..TELLING.len())],
            4 => drop(bytes.drain(at..end)),
            5 => {
                let piece = bytes[at..end].to_vec();
                let to = rng.usize(..=bytes.len());
                bytes.splice(to..to, piece);
            }
            6 => {
                let digits: Vec<u8> = (0..rng.usize(1..40)).map(|_| rng.u8(b'0'..=b'9')).collect();
                bytes.splice(at..at, digits);
            }
            _ if rng.u8(..4) == 0 => bytes.truncate(at),
            _ => bytes[at..end].fill(TELLING[rng.usize(..TELLING.len())]),
        }
    }
}

/// What is read of mutated samples, packed ones included, by every reader. A failure names the seed; `CNN_SEED` replays it.
#[test]
fn nothing_in_a_file_makes_a_reader_panic() {
    let replayed = std::env::var("CNN_SEED").ok().and_then(|seed| seed.parse().ok());
    let seeds = replayed.map_or(0..400, |seed: u64| seed..seed + 1);
    for seed in seeds {
        let mut rng = Rng::with_seed(seed);
        let name = SAMPLES[rng.usize(..SAMPLES.len())].0;
        let mut bytes = fs::read(path(name)).unwrap();
        mutate(&mut bytes, &mut rng);
        let format = match rng.u8(..3) {
            0 => None,
            1 => SAMPLES.iter().find(|sample| sample.0 == name).map(|sample| sample.1),
            _ => Some(FORMATS[rng.usize(..FORMATS.len())].name),
        };
        let done = std::panic::catch_unwind(|| read(&bytes, format));
        // An error is as good as records: only its text has to be fit to be shown.
        match done {
            Ok(Err(error)) => assert!(!error.to_string().is_empty()),
            Ok(Ok(_)) => {}
            Err(_) => panic!("seed {seed}: a reader panicked on {name} read as {format:?}"),
        }
    }
}
