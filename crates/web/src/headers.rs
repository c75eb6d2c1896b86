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

/// How much the first of `names` that the list mentions is wanted, from 0 to 1; 0 where it
/// mentions none.
pub fn quality<'a>(lines: impl IntoIterator<Item = &'a HeaderValue>, names: &[&str]) -> f32 {
    let list: Vec<&str> = members(lines).collect();
    let wanted = |name: &str| list.iter().find_map(|member| weight(member, name));
    names.iter().find_map(|name| wanted(name)).unwrap_or(0.0)
}

/// The weight of the member, if it has that name.
fn weight(member: &str, name: &str) -> Option<f32> {
    let mut parts = member.split(';').map(str::trim);
    if !parts.next()?.eq_ignore_ascii_case(name) {
        return None;
    }
    let weight = parts.find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        name.trim().eq_ignore_ascii_case("q").then(|| value.trim())
    });
    // A weight that is no number asks for nothing.
    Some(weight.map_or(1.0, |weight| weight.parse().unwrap_or(0.0)))
}
