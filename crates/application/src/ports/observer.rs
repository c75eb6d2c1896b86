use std::time::Duration;

use colloquy_domain::{CacheHit, FinishReason, RunErrorCode, RunStatus, Usage};

use super::ModelErrorKind;

/// Is told what happens, for whoever counts it. Every method does nothing unless it is overridden.
///
/// # Obligations
/// - A call returns at once and does no I/O: it is made in the midst of the work.
pub trait Observer: Send + Sync {
    /// A run has ended and its end is stored; whoever wrote the end says so.
    fn run_ended(&self, _end: RunSummary) {}

    /// The first piece of a run's answer has come from a model of that provider, so long after the
    /// run began. Not said of answers that were given before.
    fn first_token(&self, _provider: &str, _after: Duration) {}

    /// A model of that provider was asked once, with what it counted of its tokens where it did.
    /// Not said of attempts that were broken off from our side.
    fn model_asked(&self, _provider: &str, _outcome: Result<Option<Usage>, ModelErrorKind>) {}

    /// A model has called a tool.
    fn tool_used(&self, _outcome: ToolOutcome) {}

    /// A question was put to an assistant whose answers may be given again.
    fn answer_looked_up(&self, _outcome: LookupOutcome) {}
}

/// Counts nothing.
impl Observer for () {}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RunSummary {
    /// Never `InProgress`.
    pub status: RunStatus,
    /// Why it failed or was cancelled.
    pub error: Option<RunErrorCode>,
    /// Why the model stopped.
    pub finish_reason: Option<FinishReason>,
    /// From the saved message to the end; `None` of a run that was found abandoned.
    pub duration: Option<Duration>,
}

/// What became of a tool call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ToolOutcome {
    /// The tool has answered.
    Answered,
    /// It has answered that it could not.
    Failed,
    /// It took too long.
    TimedOut,
    /// It panicked.
    Panicked,
    /// The arguments were not what it takes; it was not called.
    InvalidArguments,
    /// The assistant lists no such tool.
    Unknown,
    /// The run had used up its budget; it was not called.
    OverBudget,
}

impl ToolOutcome {
    /// Its stable name, in `snake_case`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::Failed => "failed",
            Self::TimedOut => "timed_out",
            Self::Panicked => "panicked",
            Self::InvalidArguments => "invalid_arguments",
            Self::Unknown => "unknown",
            Self::OverBudget => "over_budget",
        }
    }
}

/// What the answer cache knew of a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LookupOutcome {
    /// An answer, and how it was found.
    Hit(CacheHit),
    /// Nothing.
    Miss,
    /// It was not asked: the request wants a new answer.
    Bypassed,
    /// It was not asked: the question is not the first of its thread, or is empty.
    Ineligible,
}

impl LookupOutcome {
    /// Its stable name, in `snake_case`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Hit(hit) => hit.as_str(),
            Self::Miss => "miss",
            Self::Bypassed => "bypassed",
            Self::Ineligible => "ineligible",
        }
    }
}
