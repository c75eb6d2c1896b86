//! Anthropic's Messages API.

use colloquy_application::ports::{ChatMessage, ModelErrorKind};
use colloquy_domain::{FinishReason, Temperature, TopP, Usage};
use colloquy_llm::{ModelProviders, ProviderKind};
use colloquy_tests::model_server::{ModelServer, Reply, Script};
use serde_json::{Value, json};

use crate::support::{Answer, ask, ask_for, providers, request, settings, with_tool};

async fn scripted(script: impl Into<Script>) -> (ModelServer, ModelProviders) {
    let server = ModelServer::start(script).await;
    let models = providers(vec![settings(ProviderKind::Anthropic, &server.root_url())]);
    (server, models)
}

async fn ask_scripted(reply: Reply) -> Answer {
    let (_server, models) = scripted(reply).await;
    ask(&models).await
}

fn begun() -> Reply {
    let message = json!({"content": [], "usage": {"input_tokens": 7, "output_tokens": 1}});
    let start = json!({"type": "message_start", "message": message});
    Reply::events().event("message_start", &start)
}

fn block(reply: Reply, index: u64, block: &Value, deltas: &[Value]) -> Reply {
    let start = json!({"type": "content_block_start", "index": index, "content_block": block});
    let reply = reply.event("content_block_start", &start);
    let reply = deltas.iter().fold(reply, |reply, delta| {
        let delta = json!({"type": "content_block_delta", "index": index, "delta": delta});
        reply.event("content_block_delta", &delta)
    });
    let stop = json!({"type": "content_block_stop", "index": index});
    reply.event("content_block_stop", &stop)
}

fn text(reply: Reply, text: &str) -> Reply {
    let delta = json!({"type": "text_delta", "text": text});
    block(reply, 0, &json!({"type": "text", "text": ""}), &[delta])
}

fn stopped(reply: Reply, reason: &Value) -> Reply {
    let delta = json!({"stop_reason": reason, "stop_sequence": null});
    let usage = json!({"output_tokens": 2});
    let delta = json!({"type": "message_delta", "delta": delta, "usage": usage});
    reply.event("message_delta", &delta)
}

fn ended(reply: Reply, reason: &str) -> Reply {
    let stop = json!({"type": "message_stop"});
    stopped(reply, &json!(reason)).event("message_stop", &stop)
}

#[tokio::test]
async fn a_block_may_begin_with_text() {
    let whole = json!({"type": "text", "text": "Hello"});
    let answer = ask_scripted(ended(block(begun(), 0, &whole, &[]), "end_turn")).await;
    assert_eq!(answer.text(), "Hello");
    let delta = json!({"type": "text_delta", "text": "lo"});
    let begins = json!({"type": "text", "text": "Hel"});
    let answer = ask_scripted(ended(block(begun(), 0, &begins, &[delta]), "end_turn")).await;
    assert_eq!(answer.text(), "Hello");
}

#[tokio::test]
async fn reasoning_in_tags_is_kept_apart() {
    for whole in ["<thinking>hm</thinking>\n\nHello", "<think>hm</think>Hello"] {
        let answer = ask_scripted(ended(text(begun(), whole), "end_turn")).await;
        assert_eq!(answer.text(), "Hello");
        assert_eq!(answer.reasoning, "hm");
    }
}

#[tokio::test]
async fn unknown_deltas_blocks_and_events_are_ignored() {
    let citation = json!({"type": "char_location", "cited_text": "x", "document_index": 0});
    let deltas = [
        json!({"type": "text_delta", "text": "Hel"}),
        json!({"type": "citations_delta", "citation": citation}),
        json!({"type": "something_delta", "thing": 1}),
        json!(null),
        json!({"type": "text_delta", "text": "lo"}),
    ];
    let text = json!({"type": "text", "text": "", "citations": []});
    let reply = block(begun(), 0, &text, &deltas);
    let server_tool = json!({"type": "server_tool_use", "id": "s", "name": "search", "input": {}});
    let reply = block(reply, 1, &server_tool, &[]);
    let reply = reply.event("new_event", &json!({"type": "new_event", "data": [1]}));
    let reply = reply.data(&json!({"type": "ping"})).data(&json!(7));
    let answer = ask_scripted(ended(reply, "end_turn")).await;
    assert_eq!(answer.text(), "Hello");
    assert_eq!(answer.calls, []);
    assert_eq!(answer.finish_reason(), FinishReason::Stop);
}

