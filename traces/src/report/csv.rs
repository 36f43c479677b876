//! Rows for scripts. Ratios are fractions with six digits; what is not known is an empty field.

use csv::{QuoteStyle, WriterBuilder};

/// A CSV under construction.
pub(super) struct Csv(csv::Writer<Vec<u8>>);

impl Csv {
    pub(super) fn new(columns: &[&str]) -> Self {
        let mut writer = WriterBuilder::new().quote_style(QuoteStyle::Necessary).from_writer(Vec::new());
        writer.write_record(columns).expect(MEMORY);
        Self(writer)
    }

    /// Adds a row, with as many fields as there are columns.
    pub(super) fn row(&mut self, fields: impl IntoIterator<Item = String>) {
        self.0.write_record(fields.into_iter().collect::<Vec<_>>()).expect(MEMORY);
    }

    pub(super) fn finish(self) -> String {
        let bytes = self.0.into_inner().expect(MEMORY);
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

const MEMORY: &str = "a row of equally many fields can be written to memory";

/// A ratio, 0 to 1.
pub(super) fn ratio(value: f64) -> String {
    format!("{value:.6}")
}
