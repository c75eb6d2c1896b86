//! Log lines on standard error.

use std::io::{self, IsTerminal as _};
use std::panic::PanicHookInfo;

use colloquy_application::spans;
use tracing_subscriber::filter::{FilterExt as _, LevelFilter, Targets};
use tracing_subscriber::fmt;
use tracing_subscriber::layer::{Filter, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer, Registry};

use crate::config::{LogFormat, Logging};
use crate::log_lines::LogLines;

/// What nobody reads, whatever is asked for: the spans of traces, which would be in every line of a
/// run, and complaints about a database's URL or password file, which repeat what is in there.
const UNREAD: [&str; 2] = [spans::TARGET, "sqlx_postgres::options"];

/// These say in two lines for each migration what we say in one for all.
const TALKATIVE: [&str; 2] = ["sea_orm_migration", "sqlx::postgres::notice"];

/// Does something with what is told to `tracing`.
pub(crate) type Listener = Box<dyn Layer<Registry> + Send + Sync>;

/// Starts to log, and whatever else listens. Panics are logged, too, so that they take one line
/// like everything else.
pub(crate) fn start(logging: &Logging, other: Option<Listener>) {
    let lines: Listener = match logging.format {
        LogFormat::Json => fmt::layer().json().with_writer(io::stderr).boxed(),
        LogFormat::Pretty => {
            let colours = io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
            LogLines { colours }.boxed()
        }
    };
    let lines = lines.with_filter(filter(&logging.directives)).boxed();
    let listeners: Vec<Listener> = [Some(lines), other].into_iter().flatten().collect();
    tracing_subscriber::registry().with(listeners).init();
    std::panic::set_hook(Box::new(log_panic));
}

/// What the operator wants to read, of what may be read.
fn filter(directives: &str) -> impl Filter<Registry> + use<> {
    let unread = UNREAD.map(|target| (target, LevelFilter::OFF));
    let read = Targets::from_iter(unread)
        .with_targets(TALKATIVE.map(|target| (target, LevelFilter::WARN)))
        .with_default(LevelFilter::TRACE);
    EnvFilter::new(directives).and(read)
}

fn log_panic(panic: &PanicHookInfo<'_>) {
    let message = panic.payload_as_str().unwrap_or("(no message)");
    let place = panic.location().map(tracing::field::display);
    tracing::error!(panic.message = message, panic.place = place, "panic");
}
