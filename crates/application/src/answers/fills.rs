//! One answer at a time per question: concurrent askers wait for it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio_util::sync::CancellationToken;

use crate::ports::AnswerPartition;

#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct Key {
    pub(super) partition: AnswerPartition,
    /// Normalised.
    pub(super) question: String,
}

#[derive(Clone, Default)]
pub(super) struct Fills(Arc<Mutex<HashMap<Arc<Key>, CancellationToken>>>);

/// The claim to answer a question while others wait. Dropping it releases them.
#[derive(Debug)]
pub(super) struct Claim {
    fills: Fills,
    key: Arc<Key>,
}

impl Fills {
    /// The claim, or a token that is cancelled when its holder is done.
    pub(super) fn begin(&self, key: &Arc<Key>) -> Result<Claim, CancellationToken> {
        let mut fills = self.fills();
        if let Some(done) = fills.get(key) {
            return Err(done.clone());
        }
        fills.insert(Arc::clone(key), CancellationToken::new());
        Ok(Claim {
            fills: self.clone(),
            key: Arc::clone(key),
        })
    }

    fn fills(&self) -> MutexGuard<'_, HashMap<Arc<Key>, CancellationToken>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Fills {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Fills").finish_non_exhaustive()
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        if let Some(done) = self.fills.fills().remove(&self.key) {
            done.cancel();
        }
    }
}
