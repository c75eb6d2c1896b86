//! Decodes Messages API streams.

use colloquy_application::ports::ModelError;
use colloquy_domain::ToolCall;
use serde_json::{Value, json};

use crate::answer::Decoder;
use crate::draft::{Draft, Flow, MAX_CALL_BYTES, MAX_CALLS};
use crate::json::count;

/// Kept to be sent back.
const MAX_THINKING_BLOCKS: usize = 128;

#[derive(Default)]
pub(super) struct MessageDecoder {
    calls: Vec<Call>,
    thinking: Vec<Thinking>,
    bytes: usize,
}

struct Call {
    index: Option<u64>,
    id: String,
    name: String,
    /// At the block's start; pieces replace it.
    input: Value,
    json: String,
}

/// Must be sent back with the results of the calls that follow it.
struct Thinking {
    index: Option<u64>,
    block: Value,
}

impl Decoder for MessageDecoder {
    fn decode(
        &mut self,
        name: Option<&str>,
        data: &Value,
        draft: &mut Draft,
    ) -> Result<Flow, ModelError> {
        let index = data.get("index").and_then(count);
        match data.get("type").and_then(Value::as_str).or(name) {
            Some("message_start") => self.message(&data["message"], draft)?,
            Some("message") => self.message(data, draft)?,
            Some("content_block_start") => self.begin(index, &data["content_block"], draft),
            Some("content_block_delta") => self.add(index, &data["delta"], draft),
            Some("message_delta") => {
                tally(&data["usage"], draft);
                // As in older documentation.
                tally(&data["delta"]["usage"], draft);
                stop(&data["delta"], draft)?;
            }
            Some("message_stop") => return Ok(Flow::End),
            _ => tracing::trace!("unknown event type ignored"),
        }
        Ok(if self.bytes > MAX_CALL_BYTES {
            Flow::Cut
        } else {
            Flow::Continue
        })
    }

    fn calls(&mut self) -> Vec<ToolCall> {
        let mut signature = self.signature();
        let calls = std::mem::take(&mut self.calls).into_iter();
        let calls = calls.map(|call| ToolCall {
            arguments: call.arguments(),
            id: call.id,
            name: call.name,
            signature: signature.take(),
        });
        calls.collect()
    }
}

impl MessageDecoder {
    /// The message at the start: usually empty, or complete.
    fn message(&mut self, message: &Value, draft: &mut Draft) -> Result<(), ModelError> {
        tally(&message["usage"], draft);
        let blocks = message["content"].as_array().into_iter().flatten();
        for (index, block) in (0..).zip(blocks) {
            self.begin(Some(index), block, draft);
        }
        stop(message, draft)
    }

    fn begin(&mut self, index: Option<u64>, block: &Value, draft: &mut Draft) {
        match block.get("type").and_then(Value::as_str) {
            Some("text") => draft.text(string(block, "text")),
            Some("thinking") => {
                draft.reasoning(string(block, "thinking"));
                draft.progress();
                self.keep(index, block);
            }
            Some("redacted_thinking") => {
                draft.progress();
                self.keep(index, block);
            }
            Some("tool_use") => {
                draft.progress();
                self.begin_call(index, block, draft);
            }
            _ => {}
        }
    }

    fn begin_call(&mut self, index: Option<u64>, block: &Value, draft: &Draft) {
        if self.calls.len() == MAX_CALLS {
            return;
        }
        let member = |name| draft.joined(string(block, name));
        let call = Call {
            index,
            id: member("id"),
            name: member("name"),
            input: block.get("input").cloned().unwrap_or_default(),
            json: String::new(),
        };
        self.bytes += call.id.len() + call.name.len() + call.input.to_string().len();
        self.calls.push(call);
    }

    fn keep(&mut self, index: Option<u64>, block: &Value) {
        if self.thinking.len() < MAX_THINKING_BLOCKS {
            self.bytes += block.to_string().len();
            let block = block.clone();
            self.thinking.push(Thinking { index, block });
        }
    }

    /// Judged by its members: the type may be missing.
    fn add(&mut self, index: Option<u64>, delta: &Value, draft: &mut Draft) {
        let piece = |name| delta.get(name).and_then(Value::as_str);
        if let Some(text) = piece("text") {
            draft.text(text.to_owned());
        }
        if let Some(thinking) = piece("thinking") {
            draft.reasoning(thinking.to_owned());
            self.extend_thinking(index, "thinking", thinking);
        }
        if let Some(signature) = piece("signature") {
            draft.progress();
            self.extend_thinking(index, "signature", signature);
        }
        if let Some(json) = piece("partial_json") {
            draft.progress();
            self.extend_call(index, draft.joined(json.to_owned()).as_str());
        }
    }

    fn extend_thinking(&mut self, index: Option<u64>, member: &str, piece: &str) {
        let mut blocks = self.thinking.iter_mut();
        let Some(kept) = blocks.rfind(|it| it.index == index) else {
            return;
        };
        self.bytes += piece.len();
        match kept.block.get_mut(member) {
            Some(Value::String(text)) => text.push_str(piece),
            _ => kept.block[member] = piece.into(),
        }
    }

    fn extend_call(&mut self, index: Option<u64>, json: &str) {
        let mut calls = self.calls.iter_mut();
        if let Some(call) = calls.rfind(|call| call.index == index) {
            self.bytes += json.len();
            call.json.push_str(json);
        }
    }

    /// Thinking blocks as JSON. The API rejects thinking without a signature.
    fn signature(&mut self) -> Option<String> {
        let kept = std::mem::take(&mut self.thinking).into_iter();
        let blocks = kept.map(|kept| kept.block);
        let blocks = blocks.filter(|block| {
            block["type"] != "thinking"
                || block["signature"].as_str().is_some_and(|it| !it.is_empty())
        });
        let blocks: Vec<_> = blocks.collect();
        (!blocks.is_empty()).then(|| json!(blocks).to_string())
    }
}

impl Call {
    fn arguments(&self) -> String {
        match &self.input {
            Value::Object(input) if self.json.trim().is_empty() => json!(input).to_string(),
            _ => self.json.clone(),
        }
    }
}

fn string(value: &Value, member: &str) -> String {
    let member = value.get(member).and_then(Value::as_str);
    member.unwrap_or_default().to_owned()
}

/// `stop_reason` may be `null` until the last event.
fn stop(value: &Value, draft: &mut Draft) -> Result<(), ModelError> {
    let reason = value.get("stop_reason").and_then(Value::as_str);
    reason.map_or(Ok(()), |reason| draft.stop_for(reason))
}

/// `input_tokens` excludes prompt cache reads and writes.
fn tally(usage: &Value, draft: &mut Draft) {
    let member = |name: &str| usage.get(name).and_then(count);
    let cached = ["cache_creation_input_tokens", "cache_read_input_tokens"];
    let input = member("input_tokens").map(|input| {
        let cached = cached.into_iter().filter_map(member);
        cached.fold(input, u64::saturating_add)
    });
    draft.count(input, member("output_tokens"));
}
