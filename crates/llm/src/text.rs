//! Cleans text from providers.

/// Replaces NUL, which PostgreSQL cannot store.
pub(crate) fn without_nul(text: String) -> String {
    if text.contains('\0') {
        text.replace('\0', "\u{FFFD}")
    } else {
        text
    }
}
