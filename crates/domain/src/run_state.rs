//! The state of a run, folded from its log.

use chrono::{DateTime, Utc};

use crate::{
    CallExecutor, ContentPart, FinishReason, MessageId, OpenCall, RequestedCall, RequiredAction,
    Run, RunAction, RunEventKind, ToolCall, ToolResult, Usage,
};

mod closing;
#[cfg(test)]
mod tests;

pub use closing::{RunClosing, RunEnding};

/// A run's state, folded from its events. Tolerates logs without the events of deleted messages and
/// logs of older releases.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RunState {
    entries: Vec<Entry>,
    /// Position of the run's newest stored message.
    position: Option<u64>,
    round: u32,
    finish_reason: Option<FinishReason>,
    usage: Option<Usage>,
    own_usage: Usage,
    model_calls: u32,
    pause: Option<(RunAction, DateTime<Utc>)>,
    pauses: u32,
    has_ended: bool,
}

/// Utterances and calls, in order of their beginning.
#[derive(Debug, Clone, PartialEq)]
enum Entry {
    Utterance(Utterance),
    Call(RequestedCallState),
}

/// An utterance of the model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Utterance {
    /// Its future message.
    pub message_id: MessageId,
    /// The model call, from 1.
    pub round: u32,
    /// The text so far.
    pub text: String,
    /// The reasoning so far.
    pub reasoning: String,
    /// Why it was discarded, if it was.
    pub complaint: Option<String>,
    is_whole: bool,
    is_stored: bool,
}

/// A call requested by the model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestedCallState {
    /// The call.
    pub requested: RequestedCall,
    /// The round of the requesting model call.
    pub round: u32,
    /// Its result, if any.
    pub result: Option<ToolResult>,
    is_approved: bool,
    is_stored: bool,
}

impl RequestedCallState {
    /// Whether the service may execute it now.
    #[must_use]
    pub fn is_due(&self) -> bool {
        let is_open = self.result.is_none() && self.requested.by == CallExecutor::Service;
        is_open && !self.lacks_approval()
    }

    /// Whether it awaits approval.
    #[must_use]
    pub fn lacks_approval(&self) -> bool {
        self.requested.needs_approval && !self.is_approved && self.result.is_none()
    }

    /// Whether it awaits the client's result.
    #[must_use]
    pub fn lacks_output(&self) -> bool {
        self.requested.by == CallExecutor::Client && self.result.is_none()
    }

    fn open(&self) -> OpenCall {
        let call = &self.requested.call;
        OpenCall {
            message_id: self.requested.message_id,
            tool_call_id: call.id.clone(),
            name: call.name.clone(),
            arguments: call.arguments.clone(),
        }
    }
}

