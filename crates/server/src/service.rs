//! Composes the service. The only module that knows every adapter.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::http::HeaderName;
use chrono::TimeDelta;
use colloquy_application::ports::{ChatModel, Embedder, HealthCheck, InstanceId, Readings};
use colloquy_application::tools::Toolbox;
use colloquy_application::{Ports, Settings as UseCaseSettings, Stores, UseCases};
use colloquy_blob::{ImageAvatarRenderer, ObjectBlobStore};
use colloquy_cache::{
    CachedAssistantRepository, CachedBlobStore, CachedTokenRepository, MemoryAnswerCache,
    TokenForgettingUserRepository,
};
use colloquy_matcher::EnglishMatcher;
use colloquy_persistence::Database;
use colloquy_web::authenticator::{Authenticator, TrustedHeader};
use colloquy_web::client_address::{ProxyNetwork, TrustedProxies};
use colloquy_web::metrics::Metrics;
use secrecy::ExposeSecret as _;

use crate::builder::{Extensions, SignIn};
use crate::config::{Configuration, Settings};
use crate::fatal_error::FatalError;
use crate::instance::InstanceSlot;
use crate::model_router::ModelRouter;
use crate::process::ThisProcess;
use crate::sole_server::SoleServer;
use crate::store::{Sources, Store, make_data_dir};

pub(crate) struct Service {
    pub(crate) use_cases: UseCases,
    pub(crate) health: Vec<Arc<dyn HealthCheck>>,
    pub(crate) metrics: Metrics,
    pub(crate) readings: Vec<Arc<dyn Readings>>,
    pub(crate) sources: Sources,
    pub(crate) assistants: Arc<CachedAssistantRepository>,
    pub(crate) database: Option<Database>,
    pub(crate) sign_in: Option<Arc<dyn Authenticator>>,
    pub(crate) routes: axum::Router,
    /// Held while runs are executed.
    _slot: InstanceSlot,
    /// Held while serving a SQLite database.
    _sole_server: Option<SoleServer>,
}

impl Service {
    /// Opens the stores and composes the use cases, to be served at `address`.
    pub(crate) async fn open(
        settings: &Settings,
        models: Models,
        sources: Sources,
        extensions: Extensions,
        address: SocketAddr,
    ) -> Result<Self, FatalError> {
        make_data_dir(&settings.data_dir)?;
        let now = sources.clock.now();
        let sole_server = colloquy_persistence::sqlite_file(settings.database_url.expose_secret())
            .filter(|_| extensions.stores.is_none())
            .map(|file| SoleServer::take(&file, now, address))
            .transpose()?;
        let Store { stores, database } = Store::open(settings, extensions.stores).await?;
        let blobs = ObjectBlobStore::open(settings.blob_url.as_str())?;
        let slot = InstanceSlot::take(&settings.data_dir, &*sources.ids)?;
        let caches = Caches::new(&stores, &blobs, settings.answers_max_bytes);
        let metrics = Metrics::new();
        let mut ports = ports(stores, &caches, models, &metrics, &sources);
        if let Some(change) = extensions.ports {
            ports = change(ports);
        }
        let mut use_case_settings = use_case_settings(settings, slot.id());
        use_case_settings.toolbox = Toolbox::built_in(Arc::clone(&sources.clock))?;
        for tool in extensions.tools {
            use_case_settings.toolbox.add(tool)?;
        }
        for add in extensions.assistants {
            add(&mut use_case_settings)?;
        }
        let use_cases = UseCases::new(ports, extensions.policy, use_case_settings)
            .with_knowledge_policy(extensions.knowledge_policy);
        let routes = extensions.routes.map(|make| make(&use_cases));
        let mut health: Vec<Arc<dyn HealthCheck>> = Vec::new();
        health.extend(database.clone().map(|it| Arc::new(it) as _));
        health.push(Arc::new(blobs));
        health.push(Arc::new(use_cases.engine.clone()));
        health.extend(extensions.health);
        let mut readings: Vec<Arc<dyn Readings>> = vec![
            Arc::new(ThisProcess {
                started_at: sources.clock.now(),
            }),
            Arc::clone(&caches.tokens) as _,
            Arc::clone(&caches.assistants) as _,
            Arc::clone(&caches.blobs) as _,
            caches.answers,
        ];
        readings.extend(database.clone().map(|it| Arc::new(it) as _));
        Ok(Self {
            use_cases,
            health,
            metrics,
            readings,
            sources,
            assistants: caches.assistants,
            database,
            sign_in: authenticator(extensions.sign_in, &settings.trusted_proxies)?,
            routes: routes.unwrap_or_default(),
            _slot: slot,
            _sole_server: sole_server,
        })
    }

