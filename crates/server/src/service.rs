//! The service, composed from its settings: the one place that knows every adapter.

use std::net::SocketAddr;
use std::sync::Arc;

use chrono::TimeDelta;
use colloquy_application::permissions::DefaultPolicy;
use colloquy_application::ports::{ChatModel, Embedder, HealthCheck, Readings};
use colloquy_application::tools::Toolbox;
use colloquy_application::{Ports, Settings as UseCaseSettings, UseCases};
use colloquy_blob::{ImageAvatarRenderer, ObjectBlobStore};
use colloquy_cache::{
    CachedAssistantRepository, CachedBlobStore, CachedTokenRepository, MemoryAnswerCache,
    TokenForgettingUserRepository,
};
use colloquy_matcher::EnglishMatcher;
use colloquy_persistence::{
    Database, SeaAssistantRepository, SeaDeletionRepository, SeaMessageRepository,
    SeaRunEventRepository, SeaRunRepository, SeaSignInRepository, SeaThreadRepository,
    SeaTokenRepository, SeaUserRepository,
};
use colloquy_web::metrics::Metrics;

use crate::config::{Configuration, Settings};
use crate::failure::Failure;
use crate::instance::InstanceSlot;
use crate::process::ThisProcess;
use crate::sole_server::SoleServer;
use crate::store::{Sources, Store, make_data_dir};

/// Everything that is served.
pub(crate) struct Service {
    pub(crate) use_cases: UseCases,
    /// What must answer for the service to be ready.
    pub(crate) health: Vec<Arc<dyn HealthCheck>>,
    /// Counts what happens.
    pub(crate) metrics: Metrics,
    /// What is shown beside that.
    pub(crate) readings: Vec<Arc<dyn Readings>>,
    pub(crate) sources: Sources,
    pub(crate) assistants: Arc<CachedAssistantRepository>,
    pub(crate) database: Database,
    /// Held for as long as the service works on runs.
    _slot: InstanceSlot,
    /// Held for as long as a SQLite database is served.
    _sole_server: Option<SoleServer>,
}

impl Service {
    /// Opens the stores and puts the use cases on top of them, to be served at that address.
    pub(crate) async fn open(
        settings: &Settings,
        models: Models,
        sources: Sources,
        address: SocketAddr,
    ) -> Result<Self, Failure> {
        make_data_dir(&settings.data_dir)?;
        let now = sources.clock.now();
        let sole_server = colloquy_persistence::sqlite_file(settings.database_url.expose())
            .map(|file| SoleServer::take(&file, now, address))
            .transpose()?;
        let store = Store::open(settings).await?;
        let blobs = ObjectBlobStore::open(settings.blob_url.as_str())?;
        let slot = InstanceSlot::take(&settings.data_dir, &*sources.ids)?;
        let database = store.database;
        let caches = Caches::new(&database, &blobs, settings.answers_max_bytes);
        let metrics = Metrics::new();
        let use_cases = UseCases::new(
            ports(&database, &caches, models, &metrics, &sources),
            Arc::new(DefaultPolicy),
            UseCaseSettings {
                instance: slot.id(),
                run_limits: settings.run_limits,
                default_model: settings.default_model.clone(),
                sign_in_limits: settings.sign_in_limits,
                api_key_lifetime: settings
                    .api_key_days
                    .map(|days| TimeDelta::days(days.into())),
                password_slots: password_slots(),
                toolbox: Toolbox::built_in(Arc::clone(&sources.clock))?,
            },
        );
        Ok(Self {
            use_cases,
            health: vec![Arc::new(database.clone()), Arc::new(blobs)],
            metrics,
            readings: vec![
                Arc::new(ThisProcess {
                    started_at: sources.clock.now(),
                }),
                Arc::new(database.clone()),
                Arc::clone(&caches.tokens) as _,
                Arc::clone(&caches.assistants) as _,
                Arc::clone(&caches.blobs) as _,
                caches.answers,
            ],
            sources,
            assistants: caches.assistants,
            database,
            _slot: slot,
            _sole_server: sole_server,
        })
    }

    /// Closes the stores, once nothing works with them any more.
    pub(crate) async fn close(self) {
        self.database.close().await;
    }
}

/// What can be asked.
pub(crate) struct Models {
    chat: Arc<dyn ChatModel>,
    embedder: Option<Arc<dyn Embedder>>,
}

impl Models {
    /// Sets them up as the settings say.
    pub(crate) fn load(configuration: &Configuration, sources: &Sources) -> Result<Self, Failure> {
        let chat = configuration.models(&sources.clock)?;
        let embedder = tokio::task::block_in_place(|| configuration.embedder(&chat))?;
        if embedder.is_none() {
            tracing::info!("no embedding model is set: the answer cache serves only exact answers");
        }
        Ok(Self {
            chat: Arc::new(chat),
            embedder,
        })
    }
}

/// What is kept in memory, and who must tell it of changes.
struct Caches {
    users: Arc<TokenForgettingUserRepository>,
    tokens: Arc<CachedTokenRepository>,
    assistants: Arc<CachedAssistantRepository>,
    blobs: Arc<CachedBlobStore>,
    answers: Arc<MemoryAnswerCache>,
}

/// How much memory copies of avatars take: some hundred of the largest.
const BLOB_COPIES_MAX_BYTES: u64 = 32 * 1024 * 1024;

impl Caches {
    fn new(database: &Database, blobs: &ObjectBlobStore, answers_max_bytes: usize) -> Self {
        let tokens = SeaTokenRepository::new(database.clone());
        let assistants = SeaAssistantRepository::new(database.clone());
        let tokens = Arc::new(CachedTokenRepository::new(Arc::new(tokens)));
        let users = Arc::new(SeaUserRepository::new(database.clone()));
        let users = TokenForgettingUserRepository::new(users, Arc::clone(&tokens));
        Self {
            users: Arc::new(users),
            tokens,
            assistants: Arc::new(CachedAssistantRepository::new(Arc::new(assistants))),
            blobs: Arc::new(CachedBlobStore::new(
                Arc::new(blobs.clone()),
                BLOB_COPIES_MAX_BYTES,
            )),
            answers: Arc::new(MemoryAnswerCache::new(answers_max_bytes)),
        }
    }
}

fn ports(
    database: &Database,
    caches: &Caches,
    models: Models,
    metrics: &Metrics,
    sources: &Sources,
) -> Ports {
    Ports {
        users: Arc::clone(&caches.users) as _,
        tokens: Arc::clone(&caches.tokens) as _,
        sign_ins: Arc::new(SeaSignInRepository::new(database.clone())),
        assistants: Arc::clone(&caches.assistants) as _,
        threads: Arc::new(SeaThreadRepository::new(database.clone())),
        messages: Arc::new(SeaMessageRepository::new(database.clone())),
        runs: Arc::new(SeaRunRepository::new(database.clone())),
        events: Arc::new(SeaRunEventRepository::new(database.clone())),
        deletions: Arc::new(SeaDeletionRepository::new(database.clone())),
        blobs: Arc::clone(&caches.blobs) as _,
        renderer: Arc::new(ImageAvatarRenderer),
        model: models.chat,
        answers: Arc::clone(&caches.answers) as _,
        embedder: models.embedder,
        matcher: Some(Arc::new(EnglishMatcher)),
        observer: Arc::new(metrics.clone()),
        clock: Arc::clone(&sources.clock),
        ids: Arc::clone(&sources.ids),
        secrets: Arc::clone(&sources.secrets),
    }
}

/// As many passwords at once as there are processors: more would only take memory.
fn password_slots() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}
