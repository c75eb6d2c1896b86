//! Model selection and requests.

use colloquy_tests::client::text;
use colloquy_tests::database::Backend;
use colloquy_tests::model_server::{ModelServer, Reply};
use colloquy_tests::on_both_backends;
use colloquy_tests::server::Colloquy;
use serde_json::{Value, json};

use crate::{SCRIPTED, SCRIPTED_KEY, with_models};

on_both_backends![
    the_model_is_told_the_instructions_and_the_thread_in_order,
    the_model_is_run_with_the_assistants_settings,
    what_is_not_set_is_left_to_the_provider,
    the_model_is_told_no_more_than_the_history_limit,
    a_deleted_message_is_not_told,
    an_edited_assistant_answers_the_next_message,
    a_model_must_be_known_here,
    a_default_model_serves_assistants_that_name_none,
    the_answers_of_a_model_are_kept_as_they_came,
    the_list_of_models_says_which_can_be_asked,
    a_check_says_in_our_words_whether_a_model_answers,
];

async fn the_model_is_told_the_instructions_and_the_thread_in_order(backend: Backend) {
    let replies = ["first answer", "second answer", "third answer"];
    let models = ModelServer::start(replies.map(Reply::answer)).await;
    let server = with_models(backend, &models).await.serve().await;
    let fields = json!({"name": "Guide", "model": SCRIPTED, "instructions": "Be brief.\n✓"});
    let assistant = server.admin().await.create_assistant(fields).await;
    let assistant = text(&assistant["id"]);
    let user = server.user("ada").await;
    let thread = user.create_thread().await;
    let mut expected = vec![json!({"role": "system", "content": "Be brief.\n✓"})];
    for (turn, reply) in replies.iter().enumerate() {
        let question = format!("question {turn}");
        let exchange = user.say(&thread, assistant, &question).await.expect(201);
        assert_eq!(exchange["output"], *reply);
        expected.push(json!({"role": "user", "content": question}));
        let request = &models.requests()[turn];
        assert_eq!(request.body["messages"], Value::from(expected.clone()));
        assert_eq!(request.path, "/v1/chat/completions");
        let key = format!("Bearer {SCRIPTED_KEY}");
        assert_eq!(request.header("authorization"), Some(key.as_str()));
        expected.push(json!({"role": "assistant", "content": reply}));
    }
    assert_eq!(models.requests().len(), 3);
}

async fn the_model_is_run_with_the_assistants_settings(backend: Backend) {
    let models = ModelServer::start(Reply::answer("ok")).await;
    let server = with_models(backend, &models).await.serve().await;
    let fields = json!({
        "name": "Guide",
        "model": "scripted::org/model:1",
        "configuration": {
            "temperature": 0.3,
            "top_p": 0.9,
            "presence_penalty": -1.5,
            "frequency_penalty": 0.25,
            "max_output_tokens": 77,
        },
    });
    let assistant = server.admin().await.create_assistant(fields).await;
    let user = server.user("ada").await;
    let thread = user.create_thread().await;
    let exchange = user.say(&thread, text(&assistant["id"]), "hi").await;
    exchange.expect(201);
    let body = &models.requests()[0].body;
    assert_eq!(body["model"], "org/model:1");
    assert_eq!(body["temperature"], 0.3);
    assert_eq!(body["top_p"], 0.9);
    assert_eq!(body["presence_penalty"], -1.5);
    assert_eq!(body["frequency_penalty"], 0.25);
    assert_eq!(body["max_tokens"], 77);
    let only = json!([{"role": "user", "content": "hi"}]);
    assert_eq!(body["messages"], only);
}

async fn what_is_not_set_is_left_to_the_provider(backend: Backend) {
    let models = ModelServer::start(Reply::answer("ok")).await;
    let server = with_models(backend, &models).await.serve().await;
    let assistant = server.assistant_on(SCRIPTED).await;
    let user = server.user("ada").await;
    let thread = user.create_thread().await;
    user.say(&thread, &assistant, "hi").await.expect(201);
    let body = &models.requests()[0].body;
    assert_eq!(body["model"], "model");
    for setting in [
        "temperature",
        "top_p",
        "presence_penalty",
        "max_tokens",
        "stop",
    ] {
        assert_eq!(body.get(setting), None, "{setting}");
    }
}

