//! Futures that finish even when their caller goes away.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::runtime::Handle;

/// Runs the future within the caller's task. If the caller is dropped meanwhile, the future goes
/// on in a task of its own, and its output is dropped.
pub(crate) fn finish_even_if_dropped<F>(future: F) -> FinishEvenIfDropped<F>
where
    F: Future<Output: Send> + Send + 'static,
{
    FinishEvenIfDropped(Some(Box::pin(future)))
}

/// See [`finish_even_if_dropped`].
pub(crate) struct FinishEvenIfDropped<F>(Option<Pin<Box<F>>>)
where
    F: Future<Output: Send> + Send + 'static;

impl<F> Future for FinishEvenIfDropped<F>
where
    F: Future<Output: Send> + Send + 'static,
{
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let Some(future) = self.0.as_mut() else {
            return Poll::Pending;
        };
        let output = ready!(future.as_mut().poll(context));
        self.0 = None;
        Poll::Ready(output)
    }
}

impl<F> Drop for FinishEvenIfDropped<F>
where
    F: Future<Output: Send> + Send + 'static,
{
    fn drop(&mut self) {
        if let (Some(future), Ok(runtime)) = (self.0.take(), Handle::try_current()) {
            runtime.spawn(future);
        }
    }
}
