//! API keys.

use chrono::{DateTime, TimeDelta, Utc};
use colloquy_tests::client::text;
use colloquy_tests::database::Backend;
use colloquy_tests::on_both_backends;
use colloquy_tests::server::{Colloquy, PASSWORD};
use futures_util::future::join_all;
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
    a_user_has_a_hundred_keys_and_no_more,
    keys_are_listed_page_by_page,
    administrators_see_and_revoke_a_users_tokens,
    keys_end_as_the_operator_has_set_unless_their_owner_says,
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
    // The clocks are read one after the other.
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

const MAX_KEYS: usize = 100;

async fn a_user_has_a_hundred_keys_and_no_more(backend: Backend) {
    let server = Colloquy::start(backend).await;
    let user = server.user("ada").await;
    let mut statuses = Vec::new();
    for _ in 0..3 {
        let posts = (0..50).map(|_| user.post(TOKENS, json!({"name": "ci"})));
        statuses.extend(join_all(posts).await);
    }
    let (made, refused): (Vec<_>, Vec<_>) = statuses
        .into_iter()
        .partition(|answer| answer.status == 201);
    assert_eq!((made.len(), refused.len()), (MAX_KEYS, 50));
    for answer in refused {
        answer.problem(409, "too_many_api_keys");
    }
    let key = user.get(&format!("{TOKENS}?limit=1")).await;
    assert_eq!(key.header("x-total-count"), Some("100"));
    let path = format!("{TOKENS}/{}", text(&key.expect(200)[0]["id"]));
    user.delete(&path).await.expect(204);
    user.post(TOKENS, json!({"name": "ci"})).await.expect(201);
    let other = server.user("bob").await;
    other.post(TOKENS, json!({"name": "ci"})).await.expect(201);
    server.guest().sign_in("ada@example.org", PASSWORD).await;
}

async fn keys_are_listed_page_by_page(backend: Backend) {
    let server = Colloquy::start(backend).await;
    let user = server.user("ada").await;
    for name in ["a", "b", "c"] {
        user.post(TOKENS, json!({"name": name})).await.expect(201);
    }
    let names = async |query: &str| -> Vec<String> {
        let page = user.get(&format!("{TOKENS}{query}")).await;
        assert_eq!(page.header("x-total-count"), Some("3"));
        let page = page.expect(200);
        let keys = page.as_array().unwrap().iter();
        keys.map(|key| text(&key["name"]).to_owned()).collect()
    };
    assert_eq!(names("").await, ["a", "b", "c"]);
    assert_eq!(names("?skip=1&limit=1").await, ["b"]);
    assert!(names("?skip=3").await.is_empty());
    let refused = user.get(&format!("{TOKENS}?limit=0")).await;
    assert_eq!(refused.invalid_fields(), ["limit"]);
}

async fn administrators_see_and_revoke_a_users_tokens(backend: Backend) {
    let server = Colloquy::start(backend).await;
    let admin = server.admin().await;
    let user = server.user("ada").await;
    let account = user.get("/users/me").await.expect(200);
    let mut key = user.post(TOKENS, json!({"name": "ci"})).await.expect(201);
    let secret = key.as_object_mut().unwrap().remove("token").unwrap();
    let program = server.guest().with_token(text(&secret));
    program.get("/users/me").await.expect(200);

    let path = format!("/users/{}/tokens", text(&account["id"]));
    let listed = admin.get(&path).await;
    assert_eq!(listed.header("x-total-count"), Some("2"));
    assert!(!listed.text().contains(text(&secret)));
    let mut listed = listed.expect(200);
    listed[0]["last_used_at"] = Value::Null;
    assert_eq!(listed[0], key);
    assert_eq!(listed[1]["kind"], "session");
    let session = format!("{path}/{}", text(&listed[1]["id"]));
    user.get(&path).await.problem(403, "forbidden");

    let one = format!("{path}/{}", text(&key["id"]));
    user.delete(&one).await.problem(403, "forbidden");
    let wrong = format!("/users/{ABSENT}/tokens");
    let missing = admin.get(&wrong).await;
    missing.problem(404, "entity_not_found");
    let foreign = format!("{wrong}/{}", text(&key["id"]));
    let missing = admin.delete(&foreign).await;
    let problem = missing.problem(404, "entity_not_found");
    assert_eq!(problem["errors"], Value::Null);
    program.get("/users/me").await.expect(200);

    let deleted = admin.delete(&one).await;
    assert_eq!((deleted.status, deleted.body.len()), (204, 0));
    let refused = program.get("/users/me").await;
    refused.problem(401, "authentication_required");
    let again = admin.delete(&one).await;
    let problem = again.problem(404, "entity_not_found");
    assert_eq!(problem["errors"][0]["field"], "token_id");
    assert_eq!(admin.delete(&session).await.status, 204);
    let refused = user.get("/users/me").await;
    refused.problem(401, "authentication_required");
    assert_eq!(admin.get(&path).await.expect(200), json!([]));
}

async fn keys_end_as_the_operator_has_set_unless_their_owner_says(backend: Backend) {
    let site = Colloquy::installed(backend).await;
    let server = site
        .env("COLLOQUY_API_KEYS__DEFAULT_DAYS", "30")
        .serve()
        .await;
    let user = server.user("ada").await;
    for (body, days) in [
        (json!({"name": "ci"}), Some(30)),
        (json!({"name": "ci", "expires_in_days": 2}), Some(2)),
        (json!({"name": "ci", "expires_in_days": null}), None),
    ] {
        let key = user.post(TOKENS, body).await.expect(201);
        let time = |member: &str| -> Option<DateTime<Utc>> { key[member].as_str()?.parse().ok() };
        let made = time("created_at").unwrap();
        let lifetime = time("expires_at").map(|end| (end - made).num_days());
        assert_eq!(lifetime, days, "{key}");
    }
}
