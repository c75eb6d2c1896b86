//! Parts of a representation (RFC 9110, section 14).

use std::convert::Infallible;
use std::ops::Range;

use axum::extract::FromRequestParts;
use axum::http::header::{IF_RANGE, RANGE};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue};

/// `Range` and `If-Range`: which bytes the client asks for.
pub struct ByteRange {
    range: Option<HeaderValue>,
    condition: Option<HeaderValue>,
}

/// What to answer with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Selected {
    /// All of it: no range is asked for, or one that may be ignored.
    Whole,
    /// These bytes, at least one.
    Part(Range<u64>),
    /// 416: the range has no byte.
    Nothing,
}

impl ByteRange {
    /// Reads the headers.
    #[must_use]
    pub fn from_headers(headers: &HeaderMap) -> Self {
        let mut ranges = headers.get_all(RANGE).iter();
        let range = ranges.next().cloned();
        Self {
            range: range.filter(|_| ranges.next().is_none()),
            condition: headers.get(IF_RANGE).cloned(),
        }
    }

    /// The bytes of a representation with this length and strong entity tag. Ranges that are
    /// malformed, in other units or several are ignored, and so is any whose `If-Range` names
    /// another representation.
    #[must_use]
    pub fn select(&self, length: u64, tag: &str) -> Selected {
        let is_meant = self.condition.as_ref().is_none_or(|it| it == tag);
        let range = self.range.as_ref().filter(|_| is_meant);
        let range = range.and_then(|range| parse(range.to_str().ok()?));
        let Some((first, last)) = range else {
            return Selected::Whole;
        };
        let selected = match (first, last) {
            (Some(first), last) => first..last.map_or(length, |last| length.min(last + 1)),
            (None, suffix) => length.saturating_sub(suffix.unwrap_or(0))..length,
        };
        if selected.is_empty() {
            return Selected::Nothing;
        }
        Selected::Part(selected)
    }
}

/// The first and last position, or the length of a suffix as the last.
fn parse(text: &str) -> Option<(Option<u64>, Option<u64>)> {
    let (unit, range) = text.split_once('=')?;
    if !unit.trim().eq_ignore_ascii_case("bytes") {
        return None;
    }
    let (first, last) = range.trim().split_once('-')?;
    match (position(first)?, position(last)?) {
        (None, None) => None,
        (Some(first), Some(last)) if first > last => None,
        range => Some(range),
    }
}

/// A number, if there is one. Clamped: no representation is that long.
fn position(text: &str) -> Option<Option<u64>> {
    if text.is_empty() {
        return Some(None);
    }
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| Some(text.parse().unwrap_or(u64::MAX).min(u64::MAX - 1)))
}

impl<S: Sync> FromRequestParts<S> for ByteRange {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Infallible> {
        Ok(Self::from_headers(&parts.headers))
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderMap;
    use axum::http::header::{IF_RANGE, RANGE};

    use super::ByteRange;
    use super::Selected::{Nothing, Part, Whole};

    #[test]
    fn a_single_range_selects_bytes() {
        for (range, length, expected) in [
            ("bytes=0-0", 10, Part(0..1)),
            ("bytes=2-5", 10, Part(2..6)),
            ("bytes=2-", 10, Part(2..10)),
            ("bytes=9-99", 10, Part(9..10)),
            ("bytes=-3", 10, Part(7..10)),
            ("bytes=-99", 10, Part(0..10)),
            ("Bytes = 1-1 ", 10, Part(1..2)),
            ("bytes=0-99999999999999999999", 10, Part(0..10)),
            ("bytes=10-", 10, Nothing),
            ("bytes=10-12", 10, Nothing),
            ("bytes=99999999999999999999-", 10, Nothing),
            ("bytes=-0", 10, Nothing),
            ("bytes=0-", 0, Nothing),
            ("bytes=-1", 0, Nothing),
            ("bytes=5-2", 10, Whole),
            ("bytes=0-1,3-4", 10, Whole),
            ("bytes=", 10, Whole),
            ("bytes=-", 10, Whole),
            ("bytes=a-b", 10, Whole),
            ("bytes=+1-2", 10, Whole),
            ("lines=0-1", 10, Whole),
            ("", 10, Whole),
        ] {
            let mut headers = HeaderMap::new();
            assert_eq!(ByteRange::from_headers(&headers).select(length, "x"), Whole);
            headers.insert(RANGE, range.parse().unwrap());
            let found = ByteRange::from_headers(&headers).select(length, "\"tag\"");
            assert_eq!(found, expected, "{range}");
        }
    }

    #[test]
    fn a_range_of_another_representation_is_ignored() {
        let mut headers = HeaderMap::new();
        headers.insert(RANGE, "bytes=0-0".parse().unwrap());
        for (condition, expected) in [
            ("\"tag\"", Part(0..1)),
            ("W/\"tag\"", Whole),
            ("\"other\"", Whole),
            ("Thu, 26 Nov 2026 00:00:00 GMT", Whole),
        ] {
            headers.insert(IF_RANGE, condition.parse().unwrap());
            let found = ByteRange::from_headers(&headers).select(10, "\"tag\"");
            assert_eq!(found, expected, "{condition}");
        }
        headers.remove(IF_RANGE);
        headers.append(RANGE, "bytes=1-1".parse().unwrap());
        assert_eq!(ByteRange::from_headers(&headers).select(10, "x"), Whole);
    }
}
