//! Runs.

use serde_json::json;

use crate::support::{Api, members};

#[tokio::test]
async fn runs_are_listed_newest_first_and_read_singly() {
    let api = Api::new();
    let admin = api.admin().await;
    let user = api.user("ada@example.org").await;
    api.assistant(&admin, "guide").await;
    let thread = api.thread(&user).await;
    let first = api.ask(&user, &thread, "guide", "one").await.ok(201);
    let second = api.ask(&user, &thread, "guide", "two").await.ok(201);
    let path = format!("/threads/{thread}/runs");
    let listed = api.get(&path).by(&user).send().await.ok(200);
    assert_eq!(listed, json!([second["run"], first["run"]]));
    let id = first["run"]["id"].as_str().unwrap();
    let path = format!("{path}/{id}");
    for caller in [&user, &admin] {
        assert_eq!(api.get(&path).by(caller).send().await.ok(200), first["run"]);
    }
    let other = api.thread(&user).await;
    let elsewhere = api.get(&format!("/threads/{other}/runs/{id}")).by(&user);
    let problem = elsewhere.send().await.problem(404, "entity_not_found");
    assert_eq!(problem["errors"][0]["field"], "run_id");
    let none = api
        .get(&format!("/threads/{other}/runs"))
        .by(&user)
        .send()
        .await;
    assert_eq!(members(&none.ok(200), "id"), [] as [&str; 0]);
}
