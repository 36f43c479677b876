//! Numbers a policy can be given when it is built, and how an operator writes them: `s3-fifo(small=0.2,ghost=2)`.
//!
//! A parameter is declared in the manifest with its default and its range, so that help, checks and errors come from
//! one place, for built-in policies and for modules alike. Nothing here changes a policy that runs: other numbers mean
//! another instance, handed over to like any other policy.

use std::borrow::Cow;
use std::fmt;

use thiserror::Error;

use super::{Factory, Manifest, Replacement};
use crate::byte_size;

/// Longest part of a mistaken word that is repeated in an error, in characters.
const QUOTED_MAX: usize = 40;

/// Which numbers a parameter takes between its bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grain {
    /// Any.
    Real,
    /// Whole ones.
    Whole,
}

/// A number a policy can be given.
#[derive(Clone, Debug, PartialEq)]
pub struct Parameter {
    /// The name operators use: lower case, words joined by `-`.
    pub name: Cow<'static, str>,
    /// What it does, with its unit, in one line.
    pub summary: Cow<'static, str>,
    /// Its value when nobody says otherwise.
    pub default: f64,
    /// The lowest value it takes.
    pub min: f64,
    /// The highest value it takes.
    pub max: f64,
    /// Which numbers between the two it takes.
    pub grain: Grain,
}

impl Parameter {
    /// A parameter of a built-in policy that takes any number from `min` to `max`.
    pub const fn real(name: &'static str, default: f64, min: f64, max: f64, summary: &'static str) -> Self {
        let grain = Grain::Real;
        Self { name: Cow::Borrowed(name), summary: Cow::Borrowed(summary), default, min, max, grain }
    }

    /// A parameter of a built-in policy that takes whole numbers from `min` to `max`.
    pub const fn whole(name: &'static str, default: u32, min: u32, max: u32, summary: &'static str) -> Self {
        let grain = Grain::Whole;
        let (default, min, max) = (default as f64, min as f64, max as f64);
        Self { name: Cow::Borrowed(name), summary: Cow::Borrowed(summary), default, min, max, grain }
    }

    /// Whether it takes this number.
    pub fn takes(&self, value: f64) -> bool {
        (self.min..=self.max).contains(&value) && (self.grain == Grain::Real || value.fract() == 0.0)
    }
}

/// What is wrong with a policy as it was written.
#[derive(Clone, Debug, Error, PartialEq)]
pub enum SpecError {
    /// Not of the form.
    #[error("expected name or name(parameter=value,...), not {0:?}")]
    Form(String),
    /// No policy has this name.
    #[error("no policy is called {0:?}")]
    NoPolicy(String),
    /// The policy has no such parameter.
    #[error("{policy} has no parameter {name:?}{has}", has = Has(has))]
    NoParameter {
        /// The policy's name.
        policy: String,
        /// The name that was given.
        name: String,
        /// The parameters it has.
        has: Vec<String>,
    },
    /// A parameter was given twice.
    #[error("{policy} was given {name} twice")]
    Twice {
        /// The policy's name.
        policy: String,
        /// The parameter's name.
        name: String,
    },
    /// The value is none the parameter takes.
    #[error("{policy} takes {name} as a {grain} from {min} to {max}, not {value:?}", grain = grain_word(*grain))]
    Value {
        /// The policy's name.
        policy: String,
        /// The parameter's name.
        name: String,
        /// The lowest value it takes.
        min: f64,
        /// The highest value it takes.
        max: f64,
        /// Which numbers between the two it takes.
        grain: Grain,
        /// What was given.
        value: String,
    },
}

const fn grain_word(grain: Grain) -> &'static str {
    match grain {
        Grain::Real => "number",
        Grain::Whole => "whole number",
    }
}

/// The parameters there are, for an error.
struct Has<'a>(&'a [String]);

impl fmt::Display for Has<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            f.write_str("; it takes none")
        } else {
            write!(f, ", only {}", self.0.join(", "))
        }
    }
}

/// A policy as an operator writes it, taken apart but not looked up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spec<'a> {
    /// The name before the parenthesis.
    pub name: &'a str,
    /// Names and values as written, in their order.
    pub assignments: Vec<(&'a str, &'a str)>,
}

