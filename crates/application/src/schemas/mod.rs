//! JSON Schemas of tool arguments and structured answers.

mod bounds;
mod checker;
mod json;
mod outline;

use std::sync::Arc;

use colloquy_domain::Violation;
use jsonschema::{PatternOptions, Validator};
use serde_json::Value;

use self::bounds::Work;
use self::outline::Outline;
pub(crate) use checker::SchemaChecker;
pub(crate) use json::read as read_json;

const MAX_COMPLAINTS: usize = 10;
/// Maximum bytes of them; they quote names that the model chose.
const MAX_COMPLAINT_BYTES: usize = 4_096;

/// Unchecked formats: unbounded in time or memory, or rarely requested. The validator checks the
/// others in linear time.
const UNCHECKED_FORMATS: [&str; 9] = [
    "idn-email",
    "idn-hostname",
    "iri",
    "iri-reference",
    "json-pointer",
    "regex",
    "relative-json-pointer",
    "uri-reference",
    "uri-template",
];

/// A compiled schema. Clones share it.
#[derive(Debug, Clone)]
pub(crate) struct Schema(Arc<Compiled>);

#[derive(Debug)]
struct Compiled {
    outline: Outline,
    validator: Validator,
}

impl Schema {
    /// Compiles a JSON Schema, of draft 2020-12 by default. References must be internal; nothing is
    /// fetched. Takes milliseconds.
    ///
    /// # Errors
    /// `invalid_schema`, also for one that exceeds the bounds.
    pub(crate) fn compile(schema: &Value) -> Result<Self, Violation> {
        let mut outline = Outline::of(schema)?;
        outline.keep_bounds()?;
        // Linear-time patterns only: no look-around, no back-references.
        let patterns = PatternOptions::regex()
            .size_limit(bounds::MAX_PATTERN_BYTES)
            .dfa_size_limit(bounds::MAX_MATCHER_BYTES);
        let options = jsonschema::options()
            .with_pattern_options(patterns)
            .should_validate_formats(true);
        let options = UNCHECKED_FORMATS
            .into_iter()
            .fold(options, |options, format| {
                options.with_format(format, |_| true)
            });
        let validator = options
            // Unbounded in time and memory.
            .without_content_media_type_support("application/json")
            .without_content_encoding_support("base64")
            .build(schema)
            .map_err(|error| {
                let place = error.instance_path().as_str();
                let place = if place.is_empty() { "/" } else { place };
                let rule = error.masked();
                Violation::new(
                    "invalid_schema",
                    format!("must be a JSON Schema: at {place}, {rule}"),
                )
            })?;
        Ok(Self(Arc::new(Compiled { outline, validator })))
    }

    /// Checks a value. Takes up to a second.
    ///
    /// # Errors
    /// What is wrong, for the model: one line per broken rule.
    pub(crate) fn check(&self, value: &Value) -> Result<(), String> {
        let Compiled { outline, validator } = &*self.0;
        match outline.work(value) {
            Work::TooMuch => Err("It is too large to be checked.".to_owned()),
            Work::Much if validator.is_valid(value) => Ok(()),
            Work::Much => Err("It does not match the schema.".to_owned()),
            Work::Little => explain(validator, value),
        }
    }
}

fn explain(validator: &Validator, value: &Value) -> Result<(), String> {
    let errors = validator.iter_errors(value).take(MAX_COMPLAINTS);
    let complaints: Vec<String> = errors
        .map(|error| match error.instance_path().as_str() {
            "" => error.masked().to_string(),
            place => format!("{place}: {}", error.masked()),
        })
        .collect();
    if complaints.is_empty() {
        Ok(())
    } else {
        let mut complaints = complaints.join("\n");
        complaints.truncate(complaints.floor_char_boundary(MAX_COMPLAINT_BYTES));
        Err(complaints)
    }
}

#[cfg(test)]
mod tests;
