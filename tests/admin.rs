//! The verbs of the executable against a real `cnn serve`, as transcripts: what is typed and what is answered. One
//! transcript per area, in `tests/admin/`, in the format of cram:
//!
//! ```text
//! # a comment; the first line that starts with "serve" has the flags of the proxy
//! serve --policy lru
//! $ cnn policy use gdsf          a verb, sent to this proxy's admin socket
//! policy        gdsf, before it lru
//! took          [..]             [..] stands for any text in a line
//! $ get /doc/{1..20}             requests through the proxy; prints status and X-Cache of the last
//! 200 MISS
//! $ ask POST /purge?url=x        a raw request to the admin socket: status and body
//! 400
//! ...                            ... stands for any lines
//! [2]                            the exit code, when it is not 0
//! ```
//!
//! `ORIGIN` stands for the origin's address, `SOCKET` for the admin socket's path, wherever they occur.

use std::collections::VecDeque;
use std::fs;
use std::io;
use std::path::Path;

use cnn_support::{After, Answer, Cnn, Launch, Origin, Request, cnn_exe};
use serde_json::Value;

/// One thing typed, with what must be answered.
struct Step {
    line: usize,
    typed: String,
    expected: Vec<String>,
}

/// A transcript with its proxy and origin.
struct Transcript {
    flags: Vec<String>,
    steps: Vec<Step>,
}

impl Transcript {
    fn read(name: &str) -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/admin").join(name);
        let text = fs::read_to_string(&path).expect("the transcript is there");
        let mut transcript = Self { flags: Vec::new(), steps: Vec::new() };
        for (number, line) in (1..).zip(text.lines()).filter(|(_, line)| !line.starts_with('#')) {
            if let Some(typed) = line.strip_prefix("$ ") {
                transcript.steps.push(Step { line: number, typed: typed.to_owned(), expected: Vec::new() });
            } else if let Some(step) = transcript.steps.last_mut() {
                step.expected.push(line.to_owned());
            } else if let Some(flags) = line.strip_prefix("serve") {
                transcript.flags = flags.split_whitespace().map(str::to_owned).collect();
            }
        }
        transcript
    }

    fn run(&self, name: &str) {
        let origin = Origin::start(answer);
        let launch = self.flags.chunks(2).fold(Launch::new(cnn_exe!()), |launch, flag| match flag {
            [name, value] => launch.flag(name, value),
            _ => panic!("{name}: a flag without a value"),
        });
        let stage = Stage { cnn: launch.start(), origin };
        for step in &self.steps {
            let said = stage.play(&step.typed);
            let said: Vec<String> = said.lines().map(|line| line.trim_end().to_owned()).collect();
            let expected: Vec<&str> = step.expected.iter().map(|line| line.trim_end()).collect();
            let expected = expected.strip_suffix(&[""]).unwrap_or(&expected);
            assert!(
                matches_lines(expected, &said),
                "tests/admin/{name}:{}: $ {}\nexpected:\n{}\nsaid:\n{}",
                step.line,
                step.typed,
                expected.join("\n"),
                said.join("\n")
            );
        }
    }
}

struct Stage {
    cnn: Cnn,
    origin: Origin,
}

impl Stage {
    /// Does what was typed, and says what came of it with addresses and paths replaced by their words.
    fn play(&self, typed: &str) -> String {
        let (origin, socket) =
            (self.origin.address().to_string(), self.cnn.admin_socket().display().to_string());
        let typed = typed.replace("ORIGIN", &origin).replace("SOCKET", &socket);
        let mut words: VecDeque<&str> = typed.split_whitespace().collect();
        let said = match words.pop_front() {
            Some("cnn") => self.verb(words.make_contiguous()),
            Some("get") => self.get(words.make_contiguous()),
            Some("ask") => self.ask(words.make_contiguous()),
            _ => panic!("cannot play {typed:?}"),
        };
        said.replace(&origin, "ORIGIN").replace(&socket, "SOCKET")
    }

    fn verb(&self, arguments: &[&str]) -> String {
        let output = self.cnn.verb(arguments);
        let mut said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        match output.status.code() {
            Some(0) => {}
            code => said.push_str(&format!("[{}]\n", code.unwrap_or(-1))),
        }
        said
    }

