//! The open database and what stands on it.

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;
use std::sync::Arc;

use colloquy_application::accounts::Accounts;
use colloquy_application::passwords::PasswordHasher;
use colloquy_application::ports::{Clock, IdGenerator, SecretGenerator, UserRepository};
use colloquy_application::sign_in_limits::{SignInGuard, SignInLimits};
use colloquy_application::system::{OsSecretGenerator, SystemClock, UuidV7Generator};
use colloquy_application::tokens::{TokenSources, Tokens};
use colloquy_persistence::{
    Database, DatabaseOptions, MigrationReport, SeaSignInRepository, SeaTokenRepository,
    SeaUserRepository,
};

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
        let url = settings.database_url.expose();
        let database = Database::connect(url, DatabaseOptions::default()).await?;
        let migration = database.migrate().await?;
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
        let tokens = Arc::new(SeaTokenRepository::new(self.database.clone()));
        let hasher = sources.hasher(1);
        let attempts = Arc::new(SeaSignInRepository::new(self.database.clone()));
        Tokens::new(
            self.users(),
            tokens,
            SignInGuard::new(attempts, SignInLimits::default(), 1),
            hasher,
            TokenSources {
                clock: sources.clock,
                ids: sources.ids,
                secrets: sources.secrets,
            },
        )
    }

    fn users(&self) -> Arc<dyn UserRepository> {
        Arc::new(SeaUserRepository::new(self.database.clone()))
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
fn make_data_dir(path: &Path) -> Result<(), Failure> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(|source| Failure::DataDir {
            path: path.to_owned(),
            source,
        })
}
