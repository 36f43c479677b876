//! What a request costs: processor time (user and system) of the proxy per hit and per miss, beside HAProxy, nginx and Squid
//! as they are installed.
//!
//! `cargo bench --bench request_path`, or `-- --rounds 3 --only cnn,nginx`. One worker each, 64 keep-alive connections, no
//! pipelining, access log to a file, metrics offered; the proxies have one processor, load and origin the other. Rounds are
//! interleaved so that a disturbance hits all alike; the table shows medians. Then what monitors and policies cost a hit. Not measured: latency under light load.

mod monitors;
mod policies;
mod servers;

use std::collections::BTreeMap;

use cnn_replay::live::{Document, DocumentOrigin, Outcome, Plan, run};
use servers::{PROCESSOR, Server};

const CONNECTIONS: usize = 64;
const ROUNDS: usize = 5;

/// Sizes of bodies in bytes, how many documents are hit, and how many requests make one reading.
const SIZES: [Size; 3] = [
    Size { name: "1 KB", bytes: 1 << 10, documents: 1000, hits: 40_000, misses: 10_000 },
    Size { name: "10 KB", bytes: 10 << 10, documents: 1000, hits: 30_000, misses: 8_000 },
    Size { name: "100 KB", bytes: 100 << 10, documents: 200, hits: 8_000, misses: 2_000 },
];

struct Size {
    name: &'static str,
    bytes: usize,
    documents: u64,
    hits: u64,
    misses: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Served {
    Hit,
    Miss,
}

/// One reading: microseconds of the proxy's processor per request, and requests per second.
#[derive(Clone, Copy, Debug)]
struct Reading {
    micros: f64,
    per_second: f64,
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let value_of =
        |name: &str| arguments.iter().position(|own| own == name).and_then(|at| arguments.get(at + 1));
    let rounds = value_of("--rounds").and_then(|count| count.parse().ok()).unwrap_or(ROUNDS);
    let only = value_of("--only");
    let is_wanted = |name: &str| only.is_none_or(|only| only.split(',').any(|own| own == name));

    let load_processor = std::thread::available_parallelism().map_or(0, |count| usize::from(count.get() > 1));
    let origin = DocumentOrigin::start(Some(load_processor));
    let mut servers = Vec::new();
    if is_wanted("cnn") {
        servers.push(Server::cnn(origin.address()));
        servers.push(Server::cnn_forward(origin.address()));
    }
    for (name, start) in [
        ("haproxy", Server::haproxy as fn(_) -> Option<Server>),
        ("nginx", Server::nginx),
        ("squid", Server::squid),
    ] {
        if is_wanted(name) {
            match start(origin.address()) {
                Some(server) => servers.push(server),
                None => println!("SKIPPED: {name} is not installed"),
            }
        }
    }
    let wrong_processor = load_processor == PROCESSOR;
    if wrong_processor {
        println!("one processor only: the load disturbs what it measures");
    }

