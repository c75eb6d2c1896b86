//! Logs to standard error.

use std::io::{self, IsTerminal as _};
use std::panic::PanicHookInfo;

use colloquy_application::spans;
use tracing_subscriber::filter::{FilterExt as _, LevelFilter, Targets};
use tracing_subscriber::fmt::format::JsonFields;
use tracing_subscriber::fmt::{self, MakeWriter};
use tracing_subscriber::layer::{Filter, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer, Registry};

use crate::config::{LogFormat, Logging};
use crate::json_lines::JsonLines;
use crate::log_lines::LogLines;

/// Never logged: trace spans, which would be in every line of a run, and warnings that quote a
/// database URL or password file.
const SUPPRESSED: [&str; 2] = [spans::TARGET, "sqlx_postgres::options"];

/// Logged from `warn` on: they log two lines per migration.
const WARN_ONLY: [&str; 2] = ["sea_orm_migration", "sqlx::postgres::notice"];

pub(crate) type Listener = Box<dyn Layer<Registry> + Send + Sync>;

/// Logs panics as events. `other` is a second layer.
pub(crate) fn start(logging: &Logging, other: Option<Listener>) {
    let colours = io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let lines = lines(logging.format, colours, io::stderr);
    let lines = lines.with_filter(filter(&logging.directives)).boxed();
    let listeners: Vec<Listener> = [Some(lines), other].into_iter().flatten().collect();
    tracing_subscriber::registry().with(listeners).init();
    std::panic::set_hook(Box::new(log_panic));
}

fn lines<W>(format: LogFormat, colours: bool, output: W) -> Listener
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    match format {
        LogFormat::Json => fmt::layer()
            .event_format(JsonLines)
            .fmt_fields(JsonFields::new())
            .with_writer(output)
            .boxed(),
        LogFormat::Pretty => LogLines { colours, output }.boxed(),
    }
}

/// The operator's directives without what is never logged.
fn filter(directives: &str) -> impl Filter<Registry> + use<> {
    let unread = SUPPRESSED.map(|target| (target, LevelFilter::OFF));
    let read = Targets::from_iter(unread)
        .with_targets(WARN_ONLY.map(|target| (target, LevelFilter::WARN)))
        .with_default(LevelFilter::TRACE);
    EnvFilter::new(directives).and(read)
}

fn log_panic(panic: &PanicHookInfo<'_>) {
    let message = panic.payload_as_str().unwrap_or("(no message)");
    let place = panic.location().map(tracing::field::display);
    tracing::error!(panic.message = message, panic.place = place, "panic");
}

#[cfg(test)]
mod tests {
    use std::error::Error;
    use std::io::{self, Write};
    use std::sync::{Arc, Mutex};

    use tracing_subscriber::layer::SubscriberExt as _;

    use super::lines;
    use crate::config::LogFormat;

    #[derive(Clone, Default)]
    struct Output(Arc<Mutex<Vec<u8>>>);

    impl Write for Output {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn logged(format: LogFormat, log: impl FnOnce()) -> String {
        let output = Output::default();
        let writer = output.clone();
        let lines = lines(format, false, move || writer.clone());
        tracing::subscriber::with_default(tracing_subscriber::registry().with(lines), log);
        let bytes = output.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[derive(Debug, thiserror::Error)]
    #[error("the port failed")]
    struct PortFailed(#[source] QueryFailed);

    #[derive(Debug, thiserror::Error)]
    #[error("the query failed: \"a\nb\"")]
    struct QueryFailed(#[source] io::Error);

    #[test]
    fn both_formats_tell_an_error_with_all_its_causes_on_one_line() {
        let disk = io::Error::other("the disk is full");
        let error = PortFailed(QueryFailed(disk));
        let log = || {
            let span = tracing::info_span!("request", request.id = "r-1", user.id = 7);
            let _entered = span.enter();
            let error = &error as &(dyn Error + 'static);
            tracing::error!(error, attempts = 3, "request failed");
        };
        for format in [LogFormat::Pretty, LogFormat::Json] {
            let text = logged(format, log);
            assert_eq!(text.matches('\n').count(), 1, "{text}");
            for part in [
                "ERROR",
                "request failed",
                "the port failed",
                "the query failed: ",
                "the disk is full",
                "r-1",
                "attempts",
            ] {
                assert!(text.contains(part), "{format:?} has no {part}: {text}");
            }
        }
    }

    #[test]
    fn a_json_line_has_its_fields_and_spans_by_name() {
        let error = PortFailed(QueryFailed(io::Error::other("the disk is full")));
        let text = logged(LogFormat::Json, || {
            let outer = tracing::info_span!("request", request.id = "r-1");
            let _outer = outer.enter();
            let inner = tracing::info_span!("run", run.id = 7);
            let _inner = inner.enter();
            let error = &error as &(dyn Error + 'static);
            tracing::warn!(target: "audit", error, share = 0.5, is_late = true, "failed");
        });
        let mut line: serde_json::Value = serde_json::from_str(&text).unwrap();
        let time = line["timestamp"].take();
        assert!(time.as_str().unwrap().ends_with('Z'), "{time}");
        let expected = serde_json::json!({
            "timestamp": null,
            "level": "WARN",
            "fields": {
                "message": "failed",
                "error": "the port failed",
                "error.sources": ["the query failed: \"a\nb\"", "the disk is full"],
                "share": 0.5,
                "is_late": true,
            },
            "target": "audit",
            "span": {"run.id": 7, "name": "run"},
            "spans": [
                {"request.id": "r-1", "name": "request"},
                {"run.id": 7, "name": "run"},
            ],
        });
        assert_eq!(line, expected);
    }
}
