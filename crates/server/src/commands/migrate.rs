//! `colloquy migrate`.

use crate::builder::Extensions;
use crate::config::Configuration;
use crate::fatal_error::FatalError;
use crate::store::open_database;
use crate::terminal::print;

pub(crate) async fn migrate(
    configuration: &Configuration,
    extensions: Extensions,
) -> Result<(), FatalError> {
    if extensions.stores.is_some() {
        let why = "this program provides its own stores and migrates them itself";
        return Err(FatalError::Refused(why.to_owned()));
    }
    let (_database, migration) = open_database(&configuration.settings).await?;
    if migration.applied.is_empty() {
        print("the schema is up to date")?;
    }
    for migration in &migration.applied {
        print(&format!("applied {migration}"))?;
    }
    Ok(())
}
