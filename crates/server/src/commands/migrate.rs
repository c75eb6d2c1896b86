use crate::config::Configuration;
use crate::failure::Failure;
use crate::store::Store;
use crate::terminal::print;

/// Brings the schema up to date and says what that took.
pub(crate) async fn migrate(configuration: &Configuration) -> Result<(), Failure> {
    let store = Store::open(&configuration.settings).await?;
    let applied = &store.migration.applied;
    if applied.is_empty() {
        print("the schema is up to date")?;
    }
    for migration in applied {
        print(&format!("applied {migration}"))?;
    }
    Ok(())
}
