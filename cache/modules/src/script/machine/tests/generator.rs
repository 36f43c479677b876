//! Programs made at random: of what is compiled, mostly of the right types, and now and then of what is not.

use std::fmt::Write as _;

use fastrand::Rng;

/// Types a program is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Type {
    Whole,
    Real,
    Truth,
    Document,
}

/// A function that later ones and the body may call.
struct Function {
    name: String,
    takes: Vec<Type>,
    gives: Type,
}

struct Generator {
    rng: Rng,
    variables: Vec<(String, Type)>,
    functions: Vec<Function>,
    /// Names that are constants somewhere, which nothing is assigned to.
    constants: Vec<String>,
    names: usize,
    /// Whether a return gives a score.
    is_body: bool,
    gives: Type,
}

/// The program of a seed.
pub(super) fn program(seed: u64) -> String {
    let mut generator = Generator {
        rng: Rng::with_seed(seed),
        variables: Vec::new(),
        functions: Vec::new(),
        constants: Vec::new(),
        names: 0,
        is_body: false,
        gives: Type::Real,
    };
    let mut text = String::new();
    for _ in 0..generator.rng.usize(0..4) {
        generator.function(&mut text);
    }
    let entry = generator.rng.u8(0..3);
    generator.is_body = true;
    generator.variables = vec![("doc".to_owned(), Type::Document)];
    let mut body = String::new();
    generator.block(&mut body, 3, true);
    match entry {
        0 => write!(text, "fn score(doc) {{ {body} }}"),
        1 => write!(text, "fn score(doc, clock) {{ {body} }}"),
        _ => write!(text, "{body}"),
    }
    .unwrap();
    text
}

impl Generator {
    fn one_in(&mut self, count: u32) -> bool {
        self.rng.u32(0..count) == 0
    }

    fn any_type(&mut self) -> Type {
        [Type::Whole, Type::Real, Type::Real, Type::Truth][self.rng.usize(0..4)]
    }

    fn name(&mut self) -> String {
        // Names come again, so that they hide each other.
        self.names += 1;
        format!("v{}", self.names % 7)
    }

    fn function(&mut self, text: &mut String) {
        let takes: Vec<_> = (0..self.rng.usize(0..3))
            .map(|_| if self.one_in(2) { Type::Document } else { self.any_type() })
            .collect();
        self.gives = self.any_type();
        self.variables = takes.iter().enumerate().map(|(at, &of)| (format!("p{at}"), of)).collect();
        let parameters: Vec<_> = self.variables.iter().map(|(name, _)| name.clone()).collect();
        let name = format!("f{}", self.functions.len());
        let mut body = String::new();
        self.block(&mut body, 2, true);
        writeln!(text, "fn {name}({}) {{ {body} }}", parameters.join(", ")).unwrap();
        self.functions.push(Function { name, takes, gives: self.gives });
    }

    /// Statements, and at the end a value if one is wanted.
    fn block(&mut self, text: &mut String, depth: u32, gives: bool) {
        let outer = self.variables.len();
        for _ in 0..self.rng.usize(0..4) {
            self.statement(text, depth);
        }
        if gives {
            let of = self.given();
            if depth > 0 && self.one_in(3) {
                let condition = self.expression(Type::Truth, 2);
                write!(text, "if {condition} {{ ").unwrap();
                self.block(text, depth - 1, true);
                if !self.one_in(12) {
                    text.push_str(" } else { ");
                    self.block(text, depth - 1, true);
                }
                text.push_str(" }");
            } else {
                text.push_str(&self.expression(of, 3));
            }
        }
        self.variables.truncate(outer);
    }

    /// What the function gives; the body any number.
    fn given(&mut self) -> Type {
        if !self.is_body {
            self.gives
        } else if self.one_in(4) {
            Type::Whole
        } else {
            Type::Real
        }
    }

    fn statement(&mut self, text: &mut String, depth: u32) {
        let assigned = self.variables.iter().filter(|it| it.1 != Type::Document).count();
        match self.rng.u8(0..16) {
            0..5 => {
                let of = self.any_type();
                let (word, value) = (if self.one_in(8) { "const" } else { "let" }, self.expression(of, 3));
                let name = self.name();
                write!(text, "{word} {name} = {value}; ").unwrap();
                self.constants.retain(|constant| *constant != name);
                if word == "const" {
                    self.constants.push(name.clone());
                }
                self.variables.push((name, of));
            }
            5..9 if assigned > 0 => {
                let at = self.rng.usize(0..self.variables.len());
                let (name, of) = self.variables[at].clone();
                if of == Type::Document || self.constants.contains(&name) {
                    return;
                }
                let of = if self.one_in(25) { self.any_type() } else { of };
                let operator = match of {
                    Type::Truth => ["=", "=", "&=", "|=", "^="][self.rng.usize(0..5)],
                    _ => ["=", "=", "+=", "-=", "*=", "/=", "%=", "**="][self.rng.usize(0..8)],
                };
                let value = self.expression(of, 2);
                write!(text, "{name} {operator} {value}; ").unwrap();
            }
            9..12 if depth > 0 => {
                write!(text, "if {} {{ ", self.expression(Type::Truth, 2)).unwrap();
                self.block(text, depth - 1, false);
                if self.one_in(2) {
                    text.push_str("} else { ");
                    self.block(text, depth - 1, false);
                }
                text.push_str("} ");
            }
            12 if depth > 0 => {
                text.push_str("{ ");
                self.block(text, depth - 1, false);
                text.push_str("} ");
            }
            13 => {
                let of = self.given();
                let (condition, value) = (self.expression(Type::Truth, 2), self.expression(of, 2));
                write!(text, "if {condition} {{ return {value}; }} ").unwrap();
            }
            14 if self.one_in(3) => self.beyond(text),
            _ => {}
        }
    }

