//! `cnn module check` of an admission policy or of freshness rules: asked about made-up responses, as the proxy would.

use std::path::Path;

use cnn_core::policy::{Candidate, Document, Mime, Verdict};
use cnn_core::rfc9111::Described;
use cnn_core::rfc9111::target::Scheme;
use cnn_core::time::Tick;
use cnn_modules::{Health, Host, Metering, ModuleManifest, Role, SourceError};
use cnn_proxy::clock::Clock;

use crate::cli::Failure;
use crate::cli::table::pairs;
use crate::cli::units::count;

/// Responses it is asked about.
const QUESTIONS: u64 = 20_000;
/// Bytes of the cache it stands before.
const CAPACITY: u64 = 256 << 20;

/// What is to be said of the file of a filter; nothing when it is of another role, or no file.
pub(super) fn check(spec: &str, clock: &Clock) -> Result<Option<String>, Failure> {
    if !cnn_modules::is_file(spec) {
        return Ok(None);
    }
    let said = |error: SourceError| Failure::Said(error.to_string());
    let host = Host::new(Metering::Fuel, None).map_err(|error| Failure::Said(error.to_string()))?;
    let path = spec.split('(').next().unwrap_or_default();
    let code = host.code(Path::new(path)).map_err(said)?;
    let (role, took_ns, health) = match code.manifest().role {
        Role::Admission => {
            let mut built = host.admission(spec).and_then(|source| source.build(CAPACITY)).map_err(said)?;
            let begin = clock.now();
            let admitted = (0..QUESTIONS).filter(|&number| {
                let candidate =
                    Candidate { document: document(number), host: "www.example.net", path: "/a/b?c" };
                built.instance.admit(&candidate) == Verdict::Admit
            });
            let admitted = admitted.count() as u64;
            let role = format!("admission; stores {} of {}", count(admitted), count(QUESTIONS));
            (role, clock.now().since(begin) * 1_000 / QUESTIONS, built.health)
        }
        Role::Freshness => {
            let mut built = host.freshness(spec).and_then(|source| source.build()).map_err(said)?;
            let begin = clock.now();
            let ruled = (0..QUESTIONS).filter(|&number| built.instance.refresh(&described(number)).is_some());
            let ruled = ruled.count() as u64;
            let role = format!("freshness; has a rule for {} of {}", count(ruled), count(QUESTIONS));
            (role, clock.now().since(begin) * 1_000 / QUESTIONS, built.health)
        }
        Role::Replacement | Role::Monitor => return Ok(None),
    };
    let report = health.as_deref().map(Health::report).unwrap_or_default();
    match report.last_trap {
        Some(why) => {
            Err(Failure::Said(format!("{spec}: failed {} times: {why}", count(report.traps.into()))))
        }
        None => Ok(Some(render(code.manifest(), role, took_ns))),
    }
}

fn render(manifest: &ModuleManifest, role: String, took_ns: u64) -> String {
    let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    pairs([
        ("name", Some(manifest.name.clone())),
        ("role", Some(role)),
        ("summary", some(&manifest.summary)),
        ("paper", some(&manifest.paper)),
        ("a question", Some(format!("{took_ns} ns"))),
    ])
}

/// A made-up document: every fourth is asked for again and again.
fn document(number: u64) -> Document {
    let now = Tick::from_secs(number / 100);
    Document {
        hash: if number.is_multiple_of(4) { number % 64 } else { number << 20 },
        size: 1 << (number % 24),
        created: now,
        last_used: now,
        fresh_until: Tick::from_secs(number / 100 + 60),
        uses: 1,
        ttfb_us: 20_000,
        fetch_us: 20_000,
        origin: (number % 100) as u32,
        path_class: 0,
        status: 200,
        mime: Mime::from_u8((number % 7) as u8),
    }
}

fn described(number: u64) -> Described<'static> {
    const PATHS: [&str; 4] = ["/", "/a.png", "/cgi-bin/b", "/c?d=e"];
    Described {
        scheme: Scheme::Http,
        host: "www.example.net",
        path: PATHS[number as usize % PATHS.len()],
        status: 200,
        mime: Mime::from_u8((number % 7) as u8),
        length: Some(number),
        lifetime: number.is_multiple_of(3).then_some(60),
        since_modified: number.is_multiple_of(2).then_some(86_400),
        age: 0,
    }
}
