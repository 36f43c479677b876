//! A cache of the shortest kind that follows every rule of `cnn_core::rfc9111`: a map, a clock that the test sets, and
//! an origin that is a function. The tests of this folder ask it what a client would ask.
//!
//! It has no limits, no concurrency and no streaming; those are tested where they live.

use std::collections::BTreeMap;

use cnn_core::fields::Fields;
use cnn_core::rfc9111::conditional::{self, Outcome, Validators};
use cnn_core::rfc9111::hop::{self, ReceivedProtocol};
use cnn_core::rfc9111::range::{self, Multipart, Selection, Span};
use cnn_core::rfc9111::reuse::{self, Failure, Reuse};
use cnn_core::rfc9111::update::{self, HeadEffect};
use cnn_core::rfc9111::{
    Facts, Method, RequestFacts, ResponseFacts, Target, Times, Uncacheable, Unsaid, VariantKey, date,
    invalidate, store,
};
use cnn_core::time::UnixSecs;

/// What an origin answers.
#[derive(Clone, Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) fields: Fields,
    pub(crate) content: Vec<u8>,
}

/// What the origin was asked.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) method: Method,
    pub(crate) fields: Fields,
}

/// What the client got, and what the origin was asked for it.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) response: Response,
    pub(crate) asked: Vec<Asked>,
    /// Why the origin's response was not stored, if there was one that could have been.
    pub(crate) uncacheable: Option<Uncacheable>,
    /// Whether a stale response is to be validated in the background.
    pub(crate) is_revalidated_later: bool,
}

/// An origin: `None` means that it closes the connection.
pub(crate) type Origin<'a> = dyn FnMut(&Asked) -> Option<Response> + 'a;

pub(crate) struct Model {
    pub(crate) now: UnixSecs,
    stored: BTreeMap<String, Vec<Stored>>,
}

#[derive(Clone)]
struct Stored {
    variant: VariantKey,
    fields: Fields,
    facts: Facts,
    content: Vec<u8>,
}

/// 2027-01-15T08:00:00Z: tests begin here.
pub(crate) const START: UnixSecs = UnixSecs(1_800_000_000);

const PSEUDONYM: &str = "model";

impl Model {
    pub(crate) fn new() -> Self {
        Self { now: START, stored: BTreeMap::new() }
    }

    /// Answers a request.
    pub(crate) fn request(
        &mut self,
        method: &str,
        uri: &str,
        fields: &Fields,
        origin: &mut Origin<'_>,
    ) -> Answer {
        let method = Method::parse(method.as_bytes()).expect("tests use methods");
        let target = Target::absolute(uri.as_bytes(), String::new()).expect("tests use targets");
        let request = RequestFacts::of(fields);
        let mut exchange = Exchange {
            model: self,
            origin,
            method: &method,
            target: &target,
            request: &request,
            asked: Vec::new(),
            uncacheable: None,
            is_revalidated_later: false,
        };
        let response = exchange.answer();
        let Exchange { asked, uncacheable, is_revalidated_later, .. } = exchange;
        Answer { response, asked, uncacheable, is_revalidated_later }
    }

    /// Number of responses stored for a target.
    pub(crate) fn variants(&self, uri: &str) -> usize {
        self.stored.get(uri).map_or(0, Vec::len)
    }
}

struct Exchange<'a, 'o> {
    model: &'a mut Model,
    origin: &'a mut Origin<'o>,
    method: &'a Method,
    target: &'a Target,
    request: &'a RequestFacts<'a>,
    asked: Vec<Asked>,
    uncacheable: Option<Uncacheable>,
    is_revalidated_later: bool,
}

impl Exchange<'_, '_> {
    fn answer(&mut self) -> Response {
        if !self.request.may_be_answered_from_store(self.method) {
            return self.write_through();
        }
        let variants = self.model.stored.get(self.target.key()).cloned().unwrap_or_default();
        let matching = variants.iter().filter(|stored| stored.variant.matches(self.request.fields));
        let Some(stored) = matching.max_by_key(|stored| stored.facts.date()).cloned() else {
            return if self.request.directives.only_if_cached { gateway(504) } else { self.miss(&variants) };
        };
        match reuse::reuse(&self.request.directives, &stored.facts, self.model.now) {
            Reuse::Serve { age } => self.serve(&stored, age),
            Reuse::ServeStale { age, staleness } => {
                self.is_revalidated_later = staleness == reuse::Staleness::WhileRevalidate;
                self.serve(&stored, age)
            }
            Reuse::GatewayTimeout => gateway(504),
            Reuse::Validate(_) if *self.method == Method::Head => self.head(Some(&stored)),
            Reuse::Validate(_) => self.validate(vec![stored]),
        }
    }

