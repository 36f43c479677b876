//! Dictionaries of structured fields (RFC 9651 section 4.2.2), as far as targeted `Cache-Control` fields need them: the
//! whole syntax is checked, because a field with an error anywhere must be ignored; of the values only integers and
//! booleans are kept, and parameters are not.

use smallvec::SmallVec;

/// A member's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Item {
    Integer(i64),
    Boolean(bool),
    /// Any other item or an inner list.
    Other,
}

/// The members of a dictionary in the order of their first occurrence; of a repeated key the last value counts.
pub(super) type Members = SmallVec<[(Box<str>, Item); 4]>;

/// Members kept; RFC 9651 section 3.2 asks for at least 1024, no cache directive needs more than a few.
const MEMBERS_MAX: usize = 64;

/// Reads a dictionary that may be spread over several lines; `None` when there is no line or a syntax error.
pub(super) fn dictionary<'a>(lines: impl Iterator<Item = &'a [u8]>) -> Option<Members> {
    let lines: SmallVec<[&[u8]; 2]> = lines.collect();
    match lines.as_slice() {
        [] => None,
        [line] => parse(line),
        lines => parse(&lines.join(&b", "[..])),
    }
}

fn parse(value: &[u8]) -> Option<Members> {
    let mut parser = Parser { rest: value.trim_ascii() };
    let mut members = Members::new();
    while !parser.rest.is_empty() {
        let key = parser.key()?;
        let item = if parser.eat(b'=') { parser.item_or_inner_list()? } else { Item::Boolean(true) };
        parser.parameters()?;
        match members.iter().position(|(name, _)| **name == *key) {
            Some(index) => members[index].1 = item,
            None if members.len() == MEMBERS_MAX => return None,
            None => members.push((key.into(), item)),
        }
        parser.skip(b" \t");
        if parser.rest.is_empty() {
            break;
        }
        parser.expect(b',')?;
        parser.skip(b" \t");
        if parser.rest.is_empty() {
            return None;
        }
    }
    Some(members)
}

struct Parser<'a> {
    rest: &'a [u8],
}

