//! Providers other than OpenAI.

use crate::support::{KEY, ask, providers, read, request, settings};
use colloquy_application::ports::{ChatModel, ModelErrorKind};
use colloquy_domain::{FinishReason, PresencePenalty, Temperature, Usage};
use colloquy_llm::{ModelProviders, ProviderKind};
use colloquy_tests::model_server::{ModelServer, Reply};
use futures_util::StreamExt;
use serde_json::json;

async fn scripted(kind: ProviderKind, reply: Reply) -> (ModelServer, ModelProviders) {
    let server = ModelServer::start(reply).await;
    let models = providers(vec![settings(kind, &server.root_url())]);
    (server, models)
}

fn anthropic_begin() -> Reply {
    let usage = json!({"input_tokens": 7, "output_tokens": 1});
    let text = json!({"type": "text", "text": ""});
    let block = json!({"type": "content_block_start", "index": 0, "content_block": text});
    Reply::events()
        .event(
            "message_start",
            &json!({"type": "message_start", "message": {"usage": usage}}),
        )
        .event("content_block_start", &block)
        .event("ping", &json!({"type": "ping"}))
}

fn anthropic_text(reply: Reply, text: &str) -> Reply {
    let delta = json!({"type": "text_delta", "text": text});
    let delta = json!({"type": "content_block_delta", "index": 0, "delta": delta});
    reply.event("content_block_delta", &delta)
}

fn anthropic_end(reply: Reply, reason: &str) -> Reply {
    let delta = json!({"stop_reason": reason});
    let usage = json!({"output_tokens": 2});
    reply
        .event(
            "content_block_stop",
            &json!({"type": "content_block_stop", "index": 0}),
        )
        .event(
            "message_delta",
            &json!({"type": "message_delta", "delta": delta, "usage": usage}),
        )
        .event("message_stop", &json!({"type": "message_stop"}))
}

const USAGE: Usage = Usage {
    input_tokens: 7,
    output_tokens: 2,
};

