//! Background tasks.

use std::time::Duration;

use colloquy_application::tokens::Tokens;

const PAUSE: Duration = Duration::from_secs(1);
const TOKEN_CLEANUP_INTERVAL: Duration = Duration::from_secs(60 * 60);

/// Attempts count for a minute.
const ATTEMPT_CLEANUP_INTERVAL: Duration = Duration::from_secs(60);

/// Restarts the task when it ends or panics, until the handle is aborted.
pub(crate) fn supervise<F>(
    name: &'static str,
    task: impl Fn() -> F + Send + 'static,
) -> tokio::task::AbortHandle
where
    F: Future<Output = ()> + Send + 'static,
{
    let supervisor = tokio::spawn(async move {
        loop {
            // In a set, so that the task is aborted with its supervisor.
            let mut running = tokio::task::JoinSet::new();
            running.spawn(task());
            let panicked = matches!(running.join_next().await, Some(Err(_)));
            tracing::error!(
                task = name,
                panicked,
                "background task ended; restarting it"
            );
            tokio::time::sleep(PAUSE).await;
        }
    });
    supervisor.abort_handle()
}

pub(crate) async fn clean_tokens(tokens: Tokens) {
    let mut rounds = tokio::time::interval(TOKEN_CLEANUP_INTERVAL);
    loop {
        rounds.tick().await;
        match tokens.remove_expired().await {
            Ok(0) => {}
            Ok(removed) => tracing::info!(removed, "expired tokens removed"),
            Err(error) => {
                let error = &error as &dyn std::error::Error;
                tracing::warn!(error, "expired tokens not removed");
            }
        }
    }
}

pub(crate) async fn clean_attempts(tokens: Tokens) {
    let mut rounds = tokio::time::interval(ATTEMPT_CLEANUP_INTERVAL);
    loop {
        rounds.tick().await;
        if let Err(error) = tokens.remove_outdated_attempts().await {
            let error = &error as &dyn std::error::Error;
            tracing::warn!(error, "outdated sign-in attempts not removed");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    use tokio::sync::Notify;

    use super::supervise;

    #[tokio::test(start_paused = true)]
    async fn a_task_that_panics_is_started_again() {
        let starts = Arc::new(AtomicU32::new(0));
        let third = Arc::new(Notify::new());
        let (counted, reached) = (Arc::clone(&starts), Arc::clone(&third));
        let handle = supervise("flaky", move || {
            let (counted, reached) = (Arc::clone(&counted), Arc::clone(&reached));
            async move {
                if counted.fetch_add(1, Ordering::SeqCst) < 2 {
                    panic!("not yet");
                }
                reached.notify_one();
                std::future::pending::<()>().await;
            }
        });
        third.notified().await;
        assert_eq!(starts.load(Ordering::SeqCst), 3);
        handle.abort();
    }
}