    fn miss(&mut self, variants: &[Stored]) -> Response {
        match self.method {
            Method::Head => self.head(None),
            _ if variants.is_empty() => {
                let fields = self.forwarded();
                self.fetch(fields).unwrap_or_else(|| gateway(502))
            }
            _ => self.validate(variants.to_vec()),
        }
    }

    fn write_through(&mut self) -> Response {
        let fields = self.forwarded();
        let Some(response) = self.ask(fields) else { return gateway(502) };
        if invalidate::is_invalidating(self.method, response.status) {
            self.model.stored.remove(self.target.key());
            for named in invalidate::named_targets(self.target, &response.fields) {
                self.model.stored.remove(named.key());
            }
        }
        self.keep(&response);
        response
    }

    fn validate(&mut self, offered: Vec<Stored>) -> Response {
        let mut fields = self.forwarded();
        let validators: Vec<_> = offered.iter().map(|stored| Validators::of(&stored.fields)).collect();
        if !conditional::make_conditional(&mut fields, validators.iter().copied()) {
            fields = self.forwarded();
            conditional::remove_conditions(&mut fields);
        }
        let answer = self.ask(fields);
        let failure = match &answer {
            None => Some(Failure::Disconnected),
            Some(response) => {
                Failure::is_failure(response.status).then_some(Failure::Status(response.status))
            }
        };
        let matching = offered.iter().find(|stored| stored.variant.matches(self.request.fields));
        if let (Some(failure), Some(stored)) = (failure, matching)
            && let Some(_) = reuse::reuse_after_failure(
                &self.request.directives,
                &stored.facts,
                self.model.now,
                failure,
                &Unsaid::default(),
            )
        {
            return self.serve(stored, stored.facts.current_age(self.model.now));
        }
        let Some(response) = answer else { return gateway(502) };
        if response.status != 304 {
            self.keep(&response);
            return response;
        }
        let Some(index) = update::selected_by_304(&response.fields, &validators) else {
            let mut fields = self.forwarded();
            conditional::remove_conditions(&mut fields);
            return self.fetch(fields).unwrap_or_else(|| gateway(502));
        };
        let stored = self.freshen(&offered[index], &response);
        self.serve(&stored, stored.facts.current_age(self.model.now))
    }

    fn head(&mut self, stored: Option<&Stored>) -> Response {
        let fields = self.forwarded();
        let Some(mut response) = self.ask(fields) else { return gateway(502) };
        response.content.clear();
        let Some(stored) = stored else { return response };
        let length = stored.content.len() as u64;
        match update::head_effect(response.status, &response.fields, Validators::of(&stored.fields), length) {
            HeadEffect::None => response,
            HeadEffect::Invalidate => {
                self.model.stored.remove(self.target.key());
                response
            }
            HeadEffect::Update => {
                let stored = self.freshen(stored, &response);
                self.serve(&stored, stored.facts.current_age(self.model.now))
            }
        }
    }

    fn freshen(&mut self, stored: &Stored, response: &Response) -> Stored {
        let times = Times::at(self.model.now);
        let freshened = update::freshen(
            stored.facts.status(),
            &stored.fields,
            &response.fields,
            times,
            &Unsaid::default(),
        );
        let new = Stored { fields: freshened.fields, facts: freshened.facts, ..stored.clone() };
        self.replace(&stored.variant, freshened.is_storable.then(|| new.clone()));
        new
    }

    fn fetch(&mut self, fields: Fields) -> Option<Response> {
        let response = self.ask(fields)?;
        self.keep(&response);
        Some(response)
    }

    fn ask(&mut self, fields: Fields) -> Option<Response> {
        let asked = Asked { method: self.method.clone(), fields };
        let response = (self.origin)(&asked);
        self.asked.push(asked);
        response.map(|mut response| {
            hop::remove_hop_by_hop(&mut response.fields);
            response
        })
    }