impl<'a> Spec<'a> {
    /// Takes `name` or `name(parameter=value,...)` apart. Spaces around words do not count.
    ///
    /// # Errors
    /// When it is of neither form.
    pub fn parse(spec: &'a str) -> Result<Self, SpecError> {
        let bad = || SpecError::Form(quoted(spec));
        let is_word = |word: &str| {
            !word.is_empty() && !word.contains(|c: char| c.is_whitespace() || "(),=".contains(c))
        };
        let spec = spec.trim();
        let (name, inside) = match spec.split_once('(') {
            Some((name, rest)) => (name.trim_end(), Some(rest.strip_suffix(')').ok_or_else(bad)?)),
            None => (spec, None),
        };
        let assignment = |word: &'a str| {
            let (name, value) = word.split_once('=').ok_or_else(bad)?;
            let (name, value) = (name.trim(), value.trim());
            if is_word(name) && is_word(value) { Ok((name, value)) } else { Err(bad()) }
        };
        let assignments = inside.filter(|inside| !inside.trim().is_empty());
        let assignments =
            assignments.map_or(Ok(Vec::new()), |all| all.split(',').map(assignment).collect())?;
        if is_word(name) { Ok(Self { name, assignments }) } else { Err(bad()) }
    }

    /// Splits a list at its commas, but not within parentheses: `lru,slru(segments=4)` is two.
    pub fn split(list: &'a str) -> impl Iterator<Item = &'a str> {
        let mut depth = 0_u32;
        list.split(move |c| {
            match c {
                '(' => depth += 1,
                ')' => depth = depth.saturating_sub(1),
                _ => {}
            }
            c == ',' && depth == 0
        })
    }

    /// Who of a registry has this name.
    ///
    /// # Errors
    /// When nobody has.
    pub fn find<'r, T>(
        &self,
        registry: &'r [T],
        name: impl Fn(&T) -> Cow<'static, str>,
    ) -> Result<&'r T, SpecError> {
        let found = registry.iter().find(|&one| name(one) == self.name);
        found.ok_or_else(|| SpecError::NoPolicy(quoted(self.name)))
    }

    /// The numbers for these parameters: those given, and for the others their defaults.
    ///
    /// # Errors
    /// When a parameter does not exist, is given twice, or does not take its value.
    pub fn settings(&self, parameters: &[Parameter]) -> Result<Settings, SpecError> {
        self.settings_over(Settings::defaults(parameters), parameters)
    }

    /// The numbers for these parameters: those given, and the others as they are in `settings`, which are for them too.
    ///
    /// # Errors
    /// When a parameter does not exist, is given twice, or does not take its value.
    pub fn settings_over(
        &self,
        mut settings: Settings,
        parameters: &[Parameter],
    ) -> Result<Settings, SpecError> {
        for (at, &(name, written)) in self.assignments.iter().enumerate() {
            let policy = self.name.to_owned();
            let Some(index) = parameters.iter().position(|parameter| parameter.name == name) else {
                let has = parameters.iter().map(|parameter| parameter.name.to_string()).collect();
                return Err(SpecError::NoParameter { policy, name: quoted(name), has });
            };
            if self.assignments[..at].iter().any(|&(other, _)| other == name) {
                return Err(SpecError::Twice { policy, name: name.to_owned() });
            }
            let &Parameter { min, max, grain, .. } = &parameters[index];
            match number(written).filter(|&value| parameters[index].takes(value)) {
                Some(value) => settings.values[index].1 = value,
                None => {
                    let (name, value) = (name.to_owned(), quoted(written));
                    return Err(SpecError::Value { policy, name, min, max, grain, value });
                }
            }
        }
        Ok(settings)
    }
}

impl fmt::Display for Spec<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)?;
        for (at, (name, value)) in self.assignments.iter().enumerate() {
            write!(f, "{}{name}={value}", if at == 0 { '(' } else { ',' })?;
        }
        f.write_str(if self.assignments.is_empty() { "" } else { ")" })
    }
}

/// A number as written: `0.1`, `10%`, `64KiB`, `4MiB`, `1GiB`.
fn number(written: &str) -> Option<f64> {
    let number = match (written.strip_suffix('%'), written.ends_with(|c: char| c.is_ascii_alphabetic())) {
        (Some(share), _) => share.parse::<f64>().ok().map(|percent| percent * 0.01),
        (None, true) => byte_size::parse(written).ok().map(|bytes| bytes as f64),
        (None, false) => written.parse().ok(),
    };
    number.filter(|number| number.is_finite())
}

fn quoted(text: &str) -> String {
    text.chars().take(QUOTED_MAX).collect()
}

/// The numbers an instance is built with: one for each parameter of its manifest.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Settings {
    values: Vec<(Cow<'static, str>, f64)>,
}

impl Settings {
    /// Every parameter at its default.
    pub fn defaults(parameters: &[Parameter]) -> Self {
        Self { values: parameters.iter().map(|it| (it.name.clone(), it.default)).collect() }
    }

    /// The value of a parameter.
    ///
    /// # Panics
    /// When the manifest these settings were made from does not declare it.
    pub fn get(&self, name: &str) -> f64 {
        let found = self.values.iter().find(|(other, _)| other == name);
        found.expect("a policy asks for what it declares").1
    }

    /// The same with these values, of parameters that there are.
    #[must_use]
    pub fn with<'a>(mut self, values: impl IntoIterator<Item = (&'a str, f64)>) -> Self {
        for (name, value) in values {
            if let Some(place) = self.values.iter_mut().find(|(other, _)| other == name) {
                place.1 = value;
            }
        }
        self
    }

    /// The values in the order of the manifest.
    pub fn values(&self) -> impl Iterator<Item = (&str, f64)> {
        self.values.iter().map(|(name, value)| (&**name, *value))
    }
}

