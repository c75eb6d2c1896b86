//! Runs: from a message to its answer.
//!
//! A run is its event `log`. `engine` is the entry point. `start` stores a run and spawns its task,
//! `execute`: `step` decides what comes next, `agent_loop` does it with `call` (one model call) and
//! `tool_calls`, and `answer` writes the output to the log. `tool_set` collects tools from their
//! sources. `history` builds the conversation. `follow` reads logs, `keeper` stores them and renews
//! leases, `forced_end` ends abandoned runs. A run that waits for the client is paused: `submit`
//! takes the client's input, `resume` continues.

mod access_watch;
mod active;
mod agent_loop;
mod answer;
mod assistant_tool;
mod budget;
mod call;
mod engine;
mod execute;
mod failure;
mod follow;
pub(crate) mod forced_end;
mod history;
mod keeper;
mod log;
mod meter;
mod outcome;
mod part;
mod resume;
mod settings;
mod spending;
mod start;
mod step;
mod submit;
mod talk;
mod tool_calls;
mod tool_set;
mod tool_sources;

use std::sync::Arc;
use std::time::Duration;

use colloquy_domain::{Actor, Run, RunId, ThreadId};

use crate::access::{Access, ThreadAction};
use crate::ports::{RunRepository, UserRepository};
use crate::tools::Toolbox;
use crate::{Error, Slice};

use assistant_tool::AssistantTools;
pub(crate) use engine::RunEnginePorts;
pub use engine::{RunEngine, RunJob, StartMessage};
pub use follow::RunFollower;
pub use outcome::{RunOutcome, StartedRun};
pub use submit::{SubmittedApproval, SubmittedOutput};
pub(crate) use tool_set::ToolSources;
use tool_sources::{ClientFunctions, RegisteredTools};

/// Tool sources, in the order shown to the model.
pub(crate) fn tool_sources(toolbox: Toolbox) -> ToolSources {
    ToolSources(vec![
        Arc::new(RegisteredTools(toolbox)),
        Arc::new(AssistantTools),
        Arc::new(ClientFunctions),
    ])
}

/// Limits of runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RunLimits {
    /// From the request to the first text.
    pub first_token: Duration,
    /// Between texts.
    pub idle: Duration,
    /// The whole run, with retries and waits.
    pub total: Duration,
    /// How long a paused run waits for the client.
    pub action: Duration,
    /// UTF-8 bytes of the answer, which is cut there.
    pub max_answer_bytes: usize,
    /// Model calls per run, including assistants called as tools.
    pub max_model_calls: u32,
    /// Tool calls per run, likewise.
    pub max_tool_calls: u32,
    /// Input and output tokens per run, likewise.
    pub max_tokens: u32,
    /// Active runs per user, on all instances.
    pub max_per_user: u32,
    /// Active runs on this instance.
    pub max_concurrent: usize,
}

impl Default for RunLimits {
    fn default() -> Self {
        Self {
            first_token: Duration::from_secs(60),
            idle: Duration::from_secs(60),
            total: Duration::from_secs(600),
            action: Duration::from_secs(600),
            max_answer_bytes: 2 * 1024 * 1024,
            max_model_calls: 64,
            max_tool_calls: 256,
            // 64 conversations of some 30,000 tokens, or two that fill the largest windows.
            max_tokens: 2_000_000,
            // Above human use, and enough for batch programs.
            max_per_user: 256,
            // Memory is bounded by the size of the answers.
            max_concurrent: 2_000,
        }
    }
}

/// Reads, follows and cancels runs.
#[derive(Clone)]
pub struct Runs {
    pub(crate) access: Access,
    /// Users, for the rights of a run.
    pub(crate) users: Arc<dyn UserRepository>,
    pub(crate) runs: Arc<dyn RunRepository>,
    pub(crate) engine: RunEngine,
}

impl Runs {
    /// A run of the thread.
    ///
    /// # Errors
    /// `NotFound` for the thread, also another user's; `ReferenceNotFound` for the run.
    pub async fn get(&self, actor: &Actor, thread: ThreadId, id: RunId) -> Result<Run, Error> {
        self.access
            .thread(actor, thread, ThreadAction::View)
            .await?;
        self.of_thread(thread, id).await
    }

    /// Streams the run's log after number `after`, to its end.
    ///
    /// # Errors
    /// Those of [`Runs::get`].
    pub async fn follow(
        &self,
        actor: &Actor,
        thread: ThreadId,
        id: RunId,
        after: u64,
    ) -> Result<RunFollower, Error> {
        let run = self.get(actor, thread, id).await?;
        Ok(self.engine.inner.reader.follow(run.id, after))
    }

    /// Cancels the run, keeping its partial answer, and returns the ended run. One that had ended
    /// is unchanged.
    ///
    /// # Errors
    /// The policy's refusal, those of [`Runs::get`].
    pub async fn cancel(&self, actor: &Actor, thread: ThreadId, id: RunId) -> Result<Run, Error> {
        self.access
            .thread(actor, thread, ThreadAction::CancelRun)
            .await?;
        let run = self.of_thread(thread, id).await?;
        match run.finished_at {
            Some(_) => Ok(run),
            None => self.engine.cancel(run.id).await,
        }
    }

    /// Runs of the thread older than `after`, newest first.
    ///
    /// # Errors
    /// `NotFound`, also for another user's thread.
    pub async fn list(
        &self,
        actor: &Actor,
        thread: ThreadId,
        after: Option<RunId>,
        limit: u32,
    ) -> Result<Slice<Run>, Error> {
        self.access
            .thread(actor, thread, ThreadAction::View)
            .await?;
        let runs = self
            .runs
            .list(thread, after, limit.saturating_add(1))
            .await?;
        Ok(Slice::from_one_more(runs, limit))
    }

    async fn of_thread(&self, thread: ThreadId, id: RunId) -> Result<Run, Error> {
        let run = self.runs.get(thread, id).await?;
        run.ok_or(Error::ReferenceNotFound("run_id"))
    }
}
