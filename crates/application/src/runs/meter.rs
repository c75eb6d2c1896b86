use std::sync::{Mutex, PoisonError};

use colloquy_domain::Usage;

/// Adds up what the providers count in the course of a run, those of its tools included.
#[derive(Debug, Default)]
pub(super) struct Meter(Mutex<Option<Usage>>);

impl Meter {
    pub(super) fn add(&self, usage: Usage) {
        let mut total = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let before = total.unwrap_or_default();
        *total = Some(Usage {
            input_tokens: before.input_tokens.saturating_add(usage.input_tokens),
            output_tokens: before.output_tokens.saturating_add(usage.output_tokens),
        });
    }

    /// Nothing where no provider has counted.
    pub(super) fn total(&self) -> Option<Usage> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
