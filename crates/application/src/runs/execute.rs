//! Executes a part of a run, from the stored message or a pause to the stored end or next pause.

use std::error::Error as StdError;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use colloquy_domain::{
    CachedRun, Message, MessageKind, RequiredAction, Run, RunClosing, RunEnding, RunErrorCode,
    RunSettings, RunState, RunStatus, ThreadId, Truncation,
};
use futures_util::FutureExt as _;
use tokio::time::{Instant, timeout_at};

use super::active::ActiveRun;
use super::agent_loop::{self, Halt};
use super::answer::Answer;
use super::budget::Budget;
use super::engine::{Inner, LEASE};
use super::failure::Failure;
use super::history::{self, Window};
use super::meter::Meter;
use super::outcome::{self, RunOutcome, summary};
use super::part::Part;
use super::talk::Talk;
use crate::Error;
use crate::answers::{Fill, Lookup};
use crate::ports::{
    ChatMessage, Committed, Constraint, Expected, LookupOutcome, MessageScope, MessagesFrom,
    PortError, RunCommit,
};
use crate::tools::ToolContext;

/// Delay before writing an end again that the store could not take.
const STORE_BACKOFF: Duration = Duration::from_millis(250);
/// How long waiters for the end wait for a store that is down.
const PATIENCE: Duration = Duration::from_secs(3);

/// How a part of a run ends.
enum Reached {
    /// With an answer.
    Answer(Source),
    /// With a pause.
    Pause(RequiredAction),
}

enum Source {
    /// The model, with a fill if the answer may be reused.
    Model(Option<Box<Fill>>),
    Cache(CachedRun),
}

impl Source {
    const fn cache(&self) -> Option<CachedRun> {
        match self {
            Self::Model(_) => None,
            Self::Cache(cache) => Some(*cache),
        }
    }
}

impl Inner {
    pub(super) async fn execute(
        self: &Arc<Self>,
        active: &ActiveRun,
        run: Run,
        part: Part,
    ) -> Result<RunOutcome, Error> {
        let meter = Arc::new(Meter::new(Arc::clone(&active.log)));
        let max_bytes = self.limits.max_answer_bytes;
        let mut answer = Answer::new(max_bytes, &active.log, &*self.ports.ids);
        // A panic in a model adapter must end the run, not leave it in progress.
        let work = self.answer(&part, run.thread_id, &meter, &mut answer);
        let work = AssertUnwindSafe(work).catch_unwind();
        let result: Result<Reached, Failure> = tokio::select! {
            biased;
            () = self.stop.cancelled() => Err(RunErrorCode::Interrupted.into()),
            reason = active.stopped() => Err(reason.into()),
            result = work => result.unwrap_or_else(|_panic| Err(RunErrorCode::Interrupted.into())),
        };
        // What a run that fails has said is kept, too.
        answer.release();
        // Whoever waits here keeps one copy of the answer, not two.
        let turn = self.ends.acquire().await;
        let retry_after = result
            .as_ref()
            .err()
            .and_then(|failure| failure.retry_after);
        let closing = |state: &RunState| self.closing(state, &run, &answer, result.as_ref());
        let stored = self.store_closing(active, closing).await;
        drop(turn);
        if let (Ok(Reached::Answer(Source::Model(Some(fill)))), Ok(_)) = (result, &stored) {
            fill.store(answer.as_new()).await;
        }
        self.let_go(active);
        match stored {
            Ok((run, messages)) => {
                self.note(&run);
                let messages = self.messages(&run, part, messages).await?;
                Ok(RunOutcome {
                    run,
                    messages,
                    retry_after,
                })
            }
            // Ended elsewhere.
            Err(PortError::Conflict(Constraint::RunLease)) => {
                outcome::find(&self.reader, run).await
            }
            // Its thread was deleted.
            Err(PortError::NotFound) => Err(Error::NotFound),
            // The answer is lost, but the thread must not stay busy.
            Err(error) => {
                let (inner, id) = (Arc::clone(self), run.id);
                self.tasks.spawn(async move { inner.disown(id).await });
                Err(error.into())
            }
        }
    }

