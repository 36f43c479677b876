//! The paper's question on this machine: mean response time of C/NN next to Squid's, on one trace with equal memory.
//!
//! `cargo bench --bench live-squid`, or `-- --trace FILE --requests 5000 --rounds 4 --memory-mib 16 --connections 8`.
//! Without a trace it is a day of NASA's web server where `shared/traces` is beside the checkout (or `CNN_TRACES` says
//! where), else a made-up one. Squid runs as its package configures a cache in memory, and once more with its cache in a
//! `ufs` folder (on a file system in memory), because a Squid without any `cache_dir` stops admitting documents while it
//! is full. Both Squids really take about twice the memory they are given (the process, and the folder), which is shown;
//! so C/NN runs with twice as much once more, and is compared with the second Squid so. Proxies share processor 0, clients and origin the other; the trace's pieces go through all in turn, and to the
//! origin without any proxy. It fails when an answer is missing or wrong; times are printed beside their aims.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use cnn_replay::generate::{Generator, Recipe};
use cnn_replay::live::{Comparison, Hold, LiveReport, Pace, Proxy, compare};
use cnn_replay::replay::{Latency, Options, Policy, run};
use cnn_replay::report::live::text;
use cnn_replay::{PrepareOptions, Trace, prepare};
use cnn_support::peer::{Home, Peer, free_address, pinned, version};
use cnn_support::process::memory;
use cnn_support::{Launch, cnn_exe};

/// The processor that the proxies share.
const PROCESSOR: usize = 0;

/// Requests that are made through each.
const REQUESTS: u64 = 31_000;

/// Aims in microseconds.
const ADDED_TO_HIT_MAX: f64 = 130.0;
const ADDED_TO_MISS_MAX: f64 = 300.0;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let number = |name: &str, otherwise: u64| {
        let at = arguments.iter().position(|own| own == name);
        at.and_then(|at| arguments.get(at + 1)?.parse().ok()).unwrap_or(otherwise)
    };
    let Some(squid) = version("squid", &["-v"], "Version ") else {
        println!("SKIPPED: squid is not installed, so there is nothing to compare with");
        return;
    };
    let named = arguments.iter().position(|own| own == "--trace").and_then(|at| arguments.get(at + 1));
    let trace = trace(named.map(PathBuf::from));
    // So many requests are enough, and a made-up trace has no more.
    let requests_max = number("--requests", REQUESTS);
    let memory_mib = number("--memory-mib", (trace.unique_bytes() / 10) >> 20).max(16);
    let load_processor = std::thread::available_parallelism().map_or(0, |count| usize::from(count.get() > 1));

    let start_cnn = |memory_mib: u64| {
        let cnn = Launch::new(cnn_exe!()).processor(PROCESSOR).log_to_file();
        cnn.flag("--memory", format!("{memory_mib}MiB")).flag("--policy", "lru").start()
    };
    let (cnn, twice) = (start_cnn(memory_mib), start_cnn(2 * memory_mib));
    let in_memory = start_squid(memory_mib, 0);
    let in_folder = start_squid(1, memory_mib - 1);
    let proxy = |name: String, address: SocketAddr, pid: u32| Proxy { name, address, pid: Some(pid) };
    let comparison = Comparison {
        proxies: vec![
            proxy("cnn".to_owned(), cnn.address(), cnn.pid()),
            proxy("cnn, twice".to_owned(), twice.address(), twice.pid()),
            proxy(format!("squid {squid}"), in_memory.0, in_memory.1.pid()),
            proxy(format!("squid {squid}, ufs"), in_folder.0, in_folder.1.pid()),
        ],
        pace: Pace::Closed { connections: number("--connections", 8) as usize },
        hold: Hold::Logged(Latency::fitted(&trace).expect("it is in memory")),
        rounds: number("--rounds", 10) as usize,
        requests_max,
        origin: SocketAddr::from(([127, 0, 0, 1], 0)),
        processor: Some(load_processor),
    };
    println!(
        "{memory_mib} MiB, and twice that for one; the trace has {} MiB of documents\n",
        trace.unique_bytes() >> 20
    );
    let lru = Policy::resolve("lru").expect("it is built in");
    let replayed =
        run(&trace, &lru, memory_mib << 20, &Options::default(), &|_| ()).expect("it is in memory");
    let percent = |ratio: Option<f64>| ratio.unwrap_or_default() * 100.0;
    let (hits, bytes) = (percent(replayed.traffic.hit_ratio()), percent(replayed.traffic.byte_hit_ratio()));
    println!(
        "The whole trace replayed under LRU without metadata: {hits:.1} % hits, {bytes:.1} % of bytes\n"
    );
    let report = compare(&trace, &comparison, |progress| {
        eprint!("\rround {} of {}: {:<30}", progress.round, progress.rounds, progress.proxy);
    });
    eprintln!();
    let report = report.unwrap_or_else(|error| panic!("{error}"));
    println!("{}", text(&report));
    println!("memory at the end, in MiB: resident, and in folders");
    let mib = |bytes: u64| bytes >> 20;
    for (name, cnn) in [("cnn", &cnn), ("cnn, twice", &twice)] {
        println!("  {name}: {}", mib(cnn.memory().now));
    }
    for (name, (_, squid)) in [("squid", &in_memory), ("squid, ufs", &in_folder)] {
        let folder = bytes_below(&squid.home().join("cache"));
        println!("  {name}: {} and {}", mib(memory(squid.pid()).now), mib(folder));
    }
    claims(&report);
    let errors: u64 = report.proxies.iter().map(cnn_replay::live::ProxyReport::errors).sum();
    if errors + report.direct.errors() > 0 {
        println!("\nFAILED: {errors} answers are missing or wrong");
        std::process::exit(1);
    }
}

