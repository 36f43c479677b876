//! Tests of strings as bits: compiled code sees no string, but for each test in the script whether it holds. A class of content
//! is one of a few, so its bits are known when the script is compiled; those of a host are found once for each origin.

use cnn_core::policy::Mime;

/// A field that is a string.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Subject {
    /// `doc.mime`
    Mime,
}

/// What is asked of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Test {
    /// `==`
    Equals,
    /// `starts_with`
    StartsWith,
    /// `ends_with`
    EndsWith,
    /// `contains`, `in`
    Contains,
}

/// A test of a field against a string in the script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Predicate {
    pub(super) subject: Subject,
    pub(super) test: Test,
    pub(super) literal: Box<str>,
}

/// The tests of a script.
#[derive(Debug)]
pub(super) struct Predicates {
    /// The bits of each class.
    of_mime: [u64; MIMES.len()],
}

/// Every class, at the place of its number.
const MIMES: [Mime; 7] =
    [Mime::Other, Mime::Html, Mime::Text, Mime::Image, Mime::Media, Mime::Font, Mime::Binary];

impl Predicate {
    fn holds(&self, text: &str) -> bool {
        match self.test {
            Test::Equals => text == &*self.literal,
            Test::StartsWith => text.starts_with(&*self.literal),
            Test::EndsWith => text.ends_with(&*self.literal),
            Test::Contains => text.contains(&*self.literal),
        }
    }
}

impl Predicates {
    pub(super) fn new(predicates: &[Predicate]) -> Self {
        let bits = |subject, text: &str| {
            let holds = |(at, predicate): (usize, &Predicate)| {
                u64::from(predicate.subject == subject && predicate.holds(text)) << at
            };
            predicates.iter().enumerate().map(holds).sum()
        };
        Self { of_mime: MIMES.map(|mime| bits(Subject::Mime, mime.as_str())) }
    }

    /// The bits of a document.
    #[inline]
    pub(super) fn bits(&self, mime: Mime) -> u64 {
        self.of_mime[mime as usize]
    }
}
