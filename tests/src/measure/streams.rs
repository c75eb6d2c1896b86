//! Many runs that stream at once.

use std::time::{Duration, Instant};

use tokio::time::sleep;

use super::memory::resident;
use super::scene::{Scene, at_once, next_delta};
use super::times::{Times, now, since};
use crate::client::Request;
use crate::database::Backend;
use crate::model_server::{Reply, Script};

/// From one token of a run to the next.
const EVERY: Duration = Duration::from_millis(200);
/// How much longer than it is watched the model speaks.
const SLACK: Duration = Duration::from_secs(2);

/// How streams are watched.
#[derive(Debug, Clone, Copy)]
pub struct Watch {
    /// Within which all streams are open; they are asked for evenly over the first half of it.
    pub opening: Duration,
    /// How long is watched, once they are.
    pub watched: Duration,
}

/// What was seen.
#[derive(Debug)]
pub struct Watched {
    /// How late each token arrived while all were streaming.
    pub delays: Times,
    /// The service's resident memory in KiB before the first stream was opened.
    pub before: u64,
    /// The same while all were streaming.
    pub during: u64,
    /// How many transactions were committed in a second; 0 on SQLite, which does not count them.
    pub commits: f64,
}

impl Watch {
    /// A new service on a model that speaks for as long as is watched.
    pub async fn scene(self, backend: Backend) -> Scene {
        let spoken = self.opening + self.watched + SLACK;
        let times = spoken.as_millis() / EVERY.as_millis();
        let reply = Reply::events().saying(now, times as usize, EVERY);
        Scene::with(backend, Script::from(reply.finish("stop").done())).await
    }

    /// Has so many runs stream in it at once.
    ///
    /// # Panics
    /// When one of them fails, or opens too late.
    pub async fn streams(self, scene: &Scene, count: usize) -> Watched {
        let threads = scene.threads(count).await;
        let before = resident(&scene.server);
        let began = Instant::now();
        let posts = threads.iter().map(|thread| scene.question(thread));
        let posts: Vec<Request> = posts.collect();
        let apart = self.opening / 2 / posts.len() as u32;
        let jobs = (0..).zip(posts).map(move |(number, post)| async move {
            sleep(apart * number).await;
            self.follow(post, began).await
        });
        let following = tokio::spawn(at_once(jobs));
        sleep(self.opening).await;
        let commits = commits(scene).await;
        sleep(self.watched).await;
        let commits = self::commits(scene).await - commits;
        let during = resident(&scene.server);
        Watched {
            delays: following.await.expect("no panic").into(),
            before,
            during,
            commits: commits as f64 / self.watched.as_secs_f64(),
        }
    }

    async fn follow(self, post: Request, began: Instant) -> Vec<Duration> {
        let mut stream = post.events().await;
        assert!(began.elapsed() < self.opening, "streams open too slowly");
        let mut times = Vec::new();
        while let Some(said) = next_delta(&mut stream).await {
            if (self.opening..self.opening + self.watched).contains(&began.elapsed()) {
                times.push(since(&said));
            }
        }
        times
    }
}

async fn commits(scene: &Scene) -> i64 {
    let database = scene.server.installation().database();
    match database.backend() {
        Backend::Postgres => database.commits().await,
        Backend::Sqlite => 0,
    }
}
