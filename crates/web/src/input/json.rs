//! Parses JSON bodies.

use serde_json::Value;

use crate::problem::Problem;

/// Caps memory: each value takes a multiple of its bytes, so a small body of brackets grows large.
const MAX_VALUES: usize = 10_000;

/// Written by some programs.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Skips a byte order mark (RFC 8259, section 8.1).
pub(super) fn parse(text: &[u8]) -> Result<Value, Problem> {
    let text = text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text);
    if separators(text) > MAX_VALUES {
        return Err(Problem::malformed("The body has too many values."));
    }
    serde_json::from_slice(text).map_err(|_| Problem::malformed("The body is not valid JSON."))
}

/// Counts `[`, `{` and `,`: an upper bound, less one, of the number of values.
fn separators(text: &[u8]) -> usize {
    let mut count = 0;
    let mut in_string = false;
    let mut bytes = text.iter();
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => in_string = !in_string,
            b'\\' if in_string => {
                bytes.next();
            }
            b',' | b'[' | b'{' if !in_string => count += 1,
            _ => {}
        }
    }
    count
}

#[cfg(test)]
mod tests {
    use super::{MAX_VALUES, parse, separators};

    #[test]
    fn only_what_separates_values_is_counted() {
        for (text, count) in [
            (r#"{}"#, 1),
            (r#"[1, 2, [3]]"#, 4),
            (r#"{"a": "[,{", "b": "\",\\", "c": []}"#, 4),
            (r#""\\", 1"#, 1),
        ] {
            assert_eq!(separators(text.as_bytes()), count, "{text}");
        }
    }

    #[test]
    fn a_text_of_many_values_is_refused() {
        let of = |count: usize| format!("[{}1]", "1,".repeat(count - 2));
        assert!(parse(of(MAX_VALUES).as_bytes()).is_ok());
        assert!(parse(of(MAX_VALUES + 2).as_bytes()).is_err());
    }
}
