//! Unusual models and providers: the answer is complete and the next message works.

use colloquy_tests::client::text;
use colloquy_tests::database::Backend;
use colloquy_tests::model_server::{ModelServer, Reply, Request, Script};
use colloquy_tests::on_both_backends;
use serde_json::{Value, json};

use crate::scene::{Scene, said};
use crate::{SCRIPTED, with_models};

on_both_backends![
    nobody_is_told_to_wait_longer_than_a_day,
    a_fraction_of_a_second_is_waited_for,
    whatever_a_model_says_the_next_message_works,
    what_a_model_thinks_is_kept_apart,
    thoughts_fill_the_answer_up_as_the_answer_does,
    json_is_found_whatever_stands_around_it,
    a_name_in_every_piece_calls_the_tool_once,
    what_follows_a_whole_answer_does_not_spoil_it,
    a_short_idle_limit_does_not_fail_a_complete_answer,
    many_calls_in_one_turn_are_answered,
    thinking_goes_back_to_anthropic_with_the_results,
];

async fn nobody_is_told_to_wait_longer_than_a_day(backend: Backend) {
    for wait in [
        "18446744073709551615",
        "99999999999999999999999999",
        "18446744073709551614.9",
        "Fri, 31 Dec 9999 23:59:59 GMT",
    ] {
        let busy = Reply::status(429).header("retry-after", wait);
        let scene = Scene::with(backend, [busy, Reply::answer("fine")]).await;
        let failed = scene.user.say(&scene.thread, &scene.assistant, "Hi").await;
        let seconds: u64 = failed.header("retry-after").unwrap().parse().unwrap();
        assert_eq!(seconds, 86_400, "{wait}");
        failed.problem(503, "model_rate_limited");
        assert_eq!(scene.models.requests().len(), 1, "{wait}");
        assert_eq!(scene.ask("Again").await["output"], "fine");
    }
}

async fn a_fraction_of_a_second_is_waited_for(backend: Backend) {
    for wait in ["0.01", "-5", "-18446744073709551615", "soon", ""] {
        let busy = Reply::status(429).header("retry-after", wait);
        let scene = Scene::with(backend, [busy, Reply::answer("fine")]).await;
        assert_eq!(scene.ask("Hi").await["output"], "fine", "{wait}");
        assert_eq!(scene.models.requests().len(), 2, "{wait}");
    }
}

/// Rejects what strict providers reject.
fn strict(replies: Vec<Reply>) -> Script {
    let mut replies = replies.into_iter();
    Script::new(move |request: &Request| match complaint(&request.body) {
        Some(complaint) => Reply::body(400, "text/plain", &complaint),
        None => replies.next().unwrap_or(Reply::answer("fine")),
    })
}

fn complaint(body: &Value) -> Option<String> {
    let messages = body["messages"].as_array().unwrap();
    let mut before = "";
    for message in messages {
        let role = text(&message["role"]);
        let calls = message["tool_calls"].as_array();
        let content = message["content"].as_str().unwrap_or_default();
        if content.trim().is_empty() && calls.is_none() {
            return Some(format!("blank: {message}"));
        }
        if role == before && role != "tool" {
            return Some(format!("{role} twice"));
        }
        for call in calls.into_iter().flatten() {
            let function = &call["function"];
            let arguments = serde_json::from_str::<Value>(text(&function["arguments"]));
            if !arguments.is_ok_and(|it| it.is_object()) || text(&function["name"]).is_empty() {
                return Some(format!("bad call: {call}"));
            }
        }
        before = role;
    }
    None
}

async fn whatever_a_model_says_the_next_message_works(backend: Backend) {
    let replies = || {
        vec![
            Reply::answer("\n\n"),
            Reply::answer(" \u{3000}"),
            Reply::answer("\0"),
            Reply::stream(&["<think>never ends"]),
            Reply::events().finish("stop").done(),
            Reply::calls(&[("a", "calculator", "{\"expression\": "), ("a", "", "")]),
            Reply::answer("\n"),
            Reply::calls(&[("", "no such tool", "[1]")]),
        ]
    };
    let scene = Scene::with(backend, strict(replies())).await;
    let tools = json!({"tools": ["calculator"]});
    scene.change(tools).await;
    for number in 0..6 {
        scene.ask(&format!("Message {number}")).await;
    }
    assert_eq!(scene.ask("And now?").await["output"], "fine");
    let last = scene.models.requests().pop().unwrap().body;
    let sent = last["messages"].to_string();
    assert!(sent.contains("Message 0\\n\\nMessage 1"), "{sent}");
    assert!(!sent.contains("never ends"), "{sent}");
}