    /// Closes the stores, which must be unused.
    pub(crate) async fn close(self) {
        if let Some(database) = self.database {
            database.close().await;
        }
    }
}

pub(crate) struct Models {
    chat: Arc<dyn ChatModel>,
    embedder: Option<Arc<dyn Embedder>>,
}

impl Models {
    pub(crate) fn load(
        configuration: &Configuration,
        sources: &Sources,
        registered: BTreeMap<String, Arc<dyn ChatModel>>,
    ) -> Result<Self, FatalError> {
        let providers = Arc::new(configuration.providers(&sources.clock)?);
        let chat = ModelRouter {
            registered,
            configured: Arc::clone(&providers) as _,
        };
        configuration.check_default_model(&chat)?;
        let embedder = tokio::task::block_in_place(|| configuration.embedder(&providers))?;
        if embedder.is_none() {
            tracing::info!("no embedding model set; the answer cache serves exact matches only");
        }
        Ok(Self {
            chat: Arc::new(chat),
            embedder,
        })
    }
}

struct Caches {
    users: Arc<TokenForgettingUserRepository>,
    tokens: Arc<CachedTokenRepository>,
    assistants: Arc<CachedAssistantRepository>,
    blobs: Arc<CachedBlobStore>,
    answers: Arc<MemoryAnswerCache>,
}

/// Some hundred of the largest avatars.
const BLOB_COPIES_MAX_BYTES: u64 = 32 * 1024 * 1024;

impl Caches {
    fn new(stores: &Stores, blobs: &ObjectBlobStore, answers_max_bytes: usize) -> Self {
        let tokens = Arc::new(CachedTokenRepository::new(Arc::clone(&stores.tokens)));
        let users = Arc::clone(&stores.users);
        let assistants = Arc::clone(&stores.assistants);
        Self {
            users: Arc::new(TokenForgettingUserRepository::new(
                users,
                Arc::clone(&tokens),
            )),
            tokens,
            assistants: Arc::new(CachedAssistantRepository::new(assistants)),
            blobs: Arc::new(CachedBlobStore::new(
                Arc::new(blobs.clone()),
                BLOB_COPIES_MAX_BYTES,
            )),
            answers: Arc::new(MemoryAnswerCache::new(answers_max_bytes)),
        }
    }
}

fn ports(
    stores: Stores,
    caches: &Caches,
    models: Models,
    metrics: &Metrics,
    sources: &Sources,
) -> Ports {
    let stores = Stores {
        users: Arc::clone(&caches.users) as _,
        tokens: Arc::clone(&caches.tokens) as _,
        assistants: Arc::clone(&caches.assistants) as _,
        ..stores
    };
    let blobs: Arc<CachedBlobStore> = Arc::clone(&caches.blobs);
    let mut ports = Ports::builder(stores, models.chat)
        .avatars(blobs, Arc::new(ImageAvatarRenderer))
        .answers(Arc::clone(&caches.answers) as _)
        .observer(Arc::new(metrics.clone()))
        .clock(Arc::clone(&sources.clock))
        .ids(Arc::clone(&sources.ids))
        .secrets(Arc::clone(&sources.secrets));
    if let Some(embedder) = models.embedder {
        ports = ports.similar_questions(embedder, Arc::new(EnglishMatcher));
    }
    ports.build()
}

fn use_case_settings(settings: &Settings, instance: InstanceId) -> UseCaseSettings {
    UseCaseSettings {
        run_limits: settings.run_limits,
        file_limits: settings.file_limits,
        default_model: settings.default_model.clone(),
        sign_in_limits: settings.sign_in_limits,
        api_key_lifetime: settings
            .api_key_days
            .map(|days| TimeDelta::days(days.into())),
        password_slots: password_slots(),
        ..UseCaseSettings::new(instance)
    }
}

fn authenticator(
    sign_in: SignIn,
    proxies: &[ProxyNetwork],
) -> Result<Option<Arc<dyn Authenticator>>, FatalError> {
    let name = match sign_in {
        SignIn::TokensOnly => return Ok(None),
        SignIn::Authenticator(authenticator) => return Ok(Some(authenticator)),
        SignIn::Header(name) => name,
    };
    if proxies.is_empty() {
        let why = format!("the trusted header {name} needs proxies in http.trusted_proxies");
        return Err(FatalError::Refused(why));
    }
    let header = HeaderName::try_from(&name);
    let header =
        header.map_err(|_| FatalError::Refused(format!("{name:?} is not a valid header name")))?;
    let proxies = TrustedProxies::new(proxies.to_vec());
    Ok(Some(Arc::new(TrustedHeader::new(header, proxies))))
}

/// One per processor: more would only take memory.
fn password_slots() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}