async fn the_model_is_told_no_more_than_the_history_limit(backend: Backend) {
    let models = ModelServer::start(Reply::answer("answer")).await;
    let server = with_models(backend, &models).await.serve().await;
    let fields = json!({
        "name": "Guide",
        "model": SCRIPTED,
        "configuration": {"history_max_messages": 3},
    });
    let assistant = server.admin().await.create_assistant(fields).await;
    let user = server.user("ada").await;
    let thread = user.create_thread().await;
    for question in ["one", "two", "three"] {
        let exchange = user.say(&thread, text(&assistant["id"]), question).await;
        exchange.expect(201);
    }
    let sent = json!([
        {"role": "user", "content": "two"},
        {"role": "assistant", "content": "answer"},
        {"role": "user", "content": "three"},
    ]);
    assert_eq!(models.requests()[2].body["messages"], sent);
}

async fn a_deleted_message_is_not_told(backend: Backend) {
    let models = ModelServer::start(Reply::answer("answer")).await;
    let server = with_models(backend, &models).await.serve().await;
    let assistant = server.assistant_on(SCRIPTED).await;
    let user = server.user("ada").await;
    let thread = user.create_thread().await;
    let exchange = user.say(&thread, &assistant, "a secret").await.expect(201);
    for message in exchange["messages"].as_array().unwrap() {
        let path = format!("/threads/{thread}/messages/{}", text(&message["id"]));
        user.delete(&path).await.expect(204);
    }
    user.say(&thread, &assistant, "hello").await.expect(201);
    let sent = json!([{"role": "user", "content": "hello"}]);
    assert_eq!(models.requests()[1].body["messages"], sent);
}

async fn an_edited_assistant_answers_the_next_message(backend: Backend) {
    let models = ModelServer::start(Reply::answer("answer")).await;
    let server = with_models(backend, &models).await.serve().await;
    let assistant = server.assistant_on(SCRIPTED).await;
    let user = server.user("ada").await;
    let thread = user.create_thread().await;
    user.say(&thread, &assistant, "one").await.expect(201);
    let change = json!({"instructions": "New.", "model": "scripted::other"});
    let path = format!("/assistants/{assistant}");
    server.admin().await.patch(&path, change).await.expect(200);
    user.say(&thread, &assistant, "two").await.expect(201);
    let body = &models.requests()[1].body;
    assert_eq!(body["model"], "other");
    let instructions = json!({"role": "system", "content": "New."});
    assert_eq!(body["messages"][0], instructions);
}

async fn a_model_must_be_known_here(backend: Backend) {
    let server = Colloquy::start(backend).await;
    let admin = server.admin().await;
    for model in ["nobody::knows", "openai::gpt-4o-mini", "echo::other"] {
        let fields = json!({"name": "Guide", "model": model});
        let refused = admin.post("/assistants", fields).await;
        assert_eq!(refused.invalid_fields(), ["model"], "{model}");
    }
    let fields = json!({"name": "Guide", "model": "echo::echo"});
    admin.post("/assistants", fields).await.expect(201);
}

async fn a_default_model_serves_assistants_that_name_none(backend: Backend) {
    let site = Colloquy::installed(backend).await;
    let server = site
        .env("COLLOQUY_DEFAULT_MODEL", "echo::echo")
        .serve()
        .await;
    let admin = server.admin().await;
    let assistant = admin.post("/assistants", json!({"name": "Guide"})).await;
    let assistant = assistant.expect(201);
    assert_eq!(assistant["model"], "echo::echo");
    assert_eq!(assistant["model_provider"], "echo");
}

