use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Whether connections may have gone bad: an operation was left half-way a short while ago, by
/// its time limit or by its caller, or its connection was found broken. Clones share it.
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

    /// Raises it when the guard is dropped before the work has finished. The guard has to go
    /// before the work does.
    pub(crate) const fn unless_finished(&self) -> Unfinished<'_> {
        Unfinished(Some(self))
    }

    /// Raises it.
    pub(crate) fn raise(&self) {
        let mut raised = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *raised = Some(Instant::now());
    }
}

/// See [`Suspicion::unless_finished`].
pub(crate) struct Unfinished<'a>(Option<&'a Suspicion>);

impl Unfinished<'_> {
    /// All is well.
    pub(crate) fn finish(mut self) {
        self.0 = None;
    }
}

impl Drop for Unfinished<'_> {
    fn drop(&mut self) {
        if let Some(suspicion) = self.0 {
            suspicion.raise();
        }
    }
}
