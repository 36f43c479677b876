//! A batch of request records with the text they refer to: two vectors that are filled, handed over and used again, so
//! that telling a monitor of a request allocates nothing.

use cnn_abi::{HOST_BYTES_MAX, PATH_BYTES_MAX, Request};

/// Records of requests, oldest first.
#[derive(Clone, Debug, Default)]
pub struct Records {
    rows: Vec<Request>,
    // Invariant: the places of every row are within, at boundaries of characters.
    text: String,
}

/// One of them, with its texts.
#[derive(Clone, Copy, Debug)]
pub struct Seen<'a> {
    /// The numbers.
    pub request: &'a Request,
    /// The host that was asked for, without port; empty for what is not a request.
    pub host: &'a str,
    /// The path without query; empty for tunnels and for what is not a request. Cut after [`PATH_BYTES_MAX`] bytes.
    pub path: &'a str,
}

impl Records {
    /// Adds a request; what `request` says of the places of its texts does not count.
    pub fn push(&mut self, request: Request, host: &str, path: &str) {
        let (host, path) = (cut(host, HOST_BYTES_MAX), cut(path, PATH_BYTES_MAX));
        let host_at = self.text.len() as u32;
        self.text.push_str(host);
        let path_at = self.text.len() as u32;
        self.text.push_str(path);
        // Both fit: they were just cut to what a byte and two bytes can say.
        let (host_len, path_len) = (host.len() as u8, path.len() as u16);
        self.rows.push(Request { host_at, host_len, path_at, path_len, ..request });
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Forgets them all; the memory is kept for the next.
    pub fn clear(&mut self) {
        self.rows.clear();
        self.text.clear();
    }

    /// All of them.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Seen<'_>> {
        self.rows.iter().map(|request| self.seen(request))
    }

    /// In batches of at most so many.
    ///
    /// # Panics
    /// When `count` is zero.
    pub fn batches(&self, count: usize) -> impl Iterator<Item = impl ExactSizeIterator<Item = Seen<'_>>> {
        self.rows.chunks(count).map(|rows| rows.iter().map(|request| self.seen(request)))
    }

    fn seen<'a>(&'a self, request: &'a Request) -> Seen<'a> {
        let text = |at: u32, len: usize| self.text.get(at as usize..at as usize + len).unwrap_or_default();
        Seen {
            request,
            host: text(request.host_at, request.host_len.into()),
            path: text(request.path_at, request.path_len.into()),
        }
    }
}

/// The beginning of a text, at most so many bytes of it, ending where a character does.
pub(super) fn cut(text: &str, bytes_max: usize) -> &str {
    &text[..text.floor_char_boundary(bytes_max)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_come_back_and_are_cut_where_a_character_ends() {
        let mut records = Records::default();
        let request = Request { status: 200, ..Request::default() };
        records.push(request, "a.test", "/one");
        let long = format!("/{}é", "x".repeat(PATH_BYTES_MAX - 2));
        records.push(request, "", &long);
        let seen: Vec<_> = records.iter().map(|seen| (seen.host, seen.path, seen.request.status)).collect();
        assert_eq!(seen, [("a.test", "/one", 200), ("", &long[..PATH_BYTES_MAX - 1], 200)]);
        records.clear();
        records.push(request, "b.test", "/two");
        assert_eq!(records.iter().map(|seen| seen.path).collect::<Vec<_>>(), ["/two"]);
    }

    #[test]
    fn batches_are_all_of_it_in_order() {
        let mut records = Records::default();
        for time in 0..10 {
            records.push(Request { time, ..Request::default() }, "h", "/p");
        }
        let batches: Vec<Vec<_>> =
            records.batches(4).map(|batch| batch.map(|seen| seen.request.time).collect()).collect();
        assert_eq!(batches, [vec![0, 1, 2, 3], vec![4, 5, 6, 7], vec![8, 9]]);
    }
}