async fn what_a_model_thinks_is_kept_apart(backend: Backend) {
    let thought = json!({"choices": [{"delta": {"reasoning_content": "Let me see."}}]});
    let in_a_field = Reply::events().data(&thought).text("Yes.").finish("stop");
    let replies = [
        Reply::stream(&["<thi", "nk>Let me", " see.</th", "ink>\n\nYes", "."]),
        in_a_field.done(),
        Reply::answer("<think>Let me see."),
        Reply::answer("Well, <think>is no thought</think>."),
    ];
    let mut scene = Scene::with(backend, replies).await;
    let events = scene.stream("First?").await.rest().await;
    assert_eq!(said(&events), "Yes.");
    assert_eq!(events.last().unwrap().data["output"], "Yes.");
    assert_eq!(scene.ask("Second?").await["output"], "Yes.");
    assert_eq!(scene.ask("Third?").await["output"], "");
    let fourth = scene.ask("Fourth?").await;
    assert_eq!(fourth["output"], "Well, <think>is no thought</think>.");
    let sent = scene.models.requests().pop().unwrap().body.to_string();
    assert!(!sent.contains("Let me see"), "{sent}");

    scene.server.stop().await;
    scene.restart().await;
    let plain = scene.messages().await;
    assert!(!json!(plain).to_string().contains("Let me see"));
    let path = scene.path("/messages?include=reasoning");
    let shown = scene.user.get(&path).await.expect(200);
    let reasoning = shown.as_array().unwrap().iter();
    let reasoning: Vec<_> = reasoning
        .map(|message| message["reasoning"].as_str())
        .collect();
    let thought = Some("Let me see.");
    let expected = [None, thought, None, thought, None, thought, None, None];
    assert_eq!(reasoning, expected);
    let both = scene.path("/messages?include=tools,reasoning");
    assert_eq!(scene.user.get(&both).await.expect(200), shown);
    let wrong = scene.path("/messages?include=thoughts");
    scene
        .user
        .get(&wrong)
        .await
        .problem(422, "validation_error");

    let answer = scene.path(&format!("/messages/{}", text(&shown[1]["id"])));
    scene.user.delete(&answer).await.expect(204);
    let left = scene.user.get(&path).await.expect(200);
    assert_eq!(left[2]["reasoning"], "Let me see.");
    assert_eq!(left.to_string().matches("Let me see").count(), 2);
}

async fn thoughts_fill_the_answer_up_as_the_answer_does(backend: Backend) {
    let thought = json!({"choices": [{"delta": {"reasoning": "x".repeat(64 * 1024)}}]});
    let endless = Reply::events().repeated(format!("data: {thought}\n\n"), 1_000);
    let scene = Scene::with(backend, [endless.hang(), Reply::answer("fine")]).await;
    let cut = scene.ask("Think!").await;
    assert_eq!(cut["run"]["finish_reason"], "length");
    assert_eq!(cut["messages"][1]["status"], "incomplete");
    scene.models.abandoned(1).await;
    let path = scene.path("/messages?include=reasoning");
    let shown = scene.user.get(&path).await.expect(200);
    let kept = text(&shown[1]["reasoning"]).len();
    assert_eq!(kept, 2 * 1024 * 1024, "as long as an answer may be");
    assert_eq!(scene.ask("And now?").await["output"], "fine");
}

async fn json_is_found_whatever_stands_around_it(backend: Backend) {
    let answers = [
        "<think>{\"city\": \"Rome\"}?</think>\n{\"city\": \"Paris\"}",
        "<reasoning>hm</reasoning>```JSON\n{\"city\": \"Paris\"}\n```",
        "Here you are: {\"city\": \"Paris\"}",
        "Sure!\n\n```json5\n{\"city\": \"Paris\"}\n```\n\nAnything else?",
        "\u{FEFF}{\"city\": \"Paris\"}",
    ];
    let scene = Scene::with(backend, answers.map(Reply::answer)).await;
    let schema = json!({
        "type": "object",
        "properties": {"city": {"type": "string"}},
        "required": ["city"],
    });
    scene.change(json!({"output_schema": schema})).await;
    for answer in answers {
        let exchange = scene.ask("Capital of France?").await;
        assert_eq!(exchange["output"], json!({"city": "Paris"}), "{answer}");
    }
    assert_eq!(scene.models.requests().len(), answers.len());
}

async fn a_name_in_every_piece_calls_the_tool_once(backend: Backend) {
    let mut called = Reply::events();
    for (id, arguments) in [("a", ""), ("", "{\"expression\""), ("b", ": \"6 * 7\"}")] {
        let function = json!({"name": "calculator", "arguments": arguments});
        let piece = json!({"index": 0, "id": id, "function": function});
        called = called.data(&json!({"choices": [{"delta": {"tool_calls": [piece]}}]}));
    }
    let replies = [called.finish("tool_calls").done(), Reply::answer("42")];
    let scene = Scene::with(backend, replies).await;
    scene.change(json!({"tools": ["calculator"]})).await;
    assert_eq!(scene.ask("What is 6 * 7?").await["output"], "42");
    let messages = &scene.models.requests()[1].body["messages"];
    let results: Vec<_> = messages
        .as_array()
        .unwrap()
        .iter()
        .filter(|message| message["role"] == "tool")
        .map(|message| text(&message["content"]))
        .collect();
    assert_eq!(results, ["42"]);
}

