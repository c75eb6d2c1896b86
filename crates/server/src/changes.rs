//! Changes that other instances make.

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use colloquy_application::ports::PortError;
use colloquy_cache::CachedAssistantRepository;
use colloquy_persistence::Database;

/// Before another try to listen where the database does not answer. Copies last no longer than a
/// few seconds anyway.
const PAUSE: Duration = Duration::from_secs(1);

/// Has the copies of assistants forgotten whenever another instance has changed one.
pub(crate) async fn hear_changes(database: Database, assistants: Arc<CachedAssistantRepository>) {
    loop {
        if let Err(error) = listen(&database, &assistants).await {
            let error = &error as &dyn std::error::Error;
            tracing::debug!(error, "changes of other instances are not heard");
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
        // Also right after the listening has begun: what was changed before was not heard.
        assistants.forget_all();
        changes.next().await?;
    }
}
