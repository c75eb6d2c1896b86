//! API keys, as users make them for their programs.

use chrono::{DateTime, TimeDelta, Utc};
use colloquy_tests::client::text;
use colloquy_tests::database::Backend;
use colloquy_tests::on_both_backends;
use colloquy_tests::server::Colloquy;
use serde_json::{Value, json};

use crate::{ABSENT, members};

const TOKENS: &str = "/users/me/tokens";

on_both_backends![
    a_key_acts_for_its_user,
    a_keys_text_is_shown_once,
    a_key_may_expire,
    a_refused_key_names_the_wrong_field,
    a_revoked_key_is_dead,
    keys_of_others_do_not_exist,
];

async fn a_key_acts_for_its_user(backend: Backend) {
    let server = Colloquy::start(backend).await;
    let user = server.user("ada").await;
    let key = user.post(TOKENS, json!({"name": "ci"})).await.expect(201);
    let program = server.guest().with_token(text(&key["token"]));
    let account = program.get("/users/me").await.expect(200);
    assert_eq!(account["email"], "ada@example.org");
    let made = program.post(TOKENS, json!({"name": "x"})).await;
    assert!([201, 403].contains(&made.status), "{}", made.text());
    server
        .guest()
        .get(TOKENS)
        .await
        .problem(401, "authentication_required");
}

async fn a_keys_text_is_shown_once(backend: Backend) {
    let server = Colloquy::start(backend).await;
    let user = server.user("ada").await;
    let mut key = user.post(TOKENS, json!({"name": "ci"})).await.expect(201);
    let expected = [
        "created_at",
        "expires_at",
        "id",
        "kind",
        "last_used_at",
        "name",
        "token",
    ];
    assert_eq!(members(&key), expected);
    assert_eq!(key["name"], "ci");
    assert_eq!(key["kind"], "api_key");
    assert_eq!(key["expires_at"], Value::Null);
    assert_eq!(key["last_used_at"], Value::Null);
    let secret = key.as_object_mut().unwrap().remove("token").unwrap();
    let response = user.get(TOKENS).await;
    assert!(!response.text().contains(text(&secret)));
    let listed = response.expect(200);
    assert!(listed.as_array().unwrap().contains(&key), "{listed}");
    assert!(!server.log().contains(text(&secret)));
}

async fn a_key_may_expire(backend: Backend) {
    let server = Colloquy::start(backend).await;
    let user = server.user("ada").await;
    let body = json!({"name": "ci", "expires_in_days": 1});
    let key = user.post(TOKENS, body).await.expect(201);
    let time = |member: &str| -> DateTime<Utc> { text(&key[member]).parse().unwrap() };
    let lifetime = time("expires_at") - time("created_at");
    // The two times may be taken one after the other.
    let difference = (lifetime - TimeDelta::days(1)).abs();
    assert!(difference < TimeDelta::seconds(1), "{key}");
}

async fn a_refused_key_names_the_wrong_field(backend: Backend) {
    let server = Colloquy::start(backend).await;
    let user = server.user("ada").await;
    for (body, field) in [
        (json!({}), "name"),
        (json!({"name": ""}), "name"),
        (json!({"name": "n".repeat(256)}), "name"),
        (json!({"name": 1}), "name"),
        (
            json!({"name": "n", "expires_in_days": 0}),
            "expires_in_days",
        ),
        (
            json!({"name": "n", "expires_in_days": -1}),
            "expires_in_days",
        ),
        (
            json!({"name": "n", "expires_in_days": "x"}),
            "expires_in_days",
        ),
        (
            json!({"name": "n", "expires_in_days": 1e18}),
            "expires_in_days",
        ),
        (json!({"name": "n", "scope": "all"}), "scope"),
    ] {
        let refused = user.post(TOKENS, body.clone()).await;
        assert_eq!(refused.invalid_fields(), [field], "{body}");
    }
}

async fn a_revoked_key_is_dead(backend: Backend) {
    let server = Colloquy::start(backend).await;
    let user = server.user("ada").await;
    let key = user.post(TOKENS, json!({"name": "ci"})).await.expect(201);
    let path = format!("{TOKENS}/{}", text(&key["id"]));
    let program = server.guest().with_token(text(&key["token"]));
    program.get("/users/me").await.expect(200);
    let deleted = user.delete(&path).await;
    assert_eq!((deleted.status, deleted.body.len()), (204, 0));
    let refused = program.get("/users/me").await;
    refused.problem(401, "authentication_required");
    user.delete(&path).await.problem(404, "entity_not_found");
    user.get("/users/me").await.expect(200);
}

async fn keys_of_others_do_not_exist(backend: Backend) {
    let server = Colloquy::start(backend).await;
    let (ada, bob) = (server.user("ada").await, server.user("bob").await);
    let key = ada.post(TOKENS, json!({"name": "ci"})).await.expect(201);
    let foreign = bob.delete(&format!("{TOKENS}/{}", text(&key["id"]))).await;
    let missing = bob.delete(&format!("{TOKENS}/{ABSENT}")).await;
    missing.clone().problem(404, "entity_not_found");
    assert_eq!(foreign.anonymous(), missing.anonymous());
    let program = server.guest().with_token(text(&key["token"]));
    program.get("/users/me").await.expect(200);
    let listed = bob.get(TOKENS).await.text();
    assert!(!listed.contains(text(&key["id"])));
}
