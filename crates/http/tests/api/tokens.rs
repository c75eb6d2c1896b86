//! API keys.

use serde_json::json;

use crate::support::{Api, members};

#[tokio::test]
async fn an_api_key_is_shown_once_works_and_can_be_revoked() {
    let api = Api::new();
    let user = api.user("ada@example.org").await;
    let new = json!({"name": "laptop", "expires_in_days": 30});
    let answer = api
        .post("/users/me/tokens")
        .by(&user)
        .json(&new)
        .send()
        .await;
    let created = answer.ok(201);
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert_eq!(created["kind"], "api_key");
    assert_eq!(created["expires_at"], "2026-01-31T00:00:00.000000Z");
    let id = created["id"].as_str().unwrap();
    let path = format!("/users/me/tokens/{id}");
    assert_eq!(
        answer.header("location"),
        Some(format!("/api/v1{path}").as_str())
    );

    let authorization = format!("Bearer {}", created["token"].as_str().unwrap());
    let with_key = || api.get("/users/me").header("authorization", &authorization);
    with_key().send().await.ok(200);
    let listed = api.get("/users/me/tokens").by(&user).send().await.ok(200);
    assert_eq!(members(&listed, "name"), ["test", "laptop"]);
    assert_eq!(listed[1]["last_used_at"], "2026-01-01T00:00:00.000000Z");
    assert!(listed[1].get("token").is_none());

    api.delete(&path).by(&user).send().await.no_content();
    with_key()
        .send()
        .await
        .problem(401, "authentication_required");
    let again = api.delete(&path).by(&user).send().await;
    again.problem(404, "entity_not_found");
}

#[tokio::test]
async fn a_key_without_a_lifetime_never_expires() {
    let api = Api::new();
    let user = api.user("ada@example.org").await;
    for new in [
        json!({"name": "k"}),
        json!({"name": "k", "expires_in_days": null}),
    ] {
        let call = api.post("/users/me/tokens").by(&user).json(&new);
        assert_eq!(call.send().await.ok(201)["expires_at"], json!(null));
    }
}

#[tokio::test]
async fn lifetimes_are_whole_days_up_to_ten_years() {
    let api = Api::new();
    let user = api.user("ada@example.org").await;
    let create = async |days: serde_json::Value| {
        let new = json!({"name": "k", "expires_in_days": days});
        api.post("/users/me/tokens")
            .by(&user)
            .json(&new)
            .send()
            .await
    };
    for days in [json!(1), json!(1.0), json!(3650)] {
        create(days).await.ok(201);
    }
    for days in [
        json!(0),
        json!(-1),
        json!(3651),
        json!(1e300),
        json!(u64::MAX),
    ] {
        assert_eq!(
            create(days).await.invalid_fields(),
            ["expires_in_days out_of_range"]
        );
    }
    for days in [json!(1.5), json!("1"), json!(true)] {
        assert_eq!(
            create(days).await.invalid_fields(),
            ["expires_in_days wrong_type"]
        );
    }
}

#[tokio::test]
async fn another_users_key_is_like_a_missing_one() {
    let api = Api::new();
    let ada = api.user("ada@example.org").await;
    let bob = api.user("bob@example.org").await;
    let listed = api.get("/users/me/tokens").by(&ada).send().await.ok(200);
    let of_ada = format!("/users/me/tokens/{}", listed[0]["id"].as_str().unwrap());
    let mut answers = Vec::new();
    for path in [
        of_ada.as_str(),
        "/users/me/tokens/01890000-0000-7000-8000-000000000000",
        "/users/me/tokens/nonsense",
        "/users/me/tokens/%ff",
    ] {
        let answer = api.delete(path).by(&bob).send().await;
        answer.problem(404, "entity_not_found");
        answers.push(answer.without_request_id());
    }
    assert!(answers.windows(2).all(|pair| pair[0] == pair[1]));
    api.get("/users/me").by(&ada).send().await.ok(200);
}

#[tokio::test]
async fn a_guest_is_sent_to_sign_in_whatever_else_is_wrong() {
    let api = Api::new();
    for call in [
        api.get("/users/me/tokens"),
        api.post("/users/me/tokens").body("text/plain", "nonsense"),
        api.delete("/users/me/tokens/nonsense"),
    ] {
        call.send().await.problem(401, "authentication_required");
    }
}
