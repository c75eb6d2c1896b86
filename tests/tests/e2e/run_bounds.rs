//! Limits on a run's cost, and whose access it depends on.

use std::time::Instant;

use colloquy_tests::client::{Client, text};
use colloquy_tests::database::Backend;
use colloquy_tests::events::EventStream;
use colloquy_tests::model_server::{Reply, Request, Script};
use colloquy_tests::{on_both_backends, on_postgres};
use hyper::Method;
use serde_json::{Map, Value, json};

use crate::instances::Pair;
use crate::scene::Scene;
use crate::{REVOCATION_LAG, SCRIPTED, seen_soon};

on_both_backends![
    an_output_schema_that_would_take_for_ever_is_refused_by_its_name,
    an_answer_that_would_take_for_ever_is_not_checked,
    assistants_that_ask_one_another_stay_within_one_budget,
    a_run_ends_when_its_user_is_disabled_demoted_or_deleted,
    deleting_a_busy_thread_is_no_error,
    a_provider_may_ask_for_any_wait,
];
on_postgres![a_run_ends_on_every_instance_when_its_user_is_disabled];

/// 40 definitions, each applying the next twice.
fn doubled() -> Value {
    let mut definitions = Map::new();
    for level in 0..40 {
        let next = json!({"$ref": format!("#/$defs/a{}", level + 1)});
        definitions.insert(format!("a{level}"), json!({"allOf": [next, next]}));
    }
    definitions.insert("a40".to_owned(), json!({"type": "string"}));
    json!({"type": "object", "properties": {"a": {"$ref": "#/$defs/a0"}}, "$defs": definitions})
}

