//! UTF-16 surrogate pairs split over two chunks: `\ud83d` in one, `\ude00` in the next.

/// Placeholder of `0xD800`; the last 2,048 code points are for private use.
const FIRST: u32 = 0x10_F800;
const HALF: u32 = 0xD800;
const LOW: u32 = 0xDC00;
const END: u32 = 0xE000;

/// Copies the escape at the start of `text`, a lone surrogate as placeholder; returns its length.
pub(crate) fn escape(text: &str, out: &mut String) -> usize {
    let length = match unit(text) {
        Some(half @ HALF..LOW) => match text.get(6..).and_then(unit) {
            Some(LOW..END) => 12,
            _ => return push_half(half, out),
        },
        Some(half @ LOW..END) => return push_half(half, out),
        Some(_) => 6,
        None => 1 + text[1..].chars().next().map_or(0, char::len_utf8),
    };
    out.push_str(&text[..length]);
    length
}

fn push_half(half: u32, out: &mut String) -> usize {
    out.extend(char::from_u32(half - HALF + FIRST));
    6
}

/// UTF-16 unit of the `\u` escape at the start.
fn unit(text: &str) -> Option<u32> {
    let digits = text.strip_prefix("\\u")?.get(..4)?;
    digits
        .bytes()
        .all(|digit| digit.is_ascii_hexdigit())
        .then(|| u32::from_str_radix(digits, 16).ok())?
}

#[derive(Debug, Default)]
pub(crate) struct Surrogates {
    /// At the end of the last piece.
    high: Option<u32>,
}

impl Surrogates {
    /// Replaces placeholders by the characters they form, or by U+FFFD.
    pub(crate) fn join(&mut self, piece: String, has_surrogates: bool) -> String {
        if piece.is_empty() || (!has_surrogates && self.high.is_none()) {
            return piece;
        }
        let mut joined = String::with_capacity(piece.len());
        for next in piece.chars() {
            let unit = u32::from(next).checked_sub(FIRST).map(|unit| unit + HALF);
            match (self.high.take(), unit.filter(|_| has_surrogates)) {
                (Some(high), Some(low @ LOW..)) => joined.push(whole(high, low)),
                (open, unit) => {
                    joined.extend(open.map(|_| char::REPLACEMENT_CHARACTER));
                    match unit {
                        Some(high @ ..LOW) => self.high = Some(high),
                        Some(_) => joined.push(char::REPLACEMENT_CHARACTER),
                        None => joined.push(next),
                    }
                }
            }
        }
        joined
    }

    /// Replaces a surrogate still open at the end.
    pub(crate) fn end(&mut self) -> &'static str {
        self.high.take().map_or("", |_| "\u{FFFD}")
    }
}

fn whole(high: u32, low: u32) -> char {
    let point = 0x1_0000 + ((high - HALF) << 10) + (low - LOW);
    char::from_u32(point).unwrap_or(char::REPLACEMENT_CHARACTER)
}

#[cfg(test)]
mod tests {
    use super::Surrogates;
    use crate::json;

    fn joined(pieces: &[&str]) -> String {
        let mut surrogates = Surrogates::default();
        let mut text = String::new();
        for piece in pieces {
            let piece = json::parse(&format!("\"{piece}\"")).unwrap().value;
            let piece = piece.as_str().unwrap().to_owned();
            text.push_str(&surrogates.join(piece, true));
        }
        text + surrogates.end()
    }

    #[test]
    fn split_pairs_are_joined() {
        assert_eq!(joined(&["a\\ud83d", "\\uDE00b"]), "a😀b");
        assert_eq!(joined(&["\\ud83d", "", "\\ude00"]), "😀");
        assert_eq!(joined(&["\\ud83d\\ude00\\ud83d", "\\ude00"]), "😀😀");
    }

    #[test]
    fn lone_surrogates_are_replaced() {
        assert_eq!(joined(&["a\\ud83d"]), "a\u{FFFD}");
        assert_eq!(joined(&["\\ude00a"]), "\u{FFFD}a");
        assert_eq!(joined(&["\\ud83d", "a"]), "\u{FFFD}a");
        assert_eq!(joined(&["\\ud83d\\ud83d\\ude00"]), "\u{FFFD}😀");
        assert_eq!(joined(&["\\ud83d\\n", "\\ude00"]), "\u{FFFD}\n\u{FFFD}");
    }

    #[test]
    fn private_characters_are_kept_in_valid_json() {
        let mut surrogates = Surrogates::default();
        let piece = "\u{10FFFF}".to_owned();
        assert_eq!(surrogates.join(piece, false), "\u{10FFFF}");
    }
}
