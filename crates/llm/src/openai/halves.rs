//! Halves of characters. Servers that escape everything beyond ASCII in JSON write an emoji as two
//! escapes, `\ud83d\ude00`, and some send these in two pieces.

/// What stands for the half `0xD800` in a string: the last 2,048 code points are for private use.
const FIRST: u32 = 0x10_F800;
const HALF: u32 = 0xD800;
const LOW: u32 = 0xDC00;
const END: u32 = 0xE000;

/// JSON that our parser takes, made of what Python's takes too: single halves are told by
/// characters for private use, which [`Halves::join`] knows, and numbers that are none by `null`.
pub(super) fn tolerant(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    let mut rest = json;
    let mut in_string = false;
    while let Some(next) = rest.chars().next() {
        let taken = match next {
            '\\' if in_string => escape(rest, &mut out),
            'N' | 'I' | '-' if !in_string => number(rest, &mut out),
            _ => {
                in_string ^= next == '"';
                out.push(next);
                next.len_utf8()
            }
        };
        rest = &rest[taken..];
    }
    out
}

/// Takes an escape over; how many bytes it has.
fn escape(text: &str, out: &mut String) -> usize {
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

/// The UTF-16 unit that the text begins with, escaped.
fn unit(text: &str) -> Option<u32> {
    let digits = text.strip_prefix("\\u")?.get(..4)?;
    digits
        .bytes()
        .all(|digit| digit.is_ascii_hexdigit())
        .then(|| u32::from_str_radix(digits, 16).ok())?
}

fn number(text: &str, out: &mut String) -> usize {
    for none in ["NaN", "Infinity", "-Infinity"] {
        if text.starts_with(none) {
            out.push_str("null");
            return none.len();
        }
    }
    out.push_str(&text[..1]);
    1
}

/// A text that comes in pieces.
#[derive(Debug, Default)]
pub(super) struct Halves {
    /// The first half of a character of which the second may come yet.
    open: Option<u32>,
}

impl Halves {
    /// The next piece, in which halves that belong together are one character. Others become
    /// U+FFFD. `has_halves` is whether the piece comes out of [`tolerant`] JSON.
    pub(super) fn join(&mut self, piece: String, has_halves: bool) -> String {
        if piece.is_empty() || (!has_halves && self.open.is_none()) {
            return piece;
        }
        let mut joined = String::with_capacity(piece.len());
        for next in piece.chars() {
            let half = u32::from(next).checked_sub(FIRST).map(|half| half + HALF);
            match (self.open.take(), half.filter(|_| has_halves)) {
                (Some(high), Some(low @ LOW..)) => joined.push(whole(high, low)),
                (open, half) => {
                    joined.extend(open.map(|_| char::REPLACEMENT_CHARACTER));
                    match half {
                        Some(high @ ..LOW) => self.open = Some(high),
                        Some(_) => joined.push(char::REPLACEMENT_CHARACTER),
                        None => joined.push(next),
                    }
                }
            }
        }
        joined
    }

    /// What is left of the text at its end.
    pub(super) fn end(&mut self) -> &'static str {
        self.open.take().map_or("", |_| "\u{FFFD}")
    }
}

fn whole(high: u32, low: u32) -> char {
    let point = 0x1_0000 + ((high - HALF) << 10) + (low - LOW);
    char::from_u32(point).unwrap_or(char::REPLACEMENT_CHARACTER)
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::{Halves, tolerant};

    fn told(pieces: &[&str]) -> String {
        let mut halves = Halves::default();
        let mut text = String::new();
        for piece in pieces {
            let json = tolerant(&format!("\"{piece}\""));
            let Value::String(piece) = serde_json::from_str(&json).unwrap() else {
                panic!("{json}");
            };
            text.push_str(&halves.join(piece, true));
        }
        text + halves.end()
    }

    #[test]
    fn halves_in_two_pieces_are_one_character() {
        assert_eq!(told(&["a\\ud83d", "\\uDE00b"]), "a😀b");
        assert_eq!(told(&["\\ud83d", "", "\\ude00"]), "😀");
        assert_eq!(told(&["\\ud83d\\ude00\\ud83d", "\\ude00"]), "😀😀");
    }

    #[test]
    fn half_a_character_is_replaced() {
        assert_eq!(told(&["a\\ud83d"]), "a\u{FFFD}");
        assert_eq!(told(&["\\ude00a"]), "\u{FFFD}a");
        assert_eq!(told(&["\\ud83d", "a"]), "\u{FFFD}a");
        assert_eq!(told(&["\\ud83d\\ud83d\\ude00"]), "\u{FFFD}😀");
        assert_eq!(told(&["\\ud83d\\n", "\\ude00"]), "\u{FFFD}\n\u{FFFD}");
    }

    #[test]
    fn all_else_stays_as_it_is() {
        for json in [
            r#"{"a": "\\ud83d", "b": [-1, "NaN \"Infinity", null, "\\"], "c\u00e9": "\ud83d\ude00é"}"#,
            r#""\ud83"#,
            "\"\\",
        ] {
            assert_eq!(tolerant(json), json);
        }
        let numbers = tolerant(r#"{"a": NaN, "b": [-Infinity, Infinity, -2]}"#);
        assert_eq!(numbers, r#"{"a": null, "b": [null, null, -2]}"#);
        let mut halves = Halves::default();
        assert_eq!(halves.join("\u{10FFFF}".to_owned(), false), "\u{10FFFF}");
    }
}
