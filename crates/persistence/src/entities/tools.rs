//! JSON of stored tool calls and results.

use std::borrow::Cow;

use colloquy_application::ports::PortError;
use colloquy_domain::{AnsweredCall, ToolCall, ToolResult};
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
struct StoredCall<'a> {
    id: Cow<'a, str>,
    name: Cow<'a, str>,
    arguments: Cow<'a, str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    is_error: Option<bool>,
}

#[derive(Serialize, Deserialize)]
struct StoredResult<'a> {
    call_id: Cow<'a, str>,
    name: Cow<'a, str>,
    content: Cow<'a, str>,
    is_error: bool,
}

pub(super) fn written_call(call: &ToolCall) -> Result<String, PortError> {
    written(&stored(call, None))
}

pub(super) fn read_call(json: &str) -> Result<ToolCall, serde_json::Error> {
    serde_json::from_str(json).map(call)
}

pub(super) fn written_answered(answered: &AnsweredCall) -> Result<String, PortError> {
    written(&stored(&answered.call, Some(answered.is_error)))
}

pub(super) fn read_answered(json: &str) -> Result<AnsweredCall, serde_json::Error> {
    let stored: StoredCall<'_> = serde_json::from_str(json)?;
    Ok(AnsweredCall {
        is_error: stored.is_error.unwrap_or_default(),
        call: call(stored),
    })
}

pub(super) fn written_result(result: &ToolResult) -> Result<String, PortError> {
    written(&StoredResult {
        call_id: Cow::Borrowed(&result.call_id),
        name: Cow::Borrowed(&result.name),
        content: Cow::Borrowed(&result.content),
        is_error: result.is_error,
    })
}

pub(super) fn read_result(json: &str) -> Result<ToolResult, serde_json::Error> {
    let stored: StoredResult<'_> = serde_json::from_str(json)?;
    Ok(ToolResult {
        call_id: stored.call_id.into_owned(),
        name: stored.name.into_owned(),
        content: stored.content.into_owned(),
        is_error: stored.is_error,
    })
}

fn stored(call: &ToolCall, is_error: Option<bool>) -> StoredCall<'_> {
    StoredCall {
        id: Cow::Borrowed(&call.id),
        name: Cow::Borrowed(&call.name),
        arguments: Cow::Borrowed(&call.arguments),
        is_error,
    }
}

fn call(stored: StoredCall<'_>) -> ToolCall {
    ToolCall {
        id: stored.id.into_owned(),
        name: stored.name.into_owned(),
        arguments: stored.arguments.into_owned(),
        signature: None,
    }
}

fn written(value: &impl Serialize) -> Result<String, PortError> {
    serde_json::to_string(value).map_err(PortError::other)
}
