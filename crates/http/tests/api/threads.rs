//! Threads and access to them.

use axum::http::Method;
use serde_json::json;

use crate::support::{Api, members};

const MISSING: &str = "01890000-0000-7000-8000-000000000000";

#[tokio::test]
async fn a_thread_is_opened_read_renamed_and_deleted() {
    let api = Api::new();
    let admin = api.admin().await;
    let user = api.user("ada@example.org").await;
    let assistant = api.assistant(&admin, "guide").await;
    let new = json!({"name": "Plans", "assistant_id": "guide"});
    let answer = api.post("/threads").by(&user).json(&new).send().await;
    let thread = answer.ok(201);
    let id = thread["id"].as_str().unwrap();
    let path = format!("/threads/{id}");
    assert_eq!(
        answer.header("location"),
        Some(format!("/api/v1{path}").as_str())
    );
    let expected = json!({
        "id": id,
        "name": "Plans",
        "owner_id": user.user.id.to_string(),
        "assistant_id": assistant,
        "created_at": "2026-01-01T00:00:00.000000Z",
        "updated_at": "2026-01-01T00:00:00.000000Z",
        "last_message_at": "2026-01-01T00:00:00.000000Z",
    });
    assert_eq!(thread, expected);
    assert_eq!(api.get(&path).by(&user).send().await.ok(200), expected);
    let same = api.patch(&path).by(&user).json(&expected).send().await;
    assert_eq!(same.ok(200), expected);

    let change = json!({"name": "Other plans", "assistant_id": null});
    let changed = api
        .patch(&path)
        .by(&user)
        .json(&change)
        .send()
        .await
        .ok(200);
    assert_eq!(changed["name"], "Other plans");
    assert_eq!(changed["assistant_id"], json!(null));

    api.delete(&path).by(&user).send().await.no_content();
    let gone = api.get(&path).by(&user).send().await;
    gone.problem(404, "entity_not_found");
}

#[tokio::test]
async fn a_thread_without_a_name_is_called_by_the_time() {
    let api = Api::new();
    let user = api.user("ada@example.org").await;
    let new = json!({"assistant_id": null, "owner_id": MISSING, "id": MISSING});
    let thread = api
        .post("/threads")
        .by(&user)
        .json(&new)
        .send()
        .await
        .ok(201);
    assert_eq!(thread["name"], "2026-01-01 00:00");
    assert_eq!(thread["owner_id"], user.user.id.to_string());
    assert_ne!(thread["id"], MISSING);
}

#[tokio::test]
async fn an_assistant_that_is_missing_or_hidden_cannot_be_chosen() {
    let api = Api::new();
    let admin = api.admin().await;
    let user = api.user("ada@example.org").await;
    let thread = api.thread(&user).await;
    let off = json!({"name": "x", "slug": "off", "model": "fake::m", "is_enabled": false});
    api.assistant_with(&admin, off).await;
    for call in [
        api.post("/threads"),
        api.patch(&format!("/threads/{thread}")),
    ]
    .map(|call| call.by(&user))
    {
        let call = call.json(&json!({"assistant_id": "off"}));
        let problem = call.send().await.problem(404, "entity_not_found");
        assert_eq!(problem["errors"][0]["field"], "assistant_id");
    }
    for reference in [MISSING, "missing"] {
        let call = api.post("/threads").by(&user);
        let call = call.json(&json!({"assistant_id": reference}));
        let problem = call.send().await.problem(404, "entity_not_found");
        assert_eq!(problem["errors"][0]["field"], "assistant_id");
    }
    let call = api.post("/threads").by(&user);
    let answer = call
        .json(&json!({"assistant_id": "no reference", "name": 5}))
        .send()
        .await;
    assert_eq!(
        answer.invalid_fields(),
        ["assistant_id invalid_format", "name wrong_type"]
    );
}

#[tokio::test]
async fn guests_are_sent_to_sign_in_whatever_else_is_wrong() {
    let api = Api::new();
    let user = api.user("ada@example.org").await;
    let thread = api.thread(&user).await;
    let all = [
        (Method::GET, "/threads?limit=0".to_owned()),
        (Method::POST, "/threads".to_owned()),
    ];
    let single = [thread.as_str(), MISSING, "nonsense"]
        .into_iter()
        .flat_map(|id| {
            [
                (Method::GET, format!("/threads/{id}")),
                (Method::PATCH, format!("/threads/{id}")),
                (Method::DELETE, format!("/threads/{id}")),
                (Method::GET, format!("/threads/{id}/messages?cursor=x")),
                (Method::POST, format!("/threads/{id}/messages")),
                (Method::DELETE, format!("/threads/{id}/messages/{id}")),
                (Method::GET, format!("/threads/{id}/runs")),
                (Method::GET, format!("/threads/{id}/runs/{id}")),
            ]
        });
    for (method, path) in all.into_iter().chain(single) {
        let answer = api.call(method, &path).body("text/plain", "{").send().await;
        answer.problem(401, "authentication_required");
    }
}

