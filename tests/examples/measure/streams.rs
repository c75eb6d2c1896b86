use std::time::{Duration, Instant};

use colloquy_tests::client::Request;
use colloquy_tests::database::Backend;
use colloquy_tests::model_server::{Reply, Script};
use tokio::time::sleep;

use crate::memory::resident;
use crate::scene::{Scene, at_once, next_delta};
use crate::times::{Times, now, since};

/// From one token of a run to the next.
const EVERY: Duration = Duration::from_millis(200);
/// How long the model speaks in each run.
const SPOKEN: Duration = Duration::from_secs(40);
/// Within which all streams are open.
const OPENING: Duration = Duration::from_secs(15);
/// How long is watched, once they are.
const WATCHED: Duration = Duration::from_secs(15);

/// Many runs that stream at once: the memory of each, how late a token arrives, and what they ask
/// of PostgreSQL.
pub(crate) async fn streams(backend: Backend) {
    for count in [1, 200, 1_000] {
        let times = SPOKEN.as_millis() / EVERY.as_millis();
        let reply = Reply::events().saying(now, times as usize, EVERY);
        let script = Script::from(reply.finish("stop").done());
        let scene = Scene::with(backend, script).await;
        watch(&scene, backend, count).await;
    }
}

async fn watch(scene: &Scene, backend: Backend, count: usize) {
    let threads = scene.threads(count).await;
    let before = resident(&scene.server);
    let began = Instant::now();
    let posts = threads.iter().map(|thread| scene.question(thread));
    let posts: Vec<Request> = posts.collect();
    let jobs = posts.into_iter().map(move |post| follow(post, began));
    let following = tokio::spawn(at_once(jobs));
    sleep(OPENING).await;
    let commits = commits(scene, backend).await;
    sleep(WATCHED).await;
    let commits = self::commits(scene, backend).await - commits;
    let during = resident(&scene.server);
    let times = Times::from(following.await.expect("no panic"));
    let each = during.saturating_sub(before) as f64 / count as f64;
    println!("{count:>5} streams, delay of a token: {times}");
    println!("      memory {before} KiB before, {during} KiB during, {each:.1} KiB a stream");
    if backend == Backend::Postgres {
        let rate = commits as f64 / WATCHED.as_secs_f64();
        println!("      {rate:.0} transactions a second");
    }
}

async fn commits(scene: &Scene, backend: Backend) -> i64 {
    match backend {
        Backend::Postgres => scene.server.installation().database().commits().await,
        Backend::Sqlite => 0,
    }
}

/// How late each token arrived while all were streaming.
async fn follow(post: Request, began: Instant) -> Vec<Duration> {
    let mut stream = post.events().await;
    assert!(began.elapsed() < OPENING, "streams open too slowly");
    let mut times = Vec::new();
    while let Some(said) = next_delta(&mut stream).await {
        if (OPENING..OPENING + WATCHED).contains(&began.elapsed()) {
            times.push(since(&said));
        }
    }
    times
}
