//! Log lines on standard error.

use std::io::{self, IsTerminal as _, Write};
use std::panic::PanicHookInfo;

use colloquy_application::spans;
use tracing_subscriber::filter::{FilterExt as _, LevelFilter, Targets};
use tracing_subscriber::fmt::{self, MakeWriter};
use tracing_subscriber::layer::{Filter, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer, Registry};

use crate::config::{LogFormat, Logging};
use crate::terminal::visible_except;

/// What nobody reads, whatever is asked for: the spans of traces, which would be in every line of a
/// run, and complaints about a database's URL or password file, which repeat what is in there.
const UNREAD: [&str; 2] = [spans::TARGET, "sqlx_postgres::options"];

/// Does something with what is told to `tracing`.
pub(crate) type Listener = Box<dyn Layer<Registry> + Send + Sync>;

/// Starts to log, and whatever else listens. Panics are logged, too, so that they take one line
/// like everything else.
pub(crate) fn start(logging: &Logging, other: Option<Listener>) {
    let lines: Listener = match logging.format {
        LogFormat::Json => fmt::layer().json().with_writer(io::stderr).boxed(),
        LogFormat::Pretty => {
            let colours = io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
            let writer = OneLine { colours };
            fmt::layer().with_ansi(colours).with_writer(writer).boxed()
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
    let read = Targets::from_iter(unread).with_default(LevelFilter::TRACE);
    EnvFilter::new(directives).and(read)
}

fn log_panic(panic: &PanicHookInfo<'_>) {
    let message = panic.payload_as_str().unwrap_or("(no message)");
    let place = panic.location().map(tracing::field::display);
    tracing::error!(panic.message = message, panic.place = place, "panic");
}

/// Writes each event as one line, whatever its fields hold: what people send must not be able to
/// write log lines of its own. JSON escapes by itself.
#[derive(Clone, Copy)]
struct OneLine {
    /// Whether the escape character is the formatter's own; it has escaped the fields' then.
    colours: bool,
}

impl<'a> MakeWriter<'a> for OneLine {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        *self
    }
}

impl Write for OneLine {
    /// The formatter hands over an event as a whole.
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        let line = self.line(&String::from_utf8_lossy(event));
        io::stderr().lock().write_all(line.as_bytes())?;
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl OneLine {
    fn line(self, event: &str) -> String {
        let text = event.strip_suffix('\n').unwrap_or(event);
        visible_except(self.colours.then_some('\u{1b}'), text) + "\n"
    }
}

#[cfg(test)]
mod tests {
    use super::OneLine;

    #[test]
    fn an_event_is_one_line_whatever_it_holds() {
        let plain = OneLine { colours: false };
        assert_eq!(
            plain.line("INFO a name=x\nERROR forged\r\u{2028}\u{1b}[2J\n"),
            "INFO a name=x\\nERROR forged\\r\\u{2028}\\u{1b}[2J\n"
        );
        let coloured = OneLine { colours: true };
        assert_eq!(
            coloured.line("\u{1b}[32mINFO\u{1b}[0m a\nb\n"),
            "\u{1b}[32mINFO\u{1b}[0m a\\nb\n"
        );
    }
}