    /// The run's messages, of which these were stored last.
    async fn messages(
        &self,
        run: &Run,
        part: Part,
        last: Vec<Message>,
    ) -> Result<Vec<Message>, PortError> {
        if !part.is_first {
            return self.ports.messages.of_run(run.thread_id, run.id).await;
        }
        let mut messages = part.came;
        messages.extend(last);
        messages.retain(|message| message.kind != MessageKind::Tool);
        Ok(messages)
    }

    /// Logs and counts how the part ended.
    fn note(&self, run: &Run) {
        if run.finished_at.is_none() {
            tracing::info!("run paused");
            return;
        }
        log_end(run);
        self.ports.observer.run_ended(summary(run));
    }

    async fn answer(
        self: &Arc<Self>,
        part: &Part,
        thread_id: ThreadId,
        meter: &Arc<Meter>,
        answer: &mut Answer<'_>,
    ) -> Result<Reached, Failure> {
        let deadline = Instant::now() + self.limits.total;
        let fill = match self.look_up(part, deadline).await? {
            Lookup::Hit(hit) => {
                answer.repeat(&hit.answer);
                return Ok(Reached::Answer(Source::Cache(hit.cache)));
            }
            Lookup::Fill(fill) => Some(Box::new(fill)),
            Lookup::Off => None,
        };
        let default = RunSettings::default();
        let settings = part.settings.as_deref().unwrap_or(&default);
        let conversation = self.conversation(part, thread_id, settings).await?;
        let budget = Budget::new(&self.limits, part.assistant.budget);
        let talk = Talk {
            engine: self,
            assistant: &part.assistant,
            settings,
            context: &ToolContext {
                actor: part.actor.clone(),
                thread_id,
            },
            meter,
            budget: &Arc::new(budget.after(&answer.log.fold())),
            depth: 0,
            deadline,
        };
        Ok(match agent_loop::run(&talk, conversation, answer).await? {
            Halt::Answered => Reached::Answer(Source::Model(fill)),
            Halt::AwaitsAction(action) => Reached::Pause(action),
        })
    }

    /// What was said so far.
    async fn conversation(
        &self,
        part: &Part,
        thread: ThreadId,
        settings: &RunSettings,
    ) -> Result<Vec<ChatMessage>, Failure> {
        let configuration = &history::limited(&part.assistant.configuration, settings);
        let earlier = match history::window(&part.came, configuration) {
            None => Vec::new(),
            Some(Window { messages, bytes }) => {
                let stored = &self.ports.messages;
                let latest = stored.latest(thread, part.before, messages, bytes).await?;
                if settings.truncation == Some(Truncation::Off) {
                    self.require_whole(thread, latest.first()).await?;
                }
                latest
            }
        };
        Ok(history::conversation(earlier, &part.came, configuration))
    }

    /// Fails if the thread has messages before the first that was read.
    async fn require_whole(
        &self,
        thread: ThreadId,
        first: Option<&Message>,
    ) -> Result<(), Failure> {
        let Some(first) = first else {
            return Ok(());
        };
        let before = MessagesFrom::Before(first.position);
        let scope = MessageScope::Conversation;
        let earlier = self.ports.messages.list(thread, scope, before, 1).await?;
        match earlier.items.is_empty() {
            true => Ok(()),
            false => Err(RunErrorCode::ContextTooLong.into()),
        }
    }

