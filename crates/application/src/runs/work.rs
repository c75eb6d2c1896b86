//! Carrying one run out: from the saved question to the stored end.

use std::error::Error as StdError;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use colloquy_domain::{
    Assistant, FinishReason, Message, MessageId, MessageKind, MessageStatus, Run, RunError,
    RunErrorCode, RunStatus,
};
use futures_util::FutureExt as _;
use tokio::time::Instant;

use super::active::ActiveRun;
use super::answer::Answer;
use super::engine::{Inner, LEASE};
use super::outcome::{self, RunOutcome};
use super::{call, history};
use crate::Error;
use crate::ports::{
    ChatRequest, Constraint, FinishedRun, ModelError, ModelErrorKind, NewMessage, PortError, RunEnd,
};

/// The wait before the end of a run is written again that the store could not take.
const STORE_BACKOFF: Duration = Duration::from_millis(250);

impl Inner {
    pub(super) async fn carry_out(
        self: &Arc<Self>,
        active: &ActiveRun,
        run: Run,
        question: Message,
        assistant: &Assistant,
    ) -> Result<RunOutcome, Error> {
        let message_id = MessageId::from_uuid(self.ports.ids.next_id());
        let mut answer = Answer::new(message_id, self.limits.max_answer_bytes, &active.log);
        // A panic in a model adapter must end this run, not leave it in progress for ever.
        let work = AssertUnwindSafe(self.answer(&question, assistant, &mut answer)).catch_unwind();
        let failure = tokio::select! {
            biased;
            () = self.stop.cancelled() => Some(RunErrorCode::Interrupted.into()),
            reason = active.stopped() => Some(reason.into()),
            result = work => match result {
                Ok(Ok(())) => None,
                Ok(Err(failure)) => Some(failure),
                Err(_panic) => Some(RunErrorCode::Interrupted.into()),
            },
        };
        let retry_after = failure.as_ref().and_then(|failure| failure.retry_after);
        let end = self.end(&run, &answer, active, failure.as_ref());
        let stored = self.store(active, end).await;
        self.active.remove(active.id);
        active.log.close();
        match stored {
            Ok(FinishedRun { run, mut messages }) => {
                log_end(&run);
                messages.insert(0, question);
                Ok(RunOutcome {
                    run,
                    messages,
                    retry_after,
                })
            }
            // Somebody else has ended it.
            Err(PortError::Conflict(Constraint::RunLease)) => outcome::find(self, run).await,
            Err(error) => Err(error.into()),
        }
    }

    async fn answer(
        &self,
        question: &Message,
        assistant: &Assistant,
        answer: &mut Answer<'_>,
    ) -> Result<(), Failure> {
        let configuration = &assistant.configuration;
        let window = history::window(configuration);
        let messages = &self.ports.messages;
        let earlier = messages.latest(question.thread_id, window).await?;
        let instructions = assistant.instructions.as_str();
        let request = ChatRequest {
            model: assistant.model.clone(),
            instructions: (!instructions.is_empty()).then(|| instructions.to_owned()),
            messages: history::conversation(&earlier, question, configuration),
            configuration: configuration.clone(),
        };
        Ok(call::ask(&*self.ports.model, &request, &self.limits, answer).await?)
    }

    /// What to store of a run: a failed one keeps the text it has, marked as incomplete, and so
    /// does an answer that a limit or a filter cut.
    fn end(
        &self,
        run: &Run,
        answer: &Answer<'_>,
        active: &ActiveRun,
        failure: Option<&Failure>,
    ) -> RunEnd {
        let now = self.ports.clock.now();
        let is_whole = failure.is_none() && answer.finish_reason == Some(FinishReason::Stop);
        let message = NewMessage {
            id: answer.message_id,
            kind: MessageKind::Ai,
            content: active.log.text_of(answer.message_id),
            status: if is_whole {
                MessageStatus::Completed
            } else {
                MessageStatus::Incomplete
            },
            assistant_id: Some(run.assistant_id),
            created_at: now,
        };
        let is_worth_keeping = failure.is_none() || !message.content.is_empty();
        RunEnd {
            run_id: run.id,
            holder: self.instance,
            status: failure.map_or(RunStatus::Completed, Failure::status),
            finish_reason: answer.finish_reason.filter(|_| failure.is_none()),
            error: failure.map(|failure| RunError::from(failure.code)),
            usage: answer.usage,
            cache: None,
            finished_at: now,
            messages: is_worth_keeping.then_some(message).into_iter().collect(),
            events: Vec::new(),
        }
    }

    /// Writes the end with the events that the store does not have yet; while the store is away,
    /// again until the lease would have run out, after which the run counts as interrupted
    /// anyway.
    async fn store(&self, active: &ActiveRun, mut end: RunEnd) -> Result<FinishedRun, PortError> {
        let _in_order = active.storing.lock().await;
        let last = active.log.last();
        end.events = active.log.unstored();
        let deadline = Instant::now() + LEASE;
        loop {
            match self.ports.runs.finish(&end).await {
                Ok(finished) => {
                    active.log.mark_stored(last);
                    for event in finished.closing_events(last) {
                        active.log.push(event.kind);
                    }
                    active.log.mark_stored(active.log.last());
                    return Ok(finished);
                }
                Err(error @ PortError::Unavailable(_)) if Instant::now() < deadline => {
                    tracing::warn!(error = &error as &dyn StdError, "end of run not stored yet");
                    tokio::time::sleep(STORE_BACKOFF).await;
                }
                Err(error) => {
                    // Ended by somebody else, or by an earlier try whose answer was lost.
                    if !matches!(error, PortError::Conflict(Constraint::RunLease)) {
                        let cause: &dyn StdError = &error;
                        tracing::error!(error = cause, "end of run not stored");
                    }
                    return Err(error);
                }
            }
        }
    }
}

fn log_end(run: &Run) {
    tracing::info!(
        run.status = run.status.as_str(),
        run.error = run.error.as_ref().map(|error| error.code.as_str()),
        "run ended"
    );
}

/// Why a run could not be answered.
struct Failure {
    code: RunErrorCode,
    retry_after: Option<Duration>,
}

impl Failure {
    fn status(&self) -> RunStatus {
        match self.code {
            RunErrorCode::RunCancelled => RunStatus::Cancelled,
            _ => RunStatus::Failed,
        }
    }
}

impl From<RunErrorCode> for Failure {
    fn from(code: RunErrorCode) -> Self {
        Self {
            code,
            retry_after: None,
        }
    }
}

impl From<ModelError> for Failure {
    fn from(error: ModelError) -> Self {
        let code = match error.kind {
            ModelErrorKind::Unreachable
            | ModelErrorKind::Unavailable
            | ModelErrorKind::Refused
            | ModelErrorKind::Broken => RunErrorCode::ModelError,
            ModelErrorKind::RateLimited => RunErrorCode::ModelRateLimited,
            ModelErrorKind::TimedOut => RunErrorCode::ModelTimeout,
            ModelErrorKind::NotConfigured => RunErrorCode::ModelNotConfigured,
            ModelErrorKind::ContextTooLong => RunErrorCode::ContextTooLong,
        };
        // The one place where the provider's own words are kept: the operator's log.
        let cause = &error as &dyn StdError;
        tracing::warn!(error = cause, code = code.as_str(), "model call failed");
        Self {
            code,
            retry_after: error.retry_after,
        }
    }
}

impl From<PortError> for Failure {
    fn from(error: PortError) -> Self {
        tracing::error!(error = &error as &dyn StdError, "history not read");
        Self::from(RunErrorCode::Interrupted)
    }
}
