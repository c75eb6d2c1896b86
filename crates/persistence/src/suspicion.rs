use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Whether connections may have gone bad: a short while ago an operation exceeded its time limit, or
/// a connection was found broken. Clones share it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Suspicion(Arc<Mutex<Option<Instant>>>);

/// How long connections are looked at more closely: as long as a line that is cut takes to be
/// found out by every operation on it, several times over.
const LASTS: Duration = Duration::from_secs(30);

impl Suspicion {
    /// Whether it was raised lately.
    pub(crate) fn is_raised(&self) -> bool {
        let raised = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        raised.is_some_and(|raised| raised.elapsed() < LASTS)
    }

    /// Raises it.
    pub(crate) fn raise(&self) {
        let mut raised = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *raised = Some(Instant::now());
    }
}