fn claims(report: &LiveReport) {
    let [cnn, twice, squid, in_folder] = &report.proxies[..] else { return };
    let added = cnn.added.expect("it is a proxy");
    let verdict = |is_met: bool| if is_met { "met" } else { "MISSED" };
    println!("\n| aim | seen | |\n| --- | --- | --- |");
    for (ours, theirs) in [(cnn, squid), (twice, in_folder)] {
        let (slower, reach) = ours.slower_than(theirs).unwrap_or((f64::NAN, f64::NAN));
        println!(
            "| mean response time of {} below that of {} | {:.0} us +- {reach:.0} us lower ({:.0} us to {:.0} us) | {} |",
            ours.name,
            theirs.name,
            -slower,
            ours.all.mean_us,
            theirs.all.mean_us,
            verdict(slower + reach < 0.0)
        );
    }
    println!(
        "| a hit takes less than {ADDED_TO_HIT_MAX} us, sockets and clients included | {:.1} us | {} |",
        added.hit_us,
        verdict(added.hit_us < ADDED_TO_HIT_MAX)
    );
    println!(
        "| a miss takes less than {ADDED_TO_MISS_MAX} us more than without a proxy | {:.1} us | {} |",
        added.miss_us,
        verdict(added.miss_us < ADDED_TO_MISS_MAX)
    );
}

/// Bytes of the files below a folder, if there is one.
fn bytes_below(folder: &Path) -> u64 {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let bytes = |entry: std::fs::DirEntry| match entry.metadata() {
        Ok(metadata) if metadata.is_dir() => bytes_below(&entry.path()),
        Ok(metadata) => metadata.len(),
        Err(_) => 0,
    };
    entries.map(bytes).sum()
}

/// Squid as a forward proxy with that much memory and that much of a folder.
fn start_squid(memory_mib: u64, folder_mib: u64) -> (SocketAddr, Peer) {
    let (home, address) = (Home::new(), free_address());
    let here = home.path().display();
    let folder = match folder_mib {
        0 => String::new(),
        // The least levels: what counts is the replacement, not a search for free names.
        mib => format!("cache_dir ufs {here}/cache {mib} 16 64"),
    };
    let config = format!(
        "http_port {address}
http_access allow all
cache_mem {memory_mib} MB
maximum_object_size_in_memory 4 MB
{folder}
maximum_object_size 64 MB
access_log daemon:{here}/access.log squid
cache_log {here}/cache.log
pid_filename {here}/pid
coredump_dir {here}
pinger_enable off
shutdown_lifetime 1 second
"
    );
    let path = home.write("squid.conf", &config);
    // Its shared memory is named after the service.
    let service = format!("cnnbench{}", address.port());
    if folder_mib > 0 {
        let made = Command::new("squid").args(["-N", "-z", "-n", &service, "-f", &path]).output();
        assert!(made.is_ok_and(|made| made.status.success()), "squid makes its folder");
    }
    let mut command = pinned("squid", PROCESSOR);
    let peer = Peer::start("squid", address, home, command.args(["-N", "-n", &service, "-f", &path]));
    (address, peer)
}

/// The trace that was named, NASA's day where it is, or a made-up one.
fn trace(named: Option<PathBuf>) -> Trace {
    let shared = std::env::var_os("CNN_TRACES")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/traces"), PathBuf::from);
    let day = shared.join("squid-recorded/nasa-mix-lru.access.log.zst");
    let path = named.or_else(|| day.exists().then_some(day));
    let prepared = match path {
        Some(path) => {
            prepare(&[path], &PrepareOptions::default(), &mut |_| ()).map_err(|error| error.to_string())
        }
        None => {
            println!("no shared/traces beside the checkout: a made-up trace\n");
            let recipe = Recipe { requests: REQUESTS, documents: 4_000, churn: 0.01, ..Recipe::default() };
            Generator::new(recipe).and_then(|made| made.trace(&mut |_| ()).map_err(|error| error.to_string()))
        }
    };
    prepared.unwrap_or_else(|error| panic!("{error}")).trace
}
