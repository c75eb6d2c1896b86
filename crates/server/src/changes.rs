//! Changes made by other instances.

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use colloquy_application::ports::PortError;
use colloquy_cache::CachedAssistantRepository;
use colloquy_persistence::Database;

/// Delay before listening again after a database error. Cached copies expire within seconds anyway.
const PAUSE: Duration = Duration::from_secs(1);

/// Drops cached assistants whenever another instance changes one.
pub(crate) async fn hear_changes(database: Database, assistants: Arc<CachedAssistantRepository>) {
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
        // Also once at the start: changes made before listening began were missed.
        assistants.forget_all();
        changes.next().await?;
    }
}