async fn an_output_schema_that_would_take_for_ever_is_refused_by_its_name(backend: Backend) {
    let scene = Scene::with(backend, Reply::answer(r#"{"a": "b"}"#)).await;
    let admin = scene.server.admin().await;
    let path = format!("/assistants/{}", scene.assistant);
    // A hundred members, each with the same hundred.
    let hundred = |schema: &Value| -> Value {
        let members = (0..100).map(|n| (n.to_string(), schema.clone()));
        json!({"type": "object", "properties": Map::from_iter(members)})
    };
    let mut wide = hundred(&json!({"$ref": "#/$defs/a"}));
    wide["$defs"] = json!({"a": hundred(&json!({}))});
    for (schema, rule) in [
        (doubled(), "50 subschemas deep"),
        (wide, "5000 subschemas"),
        (json!({"$ref": "#"}), "leads back to itself"),
        (json!({"pattern": "(x{1000}){1000}"}), "/pattern"),
        (json!({"pattern": "(?<=a)b"}), "/pattern"),
        (
            json!({"$ref": "https://example.org/schema"}),
            "a part of itself",
        ),
    ] {
        let refused = admin.patch(&path, json!({"output_schema": schema})).await;
        let problem = refused.problem(422, "validation_error");
        assert_eq!(problem["errors"][0]["field"], "output_schema");
        assert_eq!(problem["errors"][0]["code"], "invalid_schema");
        let message = text(&problem["errors"][0]["message"]);
        assert!(message.contains(rule), "{message}");
    }
    let kept = admin.get(&path).await.expect(200);
    assert_eq!(kept["output_schema"], Value::Null);
}

async fn an_answer_that_would_take_for_ever_is_not_checked(backend: Backend) {
    let nested = format!("{}{}", "[".repeat(100), "]".repeat(100));
    let scene = Scene::with(backend, Reply::answer(&nested)).await;
    // Mutually recursive types: threefold growth per level.
    let to = |name: &str| json!({"items": {"$ref": format!("#/$defs/{name}")}});
    let schema = json!({
        "$ref": "#/$defs/a",
        "$defs": {
            "a": {"anyOf": [to("a"), to("b"), to("b")]},
            "b": {"anyOf": [to("b"), to("a"), to("a")]},
        },
    });
    scene.change(json!({"output_schema": schema})).await;
    let said = scene.user.say(&scene.thread, &scene.assistant, "Go").await;
    said.problem(502, "output_invalid");
    // Retried once with the reason.
    let requests = scene.models.requests();
    assert_eq!(requests.len(), 2);
    let told = requests[1].body["messages"].to_string();
    // By estimate, or by time on a slow machine.
    let reasons = ["too large to be checked", "could not be checked"];
    assert!(reasons.iter().any(|it| told.contains(it)), "{told}");
}

/// Calls every offered tool eight times.
fn eager(request: &Request) -> Reply {
    let tools = request.body["tools"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    let names: Vec<String> = tools
        .iter()
        .map(|tool| text(&tool["function"]["name"]).to_owned())
        .collect();
    let calls: Vec<_> = names
        .iter()
        .flat_map(|name| (0..8).map(move |_| ("x", name.as_str(), r#"{"message": "Go on."}"#)))
        .collect();
    match calls.as_slice() {
        [] => Reply::answer("Done."),
        calls => Reply::calls(calls),
    }
}

async fn assistants_that_ask_one_another_stay_within_one_budget(backend: Backend) {
    let scene = Scene::with(backend, Script::new(eager)).await;
    let admin = scene.server.admin().await;
    for (slug, tools) in [
        ("third", vec![]),
        ("second", vec!["assistant:third"]),
        ("first", vec!["assistant:second", "assistant:third"]),
    ] {
        admin
            .create_assistant(json!({
                "name": slug, "slug": slug, "model": SCRIPTED, "tools": tools,
                "max_tool_rounds": 50, "tool_max_concurrency": 16,
            }))
            .await;
    }
    let tools = ["assistant:first", "assistant:second", "assistant:third"];
    let greedy = json!({"tools": tools, "max_tool_rounds": 50, "tool_max_concurrency": 16});
    scene.change(greedy).await;
    let say = || scene.user.say(&scene.thread, &scene.assistant, "Go");
    let said = say().await.expect(201);
    assert_eq!(said["run"]["finish_reason"], "tool_rounds");
    assert_eq!(said["output"], "Done.");
    let asked = scene.models.requests().len();
    assert!((20..=64).contains(&asked), "{asked}");

    scene
        .change(json!({"max_model_calls": 5, "max_tool_calls": null}))
        .await;
    let said = say().await.expect(201);
    assert_eq!(said["run"]["finish_reason"], "tool_rounds");
    let asked = scene.models.requests().len() - asked;
    assert!(asked <= 5, "{asked}");

    scene
        .change(json!({"max_model_calls": 1, "tools": [], "output_schema": {"type": "object"}}))
        .await;
    let problem = say().await.problem(422, "budget_exhausted");
    assert!(problem["run_id"].is_string(), "{problem}");
}

async fn under_way(stream: &mut EventStream) -> String {
    let started = stream.next().await.unwrap();
    text(&started.data["run"]["id"]).to_owned()
}

/// Waits until the run ends because its user lost access.
async fn assert_revoked(reader: &Client, thread: &str, run: &str, since: Instant) {
    let path = format!("/threads/{thread}/runs/{run}");
    let ended = seen_soon(reader, &path, |run| run.json()["status"] == "failed").await;
    assert!(since.elapsed() < REVOCATION_LAG);
    assert_eq!(ended.json()["error"]["code"], "access_revoked");
}

async fn a_run_ends_when_its_user_is_disabled_demoted_or_deleted(backend: Backend) {
    let scene = Scene::with(backend, Reply::events().text("so far").hang()).await;
    let admin = scene.server.admin().await;
    for (name, role, changes) in [
        ("disabled", "user", vec![json!({"is_active": false})]),
        (
            "briefly disabled",
            "user",
            vec![json!({"is_active": false}), json!({"is_active": true})],
        ),
        ("demoted", "admin", vec![json!({"role": "user"})]),
        (
            "briefly demoted",
            "admin",
            vec![json!({"role": "user"}), json!({"role": "admin"})],
        ),
        ("deleted", "user", vec![]),
    ] {
        let name = name.replace(' ', "-");
        let user = scene.server.user(&name).await;
        let id = text(&user.get("/users/me").await.expect(200)["id"]).to_owned();
        let path = format!("/users/{id}");
        admin.patch(&path, json!({"role": role})).await.expect(200);
        seen_soon(&user, "/users/me", |me| me.json()["role"] == role).await;
        let thread = user.create_thread().await;
        let messages = format!("/threads/{thread}/messages");
        let post = user.request(Method::POST, &messages);
        let mut stream = post.json(&scene.body("Well?")).events().await;
        let run = under_way(&mut stream).await;
        let since = Instant::now();
        if changes.is_empty() {
            admin.delete(&path).await.expect(204);
        }
        for change in changes {
            admin.patch(&path, change).await.expect(200);
        }
        assert_revoked(&admin, &thread, &run, since).await;
        // The thread is free and keeps the messages.
        let kept = admin.get(&messages).await.expect(200);
        assert_eq!(kept[1]["content"], "so far");
        assert_eq!(kept[1]["status"], "incomplete");
    }
}

async fn a_run_ends_on_every_instance_when_its_user_is_disabled() {
    let pair = Pair::with(Reply::events().text("so far").hang()).await;
    let thread = pair.there.create_thread().await;
    let path = format!("/threads/{thread}/messages");
    let post = pair.there.request(Method::POST, &path);
    let mut stream = post.json(&pair.one.body("Well?")).events().await;
    let run = under_way(&mut stream).await;
    let admin = pair.one.server.admin().await;
    let since = Instant::now();
    let user = pair.one.disable_user().await;
    let enabled = json!({"is_active": true});
    admin.patch(&user, enabled).await.expect(200);
    assert_revoked(&admin, &thread, &run, since).await;
}

async fn deleting_a_busy_thread_is_no_error(backend: Backend) {
    let scene = Scene::with(backend, Reply::events().text("so far").hang()).await;
    let mut stream = scene.stream("Well?").await;
    under_way(&mut stream).await;
    scene.user.delete(&scene.path("")).await.expect(204);
    while stream.next().await.is_some() {}
    // The model call was dropped, so the run has ended.
    scene.models.abandoned(1).await;
    seen_soon(&scene.user, "/threads", |_| {
        scene
            .server
            .log()
            .contains("run was deleted with its thread")
    })
    .await;
    let log = scene.server.log();
    assert!(!log.contains("ERROR"), "{log}");
}

async fn a_provider_may_ask_for_any_wait(backend: Backend) {
    let reply = Reply::status(429).header("retry-after", "18446744073709551615");
    let scene = Scene::with(backend, reply).await;
    let said = scene.user.say(&scene.thread, &scene.assistant, "Go").await;
    said.problem(503, "model_rate_limited");
    let log = scene.server.log();
    assert!(!log.contains("panic"), "{log}");
}
