//! The built-in freshness rules, one file each, and the registry that names them: how long responses stay fresh that do
//! not say (`cnn_core::policy::Freshness`).

use cnn_core::policy::{FreshnessChoice, FreshnessFactory, SpecError};

mod refresh;
mod squid_default;

// One line each, in the order they are listed to operators.
static RULES: &[FreshnessFactory] = &[refresh::FACTORY, squid_default::FACTORY];

/// All built-in rules, in the order they are listed to operators.
pub fn registry() -> &'static [FreshnessFactory] {
    RULES
}

/// The built-in rules that are written so: `squid-default` or `refresh(min=5,percent=50)`.
///
/// # Errors
/// When there are none of this name, or they do not take what they were given.
pub fn choose(spec: &str) -> Result<FreshnessChoice, SpecError> {
    FreshnessChoice::parse(RULES, spec)
}