async fn what_follows_a_whole_answer_does_not_spoil_it(backend: Backend) {
    let whole = || Reply::events().text("fine").finish("stop");
    let replies = [
        whole().event("surprise", &json!({"surprise": true})).done(),
        whole().data(&json!({"surprise": true})).done(),
        whole()
            .data(&json!({"usage": {"prompt_tokens": 7.5}}))
            .bytes("data: [DONE] \n\n"),
        whole().bytes("data: {\n\n").reset(),
        whole().data(&json!({"error": {"message": "late"}})),
        Reply::events().text("fine").finish("STOP"),
    ];
    let count = replies.len();
    let scene = Scene::with(backend, replies).await;
    for _ in 0..count {
        let answer = scene.ask("Hi").await;
        assert_eq!(answer["output"], "fine");
        assert_eq!(answer["messages"][1]["status"], "completed");
    }
}

async fn a_short_idle_limit_does_not_fail_a_complete_answer(backend: Backend) {
    let open = Reply::events().text("fine").finish("stop").hang();
    let models = ModelServer::start(open).await;
    let site = with_models(backend, &models).await;
    let site = site.env("COLLOQUY_RUN__IDLE_TIMEOUT", "500ms");
    let server = site.serve().await;
    let assistant = server.assistant_on(SCRIPTED).await;
    let user = server.user("ada").await;
    let thread = user.create_thread().await;
    let answer = user.say(&thread, &assistant, "Hi").await.expect(201);
    assert_eq!(answer["output"], "fine");
}

async fn many_calls_in_one_turn_are_answered(backend: Backend) {
    let calls: Vec<_> = (0..129)
        .map(|number| {
            (
                format!("id-{number}"),
                format!("{{\"expression\": \"{number}\"}}"),
            )
        })
        .collect();
    let calls: Vec<_> = calls
        .iter()
        .map(|(id, arguments)| (id.as_str(), "calculator", arguments.as_str()))
        .collect();
    let scene = Scene::with(backend, [Reply::calls(&calls), Reply::answer("fine")]).await;
    scene.change(json!({"tools": ["calculator"]})).await;
    assert_eq!(scene.ask("Count!").await["output"], "fine");
    let messages = scene.models.requests().pop().unwrap().body["messages"].clone();
    let messages = messages.as_array().unwrap();
    let results = messages.iter().filter(|message| message["role"] == "tool");
    assert_eq!(results.count(), 128);
    let last = text(&messages.last().unwrap()["content"]);
    assert!(
        last.starts_with("127\n") && last.contains("at most 128"),
        "{last}"
    );
}

/// An Anthropic message with these content blocks.
fn anthropic(blocks: &[Value], reason: &str) -> Reply {
    let message = json!({"type": "message", "content": blocks, "stop_reason": reason});
    Reply::body(200, "application/json", &message.to_string())
}

async fn thinking_goes_back_to_anthropic_with_the_results(backend: Backend) {
    let thinking = json!({"type": "thinking", "thinking": "Let me see.", "signature": "c2ln"});
    let input = json!({"expression": "6 * 7"});
    let call = json!({"type": "tool_use", "id": "a", "name": "calculator", "input": input});
    let answer = json!({"type": "text", "text": "42"});
    let replies = [
        anthropic(&[thinking.clone(), call.clone()], "tool_use"),
        anthropic(&[answer], "end_turn"),
    ];
    let models = ModelServer::start(replies).await;
    let site = with_models(backend, &models).await;
    let site = site.env("ANTHROPIC_API_KEY", "sk-ant");
    let site = site.env(
        "COLLOQUY_PROVIDERS__ANTHROPIC__BASE_URL",
        &models.root_url(),
    );
    let server = site.serve().await;
    let assistant = server.assistant_on("anthropic::claude").await;
    let admin = server.admin().await;
    let path = format!("/assistants/{assistant}");
    let change = json!({"tools": ["calculator"]});
    admin.patch(&path, change).await.expect(200);
    let user = server.user("ada").await;
    let thread = user.create_thread().await;
    let answer = user.say(&thread, &assistant, "6 * 7?").await.expect(201);
    assert_eq!(answer["output"], "42");
    let sent = models.requests().pop().unwrap().body["messages"].clone();
    assert_eq!(sent[1]["content"], json!([thinking, call]));
    assert_eq!(sent[2]["content"][0]["content"], "42");
}
