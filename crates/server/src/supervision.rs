//! Background tasks that run as long as the service.

use std::time::Duration;

use colloquy_application::tokens::Tokens;

/// Delay before a task is restarted.
const PAUSE: Duration = Duration::from_secs(1);
/// Interval for removing expired tokens.
const CLEANING: Duration = Duration::from_secs(60 * 60);

/// Interval for removing sign-in attempts, which count for a minute.
const CLEANING_OF_ATTEMPTS: Duration = Duration::from_secs(60);

/// Runs the task and restarts it when it ends or panics, until the handle is aborted.
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
                "background task ended; starting it again"
            );
            tokio::time::sleep(PAUSE).await;
        }
    });
    supervisor.abort_handle()
}

/// Removes expired tokens periodically.
pub(crate) async fn clean_tokens(tokens: Tokens) {
    let mut rounds = tokio::time::interval(CLEANING);
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

/// Removes outdated sign-in attempts periodically.
pub(crate) async fn clean_attempts(tokens: Tokens) {
    let mut rounds = tokio::time::interval(CLEANING_OF_ATTEMPTS);
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
