//! Google's Gemini API.

use colloquy_application::ports::{ChatModel as _, ModelErrorKind};
use colloquy_domain::{FinishReason, ModelName, Usage};
use colloquy_llm::{ModelProviders, ProviderKind};
use colloquy_tests::model_server::{ModelServer, Reply, Script};
use futures_util::StreamExt as _;
use serde_json::{Value, json};

use crate::support::{Answer, ask, ask_for, providers, read, request, settings, with_tool};

async fn scripted(script: impl Into<Script>) -> (ModelServer, ModelProviders) {
    let server = ModelServer::start(script).await;
    let models = providers(vec![settings(ProviderKind::Gemini, &server.root_url())]);
    (server, models)
}

async fn ask_scripted(reply: Reply) -> Answer {
    let (_server, models) = scripted(reply).await;
    ask(&models).await
}

fn chunk(parts: &Value, reason: &Value) -> Value {
    let content = json!({"role": "model", "parts": parts});
    json!({"candidates": [{"content": content, "finishReason": reason, "index": 0}]})
}

fn text(text: &str, reason: &Value) -> Value {
    chunk(&json!([{"text": text}]), reason)
}

#[tokio::test]
async fn a_reason_in_every_chunk_loses_no_text() {
    for reason in ["STOP", "FINISH_REASON_UNSPECIFIED"] {
        let reply = Reply::events()
            .data(&text("Hel", &json!(reason)))
            .data(&text("lo", &json!(reason)))
            .data(&text("!", &json!("STOP")));
        let answer = ask_scripted(reply).await;
        assert_eq!(answer.text(), "Hello!", "{reason}");
        assert_eq!(answer.finish_reason(), FinishReason::Stop, "{reason}");
    }
    let reply = Reply::events()
        .data(&text("Hel", &json!("STOP")))
        .data(&text("lo", &json!("MAX_TOKENS")));
    let answer = ask_scripted(reply).await;
    assert_eq!(answer.text(), "Hello");
    assert_eq!(answer.finish_reason(), FinishReason::Length);
}

#[tokio::test]
async fn reasoning_in_tags_is_kept_apart() {
    let reply = Reply::events()
        .data(&text("<thi", &json!(null)))
        .data(&text("nk>hm</think>\n\nHel", &json!(null)))
        .data(&text("lo <think>", &json!("STOP")));
    let answer = ask_scripted(reply).await;
    assert_eq!(answer.text(), "Hello <think>");
    assert_eq!(answer.reasoning, "hm");
}

#[tokio::test]
async fn a_blocked_prompt_is_filtered() {
    for reason in ["SAFETY", "PROHIBITED_CONTENT", "OTHER"] {
        let blocked = json!({
            "promptFeedback": {"blockReason": reason, "safetyRatings": []},
            "usageMetadata": {"promptTokenCount": 7, "totalTokenCount": 7},
        });
        let answer = ask_scripted(Reply::events().data(&blocked)).await;
        assert_eq!(answer.text(), "");
        let end = answer.end.unwrap();
        assert_eq!(end.finish_reason, FinishReason::ContentFilter, "{reason}");
        assert_eq!(end.usage.unwrap().input_tokens, 7);
    }
    let mut unblocked = text("a", &json!("STOP"));
    unblocked["promptFeedback"] = json!({"safetyRatings": []});
    let answer = ask_scripted(Reply::events().data(&unblocked)).await;
    assert_eq!(answer.finish_reason(), FinishReason::Stop);
}

