//! Requests of HTTP/2, each of which can be ended without its connection.

use hyper::rt::Executor;
use tokio_util::sync::CancellationToken;

tokio::task_local! {
    /// Ends the stream that the current task works for.
    static CURRENT: CancellationToken;
}

/// What ends the current stream, if there is one.
pub(super) fn current() -> Option<CancellationToken> {
    CURRENT.try_with(Clone::clone).ok()
}

/// Carries out each request of HTTP/2 in a task of its own. A task that is ended resets its stream.
#[derive(Clone)]
pub(super) struct StreamTasks;

impl<F> Executor<F> for StreamTasks
where
    F: Future<Output: Send> + Send + 'static,
{
    fn execute(&self, stream: F) {
        let end = CancellationToken::new();
        let stream = CURRENT.scope(end.clone(), stream);
        tokio::spawn(async move {
            tokio::select! {
                biased;
                () = end.cancelled() => {}
                _ = stream => {}
            }
        });
    }
}
