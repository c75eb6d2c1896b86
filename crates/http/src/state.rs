use std::sync::Arc;

use axum::extract::FromRef;
use colloquy_application::UseCases;
use colloquy_application::assistants::Assistants;
use colloquy_application::avatars::Avatars;
use colloquy_application::messages::Messages;
use colloquy_application::ports::HealthCheck;
use colloquy_application::runs::Runs;
use colloquy_application::threads::Threads;
use colloquy_application::tokens::Tokens;
use colloquy_application::users::Users;
use tokio_util::sync::CancellationToken;

use crate::Metrics;
use crate::assistants::WrittenPages;
use crate::client_address::TrustedProxies;
use crate::metrics::Scrape;

/// What the handlers work with; each asks for the part that it needs.
#[derive(Clone)]
pub(crate) struct App(Arc<Parts>);

struct Parts {
    use_cases: UseCases,
    readiness: Readiness,
    trusted_proxies: TrustedProxies,
    scrape: Scrape,
    written_pages: WrittenPages,
}

/// What tells whether the service can do its work.
#[derive(Clone)]
pub(crate) struct Readiness {
    pub(crate) checks: Arc<[Arc<dyn HealthCheck>]>,
    pub(crate) draining: CancellationToken,
}

impl App {
    pub(crate) fn new(
        use_cases: UseCases,
        readiness: Readiness,
        trusted_proxies: TrustedProxies,
        scrape: Scrape,
    ) -> Self {
        Self(Arc::new(Parts {
            use_cases,
            readiness,
            trusted_proxies,
            scrape,
            written_pages: WrittenPages::default(),
        }))
    }
}

impl FromRef<App> for Readiness {
    fn from_ref(app: &App) -> Self {
        app.0.readiness.clone()
    }
}

impl FromRef<App> for TrustedProxies {
    fn from_ref(app: &App) -> Self {
        app.0.trusted_proxies.clone()
    }
}

impl FromRef<App> for WrittenPages {
    fn from_ref(app: &App) -> Self {
        app.0.written_pages.clone()
    }
}

impl FromRef<App> for Scrape {
    fn from_ref(app: &App) -> Self {
        app.0.scrape.clone()
    }
}

impl FromRef<App> for Metrics {
    fn from_ref(app: &App) -> Self {
        app.0.scrape.metrics.clone()
    }
}

macro_rules! groups_of_use_cases {
    ($($field:ident: $group:ty,)+) => {$(
        impl FromRef<App> for $group {
            fn from_ref(app: &App) -> Self {
                app.0.use_cases.$field.clone()
            }
        }
    )+};
}

groups_of_use_cases! {
    assistants: Assistants,
    avatars: Avatars,
    threads: Threads,
    messages: Messages,
    runs: Runs,
    users: Users,
    tokens: Tokens,
}