#[tokio::test]
async fn thoughts_are_kept_apart_and_signatures_sent_back() {
    let call = |a: u32| json!({"functionCall": {"name": "add", "args": {"a": a}}});
    let mut signed = call(1);
    signed["thoughtSignature"] = json!("c2ln");
    let parts = json!([{"text": "hm", "thought": true}, {"text": "Let me see."}, signed, call(2)]);
    let mut first = chunk(&parts, &json!("STOP"));
    first["usageMetadata"] = json!({
        "promptTokenCount": 5,
        "toolUsePromptTokenCount": 2,
        "candidatesTokenCount": 1,
        "thoughtsTokenCount": 3,
    });
    let script = [
        Reply::events().data(&first),
        Reply::events().data(&text("3", &json!("STOP"))),
    ];
    let (server, models) = scripted(script).await;
    let request = with_tool(request());
    let answer = ask_for(&models, &request).await;
    assert_eq!(answer.reasoning, "hm");
    assert_eq!(answer.text(), "Let me see.");
    let usage = Usage {
        input_tokens: 7,
        output_tokens: 4,
    };
    assert_eq!(answer.end.as_ref().unwrap().usage, Some(usage));
    let next = answer.followed_by(request, &["1", "2"]);
    assert_eq!(ask_for(&models, &next).await.text(), "3");
    let sent = &server.requests()[1].body["contents"];
    assert_eq!(
        sent[3]["parts"],
        json!([{"text": "Let me see."}, signed, call(2)])
    );
    let response =
        |output| json!({"functionResponse": {"name": "add", "response": {"output": output}}});
    assert_eq!(sent[4]["parts"], json!([response("1"), response("2")]));
}

#[tokio::test]
async fn ids_of_calls_are_sent_back_and_missing_signatures_replaced() {
    let call = json!([{"functionCall": {"id": "x7", "name": "add", "args": {}}}]);
    let script = [
        Reply::events().data(&chunk(&call, &json!("STOP"))),
        Reply::events().data(&text("3", &json!("STOP"))),
    ];
    let (server, models) = scripted(script).await;
    let mut request = with_tool(request());
    request.model = ModelName::parse("p::gemini-3-pro").unwrap();
    let answer = ask_for(&models, &request).await;
    let next = answer.followed_by(request, &["1"]);
    ask_for(&models, &next).await;
    let sent = &server.requests()[1].body["contents"];
    let part = &sent[3]["parts"][0];
    assert_eq!(part["functionCall"]["id"], "x7");
    assert_eq!(part["thoughtSignature"], "skip_thought_signature_validator");
    assert_eq!(sent[4]["parts"][0]["functionResponse"]["id"], "x7");
}

#[tokio::test]
async fn an_array_of_chunks_is_an_answer() {
    let chunks = json!([text("Hel", &json!(null)), text("lo", &json!("STOP"))]);
    let reply = Reply::body(200, "application/json", &format!("{chunks:#}"));
    assert_eq!(ask_scripted(reply).await.text(), "Hello");
}

#[tokio::test]
async fn only_the_first_candidate_counts() {
    let mut both = text("a", &json!("STOP"));
    let candidates = both["candidates"].as_array_mut().unwrap();
    let other =
        json!({"index": 1, "content": {"parts": [{"text": "b"}]}, "finishReason": "SAFETY"});
    candidates.insert(0, other);
    let answer = ask_scripted(Reply::events().data(&both)).await;
    assert_eq!(
        (answer.text().as_str(), answer.finish_reason()),
        ("a", FinishReason::Stop)
    );
}

#[tokio::test]
async fn errors_before_the_end_fail_the_answer() {
    let error = json!({"error": {"code": 503, "message": "overloaded", "status": "UNAVAILABLE"}});
    let begun = || Reply::events().data(&text("a", &json!(null)));
    for reply in [
        begun().data(&error),
        begun().data(&text("", &json!("MALFORMED_FUNCTION_CALL"))),
        begun().bytes("data: {\n\n"),
        begun(),
    ] {
        let answer = ask_scripted(reply).await;
        assert_eq!(answer.text(), "a");
        assert_eq!(answer.failure(), ModelErrorKind::Broken);
    }
    let answer = ask_scripted(begun().data(&text("", &json!("STOP"))).data(&error)).await;
    assert_eq!(answer.finish_reason(), FinishReason::Stop);
}

#[tokio::test]
async fn a_connection_that_stays_open_does_not_delay_the_end() {
    let reply = Reply::events().data(&text("a", &json!("STOP"))).hang();
    let (_server, models) = scripted(reply).await;
    let mut stream = models.stream(&request()).await.unwrap();
    stream.next().await.unwrap().unwrap();
    tokio::time::pause();
    assert_eq!(read(stream).await.finish_reason(), FinishReason::Stop);
}