#[tokio::test]
async fn anthropic_answers() {
    let reply = anthropic_text(anthropic_text(anthropic_begin(), "Hel"), "lo\0");
    let reply = anthropic_end(reply, "end_turn");
    let (server, models) = scripted(ProviderKind::Anthropic, reply).await;
    let answer = ask(&models).await;
    assert_eq!(answer.pieces, ["Hel", "lo\u{FFFD}"]);
    let end = answer.end.unwrap();
    assert_eq!(end.finish_reason, FinishReason::Stop);
    assert_eq!(end.usage, Some(USAGE));
    let sent = &server.requests()[0];
    assert_eq!(sent.path, "/messages");
    assert_eq!(sent.header("x-api-key"), Some(KEY));
    assert_eq!(sent.body["model"], "model");
    assert_eq!(sent.body["system"], "Be kind.");
    assert_eq!(sent.body["messages"].as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn anthropic_says_why_it_stopped() {
    for (reason, expected) in [
        ("max_tokens", FinishReason::Length),
        ("refusal", FinishReason::ContentFilter),
    ] {
        let reply = anthropic_end(anthropic_text(anthropic_begin(), "a"), reason);
        let (_server, models) = scripted(ProviderKind::Anthropic, reply).await;
        assert_eq!(ask(&models).await.finish_reason(), expected);
    }
}

#[tokio::test]
async fn anthropic_failing_in_the_middle_breaks_the_answer() {
    let error = json!({"type": "error", "error": {"type": "overloaded_error", "message": "no"}});
    let begun = || anthropic_text(anthropic_begin(), "a");
    for reply in [
        begun(),
        begun().reset(),
        begun().event("error", &error),
        begun().bytes("event: content_block_delta\ndata: {\n\n"),
    ] {
        let (_server, models) = scripted(ProviderKind::Anthropic, reply).await;
        let answer = ask(&models).await;
        assert_eq!(answer.text(), "a");
        assert_eq!(answer.failure(), ModelErrorKind::Broken);
    }
}

#[tokio::test]
async fn each_status_means_the_same_on_every_wire() {
    for kind in [ProviderKind::Anthropic, ProviderKind::Gemini] {
        for (status, expected) in [
            (400, ModelErrorKind::Refused),
            (401, ModelErrorKind::NotConfigured),
            (429, ModelErrorKind::RateLimited),
            (529, ModelErrorKind::Unavailable),
        ] {
            let reply = Reply::body(status, "text/plain", &format!("your key is {KEY}"));
            let (server, models) = scripted(kind, reply.header("retry-after", "5")).await;
            let error = ask(&models).await.end.unwrap_err();
            assert_eq!(error.kind, expected, "{kind:?} {status}");
            assert_eq!(error.retry_after.unwrap().as_secs(), 5);
            assert!(!format!("{error:?}").contains(KEY), "{error:?}");
            assert_eq!(server.requests().len(), 1);
        }
        let too_long = Reply::body(400, "application/json", "prompt is too long: 9 tokens > 8");
        let (_server, models) = scripted(kind, too_long).await;
        assert_eq!(ask(&models).await.failure(), ModelErrorKind::ContextTooLong);
        let (_server, models) = scripted(kind, Reply::silence().reset()).await;
        assert_eq!(ask(&models).await.failure(), ModelErrorKind::Unreachable);
        let html = Reply::body(200, "text/html", "<html>Welcome</html>");
        let (_server, models) = scripted(kind, html).await;
        assert_eq!(ask(&models).await.failure(), ModelErrorKind::Broken);
    }
}

fn gemini_piece(text: &str, finish_reason: Option<&str>) -> serde_json::Value {
    let content = json!({"role": "model", "parts": [{"text": text}]});
    json!({
        "candidates": [{"content": content, "finishReason": finish_reason}],
        "usageMetadata": {"promptTokenCount": 7, "candidatesTokenCount": 2, "totalTokenCount": 9},
    })
}

#[tokio::test]
async fn gemini_answers() {
    let reply = Reply::events()
        .data(&gemini_piece("Hel", None))
        .data(&gemini_piece("lo", Some("STOP")));
    let (server, models) = scripted(ProviderKind::Gemini, reply).await;
    let mut request = request();
    request.configuration.temperature = Some(Temperature::new(0.5).unwrap());
    request.configuration.presence_penalty = Some(PresencePenalty::new(1.5).unwrap());
    let answer = read(models.stream(&request).await.unwrap()).await;
    assert_eq!(answer.pieces, ["Hel", "lo"]);
    let end = answer.end.unwrap();
    assert_eq!(end.finish_reason, FinishReason::Stop);
    assert_eq!(end.usage, Some(USAGE));
    let sent = &server.requests()[0];
    assert_eq!(sent.path, "/models/model:streamGenerateContent?alt=sse");
    assert_eq!(sent.header("x-goog-api-key"), Some(KEY));
    let generation = json!({"temperature": 0.5, "presencePenalty": 1.5});
    assert_eq!(sent.body["generationConfig"], generation);
}

#[tokio::test]
async fn gemini_without_a_reason_is_cut() {
    let reply = Reply::events().data(&gemini_piece("a", None));
    let (_server, models) = scripted(ProviderKind::Gemini, reply).await;
    let answer = ask(&models).await;
    assert_eq!(answer.text(), "a");
    assert_eq!(answer.failure(), ModelErrorKind::Broken);
}

#[tokio::test]
async fn giving_the_answer_up_closes_the_connection() {
    let reply = anthropic_text(anthropic_begin(), "a").hang();
    let (server, models) = scripted(ProviderKind::Anthropic, reply).await;
    let mut stream = models.stream(&request()).await.unwrap();
    stream.next().await.unwrap().unwrap();
    drop(stream);
    server.abandoned(1).await;
}

#[tokio::test]
async fn ollama_answers_under_its_root() {
    let (server, models) = scripted(ProviderKind::Ollama, Reply::answer("Hello")).await;
    assert_eq!(ask(&models).await.text(), "Hello");
    assert_eq!(server.requests()[0].path, "/v1/chat/completions");
}

#[tokio::test]
async fn mistral_answers_in_parts_and_counts_unasked() {
    let parts = json!([
        {"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]},
        {"type": "text", "text": "Hello"},
    ]);
    let usage = json!({"prompt_tokens": 7, "completion_tokens": 2});
    let choice = json!({"delta": {"content": parts}, "finish_reason": "stop"});
    let reply = Reply::events()
        .data(&json!({"choices": [choice], "usage": usage}))
        .done();
    let (server, models) = scripted(ProviderKind::Mistral, reply).await;
    let answer = ask(&models).await;
    assert_eq!(answer.text(), "Hello");
    assert_eq!(answer.end.unwrap().usage, Some(USAGE));
    assert_eq!(server.requests()[0].body.get("stream_options"), None);
}
