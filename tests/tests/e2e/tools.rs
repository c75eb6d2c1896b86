//! Tools and structured output.

use colloquy_tests::client::{Client, text};
use colloquy_tests::database::Backend;
use colloquy_tests::model_server::{Reply, Script};
use colloquy_tests::on_both_backends;
use colloquy_tests::server::Colloquy;
use hyper::Method;
use serde_json::{Value, json};

use crate::scene::Scene;

on_both_backends![
    an_assistant_calculates_and_its_thread_tells_how,
    a_model_that_always_asks_for_a_tool_is_stopped_at_the_cap,
    fifty_calls_at_once_are_all_answered,
    calls_that_cannot_be_carried_out_are_told_to_the_model,
    an_assistant_asks_another_with_the_users_rights,
    an_answer_keeps_to_its_schema,
    a_killed_run_keeps_what_its_tools_had_answered,
    the_list_of_tools_has_what_an_assistant_may_use,
];

const SUM: &str = r#"{"expression": "6 * 7"}"#;

impl Scene {
    async fn messages_with_tools(&self) -> Vec<Value> {
        let path = self.path("/messages?include=tools&limit=1000");
        let messages = self.user.get(&path).await.expect(200);
        messages.as_array().unwrap().clone()
    }

    /// Tool results in the n-th request.
    fn results(&self, request: usize) -> Vec<String> {
        let body = &self.models.requests()[request].body;
        let messages = body["messages"].as_array().unwrap().iter();
        let results = messages.filter(|message| message["role"] == "tool");
        results
            .map(|message| text(&message["content"]).to_owned())
            .collect()
    }
}

fn kinds(messages: &[Value]) -> Vec<&str> {
    messages
        .iter()
        .map(|message| text(&message["type"]))
        .collect()
}

async fn an_assistant_calculates_and_its_thread_tells_how(backend: Backend) {
    let replies = [
        Reply::calls(&[("a", "calculator", SUM), ("b", "current_time", "{}")]),
        Reply::answer("It is 42."),
    ];
    let mut scene = Scene::with(backend, replies).await;
    scene
        .change(json!({"tools": ["calculator", "current_time"]}))
        .await;
    let exchange = scene.ask("What is 6 * 7?").await;
    assert_eq!(exchange["output"], "It is 42.");
    assert_eq!(
        exchange["run"]["usage"]["input_tokens"], 14,
        "of both requests"
    );
    assert_eq!(scene.results(1)[0], "42");
    assert!(
        scene.results(1)[1].contains("UTC"),
        "{:?}",
        scene.results(1)
    );
    assert_eq!(kinds(&scene.messages().await), ["human", "ai"]);
    let all = scene.messages_with_tools().await;
    let called: Vec<_> = all
        .iter()
        .filter(|message| message["type"] == "tool")
        .collect();
    assert_eq!(called.len(), 2);
    let calculated = called
        .iter()
        .find(|it| it["tool_call"]["id"] == "a")
        .unwrap();
    assert_eq!(calculated["content"], "42");
    assert_eq!(calculated["tool_call"]["arguments"], SUM);
    // Replays from the store.
    scene.server.stop().await;
    scene.restart().await;
    assert_eq!(scene.messages_with_tools().await, all);
    let path = scene.path(&format!("/runs/{}/events", text(&exchange["run"]["id"])));
    let events = scene
        .user
        .request(Method::GET, &path)
        .events()
        .await
        .rest()
        .await;
    let returned: Vec<_> = events
        .iter()
        .filter(|it| it.kind == "tool.returned")
        .collect();
    assert_eq!(returned.len(), 2);
    assert_eq!(events.last().unwrap().data["output"], "It is 42.");
}

async fn a_model_that_always_asks_for_a_tool_is_stopped_at_the_cap(backend: Backend) {
    let scene = Scene::with(backend, Reply::calls(&[("again", "calculator", SUM)])).await;
    scene.change(json!({"tools": ["calculator"]})).await;
    let exchange = scene.ask("Go on for ever").await;
    assert_eq!(exchange["run"]["status"], "completed");
    assert_eq!(exchange["run"]["finish_reason"], "tool_rounds");
    let requests = scene.models.requests();
    assert_eq!(requests.len(), 11);
    assert_eq!(requests[10].body["tools"], Value::Null);
    assert!(requests[9].body["tools"].is_array());
    let all = scene.messages_with_tools().await;
    assert_eq!(
        kinds(&all).iter().filter(|kind| **kind == "tool").count(),
        10
    );
}

