//! An answer in progress, written by the decoders.

use std::collections::VecDeque;

use colloquy_application::ports::{ChatEnd, ChatEvent, ModelError};
use colloquy_domain::{FinishReason, ToolCall, Usage};

use crate::finish_reason;
use crate::surrogates::Surrogates;
use crate::text::without_nul;
use crate::think_tags::{Split, ThinkTags};

/// Per answer; the model learns of this limit from the results.
pub(crate) const MAX_CALLS: usize = 128;
/// Of an answer's tool calls and their signatures.
pub(crate) const MAX_CALL_BYTES: usize = 1024 * 1024;

/// Whether to read on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flow {
    Continue,
    /// The provider's end mark.
    End,
    /// A limit is reached: the answer ends as `length`.
    Cut,
}

#[derive(Default)]
pub(crate) struct Draft {
    /// Once set, nothing that follows fails the answer.
    finish_reason: Option<FinishReason>,
    usage: Option<Usage>,
    has_output: bool,
    /// The current event may contain placeholders for surrogates.
    has_surrogates: bool,
    /// The current event shows that the model is at work.
    is_alive: bool,
    text: Surrogates,
    reasoning: Surrogates,
    think_tags: ThinkTags,
    ready: VecDeque<ChatEvent>,
}

impl Draft {
    pub(crate) fn next(&mut self) -> Option<ChatEvent> {
        let event = self.ready.pop_front()?;
        self.has_output = true;
        Some(event)
    }

    pub(crate) fn has_events(&self) -> bool {
        !self.ready.is_empty()
    }

    pub(crate) fn has_output(&self) -> bool {
        self.has_output
    }

    pub(crate) fn is_complete(&self) -> bool {
        self.finish_reason.is_some()
    }

    pub(crate) fn begin_event(&mut self, has_surrogates: bool) {
        self.has_surrogates = has_surrogates;
        self.is_alive = false;
    }

    /// Reports progress if the event produced nothing else.
    pub(crate) fn end_event(&mut self) {
        if self.is_alive && self.ready.is_empty() {
            self.ready.push_back(ChatEvent::Progress);
        }
    }

    /// Adds to the answer's text. Reasoning in tags at its start is split off.
    pub(crate) fn text(&mut self, piece: String) {
        self.is_alive |= !piece.is_empty();
        let text = self.text.join(piece, self.has_surrogates);
        let split = self.think_tags.split(text);
        self.push_split(split);
    }

    pub(crate) fn reasoning(&mut self, piece: String) {
        self.is_alive |= !piece.is_empty();
        let reasoning = self.reasoning.join(piece, self.has_surrogates);
        self.push(reasoning, ChatEvent::Reasoning);
    }

    pub(crate) fn progress(&mut self) {
        self.is_alive = true;
    }

    /// Joins surrogates in a complete text.
    pub(crate) fn joined(&self, text: String) -> String {
        let mut surrogates = Surrogates::default();
        surrogates.join(text, self.has_surrogates) + surrogates.end()
    }

    pub(crate) fn has_surrogates(&self) -> bool {
        self.has_surrogates
    }

    /// Later counts replace earlier ones.
    pub(crate) fn count(&mut self, input: Option<u64>, output: Option<u64>) {
        if input.or(output).is_none() {
            return;
        }
        let usage = self.usage.get_or_insert(Usage {
            input_tokens: 0,
            output_tokens: 0,
        });
        usage.input_tokens = input.unwrap_or(usage.input_tokens);
        usage.output_tokens = output.unwrap_or(usage.output_tokens);
    }

    /// Fails for reasons that mean failure.
    pub(crate) fn stop_for(&mut self, reason: &str) -> Result<(), ModelError> {
        if let Some(reason) = finish_reason::parse(reason)? {
            self.is_alive |= !self.is_complete();
            self.stop(reason);
        }
        Ok(())
    }

    /// Some servers send `stop` with every chunk, so other reasons win.
    pub(crate) fn stop(&mut self, reason: FinishReason) {
        let known = self.finish_reason.filter(|it| *it != FinishReason::Stop);
        self.finish_reason = Some(known.unwrap_or(reason));
    }

    pub(crate) fn end(&mut self, finish_reason: FinishReason, calls: Vec<ToolCall>) {
        let rest = self.reasoning.end().to_owned();
        self.push(rest, ChatEvent::Reasoning);
        let rest = self.text.end().to_owned();
        if !rest.is_empty() {
            self.text(rest);
        }
        let split = self.think_tags.end();
        self.push_split(split);
        let calls = calls.into_iter().map(|call| ToolCall {
            id: without_nul(call.id),
            name: without_nul(call.name),
            arguments: without_nul(call.arguments),
            signature: call.signature.map(|it| it.replace("\\u0000", "\\ufffd")),
        });
        self.ready.extend(calls.map(ChatEvent::ToolCall));
        self.ready.push_back(ChatEvent::End(ChatEnd {
            finish_reason,
            usage: self.usage,
        }));
    }

    pub(crate) fn finish_reason(&self) -> Option<FinishReason> {
        self.finish_reason
    }

    fn push_split(&mut self, split: Split) {
        self.push(split.reasoning, ChatEvent::Reasoning);
        self.push(split.text, ChatEvent::Text);
    }

    fn push(&mut self, text: String, as_event: fn(String) -> ChatEvent) {
        if !text.is_empty() {
            self.ready.push_back(as_event(without_nul(text)));
        }
    }
}
