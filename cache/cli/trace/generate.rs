//! `cnn trace generate`

use std::path::PathBuf;

use clap::Args;
use cnn_replay::generate::{Generator, Recipe, SizeLaw};
use cnn_replay::output::Output;
use cnn_replay::writer::Target;

use super::convert::target;
use super::meter::Meter;
use crate::cli::Failure;

/// Make up a trace: Zipf popularity with churn and documents nobody asks for again
#[derive(Debug, Args)]
#[command(after_help = "OUT is packed when it ends in .gz, .xz or .zst. The same flags give the same trace.

Examples:
  cnn trace generate trace.csv
  cnn trace generate --requests 100000000 --documents 10000000 --to oracleGeneral big.oracleGeneral.zst
  cnn trace generate --alpha 0.7 --document-size pareto:1000:1.2 --to squid - | head")]
pub(crate) struct Generate {
    /// The file to write; `-` is standard output
    #[arg(value_name = "OUT")]
    to: PathBuf,
    /// The format to write: csv, oracleGeneral, squid or json
    #[arg(long = "to", value_name = "FORMAT", default_value = "csv", value_parser = target)]
    target: Target,
    /// Requests
    #[arg(long, value_name = "N", default_value_t = Recipe::default().requests)]
    requests: u64,
    /// Documents that are popular at any time
    #[arg(long, value_name = "N", default_value_t = Recipe::default().documents)]
    documents: u32,
    /// How fast popularity falls with the rank: the exponent of Zipf's law
    #[arg(long, value_name = "EXPONENT", default_value_t = Recipe::default().alpha)]
    alpha: f64,
    /// The share of requests, from 0 to 1, for documents nobody asks for again
    #[arg(long, value_name = "SHARE", default_value_t = Recipe::default().one_hit)]
    one_hit: f64,
    /// The share of requests, from 0 to 1, after which a popular document gives its place to a new one
    #[arg(long, value_name = "SHARE", default_value_t = Recipe::default().churn)]
    churn: f64,
    /// How large documents are: lognormal:MEDIAN:SIGMA, pareto:SMALLEST:ALPHA or fixed:BYTES
    #[arg(long, value_name = "LAW", default_value = "lognormal:8192:1.5")]
    document_size: SizeLaw,
    /// Requests per second
    #[arg(long, value_name = "N", default_value_t = Recipe::default().rate)]
    rate: f64,
    /// What chance comes from
    #[arg(long, value_name = "N", default_value_t = Recipe::default().seed)]
    seed: u64,
}

impl Generate {
    pub(super) fn run(self) -> Result<(), Failure> {
        let recipe = Recipe {
            requests: self.requests,
            documents: self.documents,
            alpha: self.alpha,
            one_hit: self.one_hit,
            churn: self.churn,
            sizes: self.document_size,
            rate: self.rate,
            seed: self.seed,
        };
        let all = recipe.requests;
        let generator = Generator::new(recipe).map_err(Failure::Said)?;
        let mut meter = Meter::new("making up");
        crate::cli::interrupted::clean_up();
        let mut output = Output::create(&self.to)?;
        generator.write(self.target, &mut output, &mut |done| meter.requests(done, all))?;
        output.finish()?;
        meter.end();
        Ok(())
    }
}
