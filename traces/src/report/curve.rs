//! Miss-ratio curves as text: a line for each size, a column for each policy; and as CSV.

use super::csv::{Csv, ratio};
use super::grid;
use super::table::{Table, shown};
use super::units::{bytes, count};
use crate::replay::{Curve, Unit};

/// The curves as text, those of one trace together.
pub fn text(curves: &[Curve]) -> String {
    let mut text = String::new();
    for curves in curves.chunk_by(|a, b| a.trace == b.trace && a.points.len() == b.points.len()) {
        let first = &curves[0];
        let policies = curves.iter().map(|curve| format!(">{}", curve.policy)).collect::<Vec<_>>();
        let heads: Vec<_> = [">size".to_owned(), ">share".to_owned()].into_iter().chain(policies).collect();
        let mut table = Table::new(heads.iter().map(String::as_str));
        for (at, point) in first.points.iter().enumerate() {
            let size = if first.unit == Unit::Bytes { bytes(point.size) } else { count(point.size) };
            let misses = curves.iter().map(|curve| ratio(curve.points[at].miss_ratio));
            table.row([size, format!("{:.2} %", 100.0 * point.share)].into_iter().chain(misses));
        }
        text.push_str(&format!("{}, misses per request by size of the cache\n", shown(&first.trace)));
        text.push_str(&table.render());
        for curve in curves {
            if let Some(sampling) = curve.sampling {
                text.push_str(&format!(
                    "{}: of {:.2} % of the documents ({}), standard error {:.4}\n",
                    curve.policy,
                    100.0 * sampling.rate,
                    count(sampling.objects),
                    sampling.error
                ));
            }
        }
        text.push('\n');
    }
    text
}

/// The points as CSV, with the columns that scripts know first. Where a sample was replayed, hits and evictions are what it
/// says of the whole trace; `rate` is 1 and the errors are 0 where every request was.
pub fn csv(curves: &[Curve]) -> String {
    let mut csv = Csv::new(&[&grid::COLUMNS[..], &["rate", "error", "byte_error"]].concat());
    for curve in curves {
        let (rate, error, byte_error) = curve
            .sampling
            .map_or((1.0, 0.0, 0.0), |sampling| (sampling.rate, sampling.error, sampling.byte_error));
        for point in &curve.points {
            let hits = (curve.requests as f64 * (1.0 - point.miss_ratio)).round();
            csv.row([
                curve.trace.clone(),
                curve.policy.clone(),
                point.size.to_string(),
                curve.unit.to_string(),
                curve.requests.to_string(),
                format!("{hits:.0}"),
                ratio(point.miss_ratio),
                ratio(point.byte_miss_ratio),
                point.evictions.to_string(),
                format!("{:.6}", curve.span_us as f64 / 1e6),
                ratio(rate),
                ratio(error),
                ratio(byte_error),
            ]);
        }
    }
    csv.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replay::{Faults, Point, Sampling};

    fn curve(policy: &str, sampling: Option<Sampling>) -> Curve {
        let point =
            |size, miss_ratio| Point { size, share: 0.01, miss_ratio, byte_miss_ratio: 0.75, evictions: 7 };
        Curve {
            trace: "t".to_owned(),
            policy: policy.to_owned(),
            unit: Unit::Documents,
            requests: 1000,
            span_us: 2_500_000,
            points: vec![point(10, 0.5), point(20, 0.25)],
            sampling,
            faults: Faults::default(),
        }
    }

    #[test]
    fn policies_stand_side_by_side() {
        let text = text(&[curve("lru", None), curve("gdsf", None)]);
        let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
        let expected = "t, misses per request by size of the cache size share lru gdsf 10 1.00 % 0.500000 0.500000 \
                        20 1.00 % 0.250000 0.250000";
        assert_eq!(words, expected);
    }

    #[test]
    fn a_sample_states_its_error() {
        let sampling = Sampling { rate: 0.1, objects: 1234, error: 0.0125, byte_error: 0.02 };
        let curves = [curve("lru", Some(sampling))];
        assert!(text(&curves).contains("lru: of 10.00 % of the documents (1,234), standard error 0.0125"));
        let csv = csv(&curves);
        let lines: Vec<&str> = csv.lines().collect();
        let known = "trace,policy,size,unit,requests,hits,miss_ratio,byte_miss_ratio,evictions,seconds,rate,";
        assert!(lines[0].starts_with(known), "{csv}");
        let expected = "t,lru,10,documents,1000,500,0.500000,0.750000,7,2.500000,0.100000,0.012500,0.020000";
        assert_eq!(lines[1], expected);
    }
}
