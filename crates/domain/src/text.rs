//! Text newtypes with a maximum length and without NUL.

use crate::Violation;

/// Whether white space alone is valid.
#[derive(Clone, Copy)]
pub(crate) enum Blank {
    Allowed,
    Refused,
}

/// Rules of all texts. Lengths are in characters. NUL is refused because PostgreSQL cannot store
/// it.
pub(crate) fn check(text: &str, max: usize, blank: Blank) -> Result<(), Violation> {
    if matches!(blank, Blank::Refused) && text.trim().is_empty() {
        return Err(Violation::new("blank", "must not be blank"));
    }
    // Fast path: a character has at least one byte.
    if text.len() > max && text.chars().count() > max {
        return Err(Violation::new(
            "too_long",
            format!("must have at most {max} characters"),
        ));
    }
    if text.contains('\0') {
        return Err(Violation::new(
            "invalid_format",
            "must not contain the NUL character",
        ));
    }
    Ok(())
}

/// Declares a newtype over `String` checked by [`check`].
macro_rules! text_types {
    ($($(#[$doc:meta])* $name:ident: max $max:literal, blank $blank:ident;)+) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(String);

        impl $name {
            /// Maximum length in characters.
            pub const MAX_CHARS: usize = $max;

            /// Validates the text.
            ///
            /// # Errors
            /// `blank`, `too_long` or `invalid_format` (NUL).
            pub fn parse(text: impl Into<String>) -> Result<Self, $crate::Violation> {
                let text = text.into();
                $crate::text::check(&text, Self::MAX_CHARS, $crate::text::Blank::$blank)?;
                Ok(Self(text))
            }

            /// The text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// The text, owned.
            #[must_use]
            pub fn into_string(self) -> String {
                self.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }
    )+};
}
pub(crate) use text_types;
