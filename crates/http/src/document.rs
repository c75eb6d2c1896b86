//! The OpenAPI document as JSON, in two versions.

use serde_json::Value;

use crate::api;

/// Which version of OpenAPI the document keeps to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum DocumentVersion {
    /// 3.1, which generators of clients read.
    #[default]
    V3_1,
    /// 3.2, which can say what event streams are made of.
    V3_2,
}

impl DocumentVersion {
    /// The version of that name, `3.1` or `3.2`.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "3.1" => Some(Self::V3_1),
            "3.2" => Some(Self::V3_2),
            _ => None,
        }
    }
}

/// The document that describes the API as JSON, the same each time.
///
/// # Errors
/// When it cannot be written as JSON, which is a fault of ours.
pub fn openapi_json(version: DocumentVersion) -> serde_json::Result<String> {
    let mut document = serde_json::to_value(api::api().into_openapi())?;
    if version == DocumentVersion::V3_1 {
        say_in_3_1(&mut document);
        document["openapi"] = "3.1.0".into();
    }
    serde_json::to_string_pretty(&document)
}

/// Says what 3.1 has no words for as its readers expect it: an event stream has the schema of its
/// events, and an event's data the schema of what it is once it is parsed.
fn say_in_3_1(value: &mut Value) {
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
                return say_in_3_1(value);
            }
            members.values_mut().for_each(say_in_3_1);
        }
        Value::Array(items) => items.iter_mut().for_each(say_in_3_1),
        _ => {}
    }
}

/// The media type of parsed data.
const JSON: &str = "application/json";
