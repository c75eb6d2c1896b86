//! Ends requests of clients that flood the service, without an answer.

use tokio_util::sync::CancellationToken;

/// Closes a client's connection; of a connection that carries many clients, a proxy's, only the
/// stream.
#[derive(Debug, Clone)]
pub(crate) struct Ending(CancellationToken);

impl Ending {
    pub(super) const fn of(end: CancellationToken) -> Self {
        Self(end)
    }

    pub(crate) fn end(&self) {
        self.0.cancel();
    }
}
