//! Streams as compatible servers document them or users report them.

use colloquy_application::ports::{ChatModel as _, Clock, ModelErrorKind};
use colloquy_application::testing::fakes::ManualClock;
use colloquy_domain::{FinishReason, Usage};
use colloquy_llm::{ModelProviders, ProviderKind, Timeouts};
use colloquy_tests::model_server::{ModelServer, Reply};
use futures_util::StreamExt as _;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

use crate::support::{Answer, ask_for, ask_scripted, read, request, scripted, settings, with_tool};

fn delta(delta: &Value) -> Value {
    json!({"choices": [{"index": 0, "delta": delta, "finish_reason": null}]})
}

fn call(id: &Value, index: &Value, name: &str, arguments: &Value) -> Value {
    let function = json!({"name": name, "arguments": arguments});
    delta(&json!({"tool_calls": [{"index": index, "id": id, "function": function}]}))
}

fn events(events: &[Value]) -> Reply {
    let reply = events.iter().fold(Reply::events(), Reply::data);
    reply.finish("stop").done()
}

async fn ask_with_tool(reply: Reply) -> Answer {
    let (_server, models) = scripted(reply).await;
    ask_for(&models, &with_tool(request())).await
}

fn arguments(answer: &Answer) -> Vec<&str> {
    let calls = answer.calls.iter();
    calls.map(|call| call.arguments.as_str()).collect()
}

#[tokio::test]
async fn azure_begins_with_the_filter_of_the_prompt() {
    let filter = json!({"choices": [], "prompt_filter_results": [{"prompt_index": 0}]});
    let results = json!({"hate": {"filtered": false, "severity": "safe"}});
    let mut offsets = delta(&json!({}));
    offsets["choices"][0]["content_filter_results"] = results;
    let answer = ask_scripted(events(&[filter, delta(&json!({"content": "a"})), offsets])).await;
    assert_eq!(answer.text(), "a");
    assert_eq!(answer.finish_reason(), FinishReason::Stop);
}

#[tokio::test]
async fn openrouter_comments_and_fails_in_a_chunk() {
    let comment = ": OPENROUTER PROCESSING\n\n";
    let reply = Reply::events().bytes(comment).text("a").bytes(comment);
    let answer = ask_scripted(reply.clone().finish("stop").done()).await;
    assert_eq!(answer.text(), "a");
    let error = json!({
        "id": "gen-1", "error": {"code": 502, "message": "Provider disconnected"},
        "choices": [{"index": 0, "delta": {"content": ""}, "finish_reason": "error"}],
    });
    let answer = ask_scripted(reply.data(&error).done()).await;
    assert_eq!(answer.text(), "a");
    assert_eq!(answer.failure(), ModelErrorKind::Broken);
}

#[tokio::test]
async fn llama_cpp_reports_errors_in_a_field_of_their_own() {
    let reply = Reply::events().text("a");
    let reply = reply.bytes("error: {\"code\":500,\"message\":\"no slot\"}\n\n");
    assert_eq!(ask_scripted(reply).await.failure(), ModelErrorKind::Broken);
    let complete = Reply::events().text("a").finish("stop");
    let reply = complete.bytes("error: {\"code\":500}\n\n");
    assert_eq!(ask_scripted(reply).await.text(), "a");
}

#[tokio::test]
async fn groq_and_moonshot_count_in_other_places() {
    let usage = json!({"prompt_tokens": 7, "completion_tokens": 2});
    let mut groq = delta(&json!({"content": "a"}));
    groq["x_groq"] = json!({"id": "req", "usage": usage});
    let mut moonshot = delta(&json!({"content": "a"}));
    moonshot["choices"][0]["usage"] = usage;
    let expected = Usage {
        input_tokens: 7,
        output_tokens: 2,
    };
    for chunk in [groq, moonshot] {
        let answer = ask_scripted(events(&[chunk])).await;
        assert_eq!(answer.end.unwrap().usage, Some(expected));
    }
}

