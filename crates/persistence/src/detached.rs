//! Futures that finish even if dropped.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::runtime::Handle;

/// Runs the future in the caller's task. If dropped, the future continues in its own task and its
/// output is discarded.
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
