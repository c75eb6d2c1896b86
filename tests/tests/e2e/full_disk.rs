//! A full disk and recovery, simulated by a file size limit.

use std::time::{Duration, Instant};

use colloquy_tests::client::{Client, Response, text};
use colloquy_tests::database::Backend;
use colloquy_tests::server::{Colloquy, PASSWORD};
use hyper::Method;
use serde_json::json;

/// Maximum time until writes work again.
const RECOVERY: Duration = Duration::from_secs(5);

const MANY: usize = 3_000;

/// A service on SQLite with users.
struct Scene {
    server: Colloquy,
    ada: Client,
    assistant: String,
    threads: Vec<String>,
    /// ID and client of an API key.
    key: (String, Client),
    /// ID and client of a user to disable.
    bob: (String, Client),
}

impl Scene {
    async fn new() -> Self {
        let server = Colloquy::start(Backend::Sqlite).await;
        let assistant = server.assistant("Echo").await;
        let ada = server.user("ada").await;
        let key = ada.post("/users/me/tokens", json!({"name": "key"})).await;
        let key = key.expect(201);
        let using_key = ada.with_token(text(&key["token"]));
        let bob = server.user("bob").await;
        let bob_id = text(&bob.get("/users/me").await.expect(200)["id"]).to_owned();
        Self {
            threads: vec![ada.create_thread().await],
            server,
            ada,
            assistant,
            key: (text(&key["id"]).to_owned(), using_key),
            bob: (bob_id, bob),
        }
    }

    /// Writes until nothing fits, with the write-ahead log capped.
    async fn fill_disk(&mut self) {
        let log = self.server.installation().sqlite_file();
        let log = log.with_extension("db-wal");
        let size = std::fs::metadata(log).unwrap().len();
        self.server.process().limit_file_size(Some(size));
        let mut refused = 0;
        for _ in 0..MANY {
            let answer = self.ada.post("/threads", json!({})).await;
            if answer.status == 201 {
                self.threads.push(text(&answer.json()["id"]).to_owned());
                continue;
            }
            assert_no_room(answer);
            refused += 1;
            if refused == 10 {
                return;
            }
        }
        panic!("the disk did not fill");
    }

    fn make_room(&self) {
        self.server.process().limit_file_size(None);
    }

    async fn readiness(&self) -> u16 {
        self.ada.root().get("/health/ready").await.status
    }

    fn path_of_key(&self) -> String {
        format!("/users/me/tokens/{}", self.key.0)
    }

    async fn assert_everything_is_there(&self) {
        for thread in &self.threads {
            self.ada
                .get(&format!("/threads/{thread}"))
                .await
                .expect(200);
        }
    }
}

fn assert_no_room(answer: Response) {
    assert!(answer.header("retry-after").is_some(), "{}", answer.text());
    answer.problem(503, "service_unavailable");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_loses_nothing_and_writes_work_again_once_there_is_room() {
    let mut scene = Scene::new().await;
    scene.fill_disk().await;
    assert_writes_fail(&scene).await;
    assert_reads_work(&scene).await;

    scene.make_room();
    let began = Instant::now();
    loop {
        let answer = scene.ada.post("/threads", json!({})).await;
        if answer.status == 201 {
            scene.threads.push(text(&answer.json()["id"]).to_owned());
            break;
        }
        assert_no_room(answer);
        assert!(began.elapsed() < RECOVERY, "writes do not work again");
    }
    // One small write does not end the outage; a while without failures does.
    while scene.readiness().await != 200 {
        assert!(began.elapsed() < RECOVERY, "not ready again");
    }
    assert_writes_hold(&mut scene).await;

    scene.server.kill9().await;
    scene.server.restart().await;
    let origin = scene.server.origin().to_owned();
    scene.ada = scene.ada.at(&origin);
    scene.assert_everything_is_there().await;
    assert_revoked(&scene.key.1.at(&origin)).await;
    assert_revoked(&scene.bob.1.at(&origin)).await;
}

async fn assert_writes_fail(scene: &Scene) {
    let ada = &scene.ada;
    let thread = format!("/threads/{}", scene.threads[0]);
    assert_no_room(ada.say(&scene.threads[0], &scene.assistant, "Hello?").await);
    assert_no_room(ada.patch(&thread, json!({"name": "Edited"})).await);
    assert_no_room(ada.delete(&scene.path_of_key()).await);
    assert_no_room(ada.delete(&thread).await);
    let guest = scene.server.guest();
    assert_no_room(guest.log_in("ada@example.org", PASSWORD).await);
    let bob = format!("/users/{}", scene.bob.0);
    let admin = scene.server.admin().await;
    assert_no_room(admin.patch(&bob, json!({"is_active": false})).await);
    let assistant = format!("/assistants/{}", scene.assistant);
    assert_no_room(admin.patch(&assistant, json!({"name": "Edited"})).await);
    assert_eq!(scene.readiness().await, 503);
    let alive = ada.root().get("/health/live").await;
    assert_eq!(alive.status, 200);
}

async fn assert_reads_work(scene: &Scene) {
    scene.assert_everything_is_there().await;
    for path in ["/threads", "/assistants", "/users/me"] {
        scene.ada.get(path).await.expect(200);
    }
    // The revocation failed, as reported.
    scene.key.1.get("/users/me").await.expect(200);
    let thread = format!("/threads/{}", scene.threads[0]);
    let thread = scene.ada.get(&thread).await.expect(200);
    assert_ne!(thread["name"], "Edited");
}

async fn assert_writes_hold(scene: &mut Scene) {
    let ada = &scene.ada;
    let thread = scene.threads[0].clone();
    ada.say(&thread, &scene.assistant, "Hello?")
        .await
        .expect(201);
    let path = format!("/threads/{thread}");
    ada.patch(&path, json!({"name": "Edited"}))
        .await
        .expect(200);
    assert_eq!(ada.get(&path).await.expect(200)["name"], "Edited");
    ada.delete(&scene.path_of_key()).await.expect(204);
    assert_revoked(&scene.key.1).await;
    let admin = scene.server.admin().await;
    let bob = format!("/users/{}", scene.bob.0);
    admin
        .patch(&bob, json!({"is_active": false}))
        .await
        .expect(200);
    assert_revoked(&scene.bob.1).await;
    let again = scene
        .server
        .guest()
        .sign_in("ada@example.org", PASSWORD)
        .await;
    again.get("/users/me").await.expect(200);
    scene.assert_everything_is_there().await;
}

async fn assert_revoked(client: &Client) {
    let request = client.request(Method::GET, "/users/me");
    request.send().await.problem(401, "authentication_required");
}
