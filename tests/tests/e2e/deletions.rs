//! Deleted resources disappear at once, and their rows soon after.

use std::time::{Duration, Instant};

use colloquy_tests::client::{Client, text};
use colloquy_tests::database::{Backend, Database};
use colloquy_tests::model_server::Reply;
use colloquy_tests::on_both_backends;
use colloquy_tests::server::Colloquy;
use hyper::Method;
use serde_json::{Value, json};

use crate::scene::{Scene, run_of};

on_both_backends![
    a_deleted_thread_is_gone_wherever_one_asks,
    a_deleted_threads_key_starts_another_run,
    a_run_in_a_deleted_thread_ends,
    a_deleted_users_threads_have_no_owner,
    a_deleted_assistants_threads_have_no_assistant,
    what_is_left_is_removed_by_the_next_process,
];

/// Maximum time until rows are removed.
const REMOVAL: Duration = Duration::from_secs(60);

/// Waits until the query returns the expected count.
async fn counts(database: &Database, query: &str, expected: i64) {
    let deadline = Instant::now() + REMOVAL;
    loop {
        let count = database.count(query).await;
        if count == expected {
            return;
        }
        assert!(Instant::now() < deadline, "{query}: still {count}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

fn questions(thread: &str, message: &str, run: &str) -> Vec<(Method, String)> {
    let path = |rest: &str| format!("/threads/{thread}{rest}");
    vec![
        (Method::GET, path("")),
        (Method::PATCH, path("")),
        (Method::DELETE, path("")),
        (Method::GET, path("/messages")),
        (Method::POST, path("/messages")),
        (Method::DELETE, path(&format!("/messages/{message}"))),
        (Method::GET, path("/runs")),
        (Method::GET, path(&format!("/runs/{run}"))),
        (Method::GET, path(&format!("/runs/{run}/events"))),
        (Method::POST, path(&format!("/runs/{run}/cancel"))),
    ]
}

async fn a_deleted_thread_is_gone_wherever_one_asks(backend: Backend) {
    let server = Colloquy::start(backend).await;
    let assistant = server.assistant("Echo").await;
    let user = server.user("ada").await;
    let (thread, kept) = (user.create_thread().await, user.create_thread().await);
    let exchange = user.say(&thread, &assistant, "hello").await.expect(201);
    user.say(&kept, &assistant, "hello").await.expect(201);
    let (run, message) = (
        text(&exchange["run"]["id"]),
        text(&exchange["messages"][0]["id"]),
    );
    let path = format!("/threads/{thread}");
    assert_eq!(user.delete(&path).await.status, 204);
    for client in [&user, &server.admin().await] {
        for (method, path) in questions(&thread, message, run) {
            let mut request = client.request(method.clone(), &path);
            if method == Method::PATCH {
                request = request.json(&json!({"name": "Back"}));
            }
            if method == Method::POST && path.ends_with("/messages") {
                request = request.json(&json!({"assistant_id": assistant, "content": "hello"}));
            }
            request.send().await.problem(404, "entity_not_found");
        }
    }
    let list = user.get("/threads").await.expect(200);
    assert_eq!(list.as_array().unwrap().len(), 1);
    let database = server.installation().database();
    counts(database, "SELECT count(*) FROM messages", 2).await;
    counts(database, "SELECT count(*) FROM runs", 1).await;
    counts(database, "SELECT count(*) FROM deletions", 0).await;
    let kept = user.get(&format!("/threads/{kept}/messages")).await;
    assert_eq!(kept.expect(200).as_array().unwrap().len(), 2);
    database.check_integrity().await;
}

async fn a_deleted_threads_key_starts_another_run(backend: Backend) {
    let scene = Scene::with(backend, Reply::answer("Well.")).await;
    let post = async |thread: &str| {
        let post = scene.post(&scene.user, thread, "Who are you?", "key");
        post.send().await
    };
    post(&scene.thread).await.expect(201);
    scene.user.delete(&scene.path("")).await;
    let other = scene.user.create_thread().await;
    let answer = post(&other).await;
    assert_eq!(answer.header("idempotent-replayed"), None);
    let exchange = answer.expect(201);
    assert_eq!(exchange["run"]["thread_id"], other);
}

async fn a_run_in_a_deleted_thread_ends(backend: Backend) {
    let scene = Scene::with(backend, Reply::silence().hang()).await;
    let mut events = scene.stream("Who are you?").await;
    run_of(&events.next().await.unwrap());
    scene.models.received(1).await;
    assert_eq!(scene.user.delete(&scene.path("")).await.status, 204);
    let end = tokio::time::timeout(Duration::from_secs(5), async {
        while let Ok(Some(_)) = events.try_next().await {}
    });
    end.await.unwrap();
    scene.models.abandoned(1).await;
    let database = scene.server.installation().database();
    counts(database, "SELECT count(*) FROM runs", 0).await;
}

async fn id_of(client: &Client) -> String {
    let me = client.get("/users/me").await.expect(200);
    text(&me["id"]).to_owned()
}

async fn a_deleted_users_threads_have_no_owner(backend: Backend) {
    let server = Colloquy::start(backend).await;
    let assistant = server.assistant("Echo").await;
    let user = server.user("ada").await;
    let thread = user.create_thread().await;
    user.say(&thread, &assistant, "hello").await.expect(201);
    let (admin, id) = (server.admin().await, id_of(&user).await);
    assert_eq!(admin.delete(&format!("/users/{id}")).await.status, 204);
    let users = admin.get("/users").await;
    assert_eq!(users.header("x-total-count"), Some("1"));
    // The email is free again.
    server.user("ada").await;
    let owned = admin.get(&format!("/threads?owner={id}")).await.expect(200);
    assert_eq!(owned, json!([]));
    let all = admin.get("/threads?owner=all").await.expect(200);
    assert_eq!(all[0]["id"], thread);
    assert_eq!(all[0].get("owner_id").unwrap_or(&Value::Null), &Value::Null);
    let database = server.installation().database();
    let named = "SELECT (SELECT count(*) FROM threads WHERE owner_id IS NOT NULL)
        + (SELECT count(*) FROM runs WHERE user_id IS NOT NULL)
        + (SELECT count(*) FROM deletions)";
    counts(database, named, 0).await;
    let messages = admin.get(&format!("/threads/{thread}/messages")).await;
    assert_eq!(messages.expect(200).as_array().unwrap().len(), 2);
}

async fn a_deleted_assistants_threads_have_no_assistant(backend: Backend) {
    let server = Colloquy::start(backend).await;
    let assistant = server.assistant("Echo").await;
    let user = server.user("ada").await;
    let opened = json!({"assistant_id": assistant});
    let thread = user.post("/threads", opened).await.expect(201);
    let path = format!("/threads/{}", text(&thread["id"]));
    let admin = server.admin().await;
    let deleted = admin.delete(&format!("/assistants/{assistant}")).await;
    assert_eq!(deleted.status, 204);
    assert_eq!(
        user.get(&path).await.expect(200)["assistant_id"],
        Value::Null
    );
    let opened_for = format!("/threads?assistant_id={assistant}");
    assert_eq!(user.get(&opened_for).await.expect(200), json!([]));
    let list = user.get("/assistants").await;
    assert_eq!(list.header("x-total-count"), Some("0"));
    // The slug is free again.
    server.assistant("Echo").await;
    let named = "SELECT count(*) FROM threads WHERE assistant_id IS NOT NULL";
    counts(server.installation().database(), named, 0).await;
}

async fn what_is_left_is_removed_by_the_next_process(backend: Backend) {
    let mut server = Colloquy::start(backend).await;
    let assistant = server.assistant("Echo").await;
    let user = server.user("ada").await;
    let thread = user.create_thread().await;
    for _ in 0..5 {
        user.say(&thread, &assistant, "hello").await.expect(201);
    }
    assert_eq!(user.delete(&format!("/threads/{thread}")).await.status, 204);
    server.kill9().await;
    server.restart().await;
    let database = server.installation().database();
    for table in ["messages", "runs", "run_events", "deletions"] {
        counts(database, &format!("SELECT count(*) FROM {table}"), 0).await;
    }
}
