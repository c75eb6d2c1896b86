//! Settings of one run, from the request to the provider.

use colloquy_tests::client::{Response, text};
use colloquy_tests::database::Backend;
use colloquy_tests::model_server::{ModelServer, Reply};
use colloquy_tests::on_both_backends;
use colloquy_tests::server::Colloquy;
use serde_json::{Value, json};

use crate::scene::Scene;

on_both_backends![
    every_provider_is_sent_what_it_knows,
    a_run_shows_what_was_asked_of_it,
    settings_that_cannot_be_are_refused_by_name,
    model_and_instructions_are_replaced_by_administrators_only,
    a_run_with_settings_neither_uses_nor_fills_the_answer_cache,
    a_key_stands_for_one_set_of_settings,
];

impl Scene {
    async fn ask_with(&self, content: &str, settings: Value) -> Response {
        let mut body = self.body(content);
        body["settings"] = settings;
        self.user.post(&self.path("/messages"), body).await
    }
}

fn settings() -> Value {
    json!({
        "additional_instructions": "Rhyme.",
        "temperature": 0.5,
        "top_p": 0.25,
        "stop": ["END"],
        "seed": 7,
        "reasoning_effort": "low",
        "max_completion_tokens": 99,
        "tool_choice": {"name": "calculator"},
        "parallel_tool_calls": false,
        "truncation": {"last_messages": 3},
        "response_format": "text",
    })
}

async fn every_provider_is_sent_what_it_knows(backend: Backend) {
    // An answer in the format of one of them is enough: what is sent counts.
    let models = ModelServer::start(Reply::status(418)).await;
    let root = models.root_url();
    let mut installation = Colloquy::installed(backend).await;
    for name in ["OPENAI", "ANTHROPIC", "GEMINI"] {
        installation = installation
            .env(&format!("COLLOQUY_PROVIDERS__{name}__BASE_URL"), &root)
            .env(&format!("COLLOQUY_PROVIDERS__{name}__API_KEY"), "key");
    }
    let server = installation.serve().await;
    let (admin, user) = (server.admin().await, server.user("ada").await);
    for model in [
        "openai::gpt",
        "anthropic::claude",
        "gemini::gemini-2.5-flash",
    ] {
        let fields = json!({"name": "Guide", "model": model, "tools": ["calculator"]});
        let assistant = admin.create_assistant(fields).await;
        let thread = user.create_thread().await;
        let body = json!({
            "assistant_id": assistant["id"],
            "content": "Hi",
            "settings": settings(),
        });
        let path = format!("/threads/{thread}/messages");
        user.post(&path, body).await.problem(502, "model_error");
    }
    let sent: Vec<_> = models.requests().into_iter().map(|it| it.body).collect();
    let [openai, anthropic, gemini] = &sent[..] else {
        panic!("{} requests", sent.len());
    };
    assert_eq!(openai["messages"][0]["content"], "Rhyme.");
    let named = json!({"type": "function", "function": {"name": "calculator"}});
    assert_eq!(openai["tool_choice"], named);
    for (member, expected) in [
        ("temperature", json!(0.5)),
        ("top_p", json!(0.25)),
        ("stop", json!(["END"])),
        ("seed", json!(7)),
        ("reasoning_effort", json!("low")),
        ("parallel_tool_calls", json!(false)),
    ] {
        assert_eq!(openai[member], expected, "{member}");
    }
    assert_eq!(anthropic["system"], "Rhyme.");
    assert_eq!(anthropic["max_tokens"], 99);
    assert_eq!(anthropic["stop_sequences"], json!(["END"]));
    assert_eq!(anthropic["output_config"], json!({"effort": "low"}));
    let named = json!({"type": "tool", "name": "calculator", "disable_parallel_tool_use": true});
    assert_eq!(anthropic["tool_choice"], named);
    assert_eq!(gemini["systemInstruction"]["parts"][0]["text"], "Rhyme.");
    let generation = &gemini["generationConfig"];
    assert_eq!(generation["maxOutputTokens"], 99);
    assert_eq!(generation["stopSequences"], json!(["END"]));
    assert_eq!(generation["seed"], 7);
    assert_eq!(
        generation["thinkingConfig"],
        json!({"thinkingBudget": 1_024})
    );
    let calling = &gemini["toolConfig"]["functionCallingConfig"];
    assert_eq!(calling["allowedFunctionNames"], json!(["calculator"]));
}

async fn a_run_shows_what_was_asked_of_it(backend: Backend) {
    let mut scene = Scene::with(backend, vec![Reply::answer("one"), Reply::answer("two")]).await;
    scene.change(json!({"tools": ["calculator"]})).await;
    let said = scene.ask_with("Hi", settings()).await.expect(201);
    assert_eq!(said["run"]["settings"], settings());
    assert_eq!(said["run"]["assistant_revision"], 2);
    let plain = scene.ask("And?").await;
    assert_eq!(plain["run"].get("settings"), None);
    scene.change(json!({"instructions": "Changed."})).await;
    scene.server.kill9().await;
    scene.restart().await;
    let run = scene.path(&format!("/runs/{}", text(&said["run"]["id"])));
    assert_eq!(scene.user.get(&run).await.expect(200), said["run"]);
    let listed = scene.user.get(&scene.path("/runs")).await.expect(200);
    assert_eq!(listed[1]["id"], said["run"]["id"]);
    assert_eq!(listed[1].get("settings"), None);
}

