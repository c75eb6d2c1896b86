//! Header names and list headers.

use axum::http::{HeaderName, HeaderValue};

/// `Prefer` (RFC 7240).
pub const PREFER: HeaderName = HeaderName::from_static("prefer");
/// `Preference-Applied` (RFC 7240).
pub const PREFERENCE_APPLIED: HeaderName = HeaderName::from_static("preference-applied");
/// Last event received from a broken stream.
pub const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// Members of a list header (RFC 9110, section 5.6.1) over all its lines, skipping non-text.
pub fn members<'a>(
    lines: impl IntoIterator<Item = &'a HeaderValue>,
) -> impl Iterator<Item = &'a str> {
    let lines = lines.into_iter();
    let values = lines.filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).map(str::trim)
}

/// Quality, 0 to 1, of the first of `names` in the list; 0 if absent.
pub fn quality<'a>(lines: impl IntoIterator<Item = &'a HeaderValue>, names: &[&str]) -> f32 {
    let list: Vec<&str> = members(lines).collect();
    let wanted = |name: &str| list.iter().find_map(|member| weight(member, name));
    names.iter().find_map(|name| wanted(name)).unwrap_or(0.0)
}

fn weight(member: &str, name: &str) -> Option<f32> {
    let mut parts = member.split(';').map(str::trim);
    if !parts.next()?.eq_ignore_ascii_case(name) {
        return None;
    }
    let weight = parts.find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        name.trim().eq_ignore_ascii_case("q").then(|| value.trim())
    });
    // An invalid quality is 0.
    Some(weight.map_or(1.0, |weight| weight.parse().unwrap_or(0.0)))
}
