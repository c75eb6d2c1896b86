//! Listens for changes by other instances.

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use colloquy_application::ports::PortError;
use colloquy_cache::CachedAssistantRepository;
use colloquy_persistence::Database;

/// After a database error. Cached copies expire within seconds anyway.
const PAUSE: Duration = Duration::from_secs(1);

/// Drops cached assistants when another instance changes one.
pub(crate) async fn watch_changes(database: Database, assistants: Arc<CachedAssistantRepository>) {
    loop {
        if let Err(error) = listen(&database, &assistants).await {
            let error = &error as &dyn std::error::Error;
            tracing::debug!(error, "not listening for changes of other instances");
        }
        tokio::time::sleep(PAUSE).await;
    }
}

async fn listen(
    database: &Database,
    assistants: &CachedAssistantRepository,
) -> Result<(), PortError> {
    let Some(mut changes) = database.changes().await? else {
        return pending().await;
    };
    loop {
        // At the start, too: earlier changes were missed.
        assistants.forget_all();
        changes.next().await?;
    }
}
