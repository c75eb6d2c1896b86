use std::collections::VecDeque;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::Poll;

use colloquy_application::ports::{ChatEnd, ChatEvent, ModelError};
use colloquy_domain::{ToolCall, Usage};
use futures_util::StreamExt;
use genai::chat::{ChatStreamEvent, StreamEnd};
use serde_json::Value;
use tracing::Dispatch;
use tracing::dispatcher::with_default;

use super::end::EndSeen;
use super::failures::Failures;
use crate::failure::broken;
use crate::reasons::finish_reason;
use crate::text::without_nul;

/// An answer as far as it has come.
pub(super) struct Answer {
    events: genai::chat::ChatStream,
    failures: Failures,
    has_spoken: bool,
    end: EndSeen,
    /// What is to be handed out before more is read.
    ready: VecDeque<ChatEvent>,
}

impl Answer {
    pub(super) fn new(events: genai::chat::ChatStream, failures: Failures, end: EndSeen) -> Self {
        Self {
            events,
            failures,
            has_spoken: false,
            end,
            ready: VecDeque::new(),
        }
    }

    pub(super) async fn next(&mut self) -> Result<ChatEvent, ModelError> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Ok(event);
            }
            let taken = match self.next_event().await {
                Some(Ok(event)) => self.take(event),
                Some(Err(error)) => Err(self.failures.translate(error, self.has_spoken)),
                None => Err(broken("the answer was cut")),
            };
            match (taken, self.end.reason()) {
                (Ok(()), _) => self.has_spoken |= !self.ready.is_empty(),
                // The model had said all.
                (Err(_), Some(reason)) => self.ready.push_back(ended_early(&reason)?),
                (Err(error), None) => return Err(error),
            }
        }
    }

    fn take(&mut self, event: ChatStreamEvent) -> Result<(), ModelError> {
        match event {
            ChatStreamEvent::Chunk(chunk) if !chunk.content.is_empty() => {
                let text = without_nul(chunk.content);
                self.ready.push_back(ChatEvent::Text(text));
            }
            ChatStreamEvent::ReasoningChunk(chunk) if !chunk.content.is_empty() => {
                let reasoning = without_nul(chunk.content);
                self.ready.push_back(ChatEvent::Reasoning(reasoning));
            }
            // What it has of a call so far: whole calls come with the end.
            ChatStreamEvent::ToolCallChunk(_) => self.ready.push_back(ChatEvent::Progress),
            ChatStreamEvent::End(end) => {
                let last = self::end(&end)?;
                let calls = end.captured_into_tool_calls().into_iter().flatten();
                self.ready.extend(calls.map(call).map(ChatEvent::ToolCall));
                self.ready.push_back(ChatEvent::End(last));
            }
            _ => {}
        }
        Ok(())
    }

    /// Keeps quiet what `genai` would log, at every level: it repeats the provider's words.
    async fn next_event(&mut self) -> Option<genai::Result<ChatStreamEvent>> {
        poll_fn(|cx| {
            let poll = || with_default(&Dispatch::none(), || self.events.poll_next_unpin(cx));
            // It adds up what providers count without looking at how much that is.
            let polled = catch_unwind(AssertUnwindSafe(poll));
            polled.unwrap_or(Poll::Ready(None))
        })
        .await
    }
}

fn call(call: genai::chat::ToolCall) -> ToolCall {
    ToolCall {
        id: without_nul(call.call_id),
        name: without_nul(call.fn_name),
        arguments: without_nul(match call.fn_arguments {
            Value::String(text) => text,
            Value::Null => String::new(),
            arguments => arguments.to_string(),
        }),
        signature: call
            .thought_signatures
            .and_then(|signatures| signatures.into_iter().next()),
    }
}

/// The end of an answer that broke off after the model's reason.
fn ended_early(reason: &str) -> Result<ChatEvent, ModelError> {
    Ok(ChatEvent::End(ChatEnd {
        finish_reason: finish_reason(reason)?,
        usage: None,
    }))
}

/// `genai` makes up an end for some streams that have none; then the model gave no reason.
fn end(end: &StreamEnd) -> Result<ChatEnd, ModelError> {
    let reason = end.captured_stop_reason.as_ref();
    let reason = reason.ok_or_else(|| broken("the answer was cut"))?;
    let usage = end.captured_usage.as_ref();
    Ok(ChatEnd {
        finish_reason: finish_reason(reason.raw())?,
        usage: usage.and_then(|usage| {
            Some(Usage {
                input_tokens: usage.prompt_tokens?.try_into().ok()?,
                output_tokens: usage.completion_tokens?.try_into().ok()?,
            })
        }),
    })
}
