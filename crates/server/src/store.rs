//! Opens the stores.

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use colloquy_application::ports::{Clock, IdGenerator, SecretGenerator};
use colloquy_application::system::{OsSecretGenerator, SystemClock, UuidV7Generator};
use colloquy_application::{Operator, Stores};
use colloquy_persistence::{
    ConnectError, Database, DatabaseOptions, MigrationReport, SeaAssistantRepository,
    SeaDeletionRepository, SeaFileRepository, SeaMessageRepository, SeaRunEventRepository,
    SeaRunRepository, SeaSignInRepository, SeaThreadRepository, SeaTokenRepository,
    SeaUserRepository,
};
use secrecy::ExposeSecret as _;
use tokio::time::{Instant, sleep};

use crate::config::Settings;
use crate::fatal_error::FatalError;

/// The configured database, or the stores of an embedding program.
pub(crate) struct Store {
    pub(crate) stores: Stores,
    /// `None` with an embedding program's stores.
    pub(crate) database: Option<Database>,
}

impl Store {
    /// Also creates the data directory and migrates the database.
    pub(crate) async fn open(
        settings: &Settings,
        embedded: Option<Stores>,
    ) -> Result<Self, FatalError> {
        make_data_dir(&settings.data_dir)?;
        if let Some(stores) = embedded {
            return Ok(Self {
                stores,
                database: None,
            });
        }
        let (database, migration) = open_database(settings).await?;
        if !migration.applied.is_empty() {
            tracing::info!(migrations = migration.applied.len(), "database migrated");
        }
        Ok(Self {
            stores: stores(&database),
            database: Some(database),
        })
    }

    pub(crate) fn operator(self) -> Operator {
        Operator::new(self.stores)
    }
}

pub(crate) async fn open_database(
    settings: &Settings,
) -> Result<(Database, MigrationReport), FatalError> {
    make_data_dir(&settings.data_dir)?;
    let database = connect(settings).await?;
    let migration = database.migrate().await?;
    Ok((database, migration))
}

fn stores(database: &Database) -> Stores {
    Stores {
        users: Arc::new(SeaUserRepository::new(database.clone())),
        tokens: Arc::new(SeaTokenRepository::new(database.clone())),
        sign_ins: Arc::new(SeaSignInRepository::new(database.clone())),
        assistants: Arc::new(SeaAssistantRepository::new(database.clone())),
        threads: Arc::new(SeaThreadRepository::new(database.clone())),
        messages: Arc::new(SeaMessageRepository::new(database.clone())),
        runs: Arc::new(SeaRunRepository::new(database.clone())),
        events: Arc::new(SeaRunEventRepository::new(database.clone())),
        deletions: Arc::new(SeaDeletionRepository::new(database.clone())),
        files: Arc::new(SeaFileRepository::new(database.clone())),
    }
}

const PAUSE: Duration = Duration::from_millis(500);

/// Retries while `database_wait` lasts: the database may be starting, too.
async fn connect(settings: &Settings) -> Result<Database, ConnectError> {
    let url = settings.database_url.expose_secret();
    let begun = Instant::now();
    let mut is_told = false;
    loop {
        let connected = Database::connect(url, DatabaseOptions::default()).await;
        let Err(error) = connected else {
            return connected;
        };
        if !error.may_pass() || begun.elapsed() + PAUSE > settings.database_wait {
            return Err(error);
        }
        if !is_told {
            let error = &error as &dyn std::error::Error;
            let limit = settings.database_wait;
            tracing::warn!(error, ?limit, "waiting for the database");
            is_told = true;
        }
        sleep(PAUSE).await;
    }
}

pub(crate) struct Sources {
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ids: Arc<dyn IdGenerator>,
    pub(crate) secrets: Arc<dyn SecretGenerator>,
}

impl Default for Sources {
    fn default() -> Self {
        Self {
            clock: Arc::new(SystemClock),
            ids: Arc::new(UuidV7Generator),
            secrets: Arc::new(OsSecretGenerator),
        }
    }
}

/// Private to this user.
pub(crate) fn make_data_dir(path: &Path) -> Result<(), FatalError> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(|source| FatalError::DataDir {
            path: path.to_owned(),
            source,
        })
}
