//! The answer cache.

use colloquy_tests::client::{Client, text};
use colloquy_tests::database::Backend;
use colloquy_tests::model_server::{Reply, Script};
use colloquy_tests::server::Colloquy;
use colloquy_tests::{on_both_backends, on_postgres};
use hyper::Method;
use serde_json::{Value, json};

use crate::instances::Pair;
use crate::scene::Scene;

on_both_backends![
    a_public_assistants_answers_are_shared_until_it_is_edited_or_purged,
    a_private_assistants_answers_are_each_users_own,
    a_failed_answer_is_not_given_again,
    what_was_deleted_is_not_given_again,
];

on_postgres![what_was_deleted_on_another_instance_is_not_given_again];

/// A model that answers `answer 1`, `answer 2`, ...
pub(crate) fn numbered_answers() -> Script {
    let mut asked = 0;
    Script::new(move |_| {
        asked += 1;
        Reply::answer(&format!("answer {asked}"))
    })
}

/// A scene with a caching assistant and a numbering model.
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

    /// Asks in a new thread. Returns the answer and its cache hit.
    pub(crate) async fn asked_by(&self, user: &Client) -> (String, Value) {
        let thread = user.create_thread().await;
        let exchange = user
            .say(&thread, &self.assistant, "Capital of France?")
            .await;
        let exchange = exchange.expect(201);
        let hit = exchange["run"]["cache"]["hit"].clone();
        (text(&exchange["output"]).to_owned(), hit)
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
    let exchange = post.json(&body).send().await.expect(201);
    assert_eq!(
        (&exchange["output"], &exchange["run"]["cache"]),
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

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Deleted {
    Thread,
    Question,
    Answer,
    User,
}

const DELETED: [Deleted; 4] = [
    Deleted::Thread,
    Deleted::Question,
    Deleted::Answer,
    Deleted::User,
];

/// A question by a new user.
struct Asked {
    user: Client,
    thread: String,
    exchange: Value,
}

impl Asked {
    async fn by(scene: &Scene, name: &str) -> Self {
        let user = scene.server.user(name).await;
        let thread = user.create_thread().await;
        let exchange = user.say(&thread, &scene.assistant, "Capital of France?");
        let exchange = exchange.await.expect(201);
        Self {
            user,
            thread,
            exchange,
        }
    }

    fn answer(&self) -> (String, Value) {
        let hit = self.exchange["run"]["cache"]["hit"].clone();
        (text(&self.exchange["output"]).to_owned(), hit)
    }

    async fn delete(&self, what: Deleted, server: &Colloquy) {
        let message = |place: usize| {
            let id = text(&self.exchange["messages"][place]["id"]);
            format!("/threads/{}/messages/{id}", self.thread)
        };
        let user = self.user.at(server.origin());
        let (deleter, path) = match what {
            Deleted::Thread => (user, format!("/threads/{}", self.thread)),
            Deleted::Question => (user, message(0)),
            Deleted::Answer => (user, message(1)),
            Deleted::User => {
                let me = user.get("/users/me").await.expect(200);
                (server.admin().await, format!("/users/{}", text(&me["id"])))
            }
        };
        deleter.delete(&path).await.expect(204);
    }
}

async fn what_was_deleted_is_not_given_again(backend: Backend) {
    let scene = cached(backend, json!({})).await;
    for (round, what) in DELETED.into_iter().enumerate() {
        let asked = Asked::by(&scene, &format!("person-{round}")).await;
        assert_eq!(asked.answer(), model(&format!("answer {}", round + 1)));
        asked.delete(what, &scene.server).await;
    }
    // Nothing is cached.
    let admin = scene.server.admin().await;
    let path = format!("/assistants/{}/cache", scene.assistant);
    let purged = admin.delete(&path).await.expect(200);
    assert_eq!(purged, json!({"deleted_count": 0}));
    // Deleting a copy leaves the original.
    assert_eq!(scene.asked_by(&scene.user).await, model("answer 5"));
    let copy = Asked::by(&scene, "copier").await;
    assert_eq!(copy.answer(), cache("answer 5"));
    copy.delete(Deleted::Thread, &scene.server).await;
    assert_eq!(scene.asked_by(&scene.user).await, cache("answer 5"));
}

async fn what_was_deleted_on_another_instance_is_not_given_again() {
    let pair = Pair::with(numbered_answers()).await;
    pair.one.edit(json!({"use_semantic_cache": true})).await;
    for (round, what) in DELETED.into_iter().enumerate() {
        let asked = Asked::by(&pair.one, &format!("person-{round}")).await;
        assert_eq!(asked.answer(), model(&format!("answer {}", round + 1)));
        asked.delete(what, &pair.other).await;
    }
    assert_eq!(pair.one.asked_by(&pair.one.user).await, model("answer 5"));
    assert_eq!(pair.one.asked_by(&pair.one.user).await, cache("answer 5"));
}
