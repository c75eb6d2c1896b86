use axum::http::HeaderValue;

/// The members of a header that is a list (RFC 9110, section 5.6.1), over all its lines. What is
/// not text is passed over.
pub(crate) fn members<'a>(
    lines: impl IntoIterator<Item = &'a HeaderValue>,
) -> impl Iterator<Item = &'a str> {
    let lines = lines.into_iter();
    let values = lines.filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).map(str::trim)
}