    /// Something that is not compiled, or that fails where it is reached.
    fn beyond(&mut self, text: &mut String) {
        let all = [
            "for i in 0..3 { i + 1; } ",
            "while false { } ",
            "let array = [1, 2]; ",
            "throw \"no\"; ",
            "let s = \"a\" + 1; ",
            "switch 1 { 1 => 2, _ => 3 }; ",
            "let u = (); ",
            "let f = |x| x + 1; ",
            "if 1 { } ",
            "return; ",
            "let t = doc.mime; if t.len() > 3 { 1; } ",
        ];
        text.push_str(all[self.rng.usize(0..all.len())]);
    }

    fn expression(&mut self, of: Type, depth: u32) -> String {
        if self.one_in(150) {
            let other = self.any_type();
            return self.right_expression(other, depth);
        }
        self.right_expression(of, depth)
    }

    fn right_expression(&mut self, of: Type, depth: u32) -> String {
        if depth == 0 {
            return self.leaf(of);
        }
        match self.rng.u8(0..12) {
            0..2 => self.leaf(of),
            2 => {
                let condition = self.expression(Type::Truth, depth - 1);
                let (yes, no) = (self.expression(of, depth - 1), self.expression(of, depth - 1));
                as_operand(of, format!("if {condition} {{ {yes} }} else {{ {no} }}"))
            }
            3 => as_operand(of, format!("{{ let b = {}; b }}", self.expression(of, depth - 1))),
            4..6 => self.call(of, depth).unwrap_or_else(|| self.leaf(of)),
            _ => self.operation(of, depth),
        }
    }

    fn operation(&mut self, of: Type, depth: u32) -> String {
        let depth = depth - 1;
        match of {
            Type::Document => "doc".to_owned(),
            Type::Whole => {
                let operator =
                    ["+", "-", "*", "/", "%", "**", "&", "|", "^", "<<", ">>"][self.rng.usize(0..11)];
                format!("({} {operator} {})", self.expression(of, depth), self.expression(of, depth))
            }
            Type::Real => {
                let operator = ["+", "-", "*", "/", "%", "**"][self.rng.usize(0..6)];
                let other = if self.one_in(3) { Type::Whole } else { Type::Real };
                let (left, right) = (self.expression(Type::Real, depth), self.expression(other, depth));
                if self.one_in(2) {
                    format!("({left} {operator} {right})")
                } else {
                    format!("({right} {operator} {left})")
                }
            }
            Type::Truth => match self.rng.u8(0..8) {
                0 => format!("!{}", self.expression(of, 0)),
                1 => format!("({} && {})", self.expression(of, depth), self.expression(of, depth)),
                2 => format!("({} || {})", self.expression(of, depth), self.expression(of, depth)),
                3 => {
                    let operator = ["==", "!=", "<", "<=", ">", ">=", "&", "|", "^"][self.rng.usize(0..9)];
                    format!("({} {operator} {})", self.expression(of, depth), self.expression(of, depth))
                }
                _ => {
                    let numbers =
                        [(Type::Whole, Type::Whole), (Type::Real, Type::Real), (Type::Real, Type::Whole)];
                    let (one, other) = numbers[self.rng.usize(0..3)];
                    let operator = ["==", "!=", "<", "<=", ">", ">="][self.rng.usize(0..6)];
                    let (left, right) = (self.expression(one, depth), self.expression(other, depth));
                    // Numbers that differ by the last digit, or not at all.
                    if self.one_in(4) {
                        format!("({left} {operator} {left})")
                    } else {
                        format!("({left} {operator} {right})")
                    }
                }
            },
        }
    }

