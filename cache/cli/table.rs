//! Aligned text: columns as wide as their widest cell, and `name  value` lines. No borders, no colours, so that `awk`
//! and eyes both get along.

/// How a column is aligned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Align {
    /// Words.
    Left,
    /// Numbers.
    Right,
}

use Align::{Left, Right};

/// A table under construction; rows with fewer cells than there are columns leave the rest empty.
pub(super) struct Table<const N: usize> {
    aligns: [Align; N],
    rows: Vec<[String; N]>,
}

impl<const N: usize> Table<N> {
    /// A table with these column heads; a head that starts with `>` is of a column of numbers.
    pub(super) fn new(heads: [&str; N]) -> Self {
        let aligns = heads.map(|head| if head.starts_with('>') { Right } else { Left });
        Self { aligns, rows: vec![heads.map(|head| head.trim_start_matches('>').to_owned())] }
    }

    pub(super) fn row(&mut self, cells: [String; N]) {
        self.rows.push(cells);
    }

    pub(super) fn render(&self) -> String {
        let width =
            |column: usize| self.rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
        let widths: [usize; N] = std::array::from_fn(width);
        let mut text = String::new();
        for row in &self.rows {
            let cells: Vec<String> = (0..N).map(|n| pad(&row[n], widths[n], self.aligns[n])).collect();
            text.push_str(cells.join("  ").trim_end());
            text.push('\n');
        }
        text
    }
}

fn pad(cell: &str, width: usize, align: Align) -> String {
    match align {
        Left => format!("{cell:<width$}"),
        Right => format!("{cell:>width$}"),
    }
}

/// Lines of `name  value`; those without a value are left out.
pub(super) fn pairs<'a>(lines: impl IntoIterator<Item = (&'a str, Option<String>)>) -> String {
    let lines: Vec<_> = lines.into_iter().filter_map(|(name, value)| Some((name, value?))).collect();
    let width = lines.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
    lines.iter().map(|(name, value)| format!("{name:<width$}  {value}\n")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell_and_lines_end_without_blanks() {
        let mut table = Table::new(["name", ">bytes", "note"]);
        table.row(["lru".into(), "1,024".into(), "deciding".into()]);
        table.row(["gds-packets".into(), "7".into(), String::new()]);
        let expected = "name         bytes  note\nlru          1,024  deciding\ngds-packets      7\n";
        assert_eq!(table.render(), expected);
    }

    #[test]
    fn a_pair_without_a_value_is_left_out() {
        let lines =
            [("policy", Some("lru".to_owned())), ("previous", None), ("documents", Some("3".to_owned()))];
        assert_eq!(pairs(lines), "policy     lru\ndocuments  3\n");
    }
}
