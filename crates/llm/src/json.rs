//! Lenient JSON: official clients accept what `serde_json` rejects.

use serde_json::Value;

use crate::surrogates;

/// Deeper values become `null`; `serde_json` stops at 128.
const MAX_DEPTH: usize = 100;

pub(crate) struct Document {
    pub(crate) value: Value,
    /// Strings may contain placeholders for lone surrogates.
    pub(crate) has_surrogates: bool,
}

/// Strictly, then leniently.
pub(crate) fn parse(json: &str) -> Result<Document, serde_json::Error> {
    match serde_json::from_str(json) {
        Ok(value) => Ok(Document {
            value,
            has_surrogates: false,
        }),
        Err(error) => Ok(Document {
            value: serde_json::from_str(&repaired(json)).map_err(|_| error)?,
            has_surrogates: true,
        }),
    }
}

/// Fixes what Python's and JavaScript's parsers accept, or what only ignored members contain: lone
/// surrogates, `NaN`, numbers out of range, control characters, deep nesting.
fn repaired(json: &str) -> String {
    let mut repair = Repair {
        out: String::with_capacity(json.len()),
        depth: 0,
        in_string: false,
    };
    let mut rest = json;
    while let Some(next) = rest.chars().next() {
        let length = repair.take(next, rest);
        rest = &rest[length..];
    }
    repair.out
}

struct Repair {
    out: String,
    depth: usize,
    in_string: bool,
}

impl Repair {
    /// Copies the token at the start of `rest`; returns its length.
    fn take(&mut self, next: char, rest: &str) -> usize {
        if self.depth > MAX_DEPTH {
            return self.skip(next, rest);
        }
        match next {
            '\\' if self.in_string => surrogates::escape(rest, &mut self.out),
            '\0'..' ' if self.in_string => {
                self.out.push_str(&format!("\\u{:04x}", u32::from(next)));
                1
            }
            '0'..='9' | '-' | 'N' | 'I' if !self.in_string => self.number(rest),
            '{' | '[' if !self.in_string => self.open(next),
            _ => {
                self.depth -= usize::from(!self.in_string && is_close(next) && self.depth > 0);
                self.in_string ^= next == '"';
                self.out.push(next);
                next.len_utf8()
            }
        }
    }

    fn open(&mut self, bracket: char) -> usize {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            self.out.push_str("null");
        } else {
            self.out.push(bracket);
        }
        1
    }

    fn skip(&mut self, next: char, rest: &str) -> usize {
        if self.in_string {
            self.in_string = next != '"';
            let escaped = rest[next.len_utf8()..].chars().next();
            let escaped = escaped.filter(|_| next == '\\').map_or(0, char::len_utf8);
            return next.len_utf8() + escaped;
        }
        self.in_string = next == '"';
        self.depth += usize::from(matches!(next, '{' | '['));
        self.depth -= usize::from(is_close(next));
        next.len_utf8()
    }

    fn number(&mut self, rest: &str) -> usize {
        for constant in ["NaN", "Infinity", "-Infinity"] {
            if rest.starts_with(constant) {
                self.out.push_str("null");
                return constant.len();
            }
        }
        let is_part = |c: char| c.is_ascii_digit() || matches!(c, '+' | '-' | '.' | 'e' | 'E');
        let length = rest.find(|c| !is_part(c)).unwrap_or(rest.len()).max(1);
        let digits = &rest[..length];
        match digits.parse::<f64>() {
            Ok(number) if number.is_infinite() => {
                self.out.push_str(&f64::MAX.copysign(number).to_string());
            }
            _ => self.out.push_str(digits),
        }
        length
    }
}

fn is_close(c: char) -> bool {
    matches!(c, '}' | ']')
}

/// Larger counts are noise. The databases store 63 bits, JavaScript reads 53.
const MAX_COUNT: u64 = 1 << 53;

/// A token count or index: an integer, decimal or string.
pub(crate) fn count(value: &Value) -> Option<u64> {
    let number = match value {
        Value::Number(number) => number.as_u64().map_or_else(|| number.as_f64(), |_| None),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    };
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "non-negative, and the cast saturates"
    )]
    let number = number
        .filter(|number: &f64| *number >= 0.0)
        .map(|number| number as u64);
    value
        .as_u64()
        .or(number)
        .filter(|number| *number <= MAX_COUNT)
}

pub(crate) fn is_set(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(is_true) => *is_true,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => !text.is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::Object(members) => members.values().any(is_set),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{parse, repaired};

    #[test]
    fn valid_json_is_unchanged() {
        for json in [
            r#"{"a": "\\ud83d", "b": [-1, 2.5e3, "NaN \"Infinity", null, "\\"], "c\u00e9": "\ud83d\ude00é"}"#,
            r#""\ud83"#,
            "\"\\",
        ] {
            assert_eq!(repaired(json), json);
        }
    }

    #[test]
    fn numbers_out_of_range_are_finite() {
        let numbers = repaired(r#"{"a": NaN, "b": [-Infinity, Infinity, -2]}"#);
        assert_eq!(numbers, r#"{"a": null, "b": [null, null, -2]}"#);
        let value = parse(r#"{"a": 1e400, "b": -1e400, "c": 1}"#).unwrap().value;
        assert_eq!(value, json!({"a": f64::MAX, "b": f64::MIN, "c": 1}));
    }

    #[test]
    fn deep_values_are_cut() {
        for (open, close) in [("[", "]"), ("{\"x\\\"]\":", "}")] {
            let deep = format!("{}1{}", open.repeat(5_000), close.repeat(5_000));
            let json = format!(r#"{{"deep": {deep}, "a": ["}}", 1]}}"#);
            assert_eq!(parse(&json).unwrap().value["a"], json!(["}", 1]));
        }
        assert!(parse(&"[".repeat(5_000)).is_err());
        assert!(parse(&"]".repeat(5_000)).is_err());
    }

    #[test]
    fn control_characters_are_kept() {
        let value = parse("{\"a\": \"x\ty\u{1}\"}").unwrap().value;
        assert_eq!(value, json!({"a": "x\ty\u{1}"}));
    }
}
