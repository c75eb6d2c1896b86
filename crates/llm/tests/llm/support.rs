//! Test support.

use std::sync::Arc;
use std::time::Duration;

use colloquy_application::ports::{
    ChatEnd, ChatEvent, ChatMessage, ChatModel, ChatOptions, ChatRequest, ChatStream, Clock,
    ModelError, ModelErrorKind, ToolDefinition,
};
use colloquy_application::testing::fakes::ManualClock;
use colloquy_domain::{Configuration, FinishReason, ModelName, ToolCall, ToolResult, tool_name};
use colloquy_llm::{ApiKey, ModelProviders, ProviderKind, ProviderSettings, Timeouts};
use colloquy_tests::model_server::{ModelServer, Script};
use futures_util::StreamExt;
use serde_json::json;

pub(crate) const KEY: &str = "sk-planted-secret";

/// Provider `p` with a key.
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
    let timeouts = Timeouts {
        connect: Duration::from_millis(500),
        idle: Duration::from_secs(60),
    };
    ModelProviders::new(settings, timeouts, &clock).unwrap()
}

pub(crate) async fn scripted(script: impl Into<Script>) -> (ModelServer, ModelProviders) {
    let server = ModelServer::start(script).await;
    let models = providers(vec![settings(ProviderKind::OpenAi, &server.base_url())]);
    (server, models)
}

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
        options: ChatOptions::default(),
        tools: Vec::new(),
        may_call_tools: true,
        output_schema: None,
    }
}

/// With the tool `add`.
pub(crate) fn with_tool(mut request: ChatRequest) -> ChatRequest {
    request.tools = vec![ToolDefinition {
        is_strict: false,
        name: tool_name!("add"),
        description: "Adds.".to_owned(),
        parameters: json!({"type": "object", "properties": {"a": {"type": "number"}}}),
    }];
    request
}

pub(crate) fn user(text: &str) -> ChatMessage {
    ChatMessage::User(text.to_owned())
}

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

    /// The request after this answer and its calls' results.
    pub(crate) fn followed_by(&self, mut request: ChatRequest, results: &[&str]) -> ChatRequest {
        assert_eq!(self.calls.len(), results.len());
        request.messages.push(ChatMessage::Assistant {
            text: self.text(),
            tool_calls: self.calls.clone(),
        });
        let results = self.calls.iter().zip(results);
        request.messages.extend(results.map(|(call, result)| {
            ChatMessage::Tool(ToolResult {
                call_id: call.id.clone(),
                name: call.name.clone(),
                content: (*result).to_owned(),
                is_error: false,
            })
        }));
        request
    }

    pub(crate) fn finish_reason(&self) -> FinishReason {
        self.end.as_ref().unwrap().finish_reason
    }

    pub(crate) fn failure(&self) -> ModelErrorKind {
        self.end.as_ref().unwrap_err().kind
    }
}

pub(crate) async fn ask(models: &ModelProviders) -> Answer {
    ask_for(models, &request()).await
}

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