impl<'a> Parser<'a> {
    fn key(&mut self) -> Option<&'a str> {
        let starts_well = self.rest.first().is_some_and(|b| b.is_ascii_lowercase() || *b == b'*');
        let key = self.take_while(|b| {
            b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'_' | b'-' | b'.' | b'*')
        });
        core::str::from_utf8(key).ok().filter(|_| starts_well)
    }

    fn item_or_inner_list(&mut self) -> Option<Item> {
        if !self.eat(b'(') {
            return self.bare_item();
        }
        loop {
            self.skip(b" ");
            if self.eat(b')') {
                return Some(Item::Other);
            }
            self.bare_item()?;
            self.parameters()?;
            matches!(self.rest.first(), Some(b' ' | b')')).then_some(())?;
        }
    }

    fn parameters(&mut self) -> Option<()> {
        while self.eat(b';') {
            self.skip(b" ");
            self.key()?;
            if self.eat(b'=') {
                self.bare_item()?;
            }
        }
        Some(())
    }

    fn bare_item(&mut self) -> Option<Item> {
        match *self.rest.first()? {
            b'-' | b'0'..=b'9' => self.number(),
            b'"' => self.string(),
            b'?' => self.boolean(),
            b':' => self.byte_sequence(),
            b'@' => self.date(),
            b'%' => self.display_string(),
            b'*' | b'a'..=b'z' | b'A'..=b'Z' => self.token(),
            _ => None,
        }
    }

    fn number(&mut self) -> Option<Item> {
        let is_negative = self.eat(b'-');
        let whole = self.take_while(|b| b.is_ascii_digit());
        if self.eat(b'.') {
            let fraction = self.take_while(|b| b.is_ascii_digit());
            let is_decimal = (1..=12).contains(&whole.len()) && (1..=3).contains(&fraction.len());
            return is_decimal.then_some(Item::Other);
        }
        let magnitude = whole.iter().take(15).fold(0, |number, digit| number * 10 + i64::from(digit - b'0'));
        let number = if is_negative { -magnitude } else { magnitude };
        (1..=15).contains(&whole.len()).then_some(Item::Integer(number))
    }

    fn string(&mut self) -> Option<Item> {
        self.expect(b'"')?;
        loop {
            match self.next()? {
                b'"' => return Some(Item::Other),
                b'\\' => matches!(self.next()?, b'"' | b'\\').then_some(())?,
                b' '..=b'~' => {}
                _ => return None,
            }
        }
    }

    fn boolean(&mut self) -> Option<Item> {
        self.expect(b'?')?;
        match self.next()? {
            b'0' => Some(Item::Boolean(false)),
            b'1' => Some(Item::Boolean(true)),
            _ => None,
        }
    }

    fn byte_sequence(&mut self) -> Option<Item> {
        self.expect(b':')?;
        self.take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'='));
        self.expect(b':')?;
        Some(Item::Other)
    }

    fn date(&mut self) -> Option<Item> {
        self.expect(b'@')?;
        match self.number()? {
            Item::Integer(_) => Some(Item::Other),
            _ => None,
        }
    }

    fn display_string(&mut self) -> Option<Item> {
        self.expect(b'%')?;
        self.expect(b'"')?;
        let mut decoded = Vec::new();
        loop {
            match self.next()? {
                b'"' => return core::str::from_utf8(&decoded).ok().map(|_| Item::Other),
                b'%' => decoded.push(self.hex()? * 16 + self.hex()?),
                byte @ b' '..=b'~' => decoded.push(byte),
                _ => return None,
            }
        }
    }

    fn hex(&mut self) -> Option<u8> {
        match self.next()? {
            digit @ b'0'..=b'9' => Some(digit - b'0'),
            digit @ b'a'..=b'f' => Some(digit - b'a' + 10),
            _ => None,
        }
    }

    fn token(&mut self) -> Option<Item> {
        self.take_while(|b| super::method::is_tchar(b) || matches!(b, b':' | b'/'));
        Some(Item::Other)
    }

    fn next(&mut self) -> Option<u8> {
        let (&first, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(first)
    }

    fn eat(&mut self, byte: u8) -> bool {
        let is_next = self.rest.first() == Some(&byte);
        if is_next {
            self.rest = &self.rest[1..];
        }
        is_next
    }

    fn expect(&mut self, byte: u8) -> Option<()> {
        self.eat(byte).then_some(())
    }

    fn skip(&mut self, bytes: &[u8]) {
        self.take_while(|b| bytes.contains(&b));
    }

    fn take_while(&mut self, is_wanted: impl Fn(u8) -> bool) -> &'a [u8] {
        let end = self.rest.iter().position(|&byte| !is_wanted(byte)).unwrap_or(self.rest.len());
        let (taken, rest) = self.rest.split_at(end);
        self.rest = rest;
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(value: &str, expected: Option<&[(&str, Item)]>) {
        let members = dictionary([value.as_bytes()].into_iter());
        let members: Option<Vec<_>> =
            members.map(|members| members.into_iter().map(|(key, item)| (key.into_string(), item)).collect());
        let expected: Option<Vec<_>> =
            expected.map(|members| members.iter().map(|&(key, item)| (key.to_owned(), item)).collect());
        assert_eq!(members, expected, "{value:?}");
    }

    #[test]
    fn dictionaries_are_read() {
        check("", Some(&[]));
        check("max-age=60", Some(&[("max-age", Item::Integer(60))]));
        check(
            "a, b=?0 , c=?1;x=y",
            Some(&[("a", Item::Boolean(true)), ("b", Item::Boolean(false)), ("c", Item::Boolean(true))]),
        );
        check("a=-5;q;r=\"x,\\\"y\", b=1.5", Some(&[("a", Item::Integer(-5)), ("b", Item::Other)]));
        check("a=(1 \"b\";c d), e", Some(&[("a", Item::Other), ("e", Item::Boolean(true))]));
        check(
            "a=:aGk=:, b=tok/en:x, c=@1659578233, d=%\"f%c3%bc\", *x=*",
            Some(&[
                ("a", Item::Other),
                ("b", Item::Other),
                ("c", Item::Other),
                ("d", Item::Other),
                ("*x", Item::Other),
            ]),
        );
        check("a=1, b, a=2", Some(&[("a", Item::Integer(2)), ("b", Item::Boolean(true))]));
        check("a=999999999999999", Some(&[("a", Item::Integer(999_999_999_999_999))]));
    }

    #[test]
    fn a_syntax_error_anywhere_spoils_the_whole() {
        for value in [
            "Max-Age=60",
            "a=",
            "a,",
            ",a",
            "a,,b",
            "a b",
            "a =1",
            "a= 1",
            "a=1234567890123456",
            "a=1.",
            "a=1.2345",
            "a=-",
            "a=?2",
            "a=\"x",
            "a=\"\\x\"",
            "a=\"\u{e9}\"",
            "a=(1",
            "a=(1,2)",
            "a=:x",
            "a=@1.5",
            "a=%\"%ff\"",
            "a=%\"%FF\"",
            "a;=1",
            "a;B",
            "a=&",
        ] {
            check(value, None);
        }
        assert_eq!(dictionary(core::iter::empty()), None);
    }

    #[test]
    fn lines_are_joined() {
        let members = dictionary([&b"a=1"[..], b"b=2"].into_iter()).unwrap();
        assert_eq!(members.len(), 2);
        assert_eq!(dictionary([&b"a=1"[..], b""].into_iter()), None);
    }

    #[test]
    fn no_bytes_panic_the_parser() {
        let mut rng = fastrand::Rng::with_seed(9651);
        let alphabet = b"ab*=;,()\"\\?:@%1-. \x00\xff";
        for _ in 0..100_000 {
            let value: Vec<u8> =
                (0..rng.usize(..20)).map(|_| alphabet[rng.usize(..alphabet.len())]).collect();
            dictionary([&value[..]].into_iter());
        }
    }
}
