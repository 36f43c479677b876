//! All that a report holds, as JSON. Ratios are fractions, times microseconds unless their name says otherwise; what is not
//! known is null.

use serde_json::{Value, json};

use super::Report;
use super::grid::what;
use crate::replay::{
    Carry, Counted, Curve, Effect, Faults, Interval, Matrix, Outcome, Reevaluate, Sweep, Traffic, Window,
};

/// The report as JSON, indented.
pub fn text(report: &Report) -> String {
    let census = report.censuses.iter().map(|census| {
        json!({
            "trace": census.trace,
            "requests": census.requests,
            "documents": census.documents,
            "asked_once": census.asked_once,
            "bytes": census.bytes,
            "unique_bytes": census.unique_bytes,
            "span_us": census.span_us,
        })
    });
    let mut value = json!({
        "command": report.command,
        "traces": census.collect::<Vec<_>>(),
        "results": report.outcomes.iter().map(outcome).collect::<Vec<_>>(),
        "curves": report.curves.iter().map(curve).collect::<Vec<_>>(),
        "switches": report.sweeps.iter().map(sweep).collect::<Vec<_>>(),
        "live": report.live,
    });
    // Sections that were not asked for are left out.
    if let Some(fields) = value.as_object_mut() {
        fields.retain(|_, field| !field.is_null() && field.as_array().is_none_or(|all| !all.is_empty()));
    }
    format!("{value:#}\n")
}

fn outcome(outcome: &Outcome) -> Value {
    json!({
        "trace": outcome.cell.trace,
        "policy": outcome.cell.policy,
        "size": outcome.cell.size,
        "unit": outcome.cell.unit.as_str(),
        "admission": outcome.cell.admission,
        "what": what(outcome),
        "traffic": traffic(outcome.traffic),
        "miss_ratio": outcome.miss_ratio(),
        "byte_miss_ratio": outcome.byte_miss_ratio(),
        "origin_bytes": outcome.origin_bytes(),
        "evictions": outcome.evictions,
        "not_admitted": outcome.not_admitted,
        "hit_ratio_95": outcome.intervals.map(|both| interval(both.hit_ratio)),
        "byte_hit_ratio_95": outcome.intervals.map(|both| interval(both.byte_hit_ratio)),
        "response": outcome.response.map(|response| json!({
            "mean_us": response.mean_us,
            "p95_us": response.p95_us,
            "logged_share": response.logged_share,
        })),
        "timing": outcome.timing.map(|timing| json!({"seconds": timing.seconds, "policy_ns": timing.policy_ns})),
        "switches": outcome.marks.iter().map(|mark| json!({
            "at": mark.at,
            "time_us": mark.time_us,
            "from": mark.from,
            "to": mark.to,
            "reevaluate": mark.reevaluate.map(reevaluate),
            "documents": mark.documents,
        })).collect::<Vec<_>>(),
        "faults": faults(&outcome.faults),
        "agreement": outcome.agreement.as_ref().map(agreement),
        "timeline": outcome.timeline.iter().map(window).collect::<Vec<_>>(),
    })
}

fn faults(faults: &Faults) -> Value {
    let modules = faults.modules.iter().map(|(policy, ailing)| {
        json!({"policy": policy, "calls": ailing.calls, "last": ailing.last, "is_stopped": ailing.is_stopped})
    });
    json!({"overruled": faults.overruled, "modules": modules.collect::<Vec<_>>()})
}

fn traffic(traffic: Traffic) -> Value {
    json!({
        "requests": traffic.requests,
        "hits": traffic.hits,
        "bytes": traffic.bytes,
        "hit_bytes": traffic.hit_bytes,
    })
}

fn interval(interval: Interval) -> Value {
    json!([interval.low, interval.high])
}

fn window(window: &Window) -> Value {
    json!({
        "from": window.from,
        "time_us": window.time_us,
        "traffic": traffic(window.traffic),
        "evictions": window.evictions,
        "documents": window.documents,
        "used": window.used,
    })
}

fn reevaluate(how: Reevaluate) -> Value {
    match how {
        Reevaluate::Count(number) => json!(number),
        Reevaluate::Percent(share) => json!(format!("{share}%")),
        Reevaluate::All => json!("all"),
    }
}

fn agreement(matrix: &Matrix) -> Value {
    let counted = |counted: &Counted| {
        json!({
            "both": counted.both,
            "only_logged": counted.only_logged,
            "only_ours": counted.only_ours,
            "neither": counted.neither,
        })
    };
    let by = matrix.by.iter().map(|(aspect, groups)| {
        let groups = groups.iter().map(|(name, group)| json!({"name": name, "counted": counted(group)}));
        (aspect.as_str().to_owned(), Value::Array(groups.collect()))
    });
    json!({"all": counted(&matrix.all), "by": by.collect::<serde_json::Map<_, _>>()})
}

fn curve(curve: &Curve) -> Value {
    json!({
        "trace": curve.trace,
        "policy": curve.policy,
        "unit": curve.unit.as_str(),
        "points": curve.points.iter().map(|point| json!({
            "size": point.size,
            "share": point.share,
            "miss_ratio": point.miss_ratio,
            "byte_miss_ratio": point.byte_miss_ratio,
        })).collect::<Vec<_>>(),
        "sampling": curve.sampling.map(|sampling| json!({
            "rate": sampling.rate,
            "objects": sampling.objects,
            "error": sampling.error,
            "byte_error": sampling.byte_error,
        })),
        "faults": faults(&curve.faults),
    })
}

fn sweep(sweep: &Sweep) -> Value {
    json!({
        "at": sweep.at,
        "documents": sweep.documents,
        "stayed": outcome(&sweep.stayed),
        "always": outcome(&sweep.always),
        "ways": sweep.ways.iter().map(|way| json!({
            "carry": match way.carry {
                Carry::Reevaluate(how) => reevaluate(how),
                Carry::Flush => json!("flush"),
            },
            "effect": effect(&way.effect),
            "outcome": outcome(&way.outcome),
        })).collect::<Vec<_>>(),
    })
}

fn effect(effect: &Effect) -> Value {
    json!({
        "dip_points": effect.dip,
        "byte_dip_points": effect.byte_dip,
        "gap_points": effect.gap,
        "byte_gap_points": effect.byte_gap,
        "area": effect.area,
        "byte_area": effect.byte_area,
        "settled_after": effect.settled_after,
    })
}

#[cfg(test)]
mod tests {
    use super::super::testing::{agreeing, curve, outcome, switched};
    use super::*;

    #[test]
    fn what_is_there_is_told_and_what_is_not_is_left_out() {
        let report = Report {
            command: "cnn replay a \"b\"".to_owned(),
            outcomes: vec![switched(agreeing(outcome("lru", 4096, 600)))],
            curves: vec![curve("lru")],
            ..Report::default()
        };
        let value: Value = serde_json::from_str(&text(&report)).unwrap();
        let check =
            |pointer: &str, expected: Value| assert_eq!(value.pointer(pointer), Some(&expected), "{pointer}");
        check("/command", json!("cnn replay a \"b\""));
        check("/results/0/miss_ratio", json!(0.4));
        check("/results/0/traffic/hits", json!(600));
        check("/results/0/timing", Value::Null);
        check("/results/0/faults", json!({"overruled": 0, "modules": []}));
        check("/results/0/switches/0/reevaluate", json!("20%"));
        check("/results/0/agreement/by/code/0/name", json!("<b>\"&"));
        check("/results/0/timeline/9/from", json!(900));
        check("/curves/0/sampling/rate", json!(0.1));
        assert_eq!((value.get("live"), value.get("switches")), (None, None));
    }
}