async fn the_answers_of_a_model_are_kept_as_they_came(backend: Backend) {
    let pieces = [
        "data: x\n\n",
        "a\r\nb",
        "\u{2028}",
        "event: end",
        " 👩‍👩‍👧 ",
        "\n",
    ];
    let models = ModelServer::start(Reply::stream(&pieces)).await;
    let server = with_models(backend, &models).await.serve().await;
    let assistant = server.assistant_on(SCRIPTED).await;
    let user = server.user("ada").await;
    let thread = user.create_thread().await;
    let exchange = user.say(&thread, &assistant, "hi").await.expect(201);
    assert_eq!(exchange["output"], pieces.concat());
    let messages = user.get(&format!("/threads/{thread}/messages")).await;
    assert_eq!(messages.expect(200)[1]["content"], pieces.concat());
}

async fn the_list_of_models_says_which_can_be_asked(backend: Backend) {
    let models = ModelServer::start(Reply::answer("ok")).await;
    let site = with_models(backend, &models).await;
    let server = site
        .env("COLLOQUY_DEFAULT_MODEL", "echo::echo")
        .serve()
        .await;
    let admin = server.admin().await;
    for name in ["One", "Two"] {
        let fields = json!({"name": name, "model": SCRIPTED});
        admin.create_assistant(fields).await;
    }
    let list = admin.get("/models").await.expect(200);
    assert_eq!(list["default_model"], "echo::echo");
    let names = |list: &Value| -> Vec<(String, bool)> {
        let items = list.as_array().unwrap().iter();
        items
            .map(|item| (text(&item["name"]).to_owned(), item["is_usable"] == true))
            .collect()
    };
    let expected = [
        ("anthropic", false),
        ("echo", true),
        ("gemini", false),
        ("mistral", false),
        ("ollama", true),
        ("openai", false),
        ("scripted", true),
    ];
    let expected = expected.map(|(name, usable)| (name.to_owned(), usable));
    assert_eq!(names(&list["providers"]), expected);
    assert_eq!(
        list["providers"][0]["error"]["code"],
        "provider_not_configured"
    );
    let expected = [("echo::echo", true), (SCRIPTED, true)];
    let expected = expected.map(|(name, usable)| (name.to_owned(), usable));
    assert_eq!(names(&list["models"]), expected);
    assert_eq!(list["models"][1]["provider"], "scripted");
    assert!(models.requests().is_empty());
}

async fn a_check_says_in_our_words_whether_a_model_answers(backend: Backend) {
    let secret = "upstream-words";
    let models = ModelServer::start([
        Reply::answer("ok"),
        Reply::body(401, "application/json", secret),
        Reply::body(404, "application/json", secret),
        Reply::body(429, "application/json", secret),
        Reply::body(503, "application/json", secret),
        Reply::body(200, "text/html", secret),
    ])
    .await;
    let server = with_models(backend, &models).await.serve().await;
    let admin = server.admin().await;
    let check = async |model: &str| {
        let answer = admin.post("/models/check", json!({"model": model})).await;
        assert!(!answer.text().contains(secret));
        let checked = answer.expect(200);
        assert_eq!(checked["name"], model);
        assert_eq!(checked["is_usable"], checked["error"].is_null());
        checked["error"]["code"].as_str().map(str::to_owned)
    };
    assert_eq!(check(SCRIPTED).await, None);
    for code in [
        "not_configured",
        "refused",
        "rate_limited",
        "unavailable",
        "broken",
    ] {
        assert_eq!(check(SCRIPTED).await.as_deref(), Some(code));
    }
    assert_eq!(models.requests().len(), 6);
    assert_eq!(check("echo::echo").await, None);
    for (model, code) in [
        ("nobody::knows", "unknown_provider"),
        ("openai::gpt-4o-mini", "provider_not_configured"),
    ] {
        assert_eq!(check(model).await.as_deref(), Some(code));
    }
    for _ in 7..10 {
        assert_eq!(check("echo::echo").await, None);
    }
    let body = json!({"model": "echo::echo"});
    let refused = admin.post("/models/check", body).await;
    assert!(refused.header("retry-after").is_some());
    refused.problem(429, "rate_limit_exceeded");
    let wrong = admin.post("/models/check", json!({"model": "echo"})).await;
    assert_eq!(wrong.invalid_fields(), ["model"]);
}
