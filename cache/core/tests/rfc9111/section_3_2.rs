//! RFC 9111 sections 3.2 and 4.3.4: updating stored fields and freshening stored responses with a 304; section 4.3.5:
//! with a response to HEAD.

use super::*;

const STORED: &str = "Cache-Control: max-age=2\nETag: \"a\"\nDate: {+0}\nTest: A\nKept: A";

/// Stores `stored`, answers the validation three seconds later with a 304 that has `new`, and returns what the client
/// gets then, and what it gets from the store right after.
fn freshened(stored: &str, new: &str) -> (Answer, Answer) {
    let mut model = Model::new();
    let start = model.now;
    let request = Fields::new();
    let mut respond = |status: u16, text: &str, content: &str| {
        let (now, content) = (model.now, content.as_bytes().to_vec());
        let response = Response { status, fields: fields(text, now), content };
        let answer = model.request("GET", URI, &request, &mut |_| Some(response.clone()));
        model.now = start.plus(3);
        answer
    };
    respond(200, stored, "first");
    (respond(304, new, ""), respond(200, stored, "second"))
}

/// Asserts the value of a field after the update, in both answers.
#[track_caller]
fn check_update(stored: &str, new: &str, name: &str, expected: &[&str]) {
    let (validated, reused) = freshened(stored, new);
    for answer in [validated, reused] {
        assert_eq!(answer.response.status, 200);
        let values: Vec<_> = answer
            .response
            .fields
            .all(name)
            .map(|value| String::from_utf8_lossy(value).into_owned())
            .collect();
        assert_eq!(values, expected, "{name} of {stored:?} updated with {new:?}");
    }
}

#[test]
fn fields_of_a_304_replace_those_stored() {
    let new = "ETag: \"a\"\nCache-Control: max-age=60\nTest: B\nAdded: B";
    check_update(STORED, new, "Test", &["B"]);
    check_update(STORED, new, "Added", &["B"]);
    check_update(STORED, new, "Kept", &["A"]);
    check_update(STORED, new, "Cache-Control", &["max-age=60"]);
    check_update(STORED, new, "Date", &["Fri, 15 Jan 2027 08:00:03 GMT"]);
    check_update("Cache-Control: max-age=2\nETag: \"a\"\nT: 1\nt: 2", "T: 3\nt: 4", "T", &["3", "4"]);
    check_update(
        &format!("{STORED}\nContent-Type: text/a"),
        "Content-Type: text/b",
        "Content-Type",
        &["text/b"],
    );
    check_update(&format!("{STORED}\nSet-Cookie: a=b"), "Set-Cookie: a=c", "Set-Cookie", &["a=c"]);
    check_update(
        &format!("{STORED}\nContent-Location: /foo"),
        "Content-Location: /b",
        "Content-Location",
        &["/b"],
    );
}

#[test]
fn what_describes_the_stored_content_stays() {
    for name in ["Content-Encoding", "Content-Length", "Content-MD5", "Content-Range", "Content-Digest"] {
        check_update(&format!("{STORED}\n{name}: A"), &format!("ETag: \"a\"\n{name}: B"), name, &["A"]);
    }
    check_update(STORED, "ETag: \"b\"\nTest: B", "ETag", &["\"a\""]);
}

#[test]
fn fields_of_one_hop_do_not_update() {
    check_update(STORED, "Connection: test\nTest: B", "Test", &["A"]);
    check_update(STORED, "Keep-Alive: x", "Keep-Alive", &[]);
}

#[test]
fn a_304_freshens_even_without_a_date() {
    let (validated, reused) = freshened(STORED, "ETag: \"a\"");
    assert_eq!((validated.asked.len(), reused.asked.len()), (1, 0));
    assert_eq!(validated.response.fields.first("age"), Some(&b"0"[..]));
}

