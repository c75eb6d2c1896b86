//! The model's output in a run.

use std::borrow::Cow;
use std::collections::HashSet;

use colloquy_domain::{ContentPart, FinishReason, MessageId, RunEventKind, RunState, ToolCall};

use super::log::RunLog;
use crate::answers::NewAnswer;
use crate::ports::{ChatEnd, IdGenerator};

/// Writes the model's output into the run's log, utterance by utterance. It stays there when a
/// model call fails.
pub(super) struct Answer<'a> {
    /// Why the model stopped in the newest round, if it did.
    pub(super) finish_reason: Option<FinishReason>,
    /// Whether it has called a tool.
    pub(super) has_called_tools: bool,
    pub(super) log: &'a RunLog,
    /// The current message and its round.
    message_id: MessageId,
    round: u32,
    /// Whether this utterance has text.
    has_text: bool,
    /// The calls of this utterance.
    calls: Vec<ToolCall>,
    /// Of all calls of the run.
    call_ids: HashSet<String>,
    bytes: usize,
    max_bytes: usize,
    ids: &'a dyn IdGenerator,
    /// Text of the utterance that is not told yet, if text is held back.
    held: Option<String>,
}

/// Longer call IDs are replaced.
const MAX_ID_BYTES: usize = 128;

/// How much of a text that was held back is told at once.
const PIECE_BYTES: usize = 16 * 1024;

impl<'a> Answer<'a> {
    pub(super) fn new(max_bytes: usize, log: &'a RunLog, ids: &'a dyn IdGenerator) -> Self {
        let state = log.fold();
        let ids_of_calls = state.calls().map(|it| it.requested.call.id.clone());
        Self {
            finish_reason: state.finish_reason(),
            has_called_tools: state.calls().next().is_some(),
            log,
            message_id: MessageId::from_uuid(ids.next_id()),
            round: state.round(),
            has_text: false,
            calls: Vec::new(),
            call_ids: ids_of_calls.collect(),
            bytes: bytes_of(&state).min(max_bytes),
            max_bytes,
            ids,
            held: None,
        }
    }

    /// From now on, text is told only once it is released.
    pub(super) fn hold(&mut self) {
        self.held.get_or_insert_default();
    }

    /// Text that is held back.
    pub(super) fn held(&self) -> Option<&str> {
        self.held.as_deref().filter(|held| !held.is_empty())
    }

    /// Tells the text that was held back.
    pub(super) fn release(&mut self) {
        let held = self.held.as_mut().map(std::mem::take).unwrap_or_default();
        let mut rest = held.as_str();
        while !rest.is_empty() {
            let (piece, more) = rest.split_at(rest.floor_char_boundary(PIECE_BYTES));
            self.tell(ContentPart::Text, piece);
            rest = more;
        }
    }

    /// Drops the utterance, of which nobody has been told anything that was held back.
    pub(super) fn discard(&mut self, complaint: String) {
        self.log.push(RunEventKind::UtteranceDiscarded {
            message_id: self.message_id,
            complaint,
            text: self.held.as_mut().map(std::mem::take).unwrap_or_default(),
        });
    }

    /// Begins an utterance.
    pub(super) fn begin(&mut self, round: u32) {
        self.message_id = MessageId::from_uuid(self.ids.next_id());
        self.round = round;
        self.finish_reason = None;
        self.has_text = false;
        self.calls.clear();
        self.log.push(RunEventKind::UtteranceBegan {
            message_id: self.message_id,
            round,
        });
    }

    pub(super) const fn round(&self) -> u32 {
        self.round
    }

    /// The newest utterance's message, if it has text.
    pub(super) fn said(&self) -> Option<MessageId> {
        self.has_text.then_some(self.message_id)
    }

    /// Adds text as far as there is room; returns whether all of it fits.
    pub(super) fn push(&mut self, text: &str) -> bool {
        self.add(ContentPart::Text, text)
    }

    /// Adds reasoning as far as there is room; returns whether all of it fits.
    pub(super) fn think(&mut self, reasoning: &str) -> bool {
        self.add(ContentPart::Reasoning, reasoning)
    }

    fn add(&mut self, part: ContentPart, text: &str) -> bool {
        let text = without_nul(text);
        let fitting = &text[..text.floor_char_boundary(self.max_bytes - self.bytes)];
        if !fitting.is_empty() {
            self.bytes += fitting.len();
            self.has_text |= part == ContentPart::Text;
            match &mut self.held {
                Some(held) if part == ContentPart::Text => held.push_str(fitting),
                _ => self.tell(part, fitting),
            }
        }
        fitting.len() == text.len()
    }

