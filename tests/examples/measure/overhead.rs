//! The service's share of a waiting post's latency.

use std::time::{Duration, Instant};

use colloquy_tests::client::Request;
use colloquy_tests::database::Backend;
use colloquy_tests::model_server::{Reply, Script};

use colloquy_tests::measure::scene::{Scene, at_once};
use colloquy_tests::measure::times::Times;

/// Separate threads for questions, except with few clients.
const THREADS: usize = 256;

/// Latency of a waiting post beyond the model's.
pub(crate) async fn overhead(backend: Backend) {
    for delay in [0, 200].map(Duration::from_millis) {
        let script = Script::from(Reply::answer("Quite late.").delayed(delay));
        let scene = Scene::with(backend, script).await;
        // Warm-up.
        ask(&scene, 16, 64, delay).await;
        for (at_once, questions) in [(1, 100), (16, 1_600), (256, 2_560)] {
            let times = ask(&scene, at_once, questions, delay).await;
            println!("model {delay:>5?}, {at_once:>3} at once: {times}");
        }
    }
}

/// Asks `questions` questions, `askers` at a time. Returns the latency beyond `delay`.
async fn ask(scene: &Scene, askers: usize, questions: usize, delay: Duration) -> Times {
    let threads = scene.threads(THREADS.min(questions)).await;
    let jobs = (0..askers).map(|asker| {
        let own = threads.iter().skip(asker).step_by(askers);
        let posts: Vec<Request> = own.map(|thread| scene.question(thread)).collect();
        post_all(posts, questions / askers, delay)
    });
    at_once(jobs).await.into()
}

async fn post_all(posts: Vec<Request>, count: usize, delay: Duration) -> Vec<Duration> {
    let mut times = Vec::new();
    for post in posts.iter().cycle().take(count) {
        let began = Instant::now();
        let answer = post.clone().send().await;
        times.push(began.elapsed().saturating_sub(delay));
        answer.expect(201);
    }
    times
}
