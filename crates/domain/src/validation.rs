//! Validation errors.

use std::fmt;

/// A broken rule: a stable `snake_case` code for programs and a message for people.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Violation {
    /// `blank`, `too_short`, `too_long`, `out_of_range`, `invalid_format`, ...
    pub code: &'static str,
    /// The rule, without field name and value.
    pub message: String,
}

impl Violation {
    /// Creates a violation.
    pub fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
        }
    }

    /// Attaches the path of the field.
    #[must_use]
    pub fn at(self, field: impl Into<String>) -> FieldError {
        FieldError {
            field: field.into(),
            code: self.code,
            message: self.message,
        }
    }
}

/// A [`Violation`] and its field, such as `configuration.temperature`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldError {
    /// Path of the field: members joined by dots, indexes as `[0]`.
    pub field: String,
    /// See [`Violation::code`].
    pub code: &'static str,
    /// See [`Violation::message`].
    pub message: String,
}

/// The broken rules of an input; never empty when created by this crate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ValidationError {
    /// One entry per broken rule, in order of detection.
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