async fn fifty_calls_at_once_are_all_answered(backend: Backend) {
    let ids: Vec<String> = (0..50).map(|id| id.to_string()).collect();
    let calls: Vec<_> = ids
        .iter()
        .map(|id| (id.as_str(), "calculator", SUM))
        .collect();
    let scene = Scene::with(backend, [Reply::calls(&calls), Reply::answer("Done.")]).await;
    scene.change(json!({"tools": ["calculator"]})).await;
    assert_eq!(scene.ask("All at once").await["output"], "Done.");
    assert_eq!(scene.results(1), vec!["42"; 50]);
}

async fn calls_that_cannot_be_carried_out_are_told_to_the_model(backend: Backend) {
    let calls = [
        ("same", "calculator", r#"{"expression""#),
        ("same", "calculator", r#"{"formula": "1"}"#),
        ("c", "current_time", r#"{"time_zone": "UTC"}"#),
        ("d", "delete_everything", "{}"),
    ];
    let scene = Scene::with(backend, [Reply::calls(&calls), Reply::answer("Sorry.")]).await;
    scene.change(json!({"tools": ["calculator"]})).await;
    assert_eq!(scene.ask("Try").await["output"], "Sorry.");
    let sent = &scene.models.requests()[1].body["messages"];
    let sent = sent.as_array().unwrap().iter();
    let ids: std::collections::HashSet<_> = sent
        .filter(|message| message["role"] == "tool")
        .map(|message| text(&message["tool_call_id"]))
        .collect();
    assert_eq!(ids.len(), 4, "call IDs are unique");
    let messages = scene.messages_with_tools().await;
    let tools = messages.iter().filter(|message| message["type"] == "tool");
    let failed: Vec<_> = tools
        .map(|it| it["tool_call"]["is_error"] == true)
        .collect();
    assert_eq!(failed, [true; 4]);
}

async fn an_assistant_asks_another_with_the_users_rights(backend: Backend) {
    let question = r#"{"message": "What is 6 * 7?"}"#;
    let script = Script::new(move |request| {
        let messages = request.body["messages"].as_array().unwrap();
        match messages.last().unwrap()["content"].as_str().unwrap() {
            "Ask" if request.body["tools"].is_null() => Reply::answer("I cannot."),
            "Ask" => Reply::calls(&[("1", "expert", question)]),
            "What is 6 * 7?" => Reply::answer("42"),
            answer => Reply::answer(&format!("The expert says {answer}.")),
        }
    });
    let scene = Scene::with(backend, script).await;
    let admin = scene.server.admin().await;
    let expert = json!({"name": "Expert", "model": crate::SCRIPTED, "description": "Knows."});
    let expert = admin.create_assistant(expert).await;
    scene.change(json!({"tools": ["assistant:expert"]})).await;
    assert_eq!(scene.ask("Ask").await["output"], "The expert says 42.");
    let tool = &scene.models.requests()[0].body["tools"][0]["function"];
    assert!(text(&tool["description"]).contains("Knows."));
    assert_eq!(kinds(&scene.messages().await), ["human", "ai"]);
    // Disabled assistants do not exist for users.
    let path = format!("/assistants/{}", text(&expert["id"]));
    admin
        .patch(&path, json!({"is_enabled": false}))
        .await
        .expect(200);
    assert_eq!(scene.ask("Ask").await["output"], "I cannot.");
    admin.delete(&path).await.expect(204);
    assert_eq!(scene.ask("Ask").await["output"], "I cannot.");
}

async fn an_answer_keeps_to_its_schema(backend: Backend) {
    let replies = [
        Reply::answer("Paris, of course"),
        Reply::answer(r#"{"city": "Paris"}"#),
        Reply::answer("Paris"),
        Reply::answer("Paris!"),
    ];
    let scene = Scene::with(backend, replies).await;
    let schema = json!({
        "type": "object",
        "properties": {"city": {"type": "string"}},
        "required": ["city"],
        "additionalProperties": false,
    });
    scene.change(json!({"output_schema": schema})).await;
    let exchange = scene.ask("Capital of France?").await;
    assert_eq!(exchange["output"], json!({"city": "Paris"}));
    assert_eq!(
        exchange["messages"].as_array().unwrap().len(),
        2,
        "{exchange}"
    );
    let format = &scene.models.requests()[0].body["response_format"];
    assert_eq!(format["json_schema"]["schema"], schema);
    assert_eq!(format["json_schema"]["strict"], true);
    let failed: &Client = &scene.user;
    let failed = failed.say(&scene.thread, &scene.assistant, "Again?").await;
    let problem = failed.problem(502, "output_invalid");
    let run = scene.path(&format!("/runs/{}", text(&problem["run_id"])));
    assert_eq!(scene.user.get(&run).await.expect(200)["status"], "failed");
    let messages = scene.messages().await;
    let last = messages.last().unwrap();
    assert_eq!(
        (&last["content"], &last["status"]),
        (&json!("Paris!"), &json!("incomplete"))
    );
}

async fn a_killed_run_keeps_what_its_tools_had_answered(backend: Backend) {
    let replies = [
        Reply::calls(&[("a", "calculator", SUM)]),
        Reply::events().text("It is").hang(),
    ];
    let mut scene = Scene::with(backend, replies).await;
    scene.change(json!({"tools": ["calculator"]})).await;
    let path = scene.path("/messages");
    let post = scene.user.request(Method::POST, &path);
    let mut stream = post.json(&scene.body("Hi")).events().await;
    while stream.next().await.unwrap().kind != "message.delta" {}
    let runs = scene.user.get(&scene.path("/runs")).await.expect(200);
    let events = scene.path(&format!("/runs/{}/events", text(&runs[0]["id"])));
    scene.server.kill9().await;
    scene.restart().await;
    let log = scene
        .user
        .request(Method::GET, &events)
        .events()
        .await
        .rest()
        .await;
    assert_eq!(log.last().unwrap().data["error"]["code"], "interrupted");
    // The last batch varies; the thread has as much.
    let returned = log.iter().filter(|event| event.kind == "tool.returned");
    let returned: Vec<_> = returned
        .map(|event| event.data["content"].clone())
        .collect();
    let messages = scene.messages_with_tools().await;
    let tools = messages.iter().filter(|message| message["type"] == "tool");
    let stored: Vec<_> = tools.map(|message| message["content"].clone()).collect();
    assert_eq!(stored, returned);
    assert!(
        messages[1 + stored.len()..]
            .iter()
            .all(|it| it["status"] == "incomplete")
    );
}

async fn the_list_of_tools_has_what_an_assistant_may_use(backend: Backend) {
    let server = Colloquy::start(backend).await;
    let admin = server.admin().await;
    let fields = json!({"name": "Guide", "description": "Knows the way."});
    admin.create_assistant(fields).await;
    let tools = admin.get("/tools").await;
    assert_eq!(tools.header("x-total-count"), Some("3"));
    let tools = tools.expect(200);
    let names: Vec<_> = tools
        .as_array()
        .unwrap()
        .iter()
        .map(|it| text(&it["name"]))
        .collect();
    assert_eq!(names, ["calculator", "current_time", "assistant:guide"]);
    for tool in tools.as_array().unwrap() {
        assert_eq!(tool["arguments"]["type"], "object");
    }
    assert!(text(&tools[2]["description"]).contains("Knows the way."));
    assert!(tools[2]["arguments"]["properties"]["message"].is_object());
    for (query, expected) in [
        ("skip=1&limit=1", vec![&names[1]]),
        ("skip=1&limit=2", vec![&names[1], &names[2]]),
        ("skip=0&limit=2", vec![&names[0], &names[1]]),
        ("skip=2", vec![&names[2]]),
        ("skip=3", vec![]),
    ] {
        let page = admin.get(&format!("/tools?{query}")).await;
        assert_eq!(page.header("x-total-count"), Some("3"));
        let page = page.expect(200);
        let page: Vec<_> = page
            .as_array()
            .unwrap()
            .iter()
            .map(|it| text(&it["name"]))
            .collect();
        assert_eq!(page.iter().collect::<Vec<_>>(), expected, "{query}");
    }
    let fields = json!({"name": "All", "model": "echo::echo", "tools": names});
    admin.post("/assistants", fields).await.expect(201);
}
