//! Log lines on standard error.

use std::io::{self, IsTerminal as _, Write};
use std::panic::PanicHookInfo;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

use crate::config::{LogFormat, Logging};
use crate::terminal::visible_except;

/// Starts to log. Panics are logged, too, so that they take one line like everything else.
pub(crate) fn start(logging: &Logging) {
    let filter = EnvFilter::new(&logging.directives);
    let builder = tracing_subscriber::fmt().with_env_filter(filter);
    match logging.format {
        LogFormat::Json => builder.json().with_writer(io::stderr).init(),
        LogFormat::Pretty => {
            let colours = io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
            let writer = OneLine { colours };
            builder.with_ansi(colours).with_writer(writer).init();
        }
    }
    std::panic::set_hook(Box::new(log_panic));
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