    /// Looks up the question, waiting for another run that is answering it.
    async fn look_up(&self, part: &Part, deadline: Instant) -> Result<Lookup, Failure> {
        if !part.is_first {
            return Ok(Lookup::Off);
        }
        let question = match &part.came[..] {
            [question] if question.kind == MessageKind::Human => Some(question),
            _ => None,
        };
        let may_look_up = !part.bypasses_cache && part.settings.is_none();
        let Some(question) = question.filter(|_| may_look_up) else {
            self.note_lookup(part, LookupOutcome::Bypassed);
            return Ok(Lookup::Off);
        };
        let user = part.actor.user_id();
        let lookup = self.answers.look_up(user, &part.assistant, question);
        match timeout_at(deadline, lookup).await {
            Ok(lookup) => {
                self.note_lookup(part, lookup.outcome());
                Ok(lookup)
            }
            Err(_elapsed) => Err(RunErrorCode::ModelTimeout.into()),
        }
    }

    fn note_lookup(&self, part: &Part, outcome: LookupOutcome) {
        if part.assistant.caching.is_on {
            self.ports.observer.answer_looked_up(outcome);
        }
    }

    /// The end of the part.
    fn closing(
        &self,
        state: &RunState,
        run: &Run,
        answer: &Answer<'_>,
        result: Result<&Reached, &Failure>,
    ) -> RunClosing {
        let now = self.ports.clock.now();
        let ending = match result {
            Ok(Reached::Pause(action)) => {
                let until = now + self.limits.action;
                return state.pausing(run, action.clone(), until, now);
            }
            Ok(Reached::Answer(source)) => RunEnding {
                status: RunStatus::Completed,
                finish_reason: answer.finish_reason,
                error: None,
                cache: source.cache(),
                finished_at: now,
            },
            Err(failure) => RunEnding::without_answer(failure.code, now),
        };
        state.ending(run, &ending)
    }

    /// Writes the end or pause with unstored events. Returns the run and the added messages.
    /// Retries while the store is down, since nobody else could end the run either; retries other
    /// failures until the lease expires, after which the run counts as interrupted.
    async fn store_closing(
        &self,
        active: &ActiveRun,
        closing: impl Fn(&RunState) -> RunClosing + Send,
    ) -> Result<(Run, Vec<Message>), PortError> {
        let _in_order = active.writing.lock().await;
        let last = active.log.last();
        let closing = closing(&active.log.fold());
        let mut events = active.log.unstored();
        events.extend(closing.numbered(last));
        let commit = RunCommit {
            run: closing.run,
            expected: Expected::HeldBy {
                holder: self.instance,
                log_end: active.log.stored_end(),
            },
            lease: None,
            messages: closing.messages,
            thread_name: None,
            instructions: None,
            truncate_after: None,
            events,
        };
        let messages = self.commit_closing(active, &commit).await?;
        active.log.mark_stored(last);
        for event in closing.events {
            active.log.push(event);
        }
        active.log.mark_stored(active.log.last());
        Ok((commit.run, messages))
    }

    async fn commit_closing(
        &self,
        active: &ActiveRun,
        commit: &RunCommit,
    ) -> Result<Vec<Message>, PortError> {
        let begin = Instant::now();
        loop {
            match self.ports.runs.commit(commit).await {
                Ok(Committed::Written(messages)) => return Ok(messages),
                Ok(Committed::Known(_)) => {
                    return Err(PortError::other("the end of a run has no idempotency key"));
                }
                // Ended elsewhere, or by an earlier attempt whose response was lost.
                Err(error @ PortError::Conflict(Constraint::RunLease)) => return Err(error),
                Err(PortError::NotFound) => {
                    tracing::info!("run was deleted with its thread");
                    return Err(PortError::NotFound);
                }
                Err(error)
                    if matches!(error, PortError::Unavailable(_)) || begin.elapsed() < LEASE =>
                {
                    tracing::warn!(
                        error = &error as &dyn StdError,
                        "storing the end of a run failed; retrying"
                    );
                    active.note_unstored(begin);
                    if begin.elapsed() >= PATIENCE {
                        active.store_is_away.cancel();
                    }
                    tokio::time::sleep(STORE_BACKOFF).await;
                }
                Err(error) => {
                    tracing::error!(
                        error = &error as &dyn StdError,
                        "storing the end of a run failed"
                    );
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
