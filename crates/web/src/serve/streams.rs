//! HTTP/2 requests that can be cut individually.

use hyper::rt::Executor;
use tokio_util::sync::CancellationToken;

tokio::task_local! {
    /// Cuts the stream of the current task.
    static CURRENT: CancellationToken;
}

pub(super) fn current() -> Option<CancellationToken> {
    CURRENT.try_with(Clone::clone).ok()
}

/// Runs each HTTP/2 request in its own task; cancelling it resets the stream. All of them end with
/// this token, the connection's: hyper would finish what is under way.
#[derive(Clone)]
pub(super) struct StreamTasks(pub(super) CancellationToken);

impl<F> Executor<F> for StreamTasks
where
    F: Future<Output: Send> + Send + 'static,
{
    fn execute(&self, stream: F) {
        let end = self.0.child_token();
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
