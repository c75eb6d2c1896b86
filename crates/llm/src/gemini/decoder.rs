//! Decodes Gemini streams.

use colloquy_application::ports::ModelError;
use colloquy_domain::{FinishReason, ToolCall};
use serde_json::Value;

use crate::answer::Decoder;
use crate::draft::{Draft, Flow, MAX_CALL_BYTES, MAX_CALLS};
use crate::json::{count, is_set};

#[derive(Default)]
pub(super) struct ContentDecoder {
    calls: Vec<ToolCall>,
    bytes: usize,
}

impl Decoder for ContentDecoder {
    fn decode(
        &mut self,
        _name: Option<&str>,
        data: &Value,
        draft: &mut Draft,
    ) -> Result<Flow, ModelError> {
        tally(&data["usageMetadata"], draft);
        let candidates = data["candidates"].as_array().into_iter().flatten();
        let is_first = |it: &&Value| it.get("index").and_then(count).unwrap_or(0) == 0;
        if let Some(candidate) = candidates.into_iter().find(is_first) {
            let parts = candidate["content"]["parts"].as_array();
            for part in parts.into_iter().flatten() {
                self.part(part, draft);
            }
            if let Some(reason) = candidate.get("finishReason").and_then(Value::as_str) {
                draft.stop_for(reason)?;
            }
        }
        if is_blocked(&data["promptFeedback"]) {
            draft.stop(FinishReason::ContentFilter);
        }
        Ok(if self.bytes > MAX_CALL_BYTES {
            Flow::Cut
        } else {
            Flow::Continue
        })
    }

    fn calls(&mut self) -> Vec<ToolCall> {
        std::mem::take(&mut self.calls)
    }
}

impl ContentDecoder {
    fn part(&mut self, part: &Value, draft: &mut Draft) {
        if let Some(text) = part.get("text").and_then(Value::as_str) {
            if part.get("thought").is_some_and(is_set) {
                draft.reasoning(text.to_owned());
            } else {
                draft.text(text.to_owned());
            }
        }
        if let Some(call) = part.get("functionCall").filter(|call| call.is_object()) {
            draft.progress();
            self.call(call, part.get("thoughtSignature"), draft);
        }
    }

    fn call(&mut self, call: &Value, signature: Option<&Value>, draft: &Draft) {
        if self.calls.len() == MAX_CALLS {
            return;
        }
        let string = |value: Option<&Value>| {
            let text = value.and_then(Value::as_str);
            text.map(|text| draft.joined(text.to_owned()))
        };
        let arguments = match call.get("args") {
            None | Some(Value::Null) => String::new(),
            Some(Value::String(text)) => text.clone(),
            Some(args) => args.to_string(),
        };
        let call = ToolCall {
            id: string(call.get("id")).unwrap_or_default(),
            name: string(call.get("name")).unwrap_or_default(),
            arguments: draft.joined(arguments),
            signature: string(signature),
        };
        let signature = call.signature.as_ref().map_or(0, String::len);
        self.bytes += call.id.len() + call.name.len() + call.arguments.len() + signature;
        self.calls.push(call);
    }
}

/// Refused prompts have no candidates.
fn is_blocked(feedback: &Value) -> bool {
    let reason = feedback.get("blockReason").and_then(Value::as_str);
    reason.is_some_and(|reason| !matches!(reason, "" | "BLOCK_REASON_UNSPECIFIED"))
}

/// Thoughts are billed as output, results of the provider's tools as input.
fn tally(usage: &Value, draft: &mut Draft) {
    let sum = |names: [&str; 2]| {
        let counts = names
            .iter()
            .filter_map(|name| usage.get(*name).and_then(count));
        counts.reduce(u64::saturating_add)
    };
    draft.count(
        sum(["promptTokenCount", "toolUsePromptTokenCount"]),
        sum(["candidatesTokenCount", "thoughtsTokenCount"]),
    );
}
