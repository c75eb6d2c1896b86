//! Human-readable log lines: short, IDs shortened, no repeated fields. JSON lines are complete.

use std::error::Error;
use std::fmt::{self, Write as _};
use std::io::Write as _;

use colloquy_application::ports::Clock;
use colloquy_application::system::SystemClock;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;
use uuid::Uuid;

use crate::terminal::{in_one_line, visible};

/// The random end.
const ID_SUFFIX_CHARS: usize = 8;

pub(crate) struct LogLines<W> {
    pub(crate) colours: bool,
    pub(crate) output: W,
}

impl<S, W> Layer<S> for LogLines<W>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: for<'a> MakeWriter<'a> + 'static,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        if let Some(span) = context.span(id) {
            span.extensions_mut().insert(fields);
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        if let Some(span) = context.span(id)
            && let Some(fields) = span.extensions_mut().get_mut::<Fields>()
        {
            values.record(fields);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let mut is_inner = true;
        for span in context.event_scope(event).into_iter().flatten() {
            if let Some(outer) = span.extensions().get::<Fields>() {
                fields.add(outer, is_inner);
            }
            is_inner = false;
        }
        let line = self.line(event, fields);
        // A failing standard error cannot be reported.
        let _ = self.output.make_writer().write_all(line.as_bytes());
    }
}

impl<W> LogLines<W> {
    fn line(&self, event: &Event<'_>, fields: Fields) -> String {
        let metadata = event.metadata();
        let time = SystemClock.now().format("%Y-%m-%dT%H:%M:%S%.3fZ");
        let time = self.coloured(DIM, &time.to_string());
        let level = format!("{:>5}", metadata.level());
        let level = self.coloured(colour(*metadata.level()), &level);
        let mut line = format!("{time} {level} ");
        // Operators do not know our module names.
        if !metadata.target().starts_with("colloquy") {
            let _ = write!(line, "{}: ", metadata.target());
        }
        line += &fields.message;
        for (name, value) in fields.named {
            let name = self.coloured(DIM, &format!("{name}="));
            let _ = write!(line, " {name}{value}");
        }
        line + "\n"
    }

    fn coloured(&self, colour: &str, text: &str) -> String {
        if self.colours {
            format!("\u{1b}[{colour}m{text}\u{1b}[0m")
        } else {
            text.to_owned()
        }
    }
}

const DIM: &str = "2";

fn colour(level: Level) -> &'static str {
    match level {
        Level::ERROR => "31",
        Level::WARN => "33",
        Level::INFO => "32",
        Level::DEBUG => "34",
        Level::TRACE => "35",
    }
}

/// Values are escaped: clients must not forge log lines.
#[derive(Debug, Default)]
struct Fields {
    message: String,
    named: Vec<(&'static str, String)>,
}

impl Fields {
    /// Adds a surrounding span's fields: all of the innermost, of others only IDs; no duplicates.
    fn add(&mut self, outer: &Self, is_inner: bool) {
        for (name, value) in &outer.named {
            let is_present = self.named.iter().any(|(present, _)| present == name);
            if !is_present && (is_inner || name.ends_with(".id")) {
                self.named.push((name, value.clone()));
            }
        }
    }

    fn set(&mut self, field: &Field, text: &str) {
        if field.name() == "message" {
            self.message = visible(text);
        } else if !text.is_empty() && text != "[]" {
            let name = field.name();
            self.named.retain(|(present, _)| *present != name);
            self.named.push((name, shown(text)));
        }
    }
}

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.set(field, value);
    }

    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        self.set(field, &in_one_line(value));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.set(field, &format!("{value:?}"));
    }
}

fn shown(text: &str) -> String {
    if text.len() == 36 && Uuid::try_parse(text).is_ok() {
        return text[text.len() - ID_SUFFIX_CHARS..].to_owned();
    }
    let is_plain = |c: char| !c.is_whitespace() && !"\"=".contains(c);
    if text.chars().all(is_plain) {
        return visible(text);
    }
    format!("\"{}\"", visible(&text.replace('"', "\\\"")))
}

#[cfg(test)]
mod tests {
    use super::{Fields, shown};

    #[test]
    fn an_id_is_shown_by_its_end_and_other_values_whole() {
        assert_eq!(shown("01a217a8-46d4-7481-814f-3d04dd07d3dc"), "dd07d3dc");
        assert_eq!(shown("my-request-7"), "my-request-7");
        assert_eq!(
            shown("/api/v1/threads/{thread_id}"),
            "/api/v1/threads/{thread_id}"
        );
        assert_eq!(shown("a b"), "\"a b\"");
    }

    #[test]
    fn no_value_ends_its_line_or_passes_for_another() {
        assert_eq!(
            shown("x\nERROR forged\r\u{2028}\u{1b}[2J"),
            "\"x\\nERROR forged\\r\\u{2028}\\u{1b}[2J\""
        );
        assert_eq!(shown("a\" level=\"b"), "\"a\\\" level=\\\"b\"");
    }

    #[test]
    fn nothing_is_said_twice_and_of_what_is_far_out_only_the_ids() {
        let mut line = Fields {
            message: String::new(),
            named: vec![("status", "200".into()), ("user.id", "1".into())],
        };
        let run = [("user.id", "1"), ("model", "echo")];
        let request = [("method", "GET"), ("request.id", "2")];
        for (span, is_inner) in [(run, true), (request, false)] {
            let named = span.map(|(name, value)| (name, value.to_owned())).into();
            let message = String::new();
            line.add(&Fields { message, named }, is_inner);
        }
        let names: Vec<&str> = line.named.iter().map(|(name, _)| *name).collect();
        assert_eq!(names, ["status", "user.id", "model", "request.id"]);
    }
}
