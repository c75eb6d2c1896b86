//! The open database and what stands on it.

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use colloquy_application::PasswordCheck;
use colloquy_application::accounts::Accounts;
use colloquy_application::passwords::PasswordHasher;
use colloquy_application::ports::{Clock, IdGenerator, SecretGenerator, UserRepository};
use colloquy_application::sign_in_limits::{SignInGuard, SignInLimits};
use colloquy_application::system::{OsSecretGenerator, SystemClock, UuidV7Generator};
use colloquy_application::tokens::Tokens;
use colloquy_persistence::{
    ConnectError, Database, DatabaseOptions, MigrationReport, SeaSignInRepository,
    SeaTokenRepository, SeaUserRepository,
};

use tokio::time::{Instant, sleep};

use crate::config::Settings;
use crate::failure::Failure;

/// A database with the schema that this program needs.
pub(crate) struct Store {
    pub(crate) database: Database,
    /// What bringing the schema up to date took.
    pub(crate) migration: MigrationReport,
}

impl Store {
    /// Makes the data directory, opens the database and brings its schema up to date.
    pub(crate) async fn open(settings: &Settings) -> Result<Self, Failure> {
        make_data_dir(&settings.data_dir)?;
        let database = connect(settings).await?;
        let migration = database.migrate().await?;
        if !migration.applied.is_empty() {
            tracing::info!(
                migrations = migration.applied.len(),
                "database schema brought up to date"
            );
        }
        Ok(Self {
            database,
            migration,
        })
    }

    /// The accounts, for the machine's operator.
    pub(crate) fn accounts(&self) -> Accounts {
        let sources = Sources::default();
        let hasher = sources.hasher(1);
        Accounts::new(self.users(), hasher, sources.clock, sources.ids)
    }

    /// The tokens, for the machine's operator.
    pub(crate) fn tokens(&self) -> Tokens {
        let sources = Sources::default();
        let attempts = Arc::new(SeaSignInRepository::new(self.database.clone()));
        let check = PasswordCheck {
            users: self.users(),
            guard: SignInGuard::new(attempts, SignInLimits::default(), 1),
            hasher: sources.hasher(1),
            clock: sources.clock,
            ids: sources.ids,
        };
        let tokens = Arc::new(SeaTokenRepository::new(self.database.clone()));
        Tokens::new(check, tokens, sources.secrets)
    }

    fn users(&self) -> Arc<dyn UserRepository> {
        Arc::new(SeaUserRepository::new(self.database.clone()))
    }
}

/// Between two attempts to reach the database.
const PAUSE: Duration = Duration::from_millis(500);

/// Opens the database. One that cannot be reached is waited for as long as the settings say: it may
/// be starting, too.
async fn connect(settings: &Settings) -> Result<Database, ConnectError> {
    let url = settings.database_url.expose();
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

/// The machine's time, ids and randomness.
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

impl Sources {
    fn hasher(&self, slots: usize) -> PasswordHasher {
        PasswordHasher::new(slots, Arc::clone(&self.secrets))
    }
}

/// Others on the machine have no business with what lies there.
pub(crate) fn make_data_dir(path: &Path) -> Result<(), Failure> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(|source| Failure::DataDir {
            path: path.to_owned(),
            source,
        })
}
