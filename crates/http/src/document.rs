//! The OpenAPI document as JSON, in two versions.

use serde_json::Value;

use crate::api;

/// OpenAPI version of the document.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum DocumentVersion {
    /// 3.1, for client generators.
    #[default]
    V3_1,
    /// 3.2, which can describe event streams.
    V3_2,
}

impl DocumentVersion {
    /// The version named `3.1` or `3.2`.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "3.1" => Some(Self::V3_1),
            "3.2" => Some(Self::V3_2),
            _ => None,
        }
    }
}

/// The OpenAPI document as JSON; deterministic.
///
/// # Errors
/// If it cannot be serialized, which is a bug.
pub fn openapi_json(version: DocumentVersion) -> serde_json::Result<String> {
    let mut document = serde_json::to_value(api::api().into_openapi())?;
    join_lines(&mut document);
    if version == DocumentVersion::V3_1 {
        to_3_1(&mut document);
        document["openapi"] = "3.1.0".into();
    }
    serde_json::to_string_pretty(&document)
}

/// Replaces what 3.1 lacks: an event stream gets the schema of its events, event data the schema of
/// its parsed value.
fn to_3_1(value: &mut Value) {
    match value {
        Value::Object(members) => {
            if let Some(item) = members.shift_remove("itemSchema") {
                members.insert("schema".to_owned(), item);
            }
            let is_json = members
                .shift_remove("contentMediaType")
                .is_some_and(|it| it == JSON);
            if let Some(parsed) = members.shift_remove("contentSchema").filter(|_| is_json) {
                *value = parsed;
                return to_3_1(value);
            }
            members.values_mut().for_each(to_3_1);
        }
        Value::Array(items) => items.iter_mut().for_each(to_3_1),
        _ => {}
    }
}

/// Undoes the line breaks of doc comments in descriptions, except between paragraphs.
fn join_lines(value: &mut Value) {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                match member {
                    Value::String(text) if name == "description" => {
                        let paragraphs = text.split("\n\n").map(|it| it.replace('\n', " "));
                        *text = paragraphs.collect::<Vec<_>>().join("\n\n");
                    }
                    member => join_lines(member),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(join_lines),
        _ => {}
    }
}

/// Media type of parsed data.
const JSON: &str = "application/json";
