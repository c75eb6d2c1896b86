//! What the tests of this crate share.

use std::sync::Arc;
use std::time::Duration;

use colloquy_application::ports::{
    ChatEnd, ChatEvent, ChatMessage, ChatModel, ChatRequest, ChatStream, Clock, ModelError,
    ModelErrorKind,
};
use colloquy_application::testing::fakes::ManualClock;
use colloquy_domain::{Configuration, FinishReason, ModelName, ToolCall};
use colloquy_llm::{ApiKey, ModelProviders, ProviderKind, ProviderSettings};
use colloquy_tests::model_server::{ModelServer, Script};
use futures_util::StreamExt;

pub(crate) const KEY: &str = "sk-planted-secret";

/// A provider `p` of that kind at that address, with a key.
pub(crate) fn settings(kind: ProviderKind, base_url: &str) -> ProviderSettings {
    ProviderSettings {
        name: "p".to_owned(),
        kind,
        base_url: Some(base_url.parse().unwrap()),
        api_key: Some(ApiKey::parse(KEY).unwrap()),
    }
}

pub(crate) fn providers(settings: Vec<ProviderSettings>) -> ModelProviders {
    let clock: Arc<dyn Clock> = Arc::new(ManualClock::default());
    ModelProviders::new(settings, Duration::from_millis(500), &clock).unwrap()
}

/// An OpenAI-compatible provider `p` that follows the script.
pub(crate) async fn scripted(script: impl Into<Script>) -> (ModelServer, ModelProviders) {
    let server = ModelServer::start(script).await;
    let models = providers(vec![settings(ProviderKind::OpenAi, &server.base_url())]);
    (server, models)
}

/// Asks `p::model` to say hello.
pub(crate) fn request() -> ChatRequest {
    ChatRequest {
        model: ModelName::parse("p::model").unwrap(),
        instructions: Some("Be kind.".to_owned()),
        messages: vec![
            user("Hi"),
            ChatMessage::Assistant {
                text: "Hello".to_owned(),
                tool_calls: Vec::new(),
            },
            user("Say hello again"),
        ],
        configuration: Configuration::default(),
        tools: Vec::new(),
        may_call_tools: true,
        output_schema: None,
    }
}

pub(crate) fn user(text: &str) -> ChatMessage {
    ChatMessage::User(text.to_owned())
}

/// An answer to its end.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) pieces: Vec<String>,
    pub(crate) reasoning: String,
    pub(crate) calls: Vec<ToolCall>,
    pub(crate) end: Result<ChatEnd, ModelError>,
}

impl Answer {
    pub(crate) fn text(&self) -> String {
        self.pieces.concat()
    }

    pub(crate) fn finish_reason(&self) -> FinishReason {
        self.end.as_ref().unwrap().finish_reason
    }

    pub(crate) fn failure(&self) -> ModelErrorKind {
        self.end.as_ref().unwrap_err().kind
    }
}

/// Asks, and reads the answer to its end, which is the stream's end too.
pub(crate) async fn ask(models: &ModelProviders) -> Answer {
    ask_for(models, &request()).await
}

/// The same with a request of one's own.
pub(crate) async fn ask_for(models: &ModelProviders, request: &ChatRequest) -> Answer {
    match models.stream(request).await {
        Ok(stream) => read(stream).await,
        Err(error) => Answer {
            pieces: Vec::new(),
            reasoning: String::new(),
            calls: Vec::new(),
            end: Err(error),
        },
    }
}

pub(crate) async fn read(mut stream: ChatStream) -> Answer {
    let (mut pieces, mut calls) = (Vec::new(), Vec::new());
    let mut reasoning = String::new();
    let end = loop {
        match stream.next().await.expect("an end before the stream's end") {
            Ok(ChatEvent::Text(text)) => pieces.push(text),
            Ok(ChatEvent::Reasoning(text)) => reasoning.push_str(&text),
            Ok(ChatEvent::ToolCall(call)) => calls.push(call),
            Ok(ChatEvent::Progress) => {}
            Ok(ChatEvent::End(end)) => break Ok(end),
            Ok(other) => panic!("{other:?}"),
            Err(error) => break Err(error),
        }
    };
    assert!(stream.next().await.is_none(), "nothing follows the end");
    Answer {
        pieces,
        reasoning,
        calls,
        end,
    }
}

pub(crate) async fn ask_scripted(script: impl Into<Script>) -> Answer {
    let (_server, models) = scripted(script).await;
    ask(&models).await
}
