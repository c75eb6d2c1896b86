//! State of the handlers.

use std::sync::Arc;

use axum::extract::FromRef;
use colloquy_application::UseCases;
use colloquy_application::assistants::Assistants;
use colloquy_application::avatars::Avatars;
use colloquy_application::files::Files;
use colloquy_application::messages::Messages;
use colloquy_application::models::Models;
use colloquy_application::ports::HealthCheck;
use colloquy_application::profile::Profile;
use colloquy_application::runs::Runs;
use colloquy_application::threads::Threads;
use colloquy_application::tokens::Tokens;
use colloquy_application::users::Users;
use colloquy_web::client_address::TrustedProxies;
use colloquy_web::limits::Limits;
use colloquy_web::metrics::Metrics;
use colloquy_web::run_streams::Draining;
use tokio_util::sync::CancellationToken;

use crate::json_cache::AssistantJsonCache;

/// State of the handlers, each of which extracts what it needs.
#[derive(Clone)]
pub(crate) struct App(Arc<Parts>);

struct Parts {
    // One `Arc` each, so that a request clones only what it uses.
    assistants: Arc<Assistants>,
    avatars: Arc<Avatars>,
    models: Arc<Models>,
    threads: Arc<Threads>,
    messages: Arc<Messages>,
    runs: Arc<Runs>,
    users: Arc<Users>,
    tokens: Arc<Tokens>,
    profile: Arc<Profile>,
    files: Arc<Files>,
    readiness: Readiness,
    trusted_proxies: TrustedProxies,
    metrics: Metrics,
    assistant_json: Arc<AssistantJsonCache>,
}

/// What readiness depends on.
#[derive(Clone)]
pub(crate) struct Readiness {
    pub(crate) checks: Arc<[Arc<dyn HealthCheck>]>,
    pub(crate) draining: CancellationToken,
    pub(crate) limits: Limits,
}

impl App {
    pub(crate) fn new(
        use_cases: UseCases,
        readiness: Readiness,
        trusted_proxies: TrustedProxies,
        metrics: Metrics,
    ) -> Self {
        Self(Arc::new(Parts {
            assistants: use_cases.assistants.into(),
            avatars: use_cases.avatars.into(),
            models: use_cases.models.into(),
            threads: use_cases.threads.into(),
            messages: use_cases.messages.into(),
            runs: use_cases.runs.into(),
            users: use_cases.users.into(),
            tokens: use_cases.tokens.into(),
            profile: use_cases.profile.into(),
            files: use_cases.files.into(),
            readiness,
            trusted_proxies,
            metrics,
            assistant_json: Arc::default(),
        }))
    }
}

impl FromRef<App> for Readiness {
    fn from_ref(app: &App) -> Self {
        app.0.readiness.clone()
    }
}

impl FromRef<App> for Draining {
    fn from_ref(app: &App) -> Self {
        Self(app.0.readiness.draining.clone())
    }
}

impl FromRef<App> for TrustedProxies {
    fn from_ref(app: &App) -> Self {
        app.0.trusted_proxies.clone()
    }
}

impl FromRef<App> for Arc<AssistantJsonCache> {
    fn from_ref(app: &App) -> Self {
        Self::clone(&app.0.assistant_json)
    }
}

impl FromRef<App> for Metrics {
    fn from_ref(app: &App) -> Self {
        app.0.metrics.clone()
    }
}

macro_rules! groups_of_use_cases {
    ($($field:ident: $group:ty,)+) => {$(
        impl FromRef<App> for Arc<$group> {
            fn from_ref(app: &App) -> Self {
                Self::clone(&app.0.$field)
            }
        }
    )+};
}

groups_of_use_cases! {
    assistants: Assistants,
    avatars: Avatars,
    models: Models,
    threads: Threads,
    messages: Messages,
    runs: Runs,
    users: Users,
    tokens: Tokens,
    profile: Profile,
    files: Files,
}
