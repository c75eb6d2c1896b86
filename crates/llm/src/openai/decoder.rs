//! Decodes chat completion streams.

use colloquy_application::ports::ModelError;
use colloquy_domain::{FinishReason, ToolCall};
use serde_json::{Map, Value};

use super::calls::Calls;
use super::choices::Choices;
use super::chunk;
use super::signature::Signature;
use crate::answer::Decoder;
use crate::draft::{Draft, Flow};
use crate::failure::broken;

pub(super) struct CompletionDecoder {
    choices: Choices,
    calls: Calls,
    signature: Signature,
}

impl CompletionDecoder {
    /// `offered`: names of the request's tools.
    pub(super) fn new(offered: Vec<String>) -> Self {
        Self {
            choices: Choices::default(),
            calls: Calls::new(offered),
            signature: Signature::default(),
        }
    }

    fn choose(
        &mut self,
        choice: &Map<String, Value>,
        draft: &mut Draft,
    ) -> Result<Flow, ModelError> {
        let mut flow = Flow::Continue;
        // A whole message at the end repeats the deltas.
        let is_delta = choice.get("delta").is_some_and(Value::is_object);
        if let Some(delta) = chunk::delta(choice).filter(|_| is_delta || !draft.has_output()) {
            flow = self.add(delta, draft);
        }
        if let Some(reason) = chunk::finish_reason(choice) {
            draft.stop_for(reason)?;
        }
        Ok(flow)
    }

    fn add(&mut self, delta: &Map<String, Value>, draft: &mut Draft) -> Flow {
        let text = chunk::text(delta);
        if chunk::is_reasoning(delta) {
            draft.progress();
        }
        self.signature.add(delta);
        draft.reasoning(text.reasoning);
        draft.text(text.text);
        if !text.refusal.is_empty() {
            draft.stop(FinishReason::ContentFilter);
            draft.text(text.refusal);
        }
        for piece in chunk::call_pieces(delta) {
            draft.progress();
            if !self.calls.add(piece, draft.has_surrogates()) {
                return Flow::Cut;
            }
        }
        Flow::Continue
    }
}

impl Decoder for CompletionDecoder {
    fn decode(
        &mut self,
        name: Option<&str>,
        data: &Value,
        draft: &mut Draft,
    ) -> Result<Flow, ModelError> {
        // Only failures have named events.
        let is_named = !matches!(name, None | Some("" | "message"));
        if is_named && data.get("choices").is_none() {
            return Err(broken(format!("unknown event {name:?}")));
        }
        let (input, output) = chunk::usage(data);
        draft.count(input, output);
        for choice in self.choices.select(data) {
            let flow = self.choose(&choice, draft)?;
            if flow != Flow::Continue {
                return Ok(flow);
            }
        }
        Ok(Flow::Continue)
    }

    fn calls(&mut self) -> Vec<ToolCall> {
        let calls = std::mem::take(&mut self.calls).into_calls();
        let mut signature = std::mem::take(&mut self.signature);
        let calls = calls.into_iter().map(|(call, extra)| ToolCall {
            signature: signature.take(extra),
            ..call
        });
        calls.collect()
    }
}