    /// A function of rhai's, or of the program's.
    fn call(&mut self, of: Type, depth: u32) -> Option<String> {
        let own: Vec<_> = (0..self.functions.len()).filter(|&at| self.functions[at].gives == of).collect();
        if !own.is_empty() && self.one_in(2) {
            let at = own[self.rng.usize(0..own.len())];
            let takes = self.functions[at].takes.clone();
            let given: Vec<_> = takes.into_iter().map(|takes| self.expression(takes, depth - 1)).collect();
            return Some(format!("{}({})", self.functions[at].name, given.join(", ")));
        }
        let depth = depth - 1;
        let real = [
            "sqrt", "exp", "ln", "log", "floor", "ceiling", "round", "int", "fraction", "abs", "sin", "cos",
            "tan", "asin", "acos", "atan", "sinh", "cosh", "tanh", "asinh", "acosh", "atanh",
        ];
        Some(match (of, self.rng.u8(0..4)) {
            (Type::Real, 0) => {
                let name = ["min", "max"][self.rng.usize(0..2)];
                let other = if self.one_in(3) { Type::Whole } else { Type::Real };
                format!("{name}({}, {})", self.expression(Type::Real, depth), self.expression(other, depth))
            }
            (Type::Real, 1) => {
                let name = ["log", "atan", "hypot"][self.rng.usize(0..3)];
                format!("{name}({}, {})", self.expression(of, depth), self.expression(of, depth))
            }
            (Type::Real, 2) if self.one_in(2) => format!("to_float({})", self.expression(Type::Whole, depth)),
            (Type::Real, _) => {
                let name = real[self.rng.usize(0..real.len())];
                let value = self.expression(of, depth);
                if self.one_in(4) { format!("({value}).{name}()") } else { format!("{name}({value})") }
            }
            (Type::Whole, 0) => format!("to_int({})", self.expression(Type::Real, depth)),
            (Type::Whole, 1) => {
                let number = if self.one_in(2) { Type::Real } else { Type::Whole };
                format!("sign({})", self.expression(number, depth))
            }
            (Type::Whole, 2) => {
                let name = ["min", "max"][self.rng.usize(0..2)];
                format!("{name}({}, {})", self.expression(of, depth), self.expression(of, depth))
            }
            (Type::Whole, _) => format!("abs({})", self.expression(of, depth)),
            (Type::Truth, 0) => {
                let name = ["is_nan", "is_finite", "is_infinite"][self.rng.usize(0..3)];
                format!("{name}({})", self.expression(Type::Real, depth))
            }
            (Type::Truth, 1) => {
                let name = ["is_odd", "is_even", "is_zero"][self.rng.usize(0..3)];
                format!("{name}({})", self.expression(Type::Whole, depth))
            }
            _ => return None,
        })
    }

    fn leaf(&mut self, of: Type) -> String {
        let known: Vec<_> = self.variables.iter().filter(|it| it.1 == of).map(|it| it.0.clone()).collect();
        if !known.is_empty() && (of == Type::Document || !self.one_in(3)) {
            return known[self.rng.usize(0..known.len())].clone();
        }
        let doc = self.variables.iter().find(|it| it.1 == Type::Document).map(|it| it.0.clone());
        let text = |all: &[&str], rng: &mut Rng| all[rng.usize(0..all.len())].to_owned();
        match (of, doc) {
            (Type::Document, _) => "doc".to_owned(),
            (Type::Whole, _) => text(
                &[
                    "0",
                    "1",
                    "-1",
                    "2",
                    "3",
                    "7",
                    "10",
                    "63",
                    "64",
                    "1000003",
                    "4294967296",
                    "9223372036854775807",
                    "(-9223372036854775807 - 1)",
                ],
                &mut self.rng,
            ),
            (Type::Real, Some(doc)) if !self.one_in(3) => {
                if self.one_in(5) {
                    return format!(
                        "{}({doc})",
                        text(&["size_cost", "gds_cost", "gdsf_cost", "lfu_da_cost"], &mut self.rng)
                    );
                }
                let field = text(
                    &[
                        "size",
                        "uses",
                        "fetch_ms",
                        "ttfb_ms",
                        "origin",
                        "path_class",
                        "status",
                        "hash",
                        "age",
                        "idle",
                        "ttl",
                    ],
                    &mut self.rng,
                );
                format!("{doc}.{field}")
            }
            (Type::Real, _) => text(
                &[
                    "0.0",
                    "1.0",
                    "-1.0",
                    "0.5",
                    "2.5",
                    "-3.75",
                    "1e308",
                    "-1e308",
                    "1e-308",
                    "0.1",
                    "0.30000000000000004",
                    "9007199254740993.0",
                    "(0.0 / 0.0)",
                    "(1.0 / 0.0)",
                    "PI()",
                    "1.0000000000000002",
                ],
                &mut self.rng,
            ),
            (Type::Truth, Some(doc)) if self.one_in(2) => {
                let literal = text(&["text", "html", "t", "x", "", "ima"], &mut self.rng);
                match self.rng.u8(0..6) {
                    0 => format!("({doc}.mime == \"{literal}\")"),
                    1 => format!("(\"{literal}\" != {doc}.mime)"),
                    2 => format!("{doc}.mime.starts_with(\"{literal}\")"),
                    3 => format!("ends_with({doc}.mime, \"{literal}\")"),
                    4 => format!("(\"{literal}\" in {doc}.mime)"),
                    _ => format!("{doc}.mime.contains(\"{literal}\")"),
                }
            }
            (Type::Truth, _) => text(&["true", "false"], &mut self.rng),
        }
    }
}

/// rhai takes no block where true or false is expected.
fn as_operand(of: Type, block: String) -> String {
    if of == Type::Truth { format!("({block} == true)") } else { block }
}