#[tokio::test]
async fn another_users_thread_is_like_a_missing_one_everywhere() {
    let api = Api::new();
    let admin = api.admin().await;
    let ada = api.user("ada@example.org").await;
    let bob = api.user("bob@example.org").await;
    api.assistant(&admin, "guide").await;
    let foreign = api.thread(&ada).await;
    let asked = api.ask(&ada, &foreign, "guide", "hello").await.ok(201);
    let message = asked["messages"][0]["id"].as_str().unwrap();
    let run = asked["run"]["id"].as_str().unwrap();
    let post = json!({"assistant_id": "guide", "content": "hello"});
    let calls = |thread: &str, message: &str, run: &str| {
        let path = format!("/threads/{thread}");
        [
            api.get(&path),
            api.patch(&path).json(&json!({"name": "mine"})),
            api.delete(&path),
            api.get(&format!("{path}/messages")),
            api.post(&format!("{path}/messages")).json(&post),
            api.delete(&format!("{path}/messages/{message}")),
            api.get(&format!("{path}/runs")),
            api.get(&format!("{path}/runs/{run}")),
        ]
    };
    let foreign_calls = calls(&foreign, message, run);
    let missing_calls = calls(MISSING, MISSING, MISSING);
    let malformed_calls = calls("nonsense", "nonsense", "nonsense");
    for ((foreign, missing), malformed) in foreign_calls
        .into_iter()
        .zip(missing_calls)
        .zip(malformed_calls)
    {
        let foreign = foreign.by(&bob).send().await;
        foreign.problem(404, "entity_not_found");
        let foreign = foreign.without_request_id();
        assert_eq!(foreign, missing.by(&bob).send().await.without_request_id());
        assert_eq!(
            foreign,
            malformed.by(&bob).send().await.without_request_id()
        );
    }
}

#[tokio::test]
async fn administrators_see_and_delete_threads_of_others_but_do_not_rename_them() {
    let api = Api::new();
    let admin = api.admin().await;
    let user = api.user("ada@example.org").await;
    let path = format!("/threads/{}", api.thread(&user).await);
    api.get(&path).by(&admin).send().await.ok(200);
    let rename = api.patch(&path).by(&admin).json(&json!({"name": "x"}));
    rename.send().await.problem(403, "forbidden");
    api.delete(&path).by(&admin).send().await.no_content();
}

#[tokio::test]
async fn the_list_is_the_callers_own_unless_an_administrator_asks_for_more() {
    let api = Api::new();
    let admin = api.admin().await;
    let ada = api.user("ada@example.org").await;
    let bob = api.user("bob@example.org").await;
    let of_ada = api.thread(&ada).await;
    let of_bob = api.thread(&bob).await;
    let of_admin = api.thread(&admin).await;
    let list = async |caller, query: &str| {
        let answer = api.get(&format!("/threads{query}")).by(caller).send().await;
        members(&answer.ok(200), "id")
            .into_iter()
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    let by_ada = format!("?owner={}", ada.user.id);
    assert_eq!(list(&ada, "").await, [of_ada.as_str()]);
    assert_eq!(list(&ada, "?owner=all").await, [of_ada.as_str()]);
    assert_eq!(list(&bob, &by_ada).await, [] as [&str; 0]);
    assert_eq!(list(&admin, "?owner=me").await, [of_admin.as_str()]);
    assert_eq!(list(&admin, &by_ada).await, [of_ada.as_str()]);
    let newest_first = [of_admin.as_str(), &of_bob, &of_ada];
    assert_eq!(list(&admin, "?owner=all").await, newest_first);
}

#[tokio::test]
async fn the_list_can_be_of_one_assistant_by_id_or_slug() {
    let api = Api::new();
    let admin = api.admin().await;
    let assistant = api.assistant(&admin, "guide").await;
    api.thread(&admin).await;
    let new = json!({"assistant_id": "guide"});
    let thread = api
        .post("/threads")
        .by(&admin)
        .json(&new)
        .send()
        .await
        .ok(201);
    for (reference, expected) in [
        (assistant.as_str(), vec![thread["id"].as_str().unwrap()]),
        ("guide", vec![thread["id"].as_str().unwrap()]),
        ("missing", vec![]),
        (MISSING, vec![]),
    ] {
        let call = api
            .get(&format!("/threads?assistant_id={reference}"))
            .by(&admin);
        assert_eq!(members(&call.send().await.ok(200), "id"), expected);
    }
}
