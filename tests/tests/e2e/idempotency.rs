//! Idempotent retries.

use colloquy_tests::client::{Client, text};
use colloquy_tests::database::Backend;
use colloquy_tests::model_server::{Gate, Reply};
use colloquy_tests::on_both_backends;
use futures_util::future::{join, join_all};

use crate::scene::Scene;

on_both_backends![
    a_hundred_equal_posts_are_one,
    a_key_stands_for_one_request_of_one_user,
    an_answer_is_given_again_after_a_restart,
    a_run_that_was_killed_is_not_run_again,
    an_overlong_key_is_refused,
];

impl Scene {
    async fn count(&self) -> usize {
        self.messages().await.len()
    }
}

async fn a_hundred_equal_posts_are_one(backend: Backend) {
    let gate = Gate::new();
    let scene = Scene::with(backend, vec![Reply::answer("once").held(&gate)]).await;
    let posts = (0..100).map(|_| scene.post(&scene.user, &scene.thread, "Hi", "k").send());
    let opened = async {
        scene.models.received(1).await;
        gate.open();
    };
    let (answers, ()) = join(join_all(posts), opened).await;
    let replayed = |value| {
        answers
            .iter()
            .filter(|a| a.header("idempotent-replayed") == value)
            .count()
    };
    assert_eq!((replayed(None), replayed(Some("true"))), (1, 99));
    let bodies: Vec<_> = answers
        .into_iter()
        .map(|answer| answer.expect(201))
        .collect();
    assert!(bodies.iter().all(|body| *body == bodies[0]));
    assert_eq!(bodies[0]["output"], "once");
    assert_eq!(scene.models.requests().len(), 1);
    assert_eq!(scene.count().await, 2);
}

async fn a_key_stands_for_one_request_of_one_user(backend: Backend) {
    let replies = vec![Reply::answer("one"), Reply::answer("two")];
    let scene = Scene::with(backend, replies).await;
    let send = async |client: &Client, thread: &str, content: &str| {
        scene.post(client, thread, content, "k").send().await
    };
    send(&scene.user, &scene.thread, "Hi").await.expect(201);
    let other_body = send(&scene.user, &scene.thread, "Ho").await;
    other_body.problem(422, "idempotency_mismatch");
    let other_thread = scene.user.create_thread().await;
    let other_route = send(&scene.user, &other_thread, "Hi").await;
    other_route.problem(422, "idempotency_mismatch");
    let bob = scene.server.user("bob").await;
    let his = bob.create_thread().await;
    let independent = send(&bob, &his, "Hi").await.expect(201);
    assert_eq!(independent["output"], "two");
    assert_eq!(scene.count().await, 2);
}

async fn an_answer_is_given_again_after_a_restart(backend: Backend) {
    let mut scene = Scene::with(backend, vec![Reply::answer("once")]).await;
    let first = scene
        .post(&scene.user, &scene.thread, "Hi", "k")
        .send()
        .await
        .expect(201);
    assert!(scene.server.stop().await.success());
    scene.restart().await;
    let again = scene
        .post(&scene.user, &scene.thread, "Hi", "k")
        .send()
        .await;
    assert_eq!(again.header("idempotent-replayed"), Some("true"));
    assert_eq!(again.expect(201), first);
    let post = scene.post(&scene.user, &scene.thread, "Hi", "k");
    let events = post.events().await.rest().await;
    assert_eq!(events[0].data["message"], first["messages"][0]);
    assert_eq!(events[events.len() - 1].data["output"], "once");
    assert_eq!(scene.models.requests().len(), 1);
}

async fn a_run_that_was_killed_is_not_run_again(backend: Backend) {
    let mut scene = Scene::with(backend, vec![Reply::silence().hang()]).await;
    let post = scene.post(&scene.user, &scene.thread, "Hi", "k");
    let waiting = tokio::spawn(async move { post.try_send().await.is_ok() });
    scene.models.received(1).await;
    scene.server.kill9().await;
    assert!(!waiting.await.unwrap());
    scene.restart().await;
    let again = scene
        .post(&scene.user, &scene.thread, "Hi", "k")
        .send()
        .await;
    let problem = again.problem(503, "interrupted");
    assert!(!text(&problem["run_id"]).is_empty());
    assert_eq!(scene.count().await, 1);
    assert_eq!(scene.models.requests().len(), 1);
}

async fn an_overlong_key_is_refused(backend: Backend) {
    let scene = Scene::with(backend, vec![Reply::answer("ok")]).await;
    let send = async |key: &str| {
        scene
            .post(&scene.user, &scene.thread, "Hi", key)
            .send()
            .await
    };
    send(&"k".repeat(256))
        .await
        .problem(400, "malformed_request");
    assert_eq!(scene.count().await, 0);
    send(&"k".repeat(255)).await.expect(201);
}
