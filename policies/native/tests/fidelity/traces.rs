//! The requests the policies are compared on: real traces and libCacheSim's results for them, which lie beside the
//! checkout and not in it, and synthetic ones with a fixed seed.

use std::collections::HashMap;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use fastrand::Rng;
use flate2::read::GzDecoder;
use ruzstd::decoding::StreamingDecoder;

/// Number of an object, dense from 0.
pub(crate) type Object = u32;

/// A stream of requests.
pub(crate) struct Trace {
    /// Object and size of each request.
    pub(crate) requests: Vec<(Object, u64)>,
    /// Objects there are.
    pub(crate) objects: usize,
    /// By object: what the trace calls it.
    pub(crate) ids: Vec<u64>,
}

impl Trace {
    fn new(requests: impl Iterator<Item = (u64, u64)>) -> Self {
        let mut numbers = HashMap::new();
        let mut number = |id| {
            let next = numbers.len() as Object;
            *numbers.entry(id).or_insert(next)
        };
        let mut ids = Vec::new();
        let requests = requests.map(|(id, size)| {
            let object = number(id);
            if object as usize == ids.len() {
                ids.push(id);
            }
            (object, size)
        });
        let requests = requests.collect();
        Self { requests, objects: numbers.len(), ids }
    }

    /// The same requests with every size 1, so that the capacity counts objects.
    pub(crate) fn with_equal_sizes(&self) -> Self {
        Self {
            requests: self.requests.iter().map(|&(object, _)| (object, 1)).collect(),
            objects: self.objects,
            ids: self.ids.clone(),
        }
    }

    /// Requests with a fixed seed: half for objects whose popularity falls with their rank (Zipf, exponent 0.9) among
    /// 600 that drift, the rest for objects just requested or never seen before. Sizes run from 1 to some 8,000.
    pub(crate) fn synthetic(seed: u64, requests: u64) -> Self {
        let mut rng = Rng::with_seed(seed);
        let mut shares = vec![0.0];
        shares.extend((1..=600).scan(0.0, |sum, rank| {
            *sum += f64::from(rank).powf(-0.9);
            Some(*sum)
        }));
        let draw = |at: u64| {
            let share = rng.f64() * shares[600];
            let rank = shares.partition_point(|&sum| sum <= share) as u64;
            let id = match rng.u8(0..8) {
                0..4 => rank + at / 1_000 * 40,
                4..6 => 1_000_000 + at.saturating_sub(rng.u64(1..80)),
                _ => 1_000_000 + at,
            };
            (id, (Rng::with_seed(seed ^ id).f64() * 9.0).exp() as u64)
        };
        Self::new((0..requests).map(draw))
    }
}

/// One line of libCacheSim's results.
pub(crate) struct Reference {
    pub(crate) trace: String,
    pub(crate) policy: String,
    pub(crate) ignore_size: bool,
    pub(crate) capacity: u64,
    pub(crate) miss_ratio: f64,
    pub(crate) byte_miss_ratio: Option<f64>,
}

/// Where the traces are, when they are there.
pub(crate) fn folder() -> Option<PathBuf> {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/traces");
    let folder = std::env::var_os("CNN_TRACES").map_or_else(beside, PathBuf::from);
    folder.join("reference-miss-ratios.csv").is_file().then_some(folder)
}

/// libCacheSim's results.
pub(crate) fn references(folder: &Path) -> Vec<Reference> {
    let text = fs::read_to_string(folder.join("reference-miss-ratios.csv")).unwrap();
    let parse = |line: &str| {
        let cells: Vec<_> = line.split(',').collect();
        Reference {
            trace: cells[0].to_owned(),
            policy: cells[1].to_owned(),
            ignore_size: cells[2] == "1",
            capacity: cells[3].parse().unwrap(),
            miss_ratio: cells[6].parse().unwrap(),
            byte_miss_ratio: cells[7].parse().ok(),
        }
    };
    text.lines().skip(1).map(parse).collect()
}

/// The trace of this name in the results, when a file of it is there in a format read here.
pub(crate) fn load(folder: &Path, name: &str) -> Option<Trace> {
    let open = |path: String| fs::read(folder.join(path)).ok();
    let zstd = |bytes: Vec<u8>| {
        let mut text = Vec::new();
        StreamingDecoder::new(bytes.as_slice()).unwrap().read_to_end(&mut text).unwrap();
        text
    };
    let gzip = |bytes: Vec<u8>| {
        let mut text = Vec::new();
        GzDecoder::new(bytes.as_slice()).read_to_end(&mut text).unwrap();
        text
    };
    if let Some(bytes) = open(format!("derived/{name}.oracleGeneral.zst")) {
        return Some(oracle_general(&zstd(bytes)));
    }
    if let Some(bytes) = open(format!("sized/{name}.oracleGeneral.bin.zst")) {
        return Some(oracle_general(&zstd(bytes)));
    }
    if let Some(bytes) = open(format!("derived/{name}.csv.zst")) {
        return Some(csv(&zstd(bytes)));
    }
    if let Some(bytes) = open(format!("unsized/{name}.lis.zst")) {
        return Some(lis(&zstd(bytes)));
    }
    if let Some(bytes) = open(format!("unsized/{name}.trace.xz")) {
        let mut keys = Vec::new();
        liblzma::read::XzDecoder::new(bytes.as_slice()).read_to_end(&mut keys).unwrap();
        return Some(big_endian(&keys, 4));
    }
    let bytes = open(format!("unsized/{name}.trace.gz"))?;
    Some(if name.starts_with("lirs-") { lirs(&gzip(bytes)) } else { big_endian(&gzip(bytes), 8) })
}

/// libCacheSim's binary format: 24-byte records of time, object, size, next access.
fn oracle_general(bytes: &[u8]) -> Trace {
    let number = |bytes: &[u8]| bytes.iter().rev().fold(0, |number, &byte| number << 8 | u64::from(byte));
    Trace::new(bytes.chunks_exact(24).map(|record| (number(&record[4..12]), number(&record[12..16]))))
}

/// `time,object,size` under a header.
fn csv(bytes: &[u8]) -> Trace {
    let numbers = |line: &str| {
        let mut cells = line.split(',').map(|cell| cell.trim().parse().unwrap()).skip(1);
        (cells.next().unwrap(), cells.next().unwrap())
    };
    Trace::new(std::str::from_utf8(bytes).unwrap().lines().skip(1).map(numbers))
}

/// The ARC paper's format: `start count 0 number`, each line a run of blocks.
fn lis(bytes: &[u8]) -> Trace {
    let run = |line: &str| {
        let mut cells = line.split_whitespace().map(|cell| cell.parse::<u64>().unwrap());
        let start = cells.next().unwrap();
        (start..start + cells.next().unwrap()).map(|block| (block, 1))
    };
    Trace::new(std::str::from_utf8(bytes).unwrap().lines().flat_map(run))
}

/// The LIRS authors' format: a number per line, `*` lines aside.
fn lirs(bytes: &[u8]) -> Trace {
    let text = std::str::from_utf8(bytes).unwrap();
    Trace::new(text.lines().filter_map(|line| line.trim().parse().ok()).map(|block| (block, 1)))
}

/// Keys of so many bytes with a sign, most significant first.
fn big_endian(bytes: &[u8], width: usize) -> Trace {
    let sign = |bytes: &[u8]| if bytes[0] < 0x80 { 0 } else { u64::MAX };
    let key = |bytes: &[u8]| bytes.iter().fold(sign(bytes), |key, &byte| key << 8 | u64::from(byte));
    Trace::new(bytes.chunks_exact(width).map(|bytes| (key(bytes), 1)))
}