#[tokio::test]
async fn a_reason_may_be_null_or_missing() {
    for reason in [json!(null), json!("")] {
        let reply = stopped(text(begun(), "a"), &reason);
        let stop = json!({"type": "message_stop"});
        let answer = ask_scripted(reply.clone().event("message_stop", &stop)).await;
        assert_eq!(
            (answer.text().as_str(), answer.finish_reason()),
            ("a", FinishReason::Stop)
        );
        let answer = ask_scripted(ended(reply, "max_tokens")).await;
        assert_eq!(answer.finish_reason(), FinishReason::Length);
    }
    let cut = ask_scripted(text(begun(), "a")).await;
    assert_eq!(cut.failure(), ModelErrorKind::Broken);
}

#[tokio::test]
async fn nothing_fails_an_answer_that_is_complete() {
    let complete = || stopped(text(begun(), "a"), &json!("end_turn"));
    let error = json!({"type": "error", "error": {"type": "overloaded_error", "message": "no"}});
    for (name, reply) in [
        ("cut", complete()),
        ("reset", complete().reset()),
        ("error", complete().event("error", &error)),
        ("no JSON", complete().bytes("data: {\n\n")),
        ("end mark", complete().done()),
    ] {
        let answer = ask_scripted(reply).await;
        assert_eq!(answer.text(), "a", "{name}");
        assert_eq!(answer.finish_reason(), FinishReason::Stop, "{name}");
    }
}

#[tokio::test]
async fn a_whole_message_is_an_answer() {
    let message = json!({
        "type": "message",
        "content": [{"type": "text", "text": "Hello"}],
        "stop_reason": "end_turn",
        "usage": {
            "input_tokens": 3,
            "cache_read_input_tokens": 4,
            "cache_creation_input_tokens": null,
            "output_tokens": 2,
        },
    });
    let reply = Reply::body(200, "application/json", &format!("{message:#}"));
    let answer = ask_scripted(reply).await;
    assert_eq!(answer.text(), "Hello");
    let usage = Usage {
        input_tokens: 7,
        output_tokens: 2,
    };
    assert_eq!(answer.end.unwrap().usage, Some(usage));
}

#[tokio::test]
async fn thinking_is_kept_apart_and_sent_back_with_results() {
    let thinking = [
        json!({"type": "thinking_delta", "thinking": "h"}),
        json!({"type": "thinking_delta", "thinking": "m"}),
        json!({"type": "signature_delta", "signature": "c2ln"}),
    ];
    let empty = json!({"type": "thinking", "thinking": "", "signature": ""});
    let reply = block(begun(), 0, &empty, &thinking);
    let redacted = json!({"type": "redacted_thinking", "data": "cmVk"});
    let reply = block(reply, 1, &redacted, &[]);
    let reply = block(
        reply,
        2,
        &json!({"type": "text", "text": "Let me see."}),
        &[],
    );
    let call = json!({"type": "tool_use", "id": "a", "name": "add", "input": {}});
    let pieces = ["", "{\"a\"", ": 2}"]
        .map(|json| json!({"type": "input_json_delta", "partial_json": json}));
    let reply = ended(block(reply, 3, &call, &pieces), "tool_use");
    let (server, models) = scripted([reply, ended(text(begun(), "2"), "end_turn")]).await;
    let request = with_tool(request());
    let answer = ask_for(&models, &request).await;
    assert_eq!(answer.reasoning, "hm");
    assert_eq!(answer.text(), "Let me see.");
    assert_eq!(answer.calls[0].arguments, "{\"a\": 2}");
    let next = answer.followed_by(request, &["2"]);
    assert_eq!(ask_for(&models, &next).await.text(), "2");
    let sent = &server.requests()[1].body["messages"];
    assert_eq!(
        sent[3]["content"],
        json!([
            {"type": "thinking", "thinking": "hm", "signature": "c2ln"},
            {"type": "redacted_thinking", "data": "cmVk"},
            {"type": "text", "text": "Let me see."},
            {"type": "tool_use", "id": "a", "name": "add", "input": {"a": 2}},
        ])
    );
    assert_eq!(
        sent[4]["content"],
        json!([{"type": "tool_result", "tool_use_id": "a", "content": "2"}])
    );
}

