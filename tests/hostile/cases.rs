//! Modules that do what they must not, one row each: what is spoilt, and what must come of it. The crate that runs modules
//! tries every row through the engine (`cache/modules/tests/hostile.rs`), and the whole proxy does while clients are
//! served (`tests/hostile.rs`).

/// What must come of a module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It is not taken, for a reason that has these words.
    Refused(&'static str),
    /// It is taken, fails with faults of this kind until it is stopped, and what is said of the last has these words.
    Stopped(&'static str, &'static str),
    /// It is taken, fails now and then with a fault of this kind, and goes on deciding.
    Fails(&'static str),
    /// It is taken and harms nobody, wise or not.
    Harmless,
    /// It is taken and harms nobody; whether it is stopped depends on how fast the machine is.
    Depends,
}

use Outcome::{Depends, Fails, Harmless, Refused, Stopped};

/// What a module is made of.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Matter {
    /// A policy with queues, `hooks.wat`, with code in some places.
    Hooks(&'static [(&'static str, &'static str)]),
    /// A policy of keys, `key.wat`.
    Key(&'static [(&'static str, &'static str)]),
    /// A policy of scores, `score.wat`.
    Score(&'static [(&'static str, &'static str)]),
    /// `hooks.wat` with some of its text replaced.
    Edited(&'static [(&'static str, &'static str)]),
    /// These bytes as a .wasm.
    Bytes(fn() -> Vec<u8>),
    /// A script.
    Script(&'static str),
    /// A script that is made.
    Made(fn() -> String),
}

use Matter::{Bytes, Edited, Hooks, Key, Made, Score, Script};

/// A row.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Case {
    /// Its name, and the module's.
    pub(crate) name: &'static str,
    /// What it is.
    pub(crate) matter: Matter,
    /// What must come of it.
    pub(crate) outcome: Outcome,
}

const fn case(name: &'static str, matter: Matter, outcome: Outcome) -> Case {
    Case { name, matter, outcome }
}

const TRAP: &str = "trap";
const TIME: &str = "time";
const NOT_FINITE: &str = "not-finite";

/// Something that is true of the documents a script is tried on before it is taken, and of no other.
const TRIED: &str = "doc.fetch_ms == 50.0 && doc.ttfb_ms == 20.0";

/// Every row.
pub(crate) const CASES: &[Case] = &[
    // Nothing is wrong: the bases themselves.
    case("good-hooks", Hooks(&[]), Harmless),
    case("good-key", Key(&[]), Harmless),
    case("good-score", Score(&[]), Harmless),
    // Calls that do not end.
    case("loop-in-init", Hooks(&[("init", "call $forever")]), Refused("init failed: the ")),
    case("loop-in-rooms", Hooks(&[("events", "call $forever")]), Refused("events failed: the ")),
    case("loop-in-start", Edited(&[("(func $forever", "(start $forever) (func $forever")]), Refused("instantiated")),
    case("loop-in-events", Hooks(&[("on_events", "call $forever")]), Stopped(TIME, "on_events: the ")),
    case("loop-in-victims", Hooks(&[("victims", "call $forever")]), Stopped(TIME, "victims: the ")),
    case("loop-in-key", Key(&[("key", "call $forever")]), Stopped(TIME, "key: the ")),
    case("loop-in-evicted", Key(&[("evicted", "call $forever")]), Stopped(TIME, "evicted: the ")),
    case("loop-in-scores", Score(&[("scores", "call $forever")]), Stopped(TIME, "scores: the ")),
    case("loop-in-rank", Hooks(&[("rank", "call $forever")]), Fails(TIME)),
    // Calls that end just in time, every time.
    case("slow-events", Hooks(&[("on_events", "(call $idle (i32.const 3000000))")]), Depends),
    case("slow-victims", Hooks(&[("victims", "(call $idle (i32.const 3000000))")]), Depends),
    case("slow-key", Key(&[("key", "(call $idle (i32.const 3000000))")]), Depends),
    case("slow-scores", Score(&[("scores", "(call $idle (i32.const 3000000))")]), Depends),
    // Recursion.
    case("deep-in-victims", Hooks(&[("victims", "(drop (call $deep (i32.const 0)))")]), Stopped(TRAP, "stack")),
    case("deep-in-key", Key(&[("key", "(drop (call $deep (i32.const 0)))")]), Stopped(TRAP, "stack")),
    // Bombs.
    case(
        "memory-bomb",
        Hooks(&[(
            "on_events",
            "call $grow (memory.fill (i32.const 655360) (i32.const 255)
                (i32.sub (i32.mul (memory.size) (i32.const 65536)) (i32.const 655360)))",
        )]),
        Depends,
    ),
    case("memory-bomb-in-init", Hooks(&[("init", "call $grow")]), Harmless),
    case("memory-of-4-gib", Edited(&[("\"memory\") 10", "\"memory\") 65536")]), Refused("instantiated")),
    case("table-of-20000", Edited(&[("$table 1 funcref", "$table 20000 funcref")]), Refused("instantiated")),
    case(
        "table-bomb",
        Hooks(&[("victims", "(drop (table.grow $table (ref.null func) (i32.const 20000)))")]),
        Harmless,
    ),
    // Traps.
    case("trap-in-victims", Hooks(&[("victims", "unreachable")]), Stopped(TRAP, "victims: wasm `unreachable`")),
    case("trap-in-events", Hooks(&[("on_events", "unreachable")]), Stopped(TRAP, "on_events: wasm `unreachable`")),
    case("trap-in-init", Hooks(&[("init", "unreachable")]), Refused("init failed: wasm `unreachable`")),
    case(
        "trap-at-the-7th",
        Hooks(&[("victims", "(if (call $nth (i32.const 7)) (then unreachable))")]),
        Stopped(TRAP, "unreachable"),
    ),
    case(
        "trap-once",
        Key(&[("key", "(drop (call $nth (i32.const 1))) (if (i32.eq (global.get $calls) (i32.const 100)) (then unreachable))")]),
        Fails(TRAP),
    ),
    case("trap-out-of-bounds", Hooks(&[("victims", "(drop (i32.load (i32.const -4)))")]), Stopped(TRAP, "out of bounds")),
    case("trap-by-zero", Hooks(&[("victims", "(drop (i32.div_u (i32.const 1) (i32.const 0)))")]), Stopped(TRAP, "divide by zero")),
    case("trap-in-key", Key(&[("key", "unreachable")]), Stopped(TRAP, "key: wasm `unreachable`")),
    case("trap-in-evicted", Key(&[("evicted", "unreachable")]), Stopped(TRAP, "evicted: wasm")),
    case("trap-in-scores", Score(&[("scores", "unreachable")]), Stopped(TRAP, "scores: wasm")),
    // Wrong victims.
    case("victim-out-of-range", Hooks(&[("victims", "(return (call $name (i32.const -1)))")]), Stopped("out-of-range", "slot 4294967295")),
    case("victim-never-there", Hooks(&[("victims", "(return (call $name (i32.const 4000)))")]), Stopped("out-of-range", "slot 4000")),
    case("victim-repeated", Hooks(&[("named", "(i32.store (i32.const 8192) (i32.const 1))")]), Stopped("", "slot 1,")),
    case("no-victim", Hooks(&[("victims", "(return (i32.const 0))")]), Stopped("no-victim", "named no victim")),
    case(
        "no-victim-now-and-then",
        Hooks(&[("victims", "(drop (call $nth (i32.const 1))) (if (i32.eq (global.get $calls) (i32.const 9)) (then (return (i32.const 0))))")]),
        Fails("no-victim"),
    ),
    // Lies about counts.
    case("count-300", Hooks(&[("victims", "(return (i32.const 300))")]), Stopped("count", "returned 300")),
    case("count-minus-1", Hooks(&[("victims", "(return (i32.const -1))")]), Stopped("count", "returned 4294967295")),
    case("one-more-than-asked", Hooks(&[("victims", "(return (i32.add (local.get $most) (i32.const 1)))")]), Stopped("count", "returned ")),
    case("length-of-4-billion", Hooks(&[("len", "(return (i32.const -1))")]), Harmless),
    case("rank-without-end", Hooks(&[("rank", "(return (local.get $most))")]), Harmless),
    // Rooms.
    case("room-not-aligned", Hooks(&[("events", "(return (i32.const 3))")]), Refused("events returns 0x3")),
    case("room-beyond-memory", Hooks(&[("events", "(return (i32.const 655352))")]), Refused("events returns")),
    case("room-below-zero", Hooks(&[("picks", "(return (i32.const -4))")]), Refused("picks returns")),
    case(
        "writes-over-its-events",
        Hooks(&[("on_events", "(memory.fill (i32.const 0) (i32.const 255) (i32.const 8192))")]),
        Stopped("out-of-range", "slot 4294967295"),
    ),
    // What it says differs each time.
    case(
        "victims-by-lot",
        Hooks(&[(
            "victims",
            "(global.set $calls (i32.add (i32.mul (global.get $calls) (i32.const 1664525)) (i32.const 1013904223)))
             (return (call $name (i32.rem_u (global.get $calls) (i32.const 64))))",
        )]),
        Stopped("", "named "),
    ),
    case(
        "keys-by-lot",
        Key(&[(
            "key",
            "(global.set $calls (i32.add (i32.mul (global.get $calls) (i32.const 1664525)) (i32.const 1013904223)))
             (return (f64.convert_i32_u (global.get $calls)))",
        )]),
        Harmless,
    ),
    // Numbers that order nothing.
    case("key-nan", Key(&[("key", "(return (f64.const nan))")]), Stopped(NOT_FINITE, "key: gives NaN")),
    case("key-infinite", Key(&[("key", "(return (f64.const inf))")]), Stopped(NOT_FINITE, "key: gives inf")),
    case("key-minus-infinite", Key(&[("key", "(return (f64.const -inf))")]), Stopped(NOT_FINITE, "key: gives -inf")),
    case("key-always-the-same", Key(&[("key", "(return (f64.const 0))")]), Harmless),
    case("score-nan", Score(&[("scored", "(f64.store (i32.const 16384) (f64.const nan))")]), Stopped(NOT_FINITE, "scores: gives NaN")),
    case("score-infinite", Score(&[("scored", "(f64.store (i32.const 16384) (f64.const inf))")]), Stopped(NOT_FINITE, "scores: gives inf")),
    // Files that are none of ours.
    case("empty", Bytes(Vec::new), Refused("the file is empty")),
    case("nonsense", Bytes(|| nonsense(0)), Refused("not a WebAssembly module")),
    case("nonsense-with-a-head", Bytes(|| nonsense(8)), Refused("at byte")),
    case("nonsense-too-large", Bytes(|| vec![0; 256 * 1024 + 1]), Refused("more than a module may have")),
    case("text-as-wasm", Bytes(|| b"(module)".to_vec()), Refused("WebAssembly text")),
    case("native-code", Bytes(|| b"\x7fELF\x02\x01\x01".to_vec()), Refused("native code")),
    case("a-component", Bytes(|| b"\0asm\x0d\0\x01\0".to_vec()), Refused("component")),
    case("cut-off", Bytes(|| assembled(Hooks(&[]), "cut-off")[..700].to_vec()), Refused("at byte")),
    case("other-role", Edited(&[("role: replacement", "role: monitor")]), Refused("role")),
    case("no-such-role", Edited(&[("role: replacement", "role: king")]), Refused("role")),
    case("old-abi", Edited(&[("abi: 1", "abi: 0")]), Refused("abi")),
    case("future-abi", Edited(&[("abi: 1", "abi: 99")]), Refused("abi")),
    case("other-kind", Edited(&[("kind: hooks", "kind: key")]), Refused("exports no key (i64) -> f64")),
    case("no-manifest", Edited(&[("(@custom \"cnn\"", "(@custom \"nnc\"")]), Refused("manifest")),
    case("no-memory", Edited(&[("(export \"memory\") 10", "10")]), Refused("exports no memory")),
    case("imports", Edited(&[("(memory (export", "(import \"env\" \"now\" (func)) (memory (export")]), Refused("imports env.now")),
    case(
        "imports-a-memory",
        Edited(&[("(memory (export \"memory\") 10)", "(import \"env\" \"memory\" (memory 10)) (export \"memory\" (memory 0))")]),
        Refused("imports env.memory"),
    ),
    case("wrong-type", Edited(&[("(param $most i32) (result i32)\n    (local $count", "(param $most i32) (param i32) (result i32)\n    (local $count")]), Refused("exports victims as (i32, i32) -> i32")),
    case("not-a-function", Edited(&[("(func $forever", "(global (export \"victims\") i32 (i32.const 0)) (func $forever"), ("$victims (export \"victims\")", "$victims")]), Refused("exports no victims")),
    case("two-memories", Edited(&[("(table $table", "(memory 1) (table $table")]), Refused("at byte")),
    // Code that is hard to compile, and is allowed.
    case("many-blocks", Bytes(many_blocks), Harmless),
    case("many-functions", Bytes(many_functions), Harmless),
    case("many-locals", Bytes(many_locals), Refused("at byte")),
    // Scripts.
    case("script-loop", Made(|| betrayal("loop {}")), Stopped("script", "operations")),
    case("script-recursion", Made(|| format!("fn deep(n) {{ deep(n + 1) }}\n{}", betrayal("deep(0)"))), Stopped("script", "overflow")),
    case("script-string-bomb", Made(|| betrayal("let s = \"x\"; loop { s += s; }")), Stopped("script", "string")),
    case("script-array-bomb", Made(|| betrayal("let a = [1]; loop { a += a; }")), Stopped("script", "array")),
    case("script-map-bomb", Made(|| betrayal("let m = #{}; let i = 0; loop { m[`${i}`] = i; i += 1; }")), Stopped("script", "")),
    case("script-text", Made(|| betrayal("\"many\"")), Stopped("script", "gives a string")),
    case("script-throws", Made(|| betrayal("throw \"enough\"")), Stopped("script", "enough")),
    case("script-nan", Made(|| betrayal("0.0 / 0.0")), Stopped(NOT_FINITE, "gives NaN")),
    case("script-infinite", Made(|| betrayal("1.0 / 0.0")), Stopped(NOT_FINITE, "gives inf")),
    case("script-loop-at-once", Script("loop {}"), Refused("operations")),
    case("script-cut-off", Script("doc.size +"), Refused(":1:")),
    case("script-unknown-field", Script("doc.colour"), Refused("no field \"colour\"")),
    case("script-eval", Script("eval(\"doc.size\")"), Refused("eval")),
    case("script-import", Script("import \"os\" as os; doc.size"), Refused("import")),
    case("script-print", Script("print(\"x\"); doc.size"), Refused("print")),
    case("script-of-another-role", Script("//! role: monitor\ndoc.size"), Refused("role")),
    case("script-of-1-mb", Made(|| "1 + ".repeat(262_144) + "doc.size"), Refused("bytes, more than")),
    case("script-nested", Made(|| format!("{}doc.size{}", "(1 + ".repeat(5_000), ")".repeat(5_000))), Refused("xpression")),
    case("script-nested-blocks", Made(|| format!("{} doc.size {}", "if true {".repeat(5_000), "}".repeat(5_000))), Refused("xpression")),
    case("script-of-zeros", Made(|| "\0".repeat(60_000)), Refused(":1:")),
];

/// A script that is in good order when it is tried, and then is not.
fn betrayal(then: &str) -> String {
    format!("if {TRIED} {{ doc.size }} else {{ {then} }}")
}

/// A quarter of a MiB that means nothing, with the first bytes of a module in front or not.
fn nonsense(head: usize) -> Vec<u8> {
    let mut state = 7_u64;
    let mut bytes: Vec<u8> = (0..256 * 1024)
        .map(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 56) as u8
        })
        .collect();
    bytes[..head].copy_from_slice(&b"\0asm\x01\0\0\0"[..head]);
    bytes
}

/// Nested as deeply as fits, with a branch at each level.
fn many_blocks() -> Vec<u8> {
    const BLOCKS: usize = 8_000;
    let code = format!("{}{}", "(block (br_if 0 (i32.const 1)) ".repeat(BLOCKS), ")".repeat(BLOCKS));
    parsed(&spoilt(include_str!("hooks.wat"), &[("on_events", &code)], "many-blocks"))
}

/// As many functions as fit.
fn many_functions() -> Vec<u8> {
    let functions =
        "(func (param i64) (result i64) (i64.mul (local.get 0) (i64.const 77777777777)))".repeat(10_000);
    let text = spoilt(include_str!("hooks.wat"), &[], "many-functions");
    parsed(&text.replace("(func $forever", &format!("{functions} (func $forever")))
}

/// More local variables than a function may have.
fn many_locals() -> Vec<u8> {
    let locals = format!("(func (local{}))", " i64".repeat(50_001));
    let text = spoilt(include_str!("hooks.wat"), &[], "many-locals");
    parsed(&text.replace("(func $forever", &format!("{locals} (func $forever")))
}

impl Case {
    /// The file: its ending, and what is in it.
    pub(crate) fn file(&self) -> (&'static str, Vec<u8>) {
        match self.matter {
            Script(text) => ("rhai", text.as_bytes().to_vec()),
            Made(make) => ("rhai", make().into_bytes()),
            matter => ("wasm", assembled(matter, self.name)),
        }
    }
}

fn assembled(matter: Matter, name: &str) -> Vec<u8> {
    match matter {
        Hooks(places) => parsed(&spoilt(include_str!("hooks.wat"), places, name)),
        Key(places) => parsed(&spoilt(include_str!("key.wat"), places, name)),
        Score(places) => parsed(&spoilt(include_str!("score.wat"), places, name)),
        Edited(edits) => {
            let mut text = spoilt(include_str!("hooks.wat"), &[], name);
            for (what, instead) in edits {
                assert!(text.contains(what), "{name}: no {what}");
                text = text.replace(what, instead);
            }
            parsed(&text)
        }
        Bytes(make) => make(),
        Script(_) | Made(_) => Vec::new(),
    }
}

/// A base with code in some places.
fn spoilt(base: &str, places: &[(&str, &str)], name: &str) -> String {
    let mut text = base.replace("@module", name);
    for (place, code) in places {
        let mark = format!(";; @{place}\n");
        assert!(text.contains(&mark), "{name}: no place {place}");
        text = text.replace(&mark, &format!("{code}\n"));
    }
    text
}

fn parsed(text: &str) -> Vec<u8> {
    wat::parse_str(text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}