impl RunState {
    /// Folds the events.
    #[must_use]
    pub fn of<'a>(events: impl IntoIterator<Item = &'a RunEventKind>) -> Self {
        let mut state = Self::default();
        for event in events {
            state.apply(event);
        }
        state
    }

    /// Applies the next event.
    pub fn apply(&mut self, event: &RunEventKind) {
        match event {
            RunEventKind::Started {
                earlier, messages, ..
            } => {
                let last = messages.last().or(earlier.as_deref());
                self.position = last.map(|message| message.position);
            }
            RunEventKind::UtteranceBegan { message_id, round } => self.begin(*message_id, *round),
            RunEventKind::MessageDelta {
                message_id,
                part,
                text,
            } => self.say(*message_id, *part, text),
            RunEventKind::UtteranceDiscarded {
                message_id,
                complaint,
                text,
            } => self.discard(*message_id, complaint, text),
            RunEventKind::ToolsRequested { round, calls, .. } => self.request(*round, calls),
            RunEventKind::ToolCalled { message_id, call } => self.call(*message_id, call),
            RunEventKind::ToolReturned { message_id, result } => self.answer(*message_id, result),
            RunEventKind::ModelCalled {
                depth,
                finish_reason,
                usage,
                ..
            } => self.count(*depth, *finish_reason, *usage),
            RunEventKind::MessageCompleted { message } => self.store(message.id),
            RunEventKind::Paused { run } => self.pause(run),
            RunEventKind::Resumed { approved, .. } => self.resume(approved),
            RunEventKind::Ended { .. } => {
                self.pause = None;
                self.has_ended = true;
            }
        }
    }

    /// Extends an utterance, beginning it if necessary.
    pub fn say(&mut self, message_id: MessageId, part: ContentPart, text: &str) {
        if self.utterance_mut(message_id).is_none() {
            self.begin(message_id, self.round.saturating_add(1));
        }
        if let Some(utterance) = self.utterance_mut(message_id) {
            match part {
                ContentPart::Text => utterance.text.push_str(text),
                ContentPart::Reasoning => utterance.reasoning.push_str(text),
            }
        }
    }

    /// The newest utterance, including discarded ones.
    #[must_use]
    pub fn last_utterance(&self) -> Option<&Utterance> {
        self.utterances().last()
    }

    /// All utterances, oldest first.
    pub fn utterances(&self) -> impl DoubleEndedIterator<Item = &Utterance> {
        self.entries.iter().filter_map(|entry| match entry {
            Entry::Utterance(utterance) => Some(utterance),
            Entry::Call(_) => None,
        })
    }

    /// The newest round's calls, in the model's order.
    pub fn last_calls(&self) -> impl Iterator<Item = &RequestedCallState> {
        self.calls_of(self.round)
    }

    /// A round's calls, in the model's order.
    pub fn calls_of(&self, round: u32) -> impl Iterator<Item = &RequestedCallState> {
        self.calls().filter(move |call| call.round == round)
    }

    /// All calls, oldest first.
    pub fn calls(&self) -> impl Iterator<Item = &RequestedCallState> {
        self.entries.iter().filter_map(|entry| match entry {
            Entry::Call(call) => Some(call),
            Entry::Utterance(_) => None,
        })
    }

    /// The newest round; 0 before the first.
    #[must_use]
    pub const fn round(&self) -> u32 {
        self.round
    }

    /// Number of rounds with tool calls.
    #[must_use]
    pub fn tool_rounds(&self) -> u32 {
        let mut rounds: Vec<u32> = self.calls().map(|call| call.round).collect();
        rounds.dedup();
        u32::try_from(rounds.len()).unwrap_or(u32::MAX)
    }

    /// Why the model stopped in the newest round, if it did.
    #[must_use]
    pub const fn finish_reason(&self) -> Option<FinishReason> {
        self.finish_reason
    }

    /// Number of ended model calls, including those of tools.
    #[must_use]
    pub const fn model_calls(&self) -> u32 {
        self.model_calls
    }

    /// Total token counts, including tools; `None` if none were reported.
    #[must_use]
    pub const fn usage(&self) -> Option<Usage> {
        self.usage
    }

    /// What the providers counted in the run's own rounds, without those of tools.
    #[must_use]
    pub const fn own_usage(&self) -> Usage {
        self.own_usage
    }

    /// What the run waits for, and until when.
    #[must_use]
    pub const fn paused(&self) -> Option<(RunAction, DateTime<Utc>)> {
        self.pause
    }

    /// What the run must wait for.
    #[must_use]
    pub fn required_action(&self) -> Option<RequiredAction> {
        let calls = |is_meant: fn(&RequestedCallState) -> bool| {
            let calls = self.last_calls().filter(|call| is_meant(call));
            calls.map(RequestedCallState::open).collect::<Vec<_>>()
        };
        let approvals = calls(RequestedCallState::lacks_approval);
        let (kind, calls) = match approvals.is_empty() {
            true => {
                let outputs = calls(RequestedCallState::lacks_output);
                (RunAction::SubmitToolOutputs, outputs)
            }
            false => (RunAction::Approve, approvals),
        };
        (!calls.is_empty()).then_some(RequiredAction { kind, calls })
    }

    /// Number of parts so far; pauses separate them.
    #[must_use]
    pub const fn parts(&self) -> u32 {
        self.pauses.saturating_add(1)
    }

    /// Whether the log has its end.
    #[must_use]
    pub const fn has_ended(&self) -> bool {
        self.has_ended
    }

    fn begin(&mut self, message_id: MessageId, round: u32) {
        self.round = round;
        self.finish_reason = None;
        self.entries.push(Entry::Utterance(Utterance {
            message_id,
            round,
            text: String::new(),
            reasoning: String::new(),
            complaint: None,
            is_whole: false,
            is_stored: false,
        }));
    }

    fn discard(&mut self, message_id: MessageId, complaint: &str, text: &str) {
        if let Some(utterance) = self.utterance_mut(message_id) {
            utterance.text.push_str(text);
            utterance.complaint = Some(complaint.to_owned());
        }
    }

    fn request(&mut self, round: u32, calls: &[RequestedCall]) {
        self.round = self.round.max(round);
        self.complete_utterances();
        for requested in calls {
            self.entries.push(Entry::Call(RequestedCallState {
                requested: requested.clone(),
                round,
                result: None,
                is_approved: false,
                is_stored: false,
            }));
        }
    }

    /// In older logs this is also the request.
    fn call(&mut self, message_id: MessageId, call: &ToolCall) {
        if self.call_mut(message_id).is_none() {
            let requested = RequestedCall {
                message_id,
                call: call.clone(),
                by: CallExecutor::Service,
                needs_approval: false,
            };
            self.request(self.round, &[requested]);
        }
    }

    fn answer(&mut self, message_id: MessageId, result: &ToolResult) {
        if let Some(call) = self.call_mut(message_id) {
            call.result = Some(result.clone());
        }
    }

    fn count(&mut self, depth: u32, reason: Option<FinishReason>, usage: Option<Usage>) {
        if depth == 0 {
            self.finish_reason = reason;
            self.own_usage = self.own_usage.plus(usage.unwrap_or_default());
        }
        self.model_calls = self.model_calls.saturating_add(1);
        if let Some(usage) = usage {
            self.usage = Some(self.usage.unwrap_or_default().plus(usage));
        }
    }

    fn pause(&mut self, run: &Run) {
        let action = run.required_action.as_ref().map(|action| action.kind);
        self.pause = action.zip(run.expires_at);
        self.pauses = self.pauses.saturating_add(1);
        // Advances by the results stored now. Utterances have their own events.
        let mut results = 0;
        for entry in &mut self.entries {
            if let Entry::Call(call) = entry
                && call.result.is_some()
                && !call.is_stored
            {
                call.is_stored = true;
                results += 1;
            }
        }
        self.position = self.position.map(|last| last.saturating_add(results));
    }

    fn resume(&mut self, approved: &[MessageId]) {
        self.pause = None;
        for message_id in approved {
            if let Some(call) = self.call_mut(*message_id) {
                call.is_approved = true;
            }
        }
    }

    fn store(&mut self, message_id: MessageId) {
        if let Some(utterance) = self.utterance_mut(message_id)
            && !utterance.is_stored
        {
            utterance.is_stored = true;
            self.position = self.position.map(|last| last.saturating_add(1));
        }
    }

    fn complete_utterances(&mut self) {
        for entry in &mut self.entries {
            if let Entry::Utterance(utterance) = entry {
                utterance.is_whole = true;
            }
        }
    }

    fn utterance_mut(&mut self, message_id: MessageId) -> Option<&mut Utterance> {
        let mut newest_first = self.entries.iter_mut().rev();
        newest_first.find_map(|entry| match entry {
            Entry::Utterance(utterance) if utterance.message_id == message_id => Some(utterance),
            _ => None,
        })
    }

    fn call_mut(&mut self, message_id: MessageId) -> Option<&mut RequestedCallState> {
        self.entries.iter_mut().find_map(|entry| match entry {
            Entry::Call(call) if call.requested.message_id == message_id => Some(call),
            _ => None,
        })
    }
}
