//! Tools and output schemas of every provider kind.

use colloquy_application::ports::{ChatMessage, ChatRequest, ToolDefinition};
use colloquy_domain::{FinishReason, ToolCall, ToolResult, tool_name};
use colloquy_llm::{ModelProviders, ProviderKind};
use colloquy_tests::model_server::{ModelServer, Reply};
use serde_json::{Value, json};

use crate::support::{ask_for, providers, request, scripted, settings};

/// After a call and its result.
fn with_tools() -> ChatRequest {
    let mut request = request();
    request.tools = vec![ToolDefinition {
        is_strict: false,
        name: tool_name!("add"),
        description: "Adds.".to_owned(),
        parameters: json!({"type": "object", "properties": {"a": {"type": "number"}}}),
    }];
    request.messages.push(ChatMessage::Assistant {
        text: String::new(),
        tool_calls: vec![ToolCall {
            id: "call-1".to_owned(),
            name: "add".to_owned(),
            arguments: r#"{"a":1}"#.to_owned(),
            signature: None,
        }],
    });
    request.messages.push(ChatMessage::Tool(ToolResult {
        call_id: "call-1".to_owned(),
        name: "add".to_owned(),
        content: "2".to_owned(),
        is_error: false,
    }));
    request
}

fn with_schema() -> ChatRequest {
    ChatRequest {
        output_schema: Some(json!({"type": "object", "properties": {"a": {"type": "string"}}})),
        ..request()
    }
}

fn summary(calls: &[ToolCall]) -> Vec<(&str, &str, Value)> {
    let calls = calls.iter();
    calls
        .map(|call| {
            let arguments = serde_json::from_str(&call.arguments).unwrap();
            (call.id.as_str(), call.name.as_str(), arguments)
        })
        .collect()
}

