//! RFC 9111 and its neighbours as a client and an origin see them, one file per section: each case stores a response,
//! lets time pass, asks again and looks where the answer came from.
//!
//! Known deviations from the public suite `http-cache-tests` are in `deviations.rs`, each with its reason.

mod deviations;
mod hostile;
mod model;
mod rfc5861;
mod rfc8246;
mod rfc9213;
mod section_3;
mod section_3_1;
mod section_3_2;
mod section_4_1;
mod section_4_2;
mod section_4_3;
mod section_4_4;
mod section_5_2;

use cnn_core::fields::Fields;
use model::{Answer, Asked, Model, Response, fields};

/// Where an answer came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Source {
    /// The store, without the origin's part.
    Store,
    /// The store, after the origin said 304.
    Validated,
    /// The origin.
    Origin,
    /// The proxy itself, for want of anything better: 502 or 504.
    Proxy,
}

/// A request and a response, an hour or so, and another request.
#[derive(Clone, Copy)]
struct Story {
    /// Method of the first request.
    method: &'static str,
    /// Fields of the first request.
    request: &'static str,
    /// Status of every response of the origin.
    status: u16,
    /// Fields of every response of the origin; dates are relative to the time of the response.
    response: &'static str,
    /// Seconds between the two requests.
    seconds: i64,
    /// Fields of the second request, which is a GET.
    next: &'static str,
    /// What the origin does at the second request.
    origin: OriginState,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum OriginState {
    /// It answers, with 304 where it can.
    Up,
    /// It closes the connection.
    Down,
    /// It answers with that status.
    Failing(u16),
}

const URI: &str = "http://example.com/a";

impl Story {
    const fn new(response: &'static str) -> Self {
        Self {
            method: "GET",
            request: "",
            status: 200,
            response,
            seconds: 0,
            next: "",
            origin: OriginState::Up,
        }
    }

    const fn after(self, seconds: i64) -> Self {
        Self { seconds, ..self }
    }

    const fn next(self, next: &'static str) -> Self {
        Self { next, ..self }
    }

    const fn status(self, status: u16) -> Self {
        Self { status, ..self }
    }

    const fn request(self, request: &'static str) -> Self {
        Self { request, ..self }
    }

    const fn method(self, method: &'static str) -> Self {
        Self { method, ..self }
    }

    const fn origin(self, origin: OriginState) -> Self {
        Self { origin, ..self }
    }

    /// Plays the story; the answer is that to the second request.
    fn play(self) -> (Source, Answer) {
        let mut model = Model::new();
        let start = model.now;
        let mut first = |_: &Asked| Some(self.answer("first", fields(self.response, start)));
        model.request(self.method, URI, &fields(self.request, start), &mut first);
        model.now = start.plus(self.seconds);
        let now = model.now;
        let mut second = |asked: &Asked| match self.origin {
            OriginState::Down => None,
            OriginState::Failing(status) => {
                Some(Response { status, fields: Fields::new(), content: b"second".to_vec() })
            }
            OriginState::Up => {
                let mut response = self.answer("second", fields(self.response, now));
                // The first response's validators are the origin's still.
                let known = fields(self.response, start);
                let is_same = |condition: &str, validator: &str| {
                    asked.fields.first(condition).is_some_and(|value| Some(value) == known.first(validator))
                };
                if is_same("if-none-match", "etag") || is_same("if-modified-since", "last-modified") {
                    response.status = 304;
                    response.content.clear();
                }
                Some(response)
            }
        };
        let answer = model.request("GET", URI, &fields(self.next, now), &mut second);
        (came_from(&answer), answer)
    }

    fn answer(&self, content: &str, fields: Fields) -> Response {
        Response { status: self.status, fields, content: content.as_bytes().to_vec() }
    }
}

fn came_from(answer: &Answer) -> Source {
    match (answer.asked.len(), &answer.response.content[..]) {
        (0, b"") if matches!(answer.response.status, 502 | 504) => Source::Proxy,
        (0, _) => Source::Store,
        (_, b"first") => Source::Validated,
        (_, b"") if answer.response.status == 502 => Source::Proxy,
        (_, b"") if answer.response.status == 304 => Source::Validated,
        _ => Source::Origin,
    }
}

/// Asserts where the second answer of a story comes from.
#[track_caller]
fn check(story: Story, expected: Source) {
    let (from, answer) = story.play();
    assert_eq!(
        from, expected,
        "\nresponse {} {:?}\nafter {} s, request {:?}\nnot stored because {:?}",
        story.status, story.response, story.seconds, story.next, answer.uncacheable
    );
}
