//! Tests of made-up traces: that they are what the recipe says, to within what chance allows.

use std::collections::HashMap;

use super::*;

fn requests(recipe: &Recipe) -> Vec<Request> {
    let mut generator = Generator::new(recipe.clone()).unwrap();
    (0..recipe.requests).map(|_| generator.request()).collect()
}

fn plain() -> Recipe {
    Recipe { requests: 200_000, documents: 1_000, one_hit: 0.0, churn: 0.0, ..Recipe::default() }
}

#[test]
fn popularity_falls_with_the_rank_as_the_exponent_says() {
    for alpha in [0.0, 0.6, 1.0, 1.4] {
        let recipe = Recipe { alpha, ..plain() };
        let mut counts = vec![0_u32; 1_000];
        for request in requests(&recipe) {
            counts[request.document as usize] += 1;
        }
        let all: f64 = (1..=1_000).map(|rank| f64::from(rank).powf(-alpha)).sum();
        for rank in [1, 2, 3, 10, 100] {
            let expected = 200_000.0 * f64::from(rank).powf(-alpha) / all;
            let seen = f64::from(counts[rank as usize - 1]);
            assert!(
                (seen - expected).abs() < 5.0 * expected.sqrt() + 1.0,
                "{alpha}: rank {rank}: {seen}, not {expected}"
            );
        }
    }
}

#[test]
fn the_share_of_one_hit_requests_is_kept() {
    let recipe = Recipe { one_hit: 0.3, ..plain() };
    let single = requests(&recipe).iter().filter(|request| request.document >= 1_000).count();
    assert!((59_000..61_000).contains(&single), "{single}");
}

#[test]
fn churn_brings_new_documents_to_popularity() {
    let seen = requests(&Recipe { churn: 0.05, ..plain() });
    let mut counts: HashMap<u64, u32> = HashMap::new();
    seen.iter().for_each(|request| *counts.entry(request.document).or_default() += 1);
    let newcomers = counts.iter().filter(|(document, count)| **document >= 1_000 && **count > 10).count();
    assert!(newcomers > 500, "{newcomers}");
}

#[test]
fn a_document_has_one_size_and_sizes_are_distributed_as_said() {
    let median = |sizes: SizeLaw| {
        let seen = requests(&Recipe { sizes, alpha: 0.0, ..plain() });
        let mut sizes = HashMap::new();
        for request in seen {
            assert_eq!(*sizes.entry(request.document).or_insert(request.size), request.size);
        }
        let mut sizes: Vec<u64> = sizes.into_values().collect();
        sizes.sort_unstable();
        sizes[sizes.len() / 2]
    };
    assert_eq!(median(SizeLaw::Fixed { bytes: 500.0 }), 500);
    let log_normal = median(SizeLaw::LogNormal { median: 10_000.0, sigma: 1.0 });
    assert!((8_500..11_500).contains(&log_normal), "{log_normal}");
    let pareto = median(SizeLaw::Pareto { smallest: 1_000.0, alpha: 1.0 });
    assert!((1_850..2_150).contains(&pareto), "{pareto}");
}

#[test]
fn requests_come_at_the_rate_asked_for() {
    let last = requests(&Recipe { rate: 1_000.0, ..plain() }).pop().unwrap();
    assert!((195_000_000..205_000_000).contains(&last.time_us), "{}", last.time_us);
}

#[test]
fn the_same_seed_gives_the_same_trace() {
    let recipe = Recipe { requests: 1_000, ..Recipe::default() };
    assert_eq!(requests(&recipe), requests(&recipe));
    assert_ne!(requests(&recipe), requests(&Recipe { seed: 2, ..recipe.clone() }));
}

#[test]
fn what_is_written_can_be_read_and_is_the_trace() {
    let folder = tempfile::tempdir().unwrap();
    let recipe = Recipe { requests: 3_000, documents: 100, rate: 1.0, ..Recipe::default() };
    let trace = Generator::new(recipe.clone()).unwrap().trace(&mut |_| {}).unwrap().trace;
    for (target, name, _) in Target::ALL {
        let path = folder.path().join(format!("t.{name}.zst"));
        let mut output = Output::create(&path).unwrap();
        Generator::new(recipe.clone()).unwrap().write(*target, &mut output, &mut |_| {}).unwrap();
        output.finish().unwrap();
        let read = crate::prepare(&[path], &PrepareOptions::default(), &mut |_| {}).unwrap();
        assert_eq!(read.files[0].format, *name);
        let counts =
            |trace: &crate::Trace| (trace.len(), trace.objects().len(), trace.bytes(), trace.unique_bytes());
        assert_eq!(counts(&read.trace), counts(&trace), "{name}");
    }
}

#[test]
fn what_is_out_of_range_is_refused() {
    let check = |recipe: Recipe, expected: &str| {
        let error = Generator::new(recipe).err().unwrap();
        assert!(error.starts_with(expected), "{error}");
    };
    check(Recipe { one_hit: 1.5, ..plain() }, "one-hit: 1.5");
    check(Recipe { churn: f64::NAN, ..plain() }, "churn: NaN");
    check(Recipe { alpha: -1.0, ..plain() }, "alpha: -1");
    check(Recipe { rate: 0.0, ..plain() }, "rate: 0");
    check(Recipe { documents: 0, ..plain() }, "documents");
    for wrong in
        ["lognormal", "lognormal:1", "pareto:0:1", "fixed:x", "fixed:1:2", "fixed:inf", "uniform:1:2"]
    {
        assert!(wrong.parse::<SizeLaw>().is_err(), "{wrong}");
    }
    assert_eq!("pareto:1000:1.2".parse(), Ok(SizeLaw::Pareto { smallest: 1000.0, alpha: 1.2 }));
}
