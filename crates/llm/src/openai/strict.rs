//! Schemas for OpenAI's strict mode.

use serde_json::{Map, Value};

/// Every object must require all its members and allow no others.
pub(super) fn is_strict(schema: &Value) -> bool {
    match schema {
        Value::Object(members) => is_closed(members) && members.values().all(is_strict),
        Value::Array(items) => items.iter().all(is_strict),
        _ => true,
    }
}

fn is_closed(schema: &Map<String, Value>) -> bool {
    let Some(Value::Object(properties)) = schema.get("properties") else {
        // Without properties any are allowed.
        return schema.get("type") != Some(&Value::from("object"));
    };
    let required = schema.get("required").and_then(Value::as_array);
    let is_required = |name: &String| {
        required.is_some_and(|required| required.iter().any(|it| it == name.as_str()))
    };
    schema.get("additionalProperties") == Some(&Value::Bool(false))
        && properties.keys().all(is_required)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::is_strict;

    #[test]
    fn only_closed_objects_are_strict() {
        let inner = json!({
            "type": "object",
            "properties": {"a": {"type": "string"}},
            "required": ["a"],
            "additionalProperties": false,
        });
        assert!(is_strict(&inner));
        assert!(is_strict(&json!({"type": "array", "items": inner})));
        let mut open = inner.clone();
        open["additionalProperties"] = json!(true);
        let mut optional = inner.clone();
        optional["required"] = json!([]);
        for schema in [open, optional, json!({"type": "object"})] {
            assert!(!is_strict(&schema), "{schema}");
            assert!(!is_strict(&json!({"type": "array", "items": schema})));
        }
    }
}