/// A policy with the numbers it is to be built with.
#[derive(Clone)]
pub struct Choice {
    factory: Factory,
    settings: Settings,
    name: String,
}

impl Choice {
    /// The policy of a registry that is written so; what is not said is at its default.
    ///
    /// # Errors
    /// When there is none of this name, or it does not take what it was given.
    pub fn parse(registry: &[Factory], spec: &str) -> Result<Self, SpecError> {
        let spec = Spec::parse(spec)?;
        let factory = *spec.find(registry, |factory| (factory.manifest)().name)?;
        let settings = spec.settings(&(factory.manifest)().parameters)?;
        Ok(Self { factory, settings, name: spec.to_string() })
    }

    /// What the policy says of itself, under the name as it was chosen (`s3-fifo(small=0.2)`).
    pub fn manifest(&self) -> Manifest {
        Manifest { name: Cow::Owned(self.name.clone()), ..(self.factory.manifest)() }
    }

    /// The numbers.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// A new instance for a cache of `capacity` bytes.
    pub fn build(&self, capacity: u64) -> Replacement {
        (self.factory.build)(capacity, &self.settings)
    }
}

impl From<Factory> for Choice {
    /// With every parameter at its default.
    fn from(factory: Factory) -> Self {
        let Manifest { name, parameters, .. } = (factory.manifest)();
        Self { factory, settings: Settings::defaults(&parameters), name: name.into_owned() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARAMETERS: &[Parameter] = &[
        Parameter::real("small", 0.1, 0.0, 1.0, "share of the small queue"),
        Parameter::whole("segments", 4, 1, 64, "segments"),
        Parameter::real("bytes", 0.0, 0.0, 1e12, "bytes"),
    ];

    /// The settings as `name value` pairs, or the error.
    fn parse(spec: &str) -> String {
        let settings = Spec::parse(spec).and_then(|spec| spec.settings(PARAMETERS));
        let show =
            |it: Settings| it.values().map(|(name, value)| format!("{name} {value}")).collect::<Vec<_>>();
        settings.map_or_else(|error| error.to_string(), |settings| show(settings).join(" "))
    }

    #[track_caller]
    fn check(spec: &str, expected: &str) {
        assert_eq!(parse(spec), expected, "{spec}");
    }

    #[test]
    fn what_is_not_given_is_at_its_default() {
        check("x", "small 0.1 segments 4 bytes 0");
        check("x()", "small 0.1 segments 4 bytes 0");
        check(" x ( segments = 8 ) ", "small 0.1 segments 8 bytes 0");
        check("x(small=25%,bytes=64KiB)", "small 0.25 segments 4 bytes 65536");
    }

    #[test]
    fn what_is_not_given_stays_as_it_was() {
        let was = Spec::parse("x(small=0.3,segments=8)").unwrap().settings(PARAMETERS).unwrap();
        let now = Spec::parse("x(segments=2)").unwrap().settings_over(was, PARAMETERS).unwrap();
        assert_eq!(now.values().collect::<Vec<_>>(), [("small", 0.3), ("segments", 2.0), ("bytes", 0.0)]);
    }

    #[test]
    fn an_error_says_what_would_be_taken() {
        check("x(small=2)", "x takes small as a number from 0 to 1, not \"2\"");
        check("x(small=NaN)", "x takes small as a number from 0 to 1, not \"NaN\"");
        check("x(segments=1.5)", "x takes segments as a whole number from 1 to 64, not \"1.5\"");
        check("x(big=1)", "x has no parameter \"big\", only small, segments, bytes");
        check("x(small=0,small=1)", "x was given small twice");
        assert_eq!(
            Spec::parse("y(a=1)").and_then(|spec| spec.settings(&[])).map_err(|error| error.to_string()),
            Err("y has no parameter \"a\"; it takes none".to_owned())
        );
    }

    #[test]
    fn what_is_of_no_form_is_refused() {
        for spec in [
            "",
            "x(",
            "x)",
            "x(small)",
            "x(small=)",
            "x(=1)",
            "(small=1)",
            "x y",
            "x(a=1)b",
            "x((a=1))",
            "x(a=1,)",
        ] {
            assert!(matches!(Spec::parse(spec), Err(SpecError::Form(_))), "{spec}");
        }
    }

    #[test]
    fn a_list_is_split_at_the_commas_outside_parentheses() {
        let parts: Vec<_> = Spec::split("lru,slru(segments=4,x=1),sieve").collect();
        assert_eq!(parts, ["lru", "slru(segments=4,x=1)", "sieve"]);
        assert_eq!(Spec::parse(parts[1]).map(|spec| spec.to_string()), Ok("slru(segments=4,x=1)".to_owned()));
    }
}
