//! Event-stream responses.

use std::fmt::Write as _;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::header::{CACHE_CONTROL, HeaderName};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse as _, Response};
use futures_util::Stream;
use http_body_util::BodyExt as _;

/// Keep-alive interval: proxies close silent connections.
const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(15);
/// Frames from this size on are copied, see `fitted`.
const LARGE: usize = 16 * 1024;
/// Prevents caching and proxy buffering.
const HEADERS: [(HeaderName, &str); 2] = [
    (CACHE_CONTROL, "no-store"),
    (HeaderName::from_static("x-accel-buffering"), "no"),
];

/// Sends these events, whose data is JSON.
pub fn response(
    events: impl Stream<Item = Result<Event, axum::Error>> + Send + 'static,
) -> Response {
    let silence = KeepAlive::new()
        .interval(KEEP_ALIVE_INTERVAL)
        .text("keep-alive");
    let response = (HEADERS, Sse::new(events).keep_alive(silence)).into_response();
    response
        .map(|body| Body::new(body.map_frame(|frame| frame.map_data(|data| escaped(fitted(data))))))
}

/// Drops spare capacity, up to half a frame's memory: it may wait for a stalled reader.
fn fitted(frame: Bytes) -> Bytes {
    if frame.len() < LARGE {
        return frame;
    }
    Bytes::copy_from_slice(&frame)
}

/// Escapes line separators that only some clients take for line ends, among them Python's
/// `splitlines`. They stand nowhere but in JSON strings, and a frame is a whole event.
fn escaped(frame: Bytes) -> Bytes {
    let is_separator = |c: char| matches!(c, '\u{85}' | '\u{2028}' | '\u{2029}');
    let Ok(text) = std::str::from_utf8(&frame) else {
        return frame;
    };
    if !text.contains(is_separator) {
        return frame;
    }
    let mut escaped = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if is_separator(c) {
            let _ = write!(escaped, "\\u{:04x}", u32::from(c));
        } else {
            escaped.push(c);
        }
    }
    escaped.into()
}

#[cfg(test)]
mod tests {
    use axum::body::Bytes;

    use super::escaped;

    #[test]
    fn line_separators_are_escaped_and_nothing_else_is() {
        let frame = |text: &'static str| escaped(Bytes::from_static(text.as_bytes()));
        let odd = "data: {\"text\":\"a\u{2028}b\u{85}\u{2029}\"}\n\n";
        assert_eq!(
            frame(odd),
            r#"data: {"text":"a\u2028b\u0085\u2029"}"#.to_owned() + "\n\n"
        );
        let plain = "data: {\"text\":\"\u{e9}\u{1f600}\"}\n\n";
        assert_eq!(frame(plain), plain);
    }
}
