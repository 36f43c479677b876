//! Tests over all formats: the table, detection, and that nothing in a file can make a reader panic.

use super::*;

#[test]
fn names_are_unique_and_found_in_any_case() {
    for (at, format) in FORMATS.iter().enumerate() {
        assert_eq!(by_name(&format.name.to_ascii_uppercase()).unwrap().name, format.name);
        assert!(FORMATS[at + 1..].iter().all(|other| other.name != format.name));
    }
    let error = by_name("sqid").err().unwrap().to_string();
    assert!(error.starts_with("there is no trace format `sqid`; known: squid, apache, json"), "{error}");
}

fn check(name: &str, head: &str, expected: Option<&str>) {
    let found = Format::detect(Path::new(name), head.as_bytes()).ok().map(|format| format.name);
    assert_eq!(found, expected, "{name}: {head}");
}

#[test]
fn the_format_shows_in_the_content() {
    let squid = "1795191691.366 2 192.0.2.1 TCP_MISS/200 2386 GET http://a.test/ - HIER_NONE/- text/html\n";
    check("x", squid, Some("squid"));
    check("x.csv", squid, Some("squid"));
    check("x", &["Unmatched!\n", squid, squid].concat(), Some("squid"));
    check("x", "a - - [17/Nov/2024:16:21:22 +0000] \"GET / HTTP/1.1\" 200 5\n", Some("apache"));
    check("x", "{\"time\":1,\"bytes\":0,\"url\":\"/\"}\n", Some("json"));
    check("x", "# time, object, size, next_access_vtime\n0, 1, 2, 3\n", Some("csv"));
    check("x", "time,obj,size\n", Some("csv"));
    check("x", "1,2,3\n4,5,6\n", Some("csv"));
    check("x", "1 8 0 0\n9 8 0 1\n", Some("arc"));
    check("x", "1 0 68\n2 1 7454\n", Some("webcachesim"));
    check("x", "l 0x1fffff50 1\ns 0x1fffff51 1\n", Some("address"));
    check("x", "2819\n85\n*\n560\n", Some("lirs"));
}

#[test]
fn the_name_decides_only_between_equals() {
    check("x.lis", "1 8 0 0\n9 8 0 1\n", Some("arc"));
    check("x.tr", "1 8 0 0\n9 8 0 1\n", Some("webcachesim"));
    check("x.tr.gz", "1 8 0 0\n9 8 0 1\n", Some("webcachesim"));
    check("x.lis", "2819\n85\n", Some("lirs"));
}

#[test]
fn what_is_of_no_format_is_not_guessed() {
    check("x", "", None);
    check("x.csv", "Dear reader,\nthis is a letter.\n", None);
    check("x", "\u{0}\u{1}\u{2}", None);
    let error = Format::detect(Path::new("letter.txt"), b"Dear reader").err().unwrap().to_string();
    assert!(error.starts_with("cannot tell the format of letter.txt; name it: squid, "), "{error}");
}

#[test]
fn files_of_other_kinds_are_no_traces() {
    // Behind the mark what would otherwise pass for records.
    let records: Vec<u8> = (0..400_u32)
        .flat_map(|at| [&at.to_le_bytes()[..], &[0; 8], &[1, 0, 0, 0], &[0xff; 8]].concat())
        .collect();
    let detected = |head: &[u8]| Format::detect(Path::new("x"), head).ok().map(|format| format.name);
    assert_eq!(detected(&records), Some("oracleGeneral"));
    for magic in [
        &b"\x7fELF\x02\x01\x01\0"[..],
        b"\x89PNG\r\n\x1a\n",
        b"%PDF-1.7",
        b"PK\x03\x04",
        b"SQLite format 3\0",
    ] {
        assert_eq!(detected(&[magic, &records[magic.len()..]].concat()), None, "{magic:?}");
    }
}
