//! The server as a library: the program `colloquy` with your own policy, tools, models, stores and
//! assistants. The program itself is:
//!
//! ```no_run
//! fn main() -> std::process::ExitCode {
//!     colloquy_server::builder().run()
//! }
//! ```
//!
//! [`Builder`] lists the extensions; the guide is `docs/embedding.md`.
#![deny(missing_docs)]

mod address;
mod allocator;
mod builder;
mod changes;
mod cli;
mod commands;
mod config;
mod descriptors;
mod fatal_error;
mod first_steps;
mod instance;
mod invocation;
mod json_lines;
mod log_lines;
mod logging;
mod model_router;
mod password;
pub mod prelude;
mod process;
mod service;
mod signals;
mod sole_server;
mod store;
mod supervision;
mod terminal;
mod traces;
mod welcome;

use std::process::ExitCode;
use std::time::Duration;

use crate::builder::Extensions;
use crate::cli::Task;
use crate::config::{Configuration, Environment, Logging, TraceSettings};
use crate::fatal_error::FatalError;
use crate::traces::Traces;

pub use allocator::Allocator;
pub use axum;
pub use builder::{Builder, builder};
pub use colloquy_application as application;
pub use colloquy_domain as domain;
pub use colloquy_web as web;

/// For abandoned blocking work at exit.
const BLOCKING_TIME: Duration = Duration::from_secs(1);

fn run(extensions: Extensions) -> ExitCode {
    match try_run(extensions) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            terminal::print_error(&failure);
            failure.exit_code()
        }
    }
}

fn try_run(extensions: Extensions) -> Result<(), FatalError> {
    let (cli, flags) = cli::read()?;
    let environment = Environment::new(std::env::vars_os())?;
    let configuration = Configuration::load(&environment, &flags)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let traces = Traces::open(traces_for(&cli.task, &configuration), runtime.handle())?;
    logging::start(&logging_for(&cli.task, &configuration), traces.listener());
    let done = runtime.block_on(carry_out(cli.task, &configuration, extensions));
    traces.close();
    // Abandoned blocking work, such as image decoding, is not awaited.
    runtime.shutdown_timeout(BLOCKING_TIME);
    done
}

async fn carry_out(
    task: Task,
    configuration: &Configuration,
    extensions: Extensions,
) -> Result<(), FatalError> {
    match task {
        Task::Serve => commands::serve(configuration, extensions).await,
        Task::Migrate => commands::migrate(configuration, extensions).await,
        Task::User(task) => commands::user(configuration, extensions, task).await,
        Task::Token(task) => commands::token(configuration, extensions, task).await,
        Task::Openapi => commands::openapi(),
        Task::Config => commands::config(configuration, extensions),
        Task::Healthcheck => commands::healthcheck(configuration).await,
    }
}

/// Only `serve` is traced.
fn traces_for<'a>(task: &Task, configuration: &'a Configuration) -> Option<&'a TraceSettings> {
    let traces = configuration.settings.traces.as_ref();
    traces.filter(|_| matches!(task, Task::Serve))
}

/// Other commands than `serve` log warnings only, unless configured.
fn logging_for(task: &Task, configuration: &Configuration) -> Logging {
    let logging = configuration.settings.logging.clone();
    if matches!(task, Task::Serve) || configuration.is_set("log") {
        return logging;
    }
    Logging {
        directives: "warn".to_owned(),
        ..logging
    }
}
