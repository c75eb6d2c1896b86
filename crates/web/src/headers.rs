//! Header names and header values that are lists.

use axum::http::{HeaderName, HeaderValue};

/// How the client would like its request to be handled (RFC 7240).
pub const PREFER: HeaderName = HeaderName::from_static("prefer");
/// Which of those preferences were followed.
pub const PREFERENCE_APPLIED: HeaderName = HeaderName::from_static("preference-applied");
/// The last event that the client saw of a stream that broke off.
pub const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// The members of a header that is a list (RFC 9110, section 5.6.1), over all its lines. What is
/// not text is passed over.
pub fn members<'a>(
    lines: impl IntoIterator<Item = &'a HeaderValue>,
) -> impl Iterator<Item = &'a str> {
    let lines = lines.into_iter();
    let values = lines.filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).map(str::trim)
}
