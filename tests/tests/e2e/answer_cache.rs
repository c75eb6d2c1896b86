//! Repeated questions.

use colloquy_tests::client::{Client, text};
use colloquy_tests::database::Backend;
use colloquy_tests::model_server::{Reply, Script};
use colloquy_tests::on_both_backends;
use hyper::Method;
use serde_json::{Value, json};

use crate::scene::Scene;

on_both_backends![
    a_public_assistants_answers_are_shared_until_it_is_edited_or_purged,
    a_private_assistants_answers_are_each_users_own,
    a_failed_answer_is_not_given_again,
];

/// A model that says `answer 1`, then `answer 2`, and so on.
pub(crate) fn numbered_answers() -> Script {
    let mut asked = 0;
    Script::new(move |_| {
        asked += 1;
        Reply::answer(&format!("answer {asked}"))
    })
}

/// A scene whose assistant keeps answers; the model numbers its own.
async fn cached(backend: Backend, change: Value) -> Scene {
    let scene = Scene::with(backend, numbered_answers()).await;
    scene.edit(json!({"use_semantic_cache": true})).await;
    scene.edit(change).await;
    scene
}

impl Scene {
    pub(crate) async fn edit(&self, change: Value) {
        let admin = self.server.admin().await;
        let path = format!("/assistants/{}", self.assistant);
        admin.patch(&path, change).await.expect(200);
    }

    /// Asks in a new thread: the answer, and how it was found in the cache.
    pub(crate) async fn asked_by(&self, user: &Client) -> (String, Value) {
        let thread = user.create_thread().await;
        let said = user
            .say(&thread, &self.assistant, "Capital of France?")
            .await;
        let said = said.expect(201);
        let hit = said["run"]["cache"]["hit"].clone();
        (text(&said["output"]).to_owned(), hit)
    }
}

pub(crate) fn model(answer: &str) -> (String, Value) {
    (answer.to_owned(), Value::Null)
}

pub(crate) fn cache(answer: &str) -> (String, Value) {
    (answer.to_owned(), json!("exact"))
}

async fn a_public_assistants_answers_are_shared_until_it_is_edited_or_purged(backend: Backend) {
    let scene = cached(backend, json!({})).await;
    let other = scene.server.user("bob").await;
    assert_eq!(scene.asked_by(&scene.user).await, model("answer 1"));
    assert_eq!(scene.asked_by(&other).await, cache("answer 1"));
    scene.edit(json!({"instructions": "Be brief."})).await;
    assert_eq!(scene.asked_by(&other).await, model("answer 2"));
    scene.edit(json!({"description": "For people."})).await;
    assert_eq!(scene.asked_by(&scene.user).await, cache("answer 2"));
    let thread = other.create_thread().await;
    let path = format!("/threads/{thread}/messages");
    let post = other
        .request(Method::POST, &path)
        .header("cache-control", "no-cache");
    let body = json!({"assistant_id": scene.assistant, "content": "Capital of France?"});
    let said = post.json(&body).send().await.expect(201);
    assert_eq!(
        (&said["output"], &said["run"]["cache"]),
        (&json!("answer 3"), &Value::Null)
    );
    let admin = scene.server.admin().await;
    let path = format!("/assistants/{}/cache", scene.assistant);
    assert_eq!(
        admin.delete(&path).await.expect(200),
        json!({"deleted_count": 2})
    );
    assert_eq!(scene.asked_by(&other).await, model("answer 4"));
}

async fn a_private_assistants_answers_are_each_users_own(backend: Backend) {
    let scene = cached(backend, json!({"user_authentication": true})).await;
    let other = scene.server.user("bob").await;
    assert_eq!(scene.asked_by(&scene.user).await, model("answer 1"));
    assert_eq!(scene.asked_by(&other).await, model("answer 2"));
    assert_eq!(scene.asked_by(&scene.user).await, cache("answer 1"));
    scene.edit(json!({"cache_scope": "shared"})).await;
    assert_eq!(scene.asked_by(&other).await, model("answer 3"));
    assert_eq!(scene.asked_by(&scene.user).await, cache("answer 3"));
}

async fn a_failed_answer_is_not_given_again(backend: Backend) {
    let replies = [
        Reply::events().text("Par").finish("length").done(),
        Reply::answer("Paris."),
    ];
    let scene = Scene::with(backend, replies).await;
    scene.edit(json!({"use_semantic_cache": true})).await;
    assert_eq!(scene.asked_by(&scene.user).await, model("Par"));
    assert_eq!(scene.asked_by(&scene.user).await, model("Paris."));
    assert_eq!(scene.asked_by(&scene.user).await, cache("Paris."));
}
