//! Two instances on one database: caches follow the other's writes.

use colloquy_tests::client::text;
use colloquy_tests::model_server::Reply;
use colloquy_tests::on_postgres;
use serde_json::{Value, json};

use crate::answer_cache::{cache, model, numbered_answers};
use crate::instances::Pair;
use crate::{answer_soon, seen_soon};

on_postgres![
    an_edit_is_seen_on_the_other_instance,
    a_disabled_assistant_vanishes_from_the_other_instance,
    a_deleted_assistant_vanishes_from_the_other_instance,
    answers_are_void_on_the_other_instance_after_an_edit_and_a_purge,
];

async fn an_edit_is_seen_on_the_other_instance() {
    let pair = Pair::with(Reply::answer("unused")).await;
    let path = format!("/assistants/{}", pair.one.assistant);
    let guest = pair.other.guest();
    let before = guest.get(&path).await.expect(200);
    let listed = guest.get("/assistants").await.expect(200);
    assert_eq!(listed[0]["name"], before["name"]);
    pair.one.edit(json!({"name": "Another name"})).await;
    let is_new = |it: &Value| it["name"] == "Another name";
    seen_soon(&guest, &path, |answer| is_new(&answer.json())).await;
    seen_soon(&guest, "/assistants", |answer| is_new(&answer.json()[0])).await;
    // A conditional request must not get 304.
    let here = pair.one.server.guest().get(&path).await;
    let there = guest.get(&path).await;
    assert_eq!(here.header("etag"), there.header("etag"));
}

async fn a_disabled_assistant_vanishes_from_the_other_instance() {
    let pair = Pair::with(Reply::answer("unused")).await;
    let path = format!("/assistants/{}", pair.one.assistant);
    let guest = pair.other.guest();
    guest.get(&path).await.expect(200);
    pair.there.get("/assistants").await.expect(200);
    pair.one.edit(json!({"is_enabled": false})).await;
    answer_soon(&guest, &path, 404).await;
    answer_soon(&pair.there, &path, 404).await;
    let is_empty = |list: &Value| *list == json!([]);
    seen_soon(&guest, "/assistants", |answer| is_empty(&answer.json())).await;
    let assistants = "/assistants";
    seen_soon(&pair.there, assistants, |it| is_empty(&it.json())).await;
    let said = pair.there.say(&pair.one.thread, &pair.one.assistant, "Hi");
    said.await.problem(404, "entity_not_found");
}

async fn a_deleted_assistant_vanishes_from_the_other_instance() {
    let pair = Pair::with(Reply::answer("unused")).await;
    let path = format!("/assistants/{}", pair.one.assistant);
    pair.there.get(&path).await.expect(200);
    let admin = pair.one.server.admin().await;
    admin.delete(&path).await.expect(204);
    answer_soon(&pair.there, &path, 404).await;
}

async fn answers_are_void_on_the_other_instance_after_an_edit_and_a_purge() {
    let pair = Pair::with(numbered_answers()).await;
    let scene = &pair.one;
    let path = format!("/assistants/{}", scene.assistant);
    let admin = scene.server.admin().await;
    let revision = |it: &Value| it["revision"].clone();
    let admin_there = admin.at(pair.other.origin());
    let known_there = async || {
        let here = revision(&admin.get(&path).await.expect(200));
        let is_known = |it: &Value| revision(it) == here;
        seen_soon(&admin_there, &path, |answer| is_known(&answer.json())).await;
    };
    scene.edit(json!({"use_semantic_cache": true})).await;
    known_there().await;
    assert_eq!(scene.asked_by(&pair.there).await, model("answer 1"));
    assert_eq!(scene.asked_by(&pair.there).await, cache("answer 1"));
    scene.edit(json!({"instructions": "Be brief."})).await;
    known_there().await;
    assert_eq!(scene.asked_by(&pair.there).await, model("answer 2"));
    assert_eq!(scene.asked_by(&pair.there).await, cache("answer 2"));
    let purged = admin.delete(&format!("{path}/cache")).await.expect(200);
    assert_eq!(purged, json!({"deleted_count": 0}), "on this instance");
    assert_eq!(
        text(&admin.get(&path).await.expect(200)["instructions"]),
        "Be brief."
    );
    let mut asked = scene.asked_by(&pair.there).await;
    let since = std::time::Instant::now();
    while asked == cache("answer 2") {
        assert!(since.elapsed() <= crate::REVOCATION_LAG);
        asked = scene.asked_by(&pair.there).await;
    }
    assert_eq!(asked, model("answer 3"));
}
