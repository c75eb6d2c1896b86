use axum::http::{HeaderMap, HeaderName};

/// The members of a header that is a list (RFC 9110, section 5.6.1), over all its lines. What is
/// not text is passed over.
pub(crate) fn members<'a>(
    headers: &'a HeaderMap,
    name: &HeaderName,
) -> impl Iterator<Item = &'a str> {
    let values = headers.get_all(name).into_iter();
    let values = values.filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).map(str::trim)
}
