//! JSON Schemas: of what tools take and of what answers keep to.

mod bounds;
mod checker;
mod outline;

use std::sync::Arc;

use colloquy_domain::Violation;
use jsonschema::{PatternOptions, Validator};
use serde_json::Value;

use self::bounds::Work;
use self::outline::Outline;
pub(crate) use checker::SchemaChecker;

/// The most broken rules that a model is told of at once.
const MAX_COMPLAINTS: usize = 10;
/// The most bytes of them: they name members by the names that the model chose.
const MAX_COMPLAINT_BYTES: usize = 4_096;

/// A schema, ready to check values against. Cloning gives another handle to it.
#[derive(Debug, Clone)]
pub(crate) struct Schema(Arc<Compiled>);

#[derive(Debug)]
struct Compiled {
    outline: Outline,
    validator: Validator,
}

impl Schema {
    /// Takes a JSON Schema, of draft 2020-12 unless it says otherwise. Nothing is fetched: its
    /// references lead into itself. Takes milliseconds.
    ///
    /// # Errors
    /// A `Violation` with the code `invalid_schema`, also for a schema beyond the bounds.
    pub(crate) fn compile(schema: &Value) -> Result<Self, Violation> {
        let mut outline = Outline::of(schema)?;
        outline.keep_bounds()?;
        // Only what is matched in linear time: no look-around, no back-references.
        let patterns = PatternOptions::regex()
            .size_limit(bounds::MAX_PATTERN_BYTES)
            .dfa_size_limit(bounds::MAX_MATCHER_BYTES);
        let validator = jsonschema::options()
            .with_pattern_options(patterns)
            // Otherwise an answer's text would be compiled as a pattern.
            .with_format("regex", |_: &str| true)
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
    /// What is wrong with it, for a model to read: a line for each broken rule.
    pub(crate) fn check(&self, value: &Value) -> Result<(), String> {
        let Compiled { outline, validator } = &*self.0;
        match outline.work(value) {
            Work::TooMuch => Err("It is too large to be checked.".to_owned()),
            Work::Much if validator.is_valid(value) => Ok(()),
            Work::Much => Err("It does not keep to the schema.".to_owned()),
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
