//! Why runs fail.

use std::error::Error as StdError;
use std::time::Duration;

use colloquy_domain::RunErrorCode;

use crate::ports::{ModelError, ModelErrorKind, PortError};

/// Why a run has no answer.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) code: RunErrorCode,
    pub(super) retry_after: Option<Duration>,
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
        // The provider's own words appear in the operator's log only.
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
        let cause = &error as &dyn StdError;
        match error {
            // The thread was deleted meanwhile.
            PortError::NotFound => tracing::info!("a record that the run needs was deleted"),
            PortError::Unavailable(_) => tracing::warn!(error = cause, "store unavailable"),
            _ => tracing::error!(
                error = cause,
                "a record that the run needs could not be read"
            ),
        }
        Self::from(RunErrorCode::Interrupted)
    }
}
