//! The filters of the running proxy, as the admin socket shows and changes them.

use cnn_core::policy::{AdmissionManifest, FreshnessManifest, HitEvents, SpecError};
use cnn_modules::SourceError;

use super::audit::Peer;
use super::live::{Live, parameter};
use super::reply::{Answer, Fault, Filter, FilterList, FilterRole, FilterShown, FilterUsed, Refusal};
use crate::engine::Stopped;
use crate::filters::{Answers, FilterError, NONE};

/// The filters of a role that can be used by name.
pub(super) fn list(live: &Live, role: FilterRole) -> FilterList {
    let filters = live.switching.filters();
    match role {
        FilterRole::Admission => FilterList {
            role,
            asked: filters.admission_asked().to_string(),
            filters: cnn_policies::admission::registry()
                .iter()
                .map(|it| of_admission(&(it.manifest)()))
                .collect(),
        },
        FilterRole::Freshness => FilterList {
            role,
            asked: filters.freshness_asked().to_string(),
            filters: cnn_policies::freshness::registry()
                .iter()
                .map(|it| of_freshness(&(it.manifest)()))
                .collect(),
        },
    }
}

/// The filter of a role in use.
pub(super) fn show(live: &Live, role: FilterRole) -> Result<FilterShown, Refusal> {
    let (filters, metrics) = (live.switching.filters(), &live.switching.shared.metrics);
    let none = || FilterShown { role, name: NONE.to_owned(), ..FilterShown::default() };
    let (shown, counted) = match role {
        FilterRole::Admission => (
            filters.admission.map_or_else(none, |gate| {
                let ((by, since), (answers, state_bytes)) = (gate.origin(), gate.answers());
                FilterShown {
                    name: gate.name().to_string(),
                    quarantined: gate.is_quarantined(),
                    filter: Some(of_admission(&gate.manifest)),
                    by: by.to_owned(),
                    ago_secs: live.clock.wall().since(since),
                    passed_by: gate.passed_by(live.clock.now()),
                    ..of_answers(role, answers, state_bytes)
                }
            }),
            metrics.admission.counts(),
        ),
        FilterRole::Freshness => (
            filters.freshness.map_or_else(none, |rules| {
                let ((by, since), (answers, state_bytes)) = (rules.origin(), rules.answers());
                FilterShown {
                    name: rules.name().to_string(),
                    quarantined: rules.is_quarantined(),
                    filter: Some(of_freshness(&rules.manifest)),
                    by: by.to_owned(),
                    ago_secs: live.clock.wall().since(since),
                    ..of_answers(role, answers, state_bytes)
                }
            }),
            metrics.freshness.counts(),
        ),
    };
    let answers = counted.into_iter().map(|(answer, count)| Answer { answer: answer.to_owned(), count });
    Ok(FilterShown { answers: answers.collect(), ..shown })
}

/// Asks the filter that is written so from now on.
pub(super) fn use_spec(live: &Live, role: FilterRole, spec: &str, by: Peer) -> Result<FilterUsed, Refusal> {
    let by = by.to_string();
    let changed = match role {
        FilterRole::Admission => live.switching.use_admission(spec, by)?,
        FilterRole::Freshness => live.switching.use_freshness(spec, by)?,
    };
    Ok(FilterUsed { role, name: changed.now.to_string(), previous: changed.before.to_string() })
}

fn of_answers(role: FilterRole, answers: Answers, state_bytes: u64) -> FilterShown {
    let report = answers.report.unwrap_or_default();
    FilterShown {
        role,
        asked: answers.asked,
        busy: answers.busy,
        failed: answers.failed,
        last_fault: report.last_trap,
        state_bytes: state_bytes.max(report.memory_bytes as u64),
        ..FilterShown::default()
    }
}

fn of_admission(manifest: &AdmissionManifest) -> Filter {
    Filter {
        name: manifest.name.to_string(),
        summary: manifest.summary.to_string(),
        paper: manifest.paper.to_string(),
        parameters: manifest.parameters.iter().map(parameter).collect(),
        hit_events: manifest.hit_events == HitEvents::Needed,
        bypasses: manifest.bypasses,
    }
}

fn of_freshness(manifest: &FreshnessManifest) -> Filter {
    Filter {
        name: manifest.name.to_string(),
        summary: manifest.summary.to_string(),
        paper: manifest.paper.to_string(),
        parameters: manifest.parameters.iter().map(parameter).collect(),
        ..Filter::default()
    }
}

impl From<FilterError> for Refusal {
    fn from(error: FilterError) -> Self {
        let fault = match error {
            FilterError::Source(SourceError::Spec(SpecError::NoPolicy(_))) => Fault::NotFound,
            FilterError::Source(SourceError::Spec(_)) => Fault::BadRequest,
            FilterError::Source(_) | FilterError::Host(_) => Fault::Failed,
            FilterError::Stopped(Stopped) | FilterError::Thread(_) => Fault::Busy,
        };
        Self::new(fault, error.to_string())
    }
}