#[test]
fn the_age_of_a_304_counts() {
    let (validated, reused) =
        freshened("Cache-Control: max-age=60, no-cache\nETag: \"a\"", "Cache-Control: max-age=60\nAge: 40");
    assert_eq!(validated.response.fields.first("age"), Some(&b"40"[..]));
    assert_eq!(reused.response.fields.first("age"), Some(&b"40"[..]));
    assert_eq!(reused.asked.len(), 0);
}

#[test]
fn a_304_that_forbids_storing_removes_the_stored_response() {
    for directive in ["no-store", "private"] {
        let (validated, reused) = freshened(STORED, &format!("ETag: \"a\"\nCache-Control: {directive}"));
        assert_eq!(validated.response.content, b"first");
        assert_eq!(reused.response.content, b"second");
    }
}

#[test]
fn a_304_that_varies_by_more_removes_the_stored_response() {
    let stored = format!("{STORED}\nVary: Foo, Bar");
    for (vary, content) in
        [("Foo", "first"), ("bar, foo", "first"), ("", "first"), ("Foo, Bar, Baz", "second"), ("*", "second")]
    {
        let (validated, reused) =
            freshened(&stored, &format!("ETag: \"a\"\nCache-Control: max-age=60\nVary: {vary}"));
        assert_eq!(validated.response.content, b"first");
        assert_eq!(reused.response.content, content.as_bytes(), "{vary}");
    }
}

/// Stores a response, sends HEAD when it is stale, then GET; returns the answers to both.
fn after_head(status: u16, head: &str) -> (Answer, Answer) {
    let mut model = Model::new();
    let start = model.now;
    let stored = "Cache-Control: max-age=2\nETag: \"a\"\nLast-Modified: {-100}\nContent-Length: 5\nTest: A";
    let last_modified = fields(stored, start).first("last-modified").map(<[u8]>::to_vec).unwrap_or_default();
    let last_modified = String::from_utf8_lossy(&last_modified).into_owned();
    let mut ask = |method: &str, response: Response| {
        let answer = model.request(method, URI, &Fields::new(), &mut |_| Some(response.clone()));
        model.now = start.plus(3);
        answer
    };
    let content = |text: &str| text.as_bytes().to_vec();
    ask("GET", Response { status: 200, fields: fields(stored, start), content: content("first") });
    let head = fields(&head.replace("LM", &last_modified), start.plus(3));
    let head = ask("HEAD", Response { status, fields: head, content: Vec::new() });
    let get = ask(
        "GET",
        Response { status: 200, fields: fields(stored, start.plus(3)), content: content("second") },
    );
    (head, get)
}

#[test]
fn a_head_of_the_same_representation_freshens() {
    for head in [
        "Cache-Control: max-age=1000\nTest: B",
        "Cache-Control: max-age=1000\nTest: B\nETag: \"a\"\nLast-Modified: LM\nContent-Length: 5",
        "Cache-Control: max-age=1000\nTest: B\nETag: W/\"a\"",
    ] {
        let (head, get) = after_head(200, head);
        assert!(head.response.content.is_empty());
        assert_eq!(head.asked.iter().map(|asked| asked.method.as_str()).collect::<Vec<_>>(), ["HEAD"]);
        assert_eq!(get.asked.len(), 0, "{:?}", head.response.fields);
        assert_eq!(
            (get.response.fields.first("test"), &get.response.content[..]),
            (Some(&b"B"[..]), &b"first"[..])
        );
    }
}

#[test]
fn a_head_of_another_representation_invalidates() {
    for head in ["ETag: \"b\"", "Last-Modified: {-99}", "Content-Length: 6", "Content-Length: x"] {
        let head = head.replace("{-99}", "Fri, 15 Jan 2027 07:58:21 GMT");
        let (_, get) = after_head(200, &format!("Cache-Control: max-age=1000\n{head}"));
        assert_eq!(get.response.content, b"second", "{head}");
    }
}

#[test]
fn a_head_that_fails_changes_nothing() {
    let (head, get) = after_head(410, "Cache-Control: max-age=1000\nTest: B");
    assert_eq!((head.response.status, get.asked.len()), (410, 1));
}
