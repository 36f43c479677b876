//! Aligned text: columns as wide as their widest cell, and `name  value` lines. No borders, no colours, so that `awk`
//! and eyes both get along. Control characters, which names out of a log may have, are replaced: no terminal obeys a log.

/// How a column is aligned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Align {
    /// Words.
    Left,
    /// Numbers.
    Right,
}

/// A table under construction.
#[derive(Clone, Debug)]
pub struct Table {
    aligns: Vec<Align>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table with these column heads; a head that starts with `>` is of a column of numbers.
    pub fn new<'a>(heads: impl IntoIterator<Item = &'a str>) -> Self {
        let heads: Vec<&str> = heads.into_iter().collect();
        let align = |head: &&str| if head.starts_with('>') { Align::Right } else { Align::Left };
        let aligns = heads.iter().map(align).collect();
        Self {
            aligns,
            rows: vec![heads.iter().map(|head| head.trim_start_matches('>').to_owned()).collect()],
        }
    }

    /// Adds a row, with as many cells as there are heads.
    pub fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        let cells: Vec<String> = cells.into_iter().map(|cell| shown(&cell)).collect();
        debug_assert_eq!(cells.len(), self.aligns.len(), "a cell for each head");
        self.rows.push(cells);
    }

    /// The table as text: columns two blanks apart, no blanks at the ends of lines.
    pub fn render(&self) -> String {
        let cell = |row: &'_ Vec<String>, column: usize| row.get(column).cloned().unwrap_or_default();
        let width = |column| self.rows.iter().map(|row| cell(row, column).chars().count()).max().unwrap_or(0);
        let widths: Vec<usize> = (0..self.aligns.len()).map(width).collect();
        let mut text = String::new();
        for row in &self.rows {
            let padded = widths.iter().zip(&self.aligns).enumerate();
            let cells: Vec<String> =
                padded.map(|(column, (width, align))| pad(&cell(row, column), *width, *align)).collect();
            text.push_str(cells.join("  ").trim_end());
            text.push('\n');
        }
        text
    }
}

/// Without control characters.
pub(super) fn shown(text: &str) -> String {
    text.replace(char::is_control, "\u{fffd}")
}

fn pad(cell: &str, width: usize, align: Align) -> String {
    match align {
        Align::Left => format!("{cell:<width$}"),
        Align::Right => format!("{cell:>width$}"),
    }
}

/// Lines of `name  value`; those without a value are left out.
pub fn pairs<'a>(lines: impl IntoIterator<Item = (&'a str, Option<String>)>) -> String {
    let lines: Vec<_> = lines.into_iter().filter_map(|(name, value)| Some((name, shown(&value?)))).collect();
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
    fn a_terminal_does_not_obey_what_a_log_has_for_a_name() {
        let mut table = Table::new(["origin", ">count"]);
        table.row(["http://a\x1b[2J\n\u{9b}1m".into(), "7".into()]);
        assert_eq!(table.render(), "origin            count\nhttp://a\u{fffd}[2J\u{fffd}\u{fffd}1m      7\n");
        assert_eq!(pairs([("a", Some("\x07b".to_owned()))]), "a  \u{fffd}b\n");
    }

    #[test]
    fn a_pair_without_a_value_is_left_out() {
        let lines =
            [("policy", Some("lru".to_owned())), ("previous", None), ("documents", Some("3".to_owned()))];
        assert_eq!(pairs(lines), "policy     lru\ndocuments  3\n");
    }
}
