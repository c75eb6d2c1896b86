//! A server with stores, a model and a port of its own: it keeps everything in memory, counts
//! words and lives a year ahead.

use std::process::ExitCode;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use colloquy_application::Ports;
use colloquy_application::ports::{
    ChatEnd, ChatEvent, ChatMessage, ChatModel, ChatRequest, ChatStream, Clock, ModelError,
};
use colloquy_application::testing::fakes::Memory;
use colloquy_server::domain::{FinishReason, Violation};
use colloquy_server::prelude::*;
use futures_util::{StreamExt as _, stream};

/// Tells how many words it was told.
struct WordCount;

#[async_trait]
impl ChatModel for WordCount {
    fn check(&self, model: &ModelName) -> Result<(), Violation> {
        match model.name() {
            "words" => Ok(()),
            _ => Err(Violation::new("unknown_model", "must be `count::words`")),
        }
    }

    async fn stream(&self, request: &ChatRequest) -> Result<ChatStream, ModelError> {
        let question = request.messages.last().map_or("", ChatMessage::text);
        let count = question.split_whitespace().count();
        let end = ChatEnd {
            finish_reason: FinishReason::Stop,
            usage: None,
        };
        let events = [
            ChatEvent::Text(format!("{count} words")),
            ChatEvent::End(end),
        ];
        Ok(stream::iter(events.map(Ok)).boxed())
    }
}

struct YearAhead(Arc<dyn Clock>);

impl Clock for YearAhead {
    fn now(&self) -> DateTime<Utc> {
        self.0.now() + TimeDelta::days(365)
    }
}

fn main() -> ExitCode {
    let server = colloquy_server::builder().model("count", WordCount);
    let server = server.stores(Memory::new().stores());
    let server = server.ports(|ports| Ports {
        clock: Arc::new(YearAhead(ports.clock)),
        ..ports
    });
    server.run()
}
