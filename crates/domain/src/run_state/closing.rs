//! Closes a run or a part of it: unstored messages and the log's last events.

use chrono::{DateTime, Utc};

use super::{Entry, RequestedCallState, RunState, Utterance};
use crate::{
    AnsweredCall, CachedRun, FinishReason, Message, MessageId, MessageKind, MessageStatus,
    NewMessage, RequiredAction, Run, RunError, RunErrorCode, RunEvent, RunEventKind, RunStatus,
};

/// How a run ends.
#[derive(Debug, Clone, PartialEq)]
pub struct RunEnding {
    /// Completed, failed, cancelled or expired.
    pub status: RunStatus,
    /// See [`Run::finish_reason`].
    pub finish_reason: Option<FinishReason>,
    /// See [`Run::error`].
    pub error: Option<RunError>,
    /// See [`Run::cache`].
    pub cache: Option<CachedRun>,
    /// See [`Run::finished_at`].
    pub finished_at: DateTime<Utc>,
}

impl RunEnding {
    /// Cancelled by a user or administrator.
    #[must_use]
    pub fn cancelled(at: DateTime<Utc>) -> Self {
        Self::without_answer(RunErrorCode::RunCancelled, at)
    }

    /// Interrupted: no process works on it.
    #[must_use]
    pub fn interrupted(at: DateTime<Utc>) -> Self {
        Self::without_answer(RunErrorCode::Interrupted, at)
    }

    /// Expired: paused, and not resumed in time.
    #[must_use]
    pub fn expired(at: DateTime<Utc>) -> Self {
        Self {
            status: RunStatus::Expired,
            error: None,
            ..Self::without_answer(RunErrorCode::Interrupted, at)
        }
    }

    /// Without a complete answer, for that reason.
    #[must_use]
    pub fn without_answer(code: RunErrorCode, at: DateTime<Utc>) -> Self {
        Self {
            status: match code {
                RunErrorCode::RunCancelled => RunStatus::Cancelled,
                _ => RunStatus::Failed,
            },
            finish_reason: None,
            error: Some(code.into()),
            cache: None,
            finished_at: at,
        }
    }

    /// Whether the last utterance is a complete answer.
    fn has_whole_answer(&self) -> bool {
        let is_whole = matches!(
            self.finish_reason,
            Some(FinishReason::Stop | FinishReason::ToolRounds)
        );
        self.status == RunStatus::Completed && is_whole
    }
}

/// What closes a run or a part of it.
#[derive(Debug, Clone, PartialEq)]
pub struct RunClosing {
    /// The run afterwards.
    pub run: Run,
    /// Messages not yet in the thread.
    pub messages: Vec<NewMessage>,
    /// The log's last events.
    pub events: Vec<RunEventKind>,
}

/// Gap in the numbers before an end that the run's holder does not write. Exceeds the bytes of any
/// answer, and so the number of unstored events.
const LEFT_OUT: u64 = 1_000_000_000;

impl RunClosing {
    /// The events, numbered after `last`.
    #[must_use]
    pub fn numbered(&self, last: u64) -> Vec<RunEvent> {
        let events = (last.saturating_add(1)..).zip(self.events.iter().cloned());
        events
            .map(|(number, kind)| RunEvent { number, kind })
            .collect()
    }

    /// The events, numbered after the last stored event `last` of another writer's log. Leaves a
    /// gap, since that writer's readers may have seen events that are not stored: their numbers
    /// must not be reused or hide the end.
    #[must_use]
    pub fn numbered_by_another(&self, last: u64) -> Vec<RunEvent> {
        self.numbered(last.saturating_add(LEFT_OUT))
    }
}

impl RunState {
    /// Pauses the run: stores every complete message.
    #[must_use]
    pub fn pausing(
        &self,
        run: &Run,
        action: RequiredAction,
        until: DateTime<Utc>,
        now: DateTime<Utc>,
    ) -> RunClosing {
        let run = Run {
            status: RunStatus::RequiresAction,
            usage: self.usage,
            expires_at: Some(until),
            required_action: Some(Box::new(action)),
            ..run.clone()
        };
        let messages = self.unstored(&run, None, now);
        let placed = self.placed(&run, &messages);
        let mut events: Vec<_> = placed.filter_map(completed).collect();
        events.push(RunEventKind::Paused {
            run: Box::new(run.clone()),
        });
        RunClosing {
            run,
            messages,
            events,
        }
    }

    /// The event that resumes the run with these approvals.
    #[must_use]
    pub fn resuming(&self, run: &Run, approved: Vec<MessageId>) -> RunEventKind {
        let run = Run {
            status: RunStatus::InProgress,
            expires_at: None,
            required_action: None,
            ..run.clone()
        };
        RunEventKind::Resumed {
            run: Box::new(run),
            part: self.parts(),
            approved,
        }
    }

