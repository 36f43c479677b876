//! Clients and origins that send anything: no bytes panic, and what must not be served is not, whatever else is said.

use cnn_core::rfc9111::{Method, RequestFacts, Target, hop, invalidate};

use super::*;

const NAMES: [&str; 30] = [
    "Cache-Control",
    "CDN-Cache-Control",
    "Pragma",
    "Expires",
    "Date",
    "Age",
    "Last-Modified",
    "ETag",
    "Vary",
    "Connection",
    "Location",
    "Content-Location",
    "Content-Length",
    "Set-Cookie",
    "Range",
    "If-Range",
    "If-Match",
    "If-None-Match",
    "If-Modified-Since",
    "If-Unmodified-Since",
    "Authorization",
    "Accept-Language",
    "Accept-Encoding",
    "Foo",
    "Via",
    "Max-Forwards",
    "TE",
    "Trailer",
    "Content-Type",
    "X-HTTP-Method-Override",
];

const PIECES: [&str; 48] = [
    "max-age=",
    "s-maxage=",
    "no-cache",
    "no-store",
    "private",
    "public",
    "must-revalidate",
    "immutable",
    "=\"",
    "\"",
    ",",
    ", ",
    ";",
    "=",
    " ",
    "\t",
    "*",
    "W/",
    "\"a\"",
    "0",
    "1",
    "60",
    "3600",
    "99999999999999999999",
    "-",
    "bytes=",
    "0-",
    "-5",
    "0-0,",
    "2-1",
    "Fri, 15 Jan 2027 08:00:00 GMT",
    "Friday, 15-Jan-27 08:00:00 GMT",
    "Fri Jan 15 08:00:00 2027",
    "Foo",
    "Accept-Language",
    "en",
    "de;q=0.5",
    "\\",
    "(",
    ")",
    "?0",
    "?1",
    ":",
    "/../a",
    "http://",
    "//b/c",
    "1.1 model",
    "\u{e9}",
];

fn random_fields(rng: &mut fastrand::Rng) -> Fields {
    let mut fields = Fields::new();
    for _ in 0..rng.usize(..7) {
        let value: Vec<u8> = if rng.u8(..8) == 0 {
            (0..rng.usize(..20)).map(|_| rng.u8(..)).collect()
        } else {
            (0..rng.usize(..6)).flat_map(|_| PIECES[rng.usize(..PIECES.len())].bytes()).collect()
        };
        fields.push(NAMES[rng.usize(..NAMES.len())], value.trim_ascii());
    }
    fields
}

#[test]
fn random_exchanges_break_no_rule() {
    let mut rng = fastrand::Rng::with_seed(9111);
    let methods = ["GET", "GET", "GET", "GET", "HEAD", "POST", "OPTIONS"];
    let statuses = [200, 200, 200, 204, 206, 301, 304, 404, 410, 412, 416, 500, 503, 599];
    for _ in 0..20_000 {
        let mut model = Model::new();
        for _ in 0..4 {
            let request = random_fields(&mut rng);
            let response = Response {
                status: statuses[rng.usize(..statuses.len())],
                fields: random_fields(&mut rng),
                content: (0..rng.u8(..9)).collect(),
            };
            let is_down = rng.u8(..8) == 0;
            let method = methods[rng.usize(..methods.len())];
            let before = model.variants(URI);
            let answer = model.request(method, URI, &request, &mut |_| (!is_down).then(|| response.clone()));
            check_rules(method, &request, &answer, &model, before);
            model.now = model.now.plus(rng.i64(-100..5000));
        }
    }
}

/// What holds whatever was sent.
fn check_rules(method: &str, request: &Fields, answer: &Answer, model: &Model, before: usize) {
    let facts = RequestFacts::of(request);
    if answer.asked.is_empty() && answer.response.status != 504 {
        assert!(before > 0, "served what was never stored: {answer:?}");
        assert!(!facts.directives.no_cache, "no-cache answered from the store: {request:?}");
        assert!(answer.response.fields.has("age"));
        assert!(!answer.response.fields.has("connection"));
    }
    if facts.directives.only_if_cached && !facts.has_method_override && !facts.has_content && method == "GET"
    {
        assert!(answer.asked.is_empty());
    }
    if facts.directives.no_store && answer.asked.len() == 1 {
        assert!(model.variants(URI) <= before);
    }
    if method == "HEAD" && answer.asked.is_empty() {
        assert!(answer.response.content.is_empty());
    }
    for asked in &answer.asked {
        for (name, _) in asked.fields.iter() {
            assert!(!hop::is_hop_by_hop(name));
        }
    }
}

#[test]
fn random_fields_panic_no_rule_of_intermediaries() {
    let mut rng = fastrand::Rng::with_seed(9110);
    let target = Target::absolute(b"http://example.com/a/b?c", String::new()).unwrap();
    for _ in 0..20_000 {
        let mut fields = random_fields(&mut rng);
        hop::has_passed(&fields, "model");
        hop::max_forwards(&Method::Trace, &fields);
        hop::accepts_trailers(&fields);
        for named in invalidate::named_targets(&target, &fields) {
            assert!(named.has_same_origin(&target));
        }
        hop::remove_hop_by_hop(&mut fields);
        hop::remove_credentials(&mut fields);
        assert!(!fields.has("connection") && !fields.has("authorization"));
    }
}
