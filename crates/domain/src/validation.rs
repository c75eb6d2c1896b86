//! Why a value was refused, and where.

use std::fmt;

/// A rule that a value breaks: a stable `snake_case` code for programs and a sentence for people.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Violation {
    /// `blank`, `too_short`, `too_long`, `out_of_range`, `invalid_format`, ...
    pub code: &'static str,
    /// The rule, without the field's name and without the refused value.
    pub message: String,
}

impl Violation {
    /// A violation with its code and sentence.
    pub fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
        }
    }

    /// Says at which path of the input the rule was broken.
    #[must_use]
    pub fn at(self, field: impl Into<String>) -> FieldError {
        FieldError {
            field: field.into(),
            code: self.code,
            message: self.message,
        }
    }
}

/// A [`Violation`] and the path of the field that breaks the rule, for example
/// `configuration.temperature`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldError {
    /// Path of the field, members joined by dots, array places as `[0]`.
    pub field: String,
    /// See [`Violation::code`].
    pub code: &'static str,
    /// See [`Violation::message`].
    pub message: String,
}

/// Everything that is wrong with one input; never empty when it comes from this crate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ValidationError {
    /// One entry per broken rule, in the order in which they were found.
    pub errors: Vec<FieldError>,
}

impl fmt::Display for ValidationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, error) in self.errors.iter().enumerate() {
            let separator = if index == 0 { "" } else { "; " };
            write!(f, "{separator}{}: {}", error.field, error.message)?;
        }
        Ok(())
    }
}

impl std::error::Error for ValidationError {}

impl From<FieldError> for ValidationError {
    fn from(error: FieldError) -> Self {
        Self {
            errors: vec![error],
        }
    }
}