    /// Ends the run.
    #[must_use]
    pub fn ending(&self, run: &Run, ending: &RunEnding) -> RunClosing {
        let run = Run {
            status: ending.status,
            finish_reason: ending.finish_reason,
            error: ending.error.clone(),
            usage: self.usage,
            cache: ending.cache,
            expires_at: None,
            required_action: None,
            finished_at: Some(ending.finished_at),
            ..run.clone()
        };
        let messages = self.unstored(&run, Some(ending), ending.finished_at);
        let placed: Vec<Message> = self.placed(&run, &messages).collect();
        let output = run.output(&placed).cloned().map(Box::new);
        let mut events: Vec<_> = placed.into_iter().filter_map(completed).collect();
        events.push(RunEventKind::Ended {
            run: Box::new(run.clone()),
            output,
        });
        RunClosing {
            run,
            messages,
            events,
        }
    }

    /// The messages at the thread's next positions; nothing else is added while a run is active.
    /// Without the question's event they count from 1 and the store corrects them.
    fn placed<'a>(
        &self,
        run: &'a Run,
        messages: &'a [NewMessage],
    ) -> impl Iterator<Item = Message> + 'a {
        let first = self.position.unwrap_or_default().saturating_add(1);
        let messages = (first..).zip(messages.iter().cloned());
        messages.map(|(position, message)| message.placed(run.thread_id, run.id, position))
    }

    /// The unstored messages. Without an ending only the complete ones; with a completed one the
    /// last utterance even if empty.
    fn unstored(
        &self,
        run: &Run,
        ending: Option<&RunEnding>,
        now: DateTime<Utc>,
    ) -> Vec<NewMessage> {
        let answer = ending.filter(|ending| ending.status == RunStatus::Completed);
        let last = answer.and_then(|_| self.last_utterance());
        let last = last.map(|utterance| utterance.message_id);
        let messages = self.entries.iter().filter_map(|entry| match entry {
            Entry::Utterance(utterance) => {
                let is_answer = last == Some(utterance.message_id);
                let is_whole = is_answer && ending.is_some_and(RunEnding::has_whole_answer);
                let is_due = ending.is_some() || utterance.is_whole;
                let message = utterance.message(is_answer, is_whole)?;
                is_due.then_some(message)
            }
            Entry::Call(call) => self.result(call),
        });
        let in_run = |message: NewMessage| NewMessage {
            assistant_id: Some(run.assistant_id),
            created_at: now,
            ..message
        };
        messages.map(in_run).collect()
    }

    /// The message of a call's result. The first result of a round without text keeps the round's
    /// reasoning.
    fn result(&self, call: &RequestedCallState) -> Option<NewMessage> {
        let is_first = self.calls_of(call.round).next() == Some(call);
        let mut silent = self.utterances().filter(|it| it.text.is_empty());
        let silent = silent.find(|it| is_first && it.round == call.round);
        let reasoning = silent.and_then(Utterance::reasoning);
        let message = call.message()?;
        Some(NewMessage {
            reasoning,
            ..message
        })
    }
}

impl Utterance {
    fn reasoning(&self) -> Option<String> {
        (!self.reasoning.is_empty()).then(|| self.reasoning.clone())
    }

    /// The unstored message of an utterance. An empty one only if it is the answer. The caller adds
    /// author and time.
    fn message(&self, is_answer: bool, is_whole_answer: bool) -> Option<NewMessage> {
        let is_said = is_answer || !self.text.is_empty();
        if self.is_stored || self.complaint.is_some() || !is_said {
            return None;
        }
        Some(NewMessage {
            id: self.message_id,
            kind: MessageKind::Ai,
            content: self.text.clone(),
            reasoning: self.reasoning(),
            status: if self.is_whole || is_whole_answer {
                MessageStatus::Completed
            } else {
                MessageStatus::Incomplete
            },
            tool_call: None,
            assistant_id: None,
            created_at: DateTime::UNIX_EPOCH,
        })
    }
}

impl RequestedCallState {
    fn message(&self) -> Option<NewMessage> {
        let result = self.result.as_ref().filter(|_| !self.is_stored)?;
        Some(NewMessage {
            id: self.requested.message_id,
            kind: MessageKind::Tool,
            content: result.content.clone(),
            reasoning: None,
            status: MessageStatus::Completed,
            tool_call: Some(Box::new(AnsweredCall {
                call: self.requested.call.clone(),
                is_error: result.is_error,
            })),
            assistant_id: None,
            created_at: DateTime::UNIX_EPOCH,
        })
    }
}

/// The event of a stored message; results have theirs already.
fn completed(message: Message) -> Option<RunEventKind> {
    (message.kind == MessageKind::Ai).then(|| RunEventKind::MessageCompleted {
        message: Box::new(message),
    })
}