    fn tell(&self, part: ContentPart, text: &str) {
        self.log.push(RunEventKind::MessageDelta {
            message_id: self.message_id,
            part,
            text: text.to_owned(),
        });
    }

    /// Notes a call; whether there was room for it. An id that is unusable, or that another call
    /// of the run has, is replaced: the model is told the results by our ids.
    pub(super) fn call(&mut self, mut call: ToolCall) -> bool {
        let size = call.name.len() + call.arguments.len();
        if size > self.max_bytes - self.bytes {
            return false;
        }
        self.bytes += size;
        self.has_called_tools = true;
        let is_usable = (1..=MAX_ID_BYTES).contains(&call.id.len())
            && call.id.bytes().all(|byte| byte.is_ascii_graphic());
        if !is_usable || self.call_ids.contains(&call.id) {
            call.id = format!("call_{}", self.ids.next_id().simple());
        }
        call.name = without_nul(&call.name).into_owned();
        call.arguments = without_nul(&call.arguments).into_owned();
        // The stores cannot keep NUL.
        call.signature = call.signature.filter(|signature| !signature.contains('\0'));
        self.call_ids.insert(call.id.clone());
        self.calls.push(call);
        true
    }

    pub(super) fn end(&mut self, end: ChatEnd) {
        self.finish_reason = Some(end.finish_reason);
    }

    /// Records a cached answer.
    pub(super) fn repeat(&mut self, text: &str) {
        self.begin(1);
        let is_whole = self.push(text);
        self.finish_reason = Some(if is_whole {
            FinishReason::Stop
        } else {
            FinishReason::Length
        });
    }

    /// Records that the answer was cut at the byte limit.
    pub(super) fn cut(&mut self) {
        self.finish_reason = Some(FinishReason::Length);
    }

    /// Bytes of text and calls.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn take_calls(&mut self) -> Vec<ToolCall> {
        std::mem::take(&mut self.calls)
    }

    pub(super) fn text(&self) -> String {
        let state = self.log.fold();
        let last = state.last_utterance();
        last.map_or_else(String::new, |utterance| utterance.text.clone())
    }

    /// The answer, for the cache.
    pub(super) fn as_new(&self) -> NewAnswer {
        NewAnswer {
            text: self.text(),
            finish_reason: self.finish_reason,
            has_used_tools: self.has_called_tools,
        }
    }
}

/// Bytes of the answer in the log.
fn bytes_of(state: &RunState) -> usize {
    let said = state
        .utterances()
        .map(|it| it.text.len() + it.reasoning.len());
    let calls = state.calls().map(|it| &it.requested.call);
    let asked = calls.map(|call| call.name.len() + call.arguments.len());
    said.sum::<usize>().saturating_add(asked.sum())
}

/// Replaces NUL, which the stores cannot keep, by U+FFFD.
pub(super) fn without_nul(text: &str) -> Cow<'_, str> {
    if text.contains('\0') {
        text.replace('\0', "\u{FFFD}").into()
    } else {
        text.into()
    }
}

#[cfg(test)]
mod tests {
    use colloquy_domain::ToolCall;

    use super::{Answer, RunLog};
    use crate::system::UuidV7Generator;

    #[test]
    fn an_answer_is_cut_between_characters() {
        let log = RunLog::new();
        let mut answer = Answer::new(8, &log, &UuidV7Generator);
        assert!(answer.push("abc"));
        assert!(!answer.push("äöü"));
        assert_eq!(answer.text(), "abcäö");
    }

    #[test]
    fn nul_is_replaced() {
        let log = RunLog::new();
        let mut answer = Answer::new(100, &log, &UuidV7Generator);
        assert!(answer.push("a\0b"));
        assert_eq!(answer.text(), "a\u{FFFD}b");
    }

    #[test]
    fn every_call_has_an_id_of_its_own() {
        let log = RunLog::new();
        let mut answer = Answer::new(1_000, &log, &UuidV7Generator);
        let long = "x".repeat(129);
        for id in ["one", "one", "", "two words", &long] {
            assert!(answer.call(ToolCall {
                id: id.to_owned(),
                name: "tool".to_owned(),
                arguments: "{}".to_owned(),
                signature: None,
            }));
        }
        let calls = answer.take_calls();
        assert_eq!(calls[0].id, "one");
        let ids: std::collections::HashSet<_> = calls.iter().map(|call| &call.id).collect();
        assert_eq!(ids.len(), 5);
        assert!(calls[1..].iter().all(|call| call.id.starts_with("call_")));
    }
}
