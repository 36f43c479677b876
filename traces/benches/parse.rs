//! How fast logs and traces are read: bytes and lines per second of one core, for the reader alone and for the whole way
//! to a trace that can be replayed (rules, sizes, numbering).
//!
//! `cargo bench -p cnn-replay --bench parse [-- --mib N] [--rounds N]`
//!
//! The files are made up by the seeded generator, N MiB each, and lie in a temporary folder; the best of the rounds is
//! shown, in the processor's time, as what disturbs a reading only ever slows it down.

#![allow(clippy::unwrap_used, reason = "a bench that cannot go on stops")]

#[path = "common/clock.rs"]
mod clock;

use std::path::{Path, PathBuf};

use cnn_replay::file::read_all;
use cnn_replay::generate::{Generator, Recipe};
use cnn_replay::output::Output;
use cnn_replay::report::table::Table;
use cnn_replay::writer::Target;
use cnn_replay::{PrepareOptions, ReadOptions, prepare};

use self::clock::Clock;

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() {
    let mib = argument("--mib", 256);
    let rounds = argument("--rounds", 3);
    let folder = tempfile::tempdir().unwrap();
    let mut table = Table::new([
        "file",
        ">MiB",
        ">M lines",
        ">read MiB/s",
        ">ns/line",
        ">to a trace MiB/s",
        ">ns/line",
        ">documents",
    ]);
    for (name, what) in [
        ("squid.log", Made::Squid),
        ("squid.log.gz", Made::Squid),
        ("squid.log.zst", Made::Squid),
        ("combined.log", Made::Combined),
        ("log.json", Made::As(Target::Json)),
        ("trace.csv", Made::As(Target::Csv)),
        ("trace.oracleGeneral", Made::As(Target::OracleGeneral)),
    ] {
        let path = folder.path().join(name);
        make(&path, what, mib << 20);
        table.row(measure(&path, rounds));
        std::fs::remove_file(path).unwrap();
    }
    print!("{}", table.render());
}

fn argument(name: &str, otherwise: u64) -> u64 {
    let mut arguments = std::env::args().skip_while(|argument| argument != name);
    arguments.nth(1).map_or(otherwise, |value| value.parse().unwrap())
}

/// What a file is made of.
#[derive(Clone, Copy)]
enum Made {
    /// Lines like those of a busy proxy: long URLs, real codes and types.
    Squid,
    /// The same requests in the combined log format.
    Combined,
    /// As the generator writes it.
    As(Target),
}

/// Writes about so many bytes, before packing.
fn make(path: &Path, what: Made, bytes: u64) {
    let recipe = |requests| Recipe { requests, documents: 500_000, rate: 2_000.0, ..Recipe::default() };
    let mut output = Output::create(path).unwrap();
    if let Made::As(target) = what {
        let bytes_each = match target {
            Target::Csv => 15,
            Target::Json => 170,
            Target::OracleGeneral | Target::Squid => 24,
        };
        Generator::new(recipe(bytes / bytes_each)).unwrap().write(target, &mut output, &mut |_| {}).unwrap();
        return output.finish().unwrap();
    }
    const TYPES: [&str; 4] = ["text/html", "image/jpeg", "application/javascript", "-"];
    const CODES: [&str; 4] = ["TCP_MISS", "TCP_MEM_HIT", "TCP_HIT", "TCP_REFRESH_UNMODIFIED"];
    let mut generator = Generator::new(recipe(0)).unwrap();
    let mut written = 0;
    while written < bytes {
        let request = generator.request();
        let (id, size, ms) = (request.document, request.size, 1_700_000_000_000 + request.time_us / 1000);
        let url = format!(
            "http://static{}.example.com/assets/{:x}/images/{id}-article.jpg?v=3",
            id % 512,
            id * 2_654_435_761
        );
        let line = match what {
            Made::Combined => format!(
                "192.0.2.{} - - [17/Nov/2024:{:02}:{:02}:{:02} +0000] \"GET {url} HTTP/1.1\" 200 {size} \"http://www.example.com/\" \
                 \"Mozilla/5.0 (X11; Linux x86_64) Gecko/20100101\"\n",
                id % 254 + 1,
                ms / 3_600_000 % 24,
                ms / 60_000 % 60,
                ms / 1000 % 60,
            ),
            _ => format!(
                "{}.{:03} {:6} 192.0.2.{} {}/200 {size} GET {url} - HIER_DIRECT/198.51.100.{} {}\n",
                ms / 1000,
                ms % 1000,
                size % 900,
                ms % 254 + 1,
                CODES[(ms % 4) as usize],
                id % 254 + 1,
                TYPES[(id % 4) as usize],
            ),
        };
        output.write(line.as_bytes()).unwrap();
        written += line.len() as u64;
    }
    output.finish().unwrap();
}

/// A line of the table.
fn measure(path: &Path, rounds: u64) -> Vec<String> {
    let paths: Vec<PathBuf> = vec![path.to_owned()];
    let (mut reading, mut preparing) = (f64::MAX, f64::MAX);
    let (mut lines, mut documents, mut checksum) = (0, 0, 0_u64);
    for _ in 0..rounds {
        let clock = Clock::start();
        let add = &mut |record: &cnn_replay::Record<'_>, _: &_| {
            checksum = checksum.wrapping_add(record.size.unwrap_or(0));
            Ok(())
        };
        let reports = read_all(&paths, &ReadOptions::default(), &mut |_| {}, add).unwrap();
        reading = reading.min(clock.secs());
        lines = reports[0].damage.lines;
        assert_eq!(reports[0].damage.damaged, 0);

        let clock = Clock::start();
        let prepared = prepare(&paths, &PrepareOptions::default(), &mut |_| {}).unwrap();
        preparing = preparing.min(clock.secs());
        documents = prepared.trace.objects().len();
    }
    assert!(checksum > 0, "what is read has sizes");
    let mib = unpacked(path) as f64 / f64::from(1 << 20);
    let per_line = |secs: f64| format!("{:.0}", secs * 1e9 / lines as f64);
    vec![
        path.file_name().unwrap().to_string_lossy().into_owned(),
        format!("{mib:.0}"),
        format!("{:.2}", lines as f64 / 1e6),
        format!("{:.0}", mib / reading),
        per_line(reading),
        format!("{:.0}", mib / preparing),
        per_line(preparing),
        documents.to_string(),
    ]
}

/// The bytes of a file when it is unpacked.
fn unpacked(path: &Path) -> u64 {
    let mut input = cnn_replay::input::Input::open(path).unwrap();
    let mut buffer = vec![0; 1 << 20];
    let mut bytes = 0;
    loop {
        match input.read(&mut buffer).unwrap() {
            0 => return bytes,
            read => bytes += read as u64,
        }
    }
}
