//! Tests of `cnn trace` as it is typed.

use clap::Parser as _;

use crate::cli::{Cli, Verb};

fn parsed(line: &str) -> Result<Verb, String> {
    Cli::try_parse_from(line.split(' ')).map(|cli| cli.verb).map_err(|error| error.to_string())
}

#[test]
fn traces_are_read_converted_and_made_up_as_told() {
    for line in [
        "cnn trace info a.log",
        "cnn trace info a.log b.log.gz - --json --top 3 --squid-rules --strict",
        "cnn trace info a.csv --columns time,key,_,size --bad-lines 5% --tolerance 10%",
        "cnn trace info a.log --logformat squid --format logformat --bad-lines 20",
        "cnn trace convert a.log - --to oraclegeneral --reference-rules",
        "cnn trace convert a.log b.csv --to csv --sizes logged",
        "cnn trace generate - --requests 5 --documents 3 --alpha 1 --one-hit 0.1 --churn 0 --rate 10 --seed 7",
        "cnn trace generate b --document-size pareto:1000:1.2 --to json",
        "cnn trace formats",
    ] {
        assert!(parsed(line).is_ok(), "{line}: {:?}", parsed(line));
    }
}

#[test]
fn mistakes_are_named() {
    let check = |line: &str, expected: &str| {
        let error = parsed(line).expect_err(line);
        assert!(error.contains(expected), "{line}: {error}");
    };
    check("cnn trace info", "<FILE>");
    check("cnn trace info a --bad-lines many", "neither a number of lines nor a share");
    check("cnn trace info a --strict --bad-lines 3", "--strict");
    check("cnn trace info a --squid-rules --reference-rules", "--reference-rules");
    check("cnn trace convert a b", "--to");
    check("cnn trace convert a b --to arc", "known: csv, oracleGeneral, squid, json");
    check("cnn trace generate a --document-size uniform:1:2", "lognormal:MEDIAN:SIGMA");
}
