//! One `refresh_pattern` line for everything: Squid's three numbers, without its options.

use std::borrow::Cow;

use cnn_core::policy::{Freshness, FreshnessFactory, FreshnessManifest, Parameter};
use cnn_core::rfc9111::{Described, Refresh};

pub(super) const FACTORY: FreshnessFactory = FreshnessFactory {
    manifest,
    build: |settings| {
        let seconds = |name| 60 * settings.get(name) as u32;
        Box::new(One(Refresh::new(seconds("min"), settings.get("percent") as u32, seconds("max"))))
    },
};

/// A year, in minutes.
const YEAR: u32 = 525_600;

const PARAMETERS: &[Parameter] = &[
    Parameter::whole(
        "min",
        0,
        0,
        YEAR,
        "minutes for which a response stays fresh that says nothing about it",
    ),
    Parameter::whole("percent", 20, 0, 1_000, "share of the time since the last modification, in percent"),
    Parameter::whole("max", 4_320, 0, YEAR, "minutes of the longest lifetime given"),
];

fn manifest() -> FreshnessManifest {
    FreshnessManifest {
        name: Cow::Borrowed("refresh"),
        summary: Cow::Borrowed(
            "one refresh_pattern for everything: least minutes, percent of the time unchanged, most minutes",
        ),
        paper: Cow::Borrowed("Squid configuration directive refresh_pattern"),
        parameters: Cow::Borrowed(PARAMETERS),
    }
}

struct One(Refresh);

impl Freshness for One {
    fn refresh(&mut self, _response: &Described<'_>) -> Option<Refresh> {
        Some(self.0)
    }
}
