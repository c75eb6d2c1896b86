//! Routes of accounts.

use serde_json::json;

use crate::support::{Api, members};

#[tokio::test]
async fn an_administrator_makes_reads_changes_and_deletes_an_account() {
    let api = Api::new();
    let admin = api.admin().await;
    let new = json!({"email": "Ada@example.org", "password": "12345678", "name": "Ada"});
    let answer = api.post("/users").by(&admin).json(&new).send().await;
    let user = answer.ok(201);
    let id = user["id"].as_str().unwrap();
    let path = format!("/users/{id}");
    assert_eq!(
        answer.header("location"),
        Some(format!("/api/v1{path}").as_str())
    );
    let expected = json!({
        "id": id,
        "email": "Ada@example.org",
        "name": "Ada",
        "role": "user",
        "is_active": true,
        "created_at": "2026-01-01T00:00:00.000000Z",
        "updated_at": "2026-01-01T00:00:00.000000Z",
    });
    assert_eq!(user, expected);
    assert_eq!(api.get(&path).by(&admin).send().await.ok(200), expected);

    let change = json!({"name": null, "role": "admin", "is_active": false});
    let changed = api
        .patch(&path)
        .by(&admin)
        .json(&change)
        .send()
        .await
        .ok(200);
    assert_eq!(
        (&changed["name"], &changed["role"], &changed["is_active"]),
        (&json!(null), &json!("admin"), &json!(false))
    );
    assert_eq!(changed["email"], "Ada@example.org");

    api.delete(&path).by(&admin).send().await.no_content();
    let gone = api.get(&path).by(&admin).send().await;
    gone.problem(404, "entity_not_found");
}

#[tokio::test]
async fn accounts_are_listed_oldest_first_with_their_number() {
    let api = Api::new();
    let admin = api.admin().await;
    for name in ["a", "b", "c"] {
        api.user(&format!("{name}@example.org")).await;
    }
    let answer = api.get("/users?skip=1&limit=2").by(&admin).send().await;
    assert_eq!(
        members(&answer.ok(200), "email"),
        ["a@example.org", "b@example.org"]
    );
    assert_eq!(answer.header("x-total-count"), Some("4"));
}

#[tokio::test]
async fn who_has_an_account_reads_it() {
    let api = Api::new();
    let user = api.user("ada@example.org").await;
    let me = api.get("/users/me").by(&user).send().await.ok(200);
    assert_eq!(me["id"], user.user.id.to_string());
    let guest = api.get("/users/me").send().await;
    guest.problem(401, "authentication_required");
}

#[tokio::test]
async fn what_was_read_can_be_sent_back() {
    let api = Api::new();
    let admin = api.admin().await;
    let user = api.user("ada@example.org").await;
    let path = format!("/users/{}", user.user.id);
    let read = api.get(&path).by(&admin).send().await.ok(200);
    let sent = api.patch(&path).by(&admin).json(&read).send().await.ok(200);
    assert_eq!(sent, read);
}

#[tokio::test]
async fn everything_wrong_with_an_account_is_named_at_once() {
    let api = Api::new();
    let admin = api.admin().await;
    let bad = json!({
        "email": "ada", "password": "short", "name": " ", "role": "root", "is_active": true
    });
    let answer = api.post("/users").by(&admin).json(&bad).send().await;
    assert_eq!(
        answer.invalid_fields(),
        [
            "email invalid_format",
            "is_active unknown_field",
            "name blank",
            "password too_short",
            "role unknown_value",
        ]
    );
    let answer = api.post("/users").by(&admin).json(&json!({})).send().await;
    assert_eq!(
        answer.invalid_fields(),
        ["email required", "password required"]
    );
    let path = format!("/users/{}", admin.user.id);
    let bad = json!({"email": null, "password": null, "role": null, "is_active": "yes"});
    let answer = api.patch(&path).by(&admin).json(&bad).send().await;
    assert_eq!(
        answer.invalid_fields(),
        [
            "email null_not_allowed",
            "is_active wrong_type",
            "password null_not_allowed",
            "role null_not_allowed",
        ]
    );
}

#[tokio::test]
async fn two_accounts_never_have_the_same_email() {
    let api = Api::new();
    let admin = api.admin().await;
    let user = api.user("ada@example.org").await;
    let new = json!({"email": "ADMIN@example.org", "password": "12345678"});
    let made = api.post("/users").by(&admin).json(&new).send().await;
    let path = format!("/users/{}", user.user.id);
    let change = json!({"email": "Admin@example.org"});
    let changed = api.patch(&path).by(&admin).json(&change).send().await;
    for answer in [made, changed] {
        let problem = answer.problem(409, "duplicate_resource");
        assert_eq!(problem["errors"][0]["field"], "email");
    }
}

#[tokio::test]
async fn accounts_are_for_administrators_only() {
    let api = Api::new();
    let user = api.user("ada@example.org").await;
    let own = format!("/users/{}", user.user.id);
    let new = json!({"email": "b@example.org", "password": "12345678"});
    let calls = || {
        [
            api.get("/users"),
            api.post("/users").json(&new),
            api.get(&own),
            api.patch(&own).json(&json!({"role": "admin"})),
            api.delete(&own),
        ]
    };
    for call in calls() {
        call.send().await.problem(401, "authentication_required");
    }
    for call in calls() {
        call.by(&user).send().await.problem(403, "forbidden");
    }
}
