//! `colloquy serve`.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use colloquy_http::HttpOptions;
use colloquy_web::serve::ServeOptions;
use tokio::net::TcpListener;
use tokio::task::AbortHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::builder::Extensions;
use crate::changes::watch_changes;
use crate::config::{Configuration, Settings};
use crate::descriptors;
use crate::fatal_error::FatalError;
use crate::first_steps::{FirstSignIn, create_demo_assistant, create_first_administrator};
use crate::service::{Models, Service};
use crate::signals;
use crate::store::Sources;
use crate::supervision::{clean_attempts, clean_tokens, supervise};
use crate::welcome::welcome;

/// Time for responses after the last run has ended.
const ANSWER_TIME: Duration = Duration::from_secs(4);
const METRICS_CONNECTIONS: usize = 64;
const CLOSE_TIME: Duration = Duration::from_secs(1);

/// Serves until a stop signal, then drains.
pub(crate) async fn serve(
    configuration: &Configuration,
    mut extensions: Extensions,
) -> Result<(), FatalError> {
    let settings = &configuration.settings;
    let stop = signals::stop_token()?;
    signals::survive_file_size_limit()?;
    descriptors::raise();
    let sources = Sources::default();
    // First: an unknown model is a configuration error.
    let registered = std::mem::take(&mut extensions.models);
    let models = Models::load(configuration, &sources, registered)?;
    // Before any write: a failed start leaves nothing behind.
    let listener = listen(settings.listen)?;
    let metrics = settings.metrics_listen.map(listen).transpose()?;
    let address = listener.local_addr()?;
    let service = tokio::select! {
        opened = Service::open(settings, models, sources, extensions, address) => opened?,
        () = stop.cancelled() => return Ok(()),
    };
    let first_sign_in = prepare(&service, settings).await?;
    let metrics_address = metrics.as_ref().map(TcpListener::local_addr).transpose()?;
    welcome(
        address,
        metrics_address,
        first_sign_in.as_ref(),
        configuration,
    )?;
    let background = start_background(&service);
    tokio::try_join!(
        serve_until(&stop, listener, &service, settings),
        serve_metrics(&stop, metrics, &service),
    )?;
    for task in background {
        task.abort();
    }
    let _ = timeout(CLOSE_TIME, service.close()).await;
    tracing::info!("stopped");
    Ok(())
}

async fn prepare(
    service: &Service,
    settings: &Settings,
) -> Result<Option<FirstSignIn>, FatalError> {
    let use_cases = &service.use_cases;
    use_cases.engine.recover().await?;
    use_cases.assistants.store_from_code().await?;
    if settings.demo {
        create_demo_assistant(&use_cases.assistants).await?;
    }
    // Last: nothing may fail between generating a password and showing it.
    create_first_administrator(
        &use_cases.accounts,
        settings.first_administrator.clone(),
        &*service.sources.secrets,
    )
    .await
}

fn listen(address: SocketAddr) -> Result<TcpListener, FatalError> {
    colloquy_web::serve::listen(address).map_err(|source| FatalError::Listen { address, source })
}

fn start_background(service: &Service) -> Vec<AbortHandle> {
    let use_cases = &service.use_cases;
    let (engine, tokens) = (use_cases.engine.clone(), use_cases.tokens.clone());
    let avatars = use_cases.avatars.clone();
    let deletions = use_cases.deletions.clone();
    let files = use_cases.files.clone();
    let sign_ins = tokens.clone();
    let mut tasks = vec![
        supervise("keep leases", move || {
            let engine = engine.clone();
            async move { engine.keep().await }
        }),
        supervise("clean tokens", move || clean_tokens(tokens.clone())),
        supervise("clean sign-in attempts", move || {
            clean_attempts(sign_ins.clone())
        }),
        supervise("sweep avatars", move || {
            let avatars = avatars.clone();
            async move { avatars.keep_swept().await }
        }),
        supervise("sweep files", move || {
            let files = files.clone();
            async move { files.keep_swept().await }
        }),
        supervise("finish deletions", move || {
            let deletions = deletions.clone();
            async move { deletions.keep_finishing().await }
        }),
    ];
    if let Some(database) = service.database.clone() {
        let assistants = Arc::clone(&service.assistants);
        tasks.push(supervise("hear changes", move || {
            watch_changes(database.clone(), Arc::clone(&assistants))
        }));
    }
    tasks
}

/// On stop, readiness fails, the listener closes and runs get the grace period.
async fn serve_until(
    stop: &CancellationToken,
    listener: TcpListener,
    service: &Service,
    settings: &Settings,
) -> io::Result<()> {
    let router = colloquy_http::router(
        service.use_cases.clone(),
        service.health.clone(),
        HttpOptions {
            cors_origins: settings.cors_origins.clone(),
            trusted_proxies: settings.trusted_proxies.clone(),
            max_requests: settings.max_requests,
            draining: stop.clone(),
            metrics: service.metrics.clone(),
            authenticator: service.sign_in.clone(),
            routes: service.routes.clone(),
            ..HttpOptions::new(service.sources.ids.clone())
        },
    );
    let options = ServeOptions {
        grace: settings.shutdown_grace + ANSWER_TIME,
        metrics: service.metrics.clone(),
        max_connections: descriptors::connections(settings.max_connections),
        trusted_proxies: settings.trusted_proxies.clone(),
        ..ServeOptions::default()
    };
    let serving = colloquy_web::serve::serve(listener, router, options, stop.cancelled());
    let stopping = async {
        stop.cancelled().await;
        service.use_cases.engine.stop(settings.shutdown_grace).await;
        Ok(())
    };
    tokio::try_join!(serving, stopping)?;
    Ok(())
}

async fn serve_metrics(
    stop: &CancellationToken,
    listener: Option<TcpListener>,
    service: &Service,
) -> io::Result<()> {
    let Some(listener) = listener else {
        return Ok(());
    };
    let readings = service.readings.clone();
    let router =
        colloquy_http::metrics_router(&service.use_cases, service.metrics.clone(), readings);
    let options = ServeOptions {
        grace: Duration::ZERO,
        max_connections: METRICS_CONNECTIONS,
        ..ServeOptions::default()
    };
    colloquy_web::serve::serve(listener, router, options, stop.cancelled()).await
}