    fn get(&self, words: &[&str]) -> String {
        let (path, fields) = words.split_first().expect("a path");
        let replies: Vec<_> =
            expand(path).iter().map(|path| self.cnn.get(&self.origin.url(path), fields)).collect();
        let last = replies.last().expect("at least one");
        let from = last.field("x-cache").and_then(|value| value.split_whitespace().next()).unwrap_or("-");
        format!("{} {from}\n", last.status)
    }

    fn ask(&self, words: &[&str]) -> String {
        let (method, target) = (words[0], words[1]);
        let body = words.get(2..).filter(|body| !body.is_empty()).map(|body| body.join(" "));
        let body = body.map_or(Value::Null, |body| serde_json::from_str(&body).expect("a JSON body"));
        let (status, json) = self.cnn.admin(method, target, &body);
        format!("{status}\n{}\n", serde_json::to_string_pretty(&json).expect("it was JSON"))
    }
}

/// `/doc/{1..3}` as three paths.
fn expand(path: &str) -> Vec<String> {
    let Some((before, rest)) = path.split_once('{') else { return vec![path.to_owned()] };
    let (range, after) = rest.split_once('}').expect("a closing brace");
    let (first, last) = range.split_once("..").expect("a range");
    let number = |text: &str| text.parse::<u32>().expect("a number");
    (number(first)..=number(last)).map(|number| format!("{before}{number}{after}")).collect()
}

/// Documents of about a kilobyte, cacheable or not as their path says.
fn answer(request: &Request, answer: &mut Answer<'_>) -> io::Result<After> {
    let kind = request.target.split('/').nth(1).unwrap_or_default();
    let fields: &[&str] = match kind {
        "private" => &["Cache-Control: private"],
        "vary" => &["Cache-Control: max-age=600", "Vary: Accept-Language", "ETag: \"1\""],
        "stale" => &["Cache-Control: max-age=0", "ETag: \"1\""],
        _ => &["Cache-Control: max-age=600"],
    };
    answer.whole(200, fields, &[b'x'; 1000])
}

/// Whether the lines said are those expected, `...` standing for any number of them.
fn matches_lines(expected: &[&str], said: &[String]) -> bool {
    match expected.split_first() {
        None => said.is_empty(),
        Some((&"...", rest)) => (0..=said.len()).any(|skipped| matches_lines(rest, &said[skipped..])),
        Some((first, rest)) => said
            .split_first()
            .is_some_and(|(line, said)| matches_line(first, line) && matches_lines(rest, said)),
    }
}

/// Whether a line is the expected one, `[..]` standing for any text.
fn matches_line(expected: &str, said: &str) -> bool {
    match expected.split_once("[..]") {
        None => expected == said,
        Some((before, rest)) => said.strip_prefix(before).is_some_and(|said| {
            (0..=said.len()).any(|at| said.is_char_boundary(at) && matches_line(rest, &said[at..]))
        }),
    }
}

/// Declares a test per transcript, and one that none was forgotten.
macro_rules! transcripts {
    ($($name:ident),* $(,)?) => {
        $(
            #[test]
            fn $name() {
                let name = concat!(stringify!($name), ".txt");
                Transcript::read(name).run(name);
            }
        )*

        #[test]
        fn every_transcript_is_played() {
            let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/admin");
            let mut files: Vec<_> =
                fs::read_dir(folder).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
            files.sort();
            let mut played = vec![$(concat!(stringify!($name), ".txt")),*];
            played.sort_unstable();
            assert_eq!(files, played);
        }
    };
}

transcripts! {
    errors,
    explain,
    history,
    modules,
    monitors,
    policies,
    purge,
    socket,
    status,
    switch,
}

#[test]
fn patterns_match_text_and_lines() {
    assert!(matches_line("took  [..] us", "took  prepared in 3 us"));
    assert!(!matches_line("took  [..] us", "took  prepared in 3 ms"));
    let said = ["a", "b", "c"].map(str::to_owned);
    assert!(matches_lines(&["a", "...", "c"], &said));
    assert!(matches_lines(&["...", "a", "b", "c", "..."], &said));
    assert!(!matches_lines(&["a", "b"], &said));
}
