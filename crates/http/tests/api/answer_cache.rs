//! The answer cache: settings, hits reported on runs, purges.

use serde_json::{Value, json};

use crate::support::{Answer, Api, Caller};

/// Asks in a new thread; returns the run.
async fn ask(api: &Api, caller: &Caller, text: &str) -> Value {
    let thread = api.thread(caller).await;
    run(&api.ask(caller, &thread, "guide", text).await)
}

fn run(answer: &Answer) -> Value {
    answer.ok(201)["run"].clone()
}

async fn caching(fields: Value) -> (Api, Caller) {
    let api = Api::new();
    let admin = api.admin().await;
    let mut body = json!({
        "name": "Guide", "slug": "guide", "model": "fake::m", "use_semantic_cache": true,
    });
    let members = fields.as_object().unwrap().clone();
    body.as_object_mut().unwrap().extend(members);
    api.assistant_with(&admin, body).await;
    (api, admin)
}

#[tokio::test]
async fn an_assistant_has_settings_for_its_answer_cache() {
    let (api, admin) = caching(json!({})).await;
    let shown = api.get("/assistants/guide").by(&admin).send().await.ok(200);
    assert_eq!(shown["use_semantic_cache"], true);
    assert_eq!(shown["cache_similarity_threshold"], 0.9);
    assert_eq!(shown["cache_ttl_seconds"], 3600);
    assert_eq!(shown["cache_scope"], "auto");
    let changes = json!({
        "use_semantic_cache": false, "cache_similarity_threshold": 0.95,
        "cache_ttl_seconds": 1, "cache_scope": "user",
    });
    let patch = api.patch("/assistants/guide").by(&admin).json(&changes);
    let changed = patch.send().await.ok(200);
    for (name, value) in changes.as_object().unwrap() {
        assert_eq!(changed[name], *value, "{name}");
    }
    let user = api.user("ada@example.org").await;
    let outer = api.get("/assistants/guide").by(&user).send().await.ok(200);
    for name in changes.as_object().unwrap().keys() {
        assert_eq!(outer.get(name), None, "{name}");
    }
}

#[tokio::test]
async fn settings_out_of_range_are_refused() {
    let (api, admin) = caching(json!({})).await;
    let wrong = json!({
        "use_semantic_cache": "yes", "cache_similarity_threshold": 1.1,
        "cache_ttl_seconds": 0, "cache_scope": "everybody",
    });
    let patch = api.patch("/assistants/guide").by(&admin).json(&wrong);
    assert_eq!(
        patch.send().await.invalid_fields(),
        [
            "cache_scope unknown_value",
            "cache_similarity_threshold out_of_range",
            "cache_ttl_seconds out_of_range",
            "use_semantic_cache wrong_type",
        ]
    );
}

#[tokio::test]
async fn a_run_says_that_its_answer_was_given_before() {
    let (api, admin) = caching(json!({})).await;
    let user = api.user("ada@example.org").await;
    let first = ask(&api, &admin, "How do I begin?").await;
    assert_eq!(first["cache"], Value::Null);
    let thread = api.thread(&user).await;
    let answer = api.ask(&user, &thread, "guide", "how do I  begin").await;
    let second = run(&answer);
    assert_eq!(answer.json()["output"], "You said: How do I begin?");
    let cache = json!({"hit": "exact", "similarity": 1.0, "age_seconds": 0});
    assert_eq!(second["cache"], cache);
    assert_eq!(api.model.requests().len(), 1);
    let path = format!("/threads/{thread}/runs/{}", second["id"].as_str().unwrap());
    assert_eq!(api.get(&path).by(&user).send().await.ok(200), second);
    // Later messages depend on the earlier ones.
    let later = api.ask(&user, &thread, "guide", "How do I begin?").await;
    assert_eq!(run(&later)["cache"], Value::Null);
}

#[tokio::test]
async fn a_private_assistants_answers_are_its_users_own() {
    let (api, admin) = caching(json!({"user_authentication": true})).await;
    let user = api.user("ada@example.org").await;
    ask(&api, &admin, "What is my secret?").await;
    assert_eq!(
        ask(&api, &user, "What is my secret?").await["cache"],
        Value::Null
    );
    let again = ask(&api, &user, "What is my secret?").await;
    assert_eq!(again["cache"]["hit"], "exact");
}

#[tokio::test]
async fn a_purge_forgets_the_answers_and_counts_them() {
    let (api, admin) = caching(json!({})).await;
    for question in ["One?", "Two?", "one"] {
        ask(&api, &admin, question).await;
    }
    let purge = || api.delete("/assistants/guide/cache").by(&admin).send();
    assert_eq!(purge().await.ok(200), json!({"deleted_count": 2}));
    assert_eq!(purge().await.ok(200), json!({"deleted_count": 0}));
    assert_eq!(ask(&api, &admin, "One?").await["cache"], Value::Null);
    assert_eq!(purge().await.ok(200), json!({"deleted_count": 1}));

    let user = api.user("ada@example.org").await;
    let refused = api.delete("/assistants/guide/cache").by(&user).send().await;
    refused.problem(403, "forbidden");
    let absent = api
        .delete("/assistants/nobody/cache")
        .by(&admin)
        .send()
        .await;
    absent.problem(404, "entity_not_found");
}
