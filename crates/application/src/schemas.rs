//! JSON Schemas: of what tools take and of what answers keep to.

use colloquy_domain::Violation;
use jsonschema::{PatternOptions, Validator};
use serde_json::Value;

/// The most broken rules that a model is told of at once.
const MAX_COMPLAINTS: usize = 10;
/// How far a regular expression may go back, so that no schema and no model's text take long.
const BACKTRACK_LIMIT: usize = 100_000;

/// A schema, ready to check values against.
#[derive(Debug)]
pub(crate) struct Schema(Validator);

impl Schema {
    /// Takes a JSON Schema, of draft 2020-12 unless it says otherwise. Nothing is fetched: its
    /// references lead into itself.
    ///
    /// # Errors
    /// A `Violation` with the code `invalid_schema`.
    pub(crate) fn compile(schema: &Value) -> Result<Self, Violation> {
        let patterns = PatternOptions::fancy_regex().backtrack_limit(BACKTRACK_LIMIT);
        jsonschema::options()
            .with_pattern_options(patterns)
            .build(schema)
            .map(Self)
            .map_err(|error| {
                let place = error.instance_path().as_str();
                let place = if place.is_empty() { "/" } else { place };
                let rule = error.masked();
                Violation::new(
                    "invalid_schema",
                    format!("must be a JSON Schema: at {place}, {rule}"),
                )
            })
    }

    /// Checks a value.
    ///
    /// # Errors
    /// What is wrong with it, for a model to read: a line for each broken rule.
    pub(crate) fn check(&self, value: &Value) -> Result<(), String> {
        let errors = self.0.iter_errors(value).take(MAX_COMPLAINTS);
        let complaints: Vec<String> = errors
            .map(|error| match error.instance_path().as_str() {
                "" => error.masked().to_string(),
                place => format!("{place}: {}", error.masked()),
            })
            .collect();
        if complaints.is_empty() {
            Ok(())
        } else {
            Err(complaints.join("\n"))
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::Schema;

    #[test]
    fn what_breaks_a_rule_is_named_by_its_place() {
        let schema = Schema::compile(&json!({
            "type": "object",
            "properties": {"days": {"type": "integer", "maximum": 30}},
            "required": ["days"],
        }))
        .unwrap();
        assert_eq!(schema.check(&json!({"days": 3})), Ok(()));
        let complaint = schema.check(&json!({"days": 31})).unwrap_err();
        assert!(complaint.starts_with("/days: "), "{complaint}");
        assert!(schema.check(&json!({})).unwrap_err().contains("days"));
    }

    #[test]
    fn what_is_no_schema_is_refused() {
        for schema in [
            json!({"type": "strin"}),
            json!({"type": "object", "required": "days"}),
            json!({"$ref": "https://example.org/schema.json"}),
            json!({"$ref": "file:///etc/passwd"}),
            json!({"pattern": "("}),
            json!(3),
        ] {
            let refusal = Schema::compile(&schema).unwrap_err();
            assert_eq!(refusal.code, "invalid_schema", "{schema}");
        }
    }
}