    let mut readings: BTreeMap<(usize, usize, Served), Vec<Reading>> = BTreeMap::new();
    let mut unique = 1_000_000;
    for round in 0..rounds {
        for (size_number, size) in SIZES.iter().enumerate() {
            // Misses first: what they push out is fetched again before the hits are measured.
            for served in [Served::Miss, Served::Hit] {
                for (server_number, server) in servers.iter().enumerate() {
                    let reading = match served {
                        Served::Miss => {
                            unique += size.misses;
                            measure(server, &origin, load_processor, size, unique - size.misses..unique)
                        }
                        Served::Hit => {
                            warm(server, &origin, load_processor, size);
                            let documents = (0..size.hits).map(|number| number % size.documents);
                            measure(server, &origin, load_processor, size, documents)
                        }
                    };
                    let of_cell = readings.entry((size_number, server_number, served)).or_default();
                    if is_from_right_source(server, size, served, &reading) {
                        of_cell.push(reading.0);
                    }
                }
            }
        }
        eprintln!("round {} of {rounds} done", round + 1);
    }
    print(&servers, &readings);
    if let Some(ours) = servers.first() {
        monitors::compare(ours, &origin, load_processor, rounds);
        policies::compare(ours, &origin, load_processor, rounds);
    }
}

/// Asks for every document until all come from the cache.
fn warm(server: &Server, origin: &DocumentOrigin, processor: usize, size: &Size) {
    for _ in 0..5 {
        let before = origin.requests();
        load(server, processor, size, 0..size.documents);
        if origin.requests() == before {
            return;
        }
    }
}

/// The reading, the requests that were made and those that reached the origin.
fn measure(
    server: &Server,
    origin: &DocumentOrigin,
    processor: usize,
    size: &Size,
    numbers: impl Iterator<Item = u64>,
) -> (Reading, u64, u64) {
    let (cpu, fetched) = (server.cpu_ns(), origin.requests());
    let outcome = load(server, processor, size, numbers);
    let (cpu, fetched) = (server.cpu_ns() - cpu, origin.requests() - fetched);
    let requests = outcome.good;
    let micros = cpu as f64 / 1000.0 / requests as f64;
    let per_second = requests as f64 / outcome.elapsed.as_secs_f64();
    (Reading { micros, per_second }, requests, fetched)
}

fn load(server: &Server, processor: usize, size: &Size, mut numbers: impl Iterator<Item = u64>) -> Outcome {
    let plan = Plan {
        to: server.address,
        before_path: &server.before_path,
        host: server.before_path.strip_prefix("http://").unwrap_or("documents.test"),
        connections: CONNECTIONS,
        processor: Some(processor),
        checks_content: false,
        mark: &|| 0,
    };
    let next = || numbers.next().map(|number| Document { bytes: size.bytes, number }.into());
    let outcome = run(&plan, next, |_| ()).unwrap_or_else(|error| panic!("{}: {error}", server.name));
    assert_eq!(outcome.failed, 0, "{}: {:?}", server.name, outcome.failures);
    outcome
}

/// A hit that was fetched, or a miss that was not, would make the reading a lie: it is left out, and that is said.
fn is_from_right_source(server: &Server, size: &Size, served: Served, reading: &(Reading, u64, u64)) -> bool {
    let (_, requests, fetched) = reading;
    let share = *fetched as f64 / *requests as f64;
    let is_right = match served {
        Served::Hit => share < 0.001,
        Served::Miss => share > 0.999,
    };
    if !is_right {
        let (name, size, share) = (&server.name, size.name, share * 100.0);
        println!("LEFT OUT: {name}, {served:?} of {size}: {share:.1} % of the requests reached the origin");
    }
    is_right
}

fn print(servers: &[Server], readings: &BTreeMap<(usize, usize, Served), Vec<Reading>>) {
    println!(
        "\nMicroseconds of processor time per request, user and system: median (least to most) [requests per second]\n"
    );
    println!(
        "| request | {} |",
        servers.iter().map(|server| server.name.as_str()).collect::<Vec<_>>().join(" | ")
    );
    println!("| --- |{}", " --- |".repeat(servers.len()));
    for served in [Served::Hit, Served::Miss] {
        for (size_number, size) in SIZES.iter().enumerate() {
            let of = |server_number| &readings[&(size_number, server_number, served)];
            let cells = (0..servers.len()).map(|server| cell(of(server)));
            println!("| {served:?} of {} | {} |", size.name, cells.collect::<Vec<_>>().join(" | "));
        }
    }
    let Some(ours) = servers.iter().position(|server| server.name == "cnn") else { return };
    println!("\nRatio of ours to theirs; below 1 ours is cheaper\n");
    println!(
        "| request | {} |",
        servers.iter().map(|server| server.name.as_str()).collect::<Vec<_>>().join(" | ")
    );
    println!("| --- |{}", " --- |".repeat(servers.len()));
    for served in [Served::Hit, Served::Miss] {
        for (size_number, size) in SIZES.iter().enumerate() {
            let of = |server| {
                median(readings[&(size_number, server, served)].iter().map(|reading| reading.micros))
            };
            let cells = (0..servers.len()).map(|server| format!("{:.2}", of(ours) / of(server)));
            println!("| {served:?} of {} | {} |", size.name, cells.collect::<Vec<_>>().join(" | "));
        }
    }
}

fn cell(readings: &[Reading]) -> String {
    if readings.is_empty() {
        return "none".to_owned();
    }
    let micros = || readings.iter().map(|reading| reading.micros);
    let (least, most) = (micros().fold(f64::MAX, f64::min), micros().fold(0.0, f64::max));
    let per_second = median(readings.iter().map(|reading| reading.per_second));
    format!("{:.1} ({least:.1} to {most:.1}) [{per_second:.0}]", median(micros()))
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<_> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