    fn keep(&mut self, response: &Response) {
        let facts = ResponseFacts::of(response.status, &response.fields, self.model.now);
        let stored_facts = Facts::of(&facts, Times::at(self.model.now), &Unsaid::default());
        match store::may_store(self.method, self.target, self.request, &facts, &stored_facts) {
            Ok(variant) => {
                let stored = Stored {
                    variant: variant.clone(),
                    fields: store::stored_fields(&facts, &stored_facts),
                    facts: stored_facts,
                    content: response.content.clone(),
                };
                self.replace(&variant, Some(stored));
            }
            Err(reason) => self.uncacheable = Some(reason),
        }
    }

    fn replace(&mut self, variant: &VariantKey, new: Option<Stored>) {
        let variants = self.model.stored.entry(self.target.key().to_owned()).or_default();
        variants.retain(|stored| stored.variant != *variant);
        variants.extend(new);
    }

    fn forwarded(&self) -> Fields {
        let mut fields = self.request.fields.clone();
        hop::remove_hop_by_hop(&mut fields);
        hop::push_via(&mut fields, ReceivedProtocol::Http11, PSEUDONYM);
        fields
    }

    fn serve(&self, stored: &Stored, age: u32) -> Response {
        let etag = stored.fields.first("etag");
        let now = self.model.now;
        let mut response =
            Response { status: stored.facts.status(), fields: stored.fields.clone(), content: Vec::new() };
        response.fields.set("Age", age.to_string());
        match conditional::evaluate(self.request, etag, &stored.facts, now) {
            Outcome::NotModified => {
                response.status = 304;
                response.fields.retain(|name, _| !conditional::is_left_out_of_304(name));
            }
            Outcome::PreconditionFailed => response.status = 412,
            Outcome::Serve => {
                let length = stored.content.len() as u64;
                let part = range::select(self.method, self.request, etag, &stored.facts, length, now);
                serve_part(&mut response, part, &stored.content);
            }
        }
        if *self.method == Method::Head {
            response.content.clear();
        }
        response
    }
}

fn serve_part(response: &mut Response, part: Selection, whole: &[u8]) {
    let length = whole.len() as u64;
    let bytes = |span: Span| &whole[span.first() as usize..=span.last() as usize];
    match part {
        Selection::Whole => response.content = whole.to_vec(),
        Selection::Single(span) => {
            response.status = 206;
            response.fields.set("Content-Range", range::content_range(span, length));
            response.content = bytes(span).to_vec();
        }
        Selection::Several(spans) => {
            response.status = 206;
            let multipart = Multipart::new(7, response.fields.first("content-type"), length);
            for &span in &spans {
                response.content.extend(multipart.part_head(span));
                response.content.extend_from_slice(bytes(span));
            }
            response.content.extend(multipart.end());
            assert_eq!(response.content.len() as u64, multipart.content_length(&spans));
            response.fields.set("Content-Type", multipart.content_type());
        }
        Selection::Unsatisfiable => {
            response.status = 416;
            response.fields.set("Content-Range", range::content_range_unsatisfied(length));
        }
    }
}

fn gateway(status: u16) -> Response {
    Response { status, fields: Fields::new(), content: Vec::new() }
}

/// Fields from lines of text. `{+5}` and `{-5}` stand for the HTTP date so many seconds from `now`.
pub(crate) fn fields(text: &str, now: UnixSecs) -> Fields {
    let mut fields = Fields::new();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (name, value) = line.split_once(':').expect("a field has a colon");
        fields.push(name, with_dates(value.trim(), now));
    }
    fields
}

fn with_dates(value: &str, now: UnixSecs) -> String {
    let mut out = String::new();
    let mut rest = value;
    while let Some((before, (offset, after))) =
        rest.split_once('{').and_then(|(before, after)| Some((before, after.split_once('}')?)))
    {
        let at = now.plus(offset.parse().expect("a number of seconds"));
        out.push_str(before);
        out.push_str(core::str::from_utf8(&date::format(at)).expect("dates are ASCII"));
        rest = after;
    }
    out + rest
}