#[tokio::test]
async fn thinking_without_a_signature_and_foreign_signatures_are_not_sent_back() {
    let thinking = json!({"type": "thinking_delta", "thinking": "hm"});
    let empty = json!({"type": "thinking", "thinking": ""});
    let reply = block(begun(), 0, &empty, &[thinking]);
    let call = json!({"type": "tool_use", "id": "a", "name": "add", "input": {"a": 2}});
    let (_server, models) = scripted(ended(block(reply, 1, &call, &[]), "tool_use")).await;
    let answer = ask_for(&models, &with_tool(request())).await;
    assert_eq!(answer.calls[0].arguments, "{\"a\":2}");
    assert_eq!(answer.calls[0].signature, None);
    for signature in ["c2ln", "{\"reasoning_content\":\"hm\"}", "[", "\"\""] {
        let (server, models) = scripted(Reply::status(400)).await;
        let mut next = answer.followed_by(with_tool(request()), &["2"]);
        let place = next.messages.len() - 2;
        if let ChatMessage::Assistant { tool_calls, .. } = &mut next.messages[place] {
            tool_calls[0].signature = Some(signature.to_owned());
        }
        ask_for(&models, &next).await;
        let sent = &server.requests()[0].body["messages"][3]["content"];
        assert_eq!(sent.as_array().unwrap().len(), 1, "{signature}: {sent}");
    }
}

#[tokio::test]
async fn the_limit_of_the_model_is_learned_from_its_refusal() {
    let message = "max_tokens: 64000 > 8192, which is the maximum allowed number of output tokens";
    let error =
        json!({"type": "error", "error": {"type": "invalid_request_error", "message": message}});
    let refusal = Reply::body(400, "application/json", &error.to_string());
    let (server, models) = scripted([refusal, ended(text(begun(), "a"), "end_turn")]).await;
    assert_eq!(ask(&models).await.text(), "a");
    let requests = server.requests();
    let limits: Vec<_> = requests
        .iter()
        .map(|sent| &sent.body["max_tokens"])
        .collect();
    assert_eq!(limits, [64_000, 8_192]);
}

#[tokio::test]
async fn settings_fit_the_api() {
    let message = "`temperature` and `top_p` cannot both be specified for this model.";
    let refusal = Reply::body(400, "text/plain", message);
    let (server, models) = scripted([refusal, ended(text(begun(), "a"), "end_turn")]).await;
    let mut request = with_tool(request());
    request.may_call_tools = false;
    request.configuration.temperature = Some(Temperature::new(1.5).unwrap());
    request.configuration.top_p = Some(TopP::new(0.5).unwrap());
    assert_eq!(ask_for(&models, &request).await.text(), "a");
    let requests = server.requests();
    assert_eq!(requests[0].body["temperature"], 1.0);
    assert_eq!(requests[0].body["top_p"], 0.5);
    assert_eq!(requests[0].body["tool_choice"], json!({"type": "none"}));
    assert_eq!(requests[0].header("anthropic-version"), Some("2023-06-01"));
    assert_eq!(requests[1].body.get("top_p"), None);
}

#[tokio::test]
async fn calls_are_limited_in_number() {
    let reply = (0..130).fold(begun(), |reply, index| {
        let id = format!("id-{index}");
        let call = json!({"type": "tool_use", "id": id, "name": "add", "input": {"a": index}});
        block(reply, index, &call, &[])
    });
    let (_server, models) = scripted(ended(reply, "tool_use")).await;
    let request = with_tool(request());
    let answer = ask_for(&models, &request).await;
    assert_eq!(answer.finish_reason(), FinishReason::Stop);
    assert_eq!(answer.calls.len(), 128);
    assert_eq!(answer.calls[127].name, "add");
}
