//! Time to the first token.

use std::time::Duration;

use colloquy_tests::client::Request;
use colloquy_tests::database::Backend;
use colloquy_tests::model_server::{Reply, Script};

use colloquy_tests::measure::scene::{Scene, at_once, next_delta};
use colloquy_tests::measure::times::{Times, now, since};

/// Model latency: long enough for all requests to arrive first.
const THOUGHT: Duration = Duration::from_millis(500);
/// Questions, in separate threads.
const QUESTIONS: usize = 512;

/// From the model's first token to the client's first `message.delta`.
pub(crate) async fn first_token(backend: Backend) {
    let reply = Reply::events().saying(now, 1, Duration::ZERO);
    let scene = Scene::with(
        backend,
        Script::from(reply.finish("stop").done().delayed(THOUGHT)),
    )
    .await;
    for at_once in [1, 16, 256] {
        let times = ask(&scene, at_once, QUESTIONS.min(at_once * 32)).await;
        println!("{at_once:>3} at once: {times}");
    }
}

async fn ask(scene: &Scene, askers: usize, questions: usize) -> Times {
    let threads = scene.threads(questions).await;
    let jobs = (0..askers).map(|asker| {
        let own = threads.iter().skip(asker).step_by(askers);
        let posts: Vec<Request> = own.map(|thread| scene.question(thread)).collect();
        follow_all(posts)
    });
    at_once(jobs).await.into()
}

async fn follow_all(posts: Vec<Request>) -> Vec<Duration> {
    let mut times = Vec::new();
    for post in posts {
        let mut stream = post.events().await;
        let first = next_delta(&mut stream).await.expect("a first token");
        times.push(since(&first));
        stream.rest().await;
    }
    times
}