#[tokio::test]
async fn odd_numbers_and_deep_members_are_ignored() {
    let deep = format!("{}{}", "[".repeat(200), "]".repeat(200));
    for member in [
        r#""usage":{"prompt_tokens":1e400,"completion_tokens":-1e400}"#.to_owned(),
        format!(r#""timings":{deep}"#),
        format!(r#""usage":{{"prompt_tokens":7,"details":{deep}}}"#),
        format!("\"debug\":{}1{}", "{\"a\":".repeat(300), "}".repeat(300)),
        "\"note\":\"tab\there\"".to_owned(),
    ] {
        let piece = r#""choices":[{"delta":{"content":"a"}}]"#;
        for chunk in [
            format!("{{{member},{piece}}}"),
            format!("{{{piece},{member}}}"),
        ] {
            let reply = Reply::events().bytes(format!("data: {chunk}\n\n"));
            let answer = ask_scripted(reply.finish("stop").done()).await;
            assert_eq!(answer.text(), "a", "{member}");
            assert_eq!(answer.finish_reason(), FinishReason::Stop, "{member}");
        }
    }
}

#[tokio::test]
async fn only_the_first_choice_counts() {
    let choice = |index: u32, text: &str| json!({"index": index, "delta": {"content": text}});
    let together = json!({"choices": [choice(1, "b"), choice(0, "a")]});
    let apart = json!({"choices": [choice(1, "b")]});
    let mut other = json!({"choices": [choice(1, "")]});
    other["choices"][0]["finish_reason"] = json!("error");
    let answer = ask_scripted(events(&[apart, together, other])).await;
    assert_eq!(answer.text(), "a");
    assert_eq!(answer.finish_reason(), FinishReason::Stop);
}

#[tokio::test]
async fn text_generation_inference_counts_tokens_in_the_index() {
    for first in [0, 1] {
        let choices = ["a", "b", "c"].iter().zip(first..);
        let chunks: Vec<_> = choices
            .map(|(text, index)| json!({"choices": [{"index": index, "delta": {"content": text}}]}))
            .collect();
        let answer = ask_scripted(events(&chunks)).await;
        assert_eq!(answer.text(), "abc", "{first}");
    }
}

#[tokio::test]
async fn the_type_of_a_response_does_not_matter() {
    let stream = "data: {\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\n\ndata: [DONE]\n\n";
    for content_type in [
        "text/plain",
        "application/json",
        "application/octet-stream",
        "x",
    ] {
        let answer = ask_scripted(Reply::body(200, content_type, stream)).await;
        assert_eq!(answer.text(), "a", "{content_type}");
    }
    let message = json!({"role": "assistant", "content": "a"});
    let whole = json!({
        "object": "chat.completion",
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
    });
    let reply = Reply::body(200, "application/json", &format!("{whole:#}"));
    assert_eq!(ask_scripted(reply).await.text(), "a");
    let error = json!({"error": {"message": "prompt is too long"}}).to_string();
    let answer = ask_scripted(Reply::body(200, "application/json", &error)).await;
    assert_eq!(answer.failure(), ModelErrorKind::ContextTooLong);
}

#[tokio::test]
async fn a_short_idle_limit_does_not_fail_a_complete_answer() {
    let server = ModelServer::start(Reply::events().text("a").finish("stop").hang()).await;
    let clock: Arc<dyn Clock> = Arc::new(ManualClock::default());
    let idle = Duration::from_millis(500);
    let timeouts = Timeouts {
        connect: Duration::from_secs(5),
        idle,
    };
    let settings = vec![settings(ProviderKind::OpenAi, &server.base_url())];
    let models = ModelProviders::new(settings, timeouts, &clock).unwrap();
    let mut stream = models.stream(&request()).await.unwrap();
    stream.next().await.unwrap().unwrap();
    // Time advances only while everything waits.
    tokio::time::pause();
    let begun = Instant::now();
    assert_eq!(read(stream).await.finish_reason(), FinishReason::Stop);
    assert!(begun.elapsed() < idle);
}

#[tokio::test]
async fn reasoning_in_tags_is_kept_apart() {
    for pieces in [
        &["<think>hm</think>\n\na"][..],
        &["<thi", "nk>h", "m</thi", "nk>\n", "\na"],
        &["<thought>hm</thought>a"],
        &["[THINK]hm[/THINK]a"],
    ] {
        let pieces: Vec<_> = pieces
            .iter()
            .map(|piece| delta(&json!({"content": piece})))
            .collect();
        let answer = ask_scripted(events(&pieces)).await;
        assert_eq!(
            (answer.reasoning.as_str(), answer.text().as_str()),
            ("hm", "a")
        );
    }
}

#[tokio::test]
async fn reasoning_is_sent_back_with_results_where_the_server_needs_it() {
    let google = json!({"google": {"thought_signature": "c2ln"}});
    let details = json!([{"type": "reasoning.encrypted", "data": "ZGF0YQ", "index": 0}]);
    let mut called = call(&json!("a"), &json!(0), "add", &json!("{\"a\":1}"));
    called["choices"][0]["delta"]["tool_calls"][0]["extra_content"] = google.clone();
    let first = events(&[
        delta(&json!({"reasoning_content": "h"})),
        delta(&json!({"reasoning_content": "m", "reasoning_details": details})),
        called,
    ]);
    let body = json!({"error": {"message": "Extra inputs are not permitted: reasoning_content"}});
    let refusal = Reply::body(422, "application/json", &body.to_string());
    let script = vec![first, refusal, Reply::answer("2")];
    let (server, models) = scripted(script).await;
    let request = with_tool(request());
    let answer = ask_for(&models, &request).await;
    assert_eq!(answer.reasoning, "hm");
    let next = answer.followed_by(request, &["1"]);
    assert_eq!(ask_for(&models, &next).await.text(), "2");
    assert_eq!(ask_for(&models, &next).await.text(), "2");
    let requests = server.requests();
    let message = |place: usize| {
        let sent: &Value = &requests[place].body["messages"][4];
        assert_eq!(sent["role"], "assistant");
        sent.clone()
    };
    assert_eq!(message(1)["reasoning_content"], "hm");
    assert_eq!(message(1)["reasoning_details"], details);
    assert_eq!(message(1)["tool_calls"][0]["extra_content"], google);
    for place in [2, 3] {
        assert_eq!(message(place).get("reasoning_content"), None);
        assert_eq!(message(place)["tool_calls"][0].get("extra_content"), None);
    }
}

#[tokio::test]
async fn calls_of_one_tool_in_pieces_stay_apart() {
    let none = Value::Null;
    let pieces = |first: &str, rest: &str| {
        [
            call(&none, &none, "add", &json!("")),
            call(&none, &none, "", &json!(first)),
            call(&none, &none, "", &json!(rest)),
        ]
    };
    let both = [pieces("{\"a\"", ":1}"), pieces("{\"a\":", "2}")].concat();
    let answer = ask_with_tool(events(&both)).await;
    assert_eq!(arguments(&answer), ["{\"a\":1}", "{\"a\":2}"]);
}

#[tokio::test]
async fn a_call_that_is_sent_twice_is_made_once() {
    for (id, arguments) in [
        (Value::Null, json!({"a": 1})),
        (json!(""), json!({"a": 1})),
        (json!("x"), json!("{\"a\":1}")),
        (Value::Null, json!("{\"a\": 1}")),
    ] {
        let first = call(&json!("x"), &json!(0), "add", &json!({"a": 1}));
        let second = call(&id, &json!(0), "add", &arguments);
        let answer = ask_with_tool(events(&[first, second])).await;
        assert_eq!(answer.calls.len(), 1, "{id} {arguments}");
    }
}

#[tokio::test]
async fn gemini_numbers_every_call_zero() {
    let calls = ["{\"a\":1}", "{\"a\":2}"].map(|it| call(&json!(""), &json!(0), "add", &json!(it)));
    let answer = ask_with_tool(events(&calls)).await;
    assert_eq!(arguments(&answer), ["{\"a\":1}", "{\"a\":2}"]);
}

#[tokio::test]
async fn too_many_calls_lose_the_rest_and_too_long_ones_cut_the_answer() {
    let calls: Vec<_> = (0..129)
        .map(|index| {
            call(
                &json!(format!("id-{index}")),
                &json!(index),
                "add",
                &json!("{}"),
            )
        })
        .collect();
    let answer = ask_with_tool(events(&calls)).await;
    assert_eq!(answer.calls.len(), 128);
    assert_eq!(answer.finish_reason(), FinishReason::Stop);
    let long = call(&json!("a"), &json!(0), "add", &json!("x".repeat(600_000)));
    let answer = ask_with_tool(events(&[long.clone(), long])).await;
    assert_eq!(answer.finish_reason(), FinishReason::Length);
}
