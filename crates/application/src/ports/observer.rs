//! Port: metrics.

use std::time::Duration;

use colloquy_domain::{CacheHit, FinishReason, RunErrorCode, RunStatus, Usage};

use super::ModelErrorKind;

/// Receives metrics. Methods do nothing unless overridden.
///
/// # Obligations
/// - Calls return at once and do no I/O.
pub trait Observer: Send + Sync {
    /// A run's end was stored. Reported once, by the instance that stored it.
    fn run_ended(&self, _end: RunSummary) {}

    /// The first part of an answer arrived from this provider. Not reported for cached answers.
    fn first_token(&self, _provider: &str, _after: Duration) {}

    /// A model call ended, with its token counts if known. Not reported for calls aborted on this
    /// side.
    fn model_asked(&self, _provider: &str, _outcome: Result<Option<Usage>, ModelErrorKind>) {}

    /// A tool call ended.
    fn tool_used(&self, _outcome: ToolOutcome) {}

    /// A question was looked up in the answer cache.
    fn answer_looked_up(&self, _outcome: LookupOutcome) {}
}

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
    /// From the stored message to the end; `None` for an abandoned run.
    pub duration: Option<Duration>,
}

/// How a tool call ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ToolOutcome {
    /// The tool returned a result.
    Answered,
    /// The tool returned an error.
    Failed,
    /// Timed out.
    TimedOut,
    /// Panicked.
    Panicked,
    /// The arguments were invalid; not called.
    InvalidArguments,
    /// The assistant has no such tool.
    Unknown,
    /// The run's budget was exhausted; not called.
    OverBudget,
}

impl ToolOutcome {
    /// Stable name in `snake_case`.
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

/// Result of a lookup in the answer cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LookupOutcome {
    /// Found.
    Hit(CacheHit),
    /// Not found.
    Miss,
    /// Skipped on request.
    Bypassed,
    /// Not the first message of a thread, or empty.
    Ineligible,
}

impl LookupOutcome {
    /// Stable name in `snake_case`.
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