async fn settings_that_cannot_be_are_refused_by_name(backend: Backend) {
    let scene = Scene::with(backend, Reply::answer("one")).await;
    for (settings, field) in [
        (json!({"temperature": 2.1}), "temperature"),
        (json!({"top_p": "much"}), "top_p"),
        (json!({"stop": ["a", "b", "c", "d", "e"]}), "stop"),
        (json!({"stop": [""]}), "stop[0]"),
        (json!({"stop": ["x".repeat(65)]}), "stop[0]"),
        (json!({"seed": 1.5}), "seed"),
        (json!({"seed": 1e300}), "seed"),
        (json!({"reasoning_effort": "much"}), "reasoning_effort"),
        (json!({"max_prompt_tokens": 0}), "max_prompt_tokens"),
        (
            json!({"max_completion_tokens": -1}),
            "max_completion_tokens",
        ),
        (json!({"parallel_tool_calls": 1}), "parallel_tool_calls"),
        (json!({"tool_choice": "some"}), "tool_choice"),
        (json!({"tool_choice": 1}), "tool_choice"),
        (json!({"tool_choice": {}}), "tool_choice.name"),
        (
            json!({"tool_choice": {"name": "abacus"}}),
            "tool_choice.name",
        ),
        (json!({"truncation": "on"}), "truncation"),
        (
            json!({"truncation": {"last_messages": 0}}),
            "truncation.last_messages",
        ),
        (
            json!({"response_format": {"schema": 1}}),
            "response_format.schema",
        ),
        (
            json!({"response_format": {"schema": {"type": "x"}}}),
            "response_format.schema",
        ),
        (
            json!({"additional_instructions": "x".repeat(100_001)}),
            "additional_instructions",
        ),
        (json!({"colour": "red"}), "colour"),
    ] {
        let refused = scene.ask_with("Hi", settings.clone()).await;
        let expected = [format!("settings.{field}")];
        assert_eq!(refused.invalid_fields(), expected, "{settings}");
    }
    assert!(scene.messages().await.is_empty());
    for nothing in [Value::Null, json!({}), json!({"seed": null})] {
        let said = scene.ask_with("Hi", nothing).await.expect(201);
        assert_eq!(said["run"].get("settings"), None);
    }
}

async fn model_and_instructions_are_replaced_by_administrators_only(backend: Backend) {
    let scene = Scene::with(backend, Reply::answer("one")).await;
    for (member, value) in [("model", "scripted::other"), ("instructions", "Sing.")] {
        let refused = scene.ask_with("Hi", json!({member: value})).await;
        let problem = refused.problem(403, "forbidden");
        let detail = text(&problem["detail"]);
        assert!(detail.contains(&format!("settings.{member}")), "{detail}");
    }
    let admin = scene.server.admin().await;
    let path = format!("/threads/{}/messages", admin.create_thread().await);
    let mut body = scene.body("Hi");
    body["settings"] = json!({"model": "abacus::none"});
    let refused = admin.post(&path, body.clone()).await;
    assert_eq!(refused.invalid_fields(), ["settings.model"]);
    body["settings"] = json!({"model": "scripted::other", "instructions": "Sing."});
    admin.post(&path, body).await.expect(201);
    let sent = &scene.models.requests()[0].body;
    assert_eq!(sent["model"], "other");
    assert_eq!(sent["messages"][0]["content"], "Sing.");
}

async fn a_run_with_settings_neither_uses_nor_fills_the_answer_cache(backend: Backend) {
    let replies = ["one", "two", "three"].map(Reply::answer);
    let mut scene = Scene::with(backend, replies.to_vec()).await;
    scene.change(json!({"use_semantic_cache": true})).await;
    for (settings, expected) in [
        (json!({"seed": 1}), "one"),
        (Value::Null, "two"),
        (json!({"seed": 1}), "three"),
        (Value::Null, "two"),
    ] {
        scene.thread = scene.user.create_thread().await;
        let said = scene.ask_with("Hi", settings).await.expect(201);
        assert_eq!(said["output"], expected);
    }
}

async fn a_key_stands_for_one_set_of_settings(backend: Backend) {
    let scene = Scene::with(backend, Reply::answer("one")).await;
    let send = async |settings: Value| {
        let mut body = scene.body("Hi");
        body["settings"] = settings;
        let path = scene.path("/messages");
        let post = scene.user.request(hyper::Method::POST, &path).json(&body);
        post.header("idempotency-key", "k").send().await
    };
    let first = send(json!({"seed": 1})).await.expect(201);
    assert_eq!(send(json!({"seed": 1})).await.expect(201), first);
    for other in [json!({"seed": 2}), Value::Null] {
        send(other).await.problem(422, "idempotency_mismatch");
    }
}