#[tokio::test]
async fn calls_and_their_results_go_over_the_wire() {
    let reply = Reply::calls(&[("a", "add", r#"{"a":2}"#), ("b", "add", r#"{"a":3}"#)]);
    let (server, models) = scripted(reply).await;
    let answer = ask_for(&models, &with_tools()).await;
    let expected = [("a", "add", json!({"a": 2})), ("b", "add", json!({"a": 3}))];
    assert_eq!(summary(&answer.calls), expected);
    assert_eq!(answer.finish_reason(), FinishReason::Stop);
    let body = &server.requests()[0].body;
    assert_eq!(
        body["tools"],
        json!([{"type": "function", "function": {
            "name": "add",
            "description": "Adds.",
            "parameters": {"type": "object", "properties": {"a": {"type": "number"}}},
        }}])
    );
    let messages = body["messages"].as_array().unwrap();
    assert_eq!(
        messages[4],
        json!({"role": "assistant", "content": null, "tool_calls": [{
            "id": "call-1", "type": "function", "function": {"name": "add", "arguments": "{\"a\":1}"},
        }]})
    );
    assert_eq!(
        messages[5],
        json!({"role": "tool", "content": "2", "tool_call_id": "call-1"})
    );
}

#[tokio::test]
async fn tools_that_may_not_be_called_are_not_named() {
    let (server, models) = scripted(Reply::answer("Two.")).await;
    let request = ChatRequest {
        may_call_tools: false,
        ..with_tools()
    };
    ask_for(&models, &request).await;
    assert_eq!(server.requests()[0].body["tools"], Value::Null);
}

#[tokio::test]
async fn a_schema_is_asked_for_and_given_up_where_it_is_refused() {
    let complaint = json!({"error": {"message": "response_format is not supported"}});
    let refusal = Reply::body(400, "application/json", &complaint.to_string());
    let (server, models) = scripted(vec![refusal, Reply::answer("{}")]).await;
    let answer = ask_for(&models, &with_schema()).await;
    assert_eq!(answer.text(), "{}");
    let requests = server.requests();
    let format = &requests[0].body["response_format"];
    assert_eq!(format["type"], "json_schema");
    assert_eq!(
        format["json_schema"]["schema"],
        with_schema().output_schema.unwrap()
    );
    assert_eq!(format["json_schema"]["strict"], false);
    assert_eq!(requests[1].body["response_format"], Value::Null);
}

async fn other(kind: ProviderKind, reply: Reply) -> (ModelServer, ModelProviders) {
    let server = ModelServer::start(reply).await;
    let models = providers(vec![settings(kind, &server.root_url())]);
    (server, models)
}

#[tokio::test]
async fn anthropic_calls_tools() {
    let block = json!({"type": "tool_use", "id": "a", "name": "add", "input": {}});
    let piece = |json: &str| json!({"type": "input_json_delta", "partial_json": json});
    let delta = |piece: Value| json!({"type": "content_block_delta", "index": 0, "delta": piece});
    let reply = Reply::events()
        .event(
            "message_start",
            &json!({"type": "message_start", "message": {"usage": {"input_tokens": 7, "output_tokens": 1}}}),
        )
        .event(
            "content_block_start",
            &json!({"type": "content_block_start", "index": 0, "content_block": block}),
        )
        .event("content_block_delta", &delta(piece("{\"a\"")))
        .event("content_block_delta", &delta(piece(": 2}")))
        .event("content_block_stop", &json!({"type": "content_block_stop", "index": 0}))
        .event(
            "message_delta",
            &json!({"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": {"output_tokens": 2}}),
        )
        .event("message_stop", &json!({"type": "message_stop"}));
    let (server, models) = other(ProviderKind::Anthropic, reply).await;
    let answer = ask_for(&models, &with_tools()).await;
    assert_eq!(summary(&answer.calls), [("a", "add", json!({"a": 2}))]);
    assert_eq!(answer.finish_reason(), FinishReason::Stop);
    let body = &server.requests()[0].body;
    assert_eq!(body["tools"][0]["name"], "add");
    let messages = body["messages"].as_array().unwrap();
    let [.., called, returned] = messages.as_slice() else {
        panic!("{messages:?}");
    };
    assert_eq!(called["content"][0]["type"], "tool_use");
    assert_eq!(called["content"][0]["input"], json!({"a": 1}));
    assert_eq!(returned["content"][0]["type"], "tool_result");
    assert_eq!(returned["content"][0]["tool_use_id"], "call-1");
}

#[tokio::test]
async fn gemini_calls_tools_and_gets_its_signatures_back() {
    let call = json!({
        "functionCall": {"name": "add", "args": {"a": 2}},
        "thoughtSignature": "c2lnbmVk",
    });
    let event = json!({
        "candidates": [{"content": {"role": "model", "parts": [call]}, "finishReason": "STOP"}],
        "usageMetadata": {"promptTokenCount": 7, "candidatesTokenCount": 2, "totalTokenCount": 9},
    });
    let reply = Reply::events().data(&event);
    let (server, models) = other(ProviderKind::Gemini, reply).await;
    let mut request = with_tools();
    if let ChatMessage::Assistant { tool_calls, .. } = &mut request.messages[3] {
        tool_calls[0].signature = Some("b2xk".to_owned());
    }
    let answer = ask_for(&models, &request).await;
    assert_eq!(answer.calls[0].name, "add");
    assert_eq!(answer.calls[0].arguments, r#"{"a":2}"#);
    assert_eq!(answer.calls[0].signature.as_deref(), Some("c2lnbmVk"));
    let sent = server.requests()[0].body.to_string();
    assert!(sent.contains("functionDeclarations"), "{sent}");
    assert!(sent.contains(r#""thoughtSignature":"b2xk""#), "{sent}");
    assert!(sent.contains("functionResponse"), "{sent}");
}

#[tokio::test]
async fn the_others_are_asked_for_schemas_too() {
    for kind in [ProviderKind::Anthropic, ProviderKind::Gemini] {
        let (server, models) = other(kind, Reply::status(400)).await;
        ask_for(&models, &with_schema()).await;
        let sent = server.requests()[0].body.to_string();
        assert!(sent.contains(r#""a":{"type":"#), "{kind:?}: {sent}");
    }
}
