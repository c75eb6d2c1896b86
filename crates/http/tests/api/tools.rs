//! Tools and output schemas.

use colloquy_application::testing::fakes::Script;
use colloquy_domain::FinishReason;
use serde_json::{Value, json};

use crate::conversation::Conversation;
use crate::support::{Answer, Api};

async fn conversation_with(change: Value) -> Conversation {
    let c = Conversation::new().await;
    let call = c.api.patch("/assistants/guide").by(&c.admin).json(&change);
    call.send().await.ok(200);
    c
}

fn calculates() -> Script {
    Script::new()
        .text("Let me see.")
        .call("call-1", "calculator", r#"{"expression": "6 * 7"}"#)
        .end(FinishReason::Stop)
}

fn kinds(messages: &Value) -> Vec<&str> {
    let messages = messages.as_array().unwrap().iter();
    messages
        .map(|message| message["type"].as_str().unwrap())
        .collect()
}

#[tokio::test]
async fn tools_and_a_schema_are_set_kept_and_cleared() {
    let api = Api::new();
    let admin = api.admin().await;
    api.assistant(&admin, "expert").await;
    let schema = json!({"type": "object", "properties": {"b": {}, "a": {}}});
    let new = json!({
        "name": "Guide",
        "model": "fake::m",
        "tools": ["calculator", "assistant:expert"],
        "tool_max_concurrency": 2,
        "max_tool_rounds": 3,
        "max_model_calls": 9,
        "max_tool_calls": null,
        "max_run_tokens": 100_000,
        "output_schema": schema,
    });
    let made = api
        .post("/assistants")
        .by(&admin)
        .json(&new)
        .send()
        .await
        .ok(201);
    for member in [
        "tools",
        "tool_max_concurrency",
        "max_tool_rounds",
        "max_model_calls",
        "max_tool_calls",
        "max_run_tokens",
        "output_schema",
    ] {
        assert_eq!(made[member], new[member], "{member}");
    }
    assert_eq!(made["output_schema"].to_string(), schema.to_string());
    let change = |change: Value| {
        api.patch("/assistants/guide")
            .by(&admin)
            .json(&change)
            .send()
    };
    let kept = change(json!({"name": "Guide!"})).await.ok(200);
    assert_eq!(kept["tools"], new["tools"]);
    let cleared = change(json!({"tools": [], "output_schema": null}))
        .await
        .ok(200);
    assert_eq!(
        (&cleared["tools"], &cleared["output_schema"]),
        (&json!([]), &Value::Null)
    );
}

#[tokio::test]
async fn what_cannot_be_a_tool_or_a_schema_is_refused_by_its_field() {
    let api = Api::new();
    let admin = api.admin().await;
    api.assistant(&admin, "calculator").await;
    api.assistant(&admin, "guide").await;
    for (change, fields) in [
        (json!({"tools": "calculator"}), vec!["tools"]),
        (json!({"tools": null}), vec!["tools"]),
        (json!({"tools": ["calculator", 1]}), vec!["tools[1]"]),
        (
            json!({"tools": ["a b", "assistant:"]}),
            vec!["tools[0]", "tools[1]"],
        ),
        (
            json!({"tools": ["nope", "current_time", "assistant:nope"]}),
            vec!["tools[0]", "tools[2]"],
        ),
        (
            json!({"tools": ["calculator", "calculator"]}),
            vec!["tools[1]"],
        ),
        (
            json!({"tools": ["calculator", "assistant:calculator"]}),
            vec!["tools[1]"],
        ),
        (json!({"tools": vec!["calculator"; 65]}), vec!["tools"]),
        (
            json!({"tool_max_concurrency": 0}),
            vec!["tool_max_concurrency"],
        ),
        (
            json!({"tool_max_concurrency": 17}),
            vec!["tool_max_concurrency"],
        ),
        (json!({"max_tool_rounds": 51}), vec!["max_tool_rounds"]),
        (json!({"max_model_calls": 0}), vec!["max_model_calls"]),
        (json!({"max_tool_calls": 10_001}), vec!["max_tool_calls"]),
        (json!({"max_run_tokens": "all"}), vec!["max_run_tokens"]),
        (json!({"output_schema": "string"}), vec!["output_schema"]),
        (
            json!({"output_schema": {"type": "strin"}}),
            vec!["output_schema"],
        ),
        (
            json!({"output_schema": {"description": "x".repeat(70_000)}}),
            vec!["output_schema"],
        ),
    ] {
        let call = api.patch("/assistants/guide").by(&admin).json(&change);
        let problem = call.send().await.problem(422, "validation_error");
        let errors = problem["errors"].as_array().unwrap().iter();
        let named: Vec<_> = errors
            .map(|error| error["field"].as_str().unwrap())
            .collect();
        assert_eq!(named, fields, "{change}");
    }
}

#[tokio::test]
async fn the_traffic_of_tools_is_listed_on_demand() {
    let c = conversation_with(json!({"tools": ["calculator"]})).await;
    c.api.model.add(calculates());
    let answer = c.post(Script::answer("It is 42.")).await.ok(201);
    assert_eq!(answer["output"], "It is 42.");
    assert_eq!(kinds(&answer["messages"]), ["human", "ai", "ai"]);
    assert_eq!(kinds(&c.listed().await), ["human", "ai", "ai"]);
    let get = |query: &str| {
        c.api
            .get(&format!("{}?{query}", c.path()))
            .by(&c.user)
            .send()
    };
    let all = get("include=tools").await.ok(200);
    assert_eq!(kinds(&all), ["human", "ai", "tool", "ai"]);
    let call = json!({
        "id": "call-1",
        "name": "calculator",
        "arguments": r#"{"expression": "6 * 7"}"#,
        "is_error": false,
    });
    assert_eq!(
        (&all[2]["content"], &all[2]["tool_call"]),
        (&json!("42"), &call)
    );
    assert_eq!(all[1].get("tool_call"), None);
    let page = get("include=tools&limit=3").await;
    let next = page.header("link").unwrap();
    assert!(next.contains("include=tools"), "{next}");
    get("include=everything")
        .await
        .problem(422, "validation_error");
}

#[tokio::test]
async fn a_stream_tells_of_tools() {
    let c = conversation_with(json!({"tools": ["calculator"]})).await;
    c.api.model.add(calculates());
    let events = c.stream(Script::answer("It is 42.")).await.rest().await;
    let names: Vec<_> = events.iter().map(|event| event.name.as_str()).collect();
    assert_eq!(
        names,
        [
            "run.started",
            "message.delta",
            "tools.requested",
            "round.ended",
            "tool.called",
            "tool.returned",
            "message.delta",
            "round.ended",
            "message.completed",
            "message.completed",
            "run.completed",
        ]
    );
    assert_eq!(
        events[4].data,
        json!({"tool_call_id": "call-1", "name": "calculator", "arguments": r#"{"expression": "6 * 7"}"#})
    );
    assert_eq!(
        events[5].data,
        json!({"tool_call_id": "call-1", "name": "calculator", "content": "42", "is_error": false})
    );
    let run = events[0].data["run"]["id"].as_str().unwrap();
    assert_eq!(c.events(run).await, events, "the log tells the same");
}

async fn answered(answer: &str) -> (Conversation, Answer) {
    let schema = json!({"type": "object", "required": ["n"]});
    let c = conversation_with(json!({"output_schema": schema})).await;
    c.api.model.add(Script::answer(answer));
    let answer = c.post(Script::answer("still no JSON")).await;
    (c, answer)
}

#[tokio::test]
async fn an_answer_in_a_schema_is_a_value() {
    let number = "12345678901234567890123";
    let (c, answer) = answered(&format!("```json\n{{\"n\": {number}}}\n```")).await;
    assert_eq!(answer.status, 201);
    let text = String::from_utf8(answer.body.clone()).unwrap();
    assert!(
        text.contains(&format!(r#""output":{{"n": {number}}}"#)),
        "{text}"
    );
    let run = answer.json()["run"]["id"].as_str().unwrap().to_owned();
    let events = c.events(&run).await;
    assert!(events.last().unwrap().data["output"]["n"].is_number());
}

#[tokio::test]
async fn an_answer_that_never_keeps_to_the_schema_is_a_problem() {
    let (c, answer) = answered("no JSON").await;
    let problem = answer.problem(502, "output_invalid");
    assert!(problem["run_id"].is_string());
    let messages = c.listed().await;
    assert_eq!(messages[1]["status"], "incomplete");
    assert_eq!(messages[1]["content"], "still no JSON");
}
