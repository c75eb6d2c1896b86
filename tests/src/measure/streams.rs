//! Many concurrent streaming runs.

use std::time::{Duration, Instant};

use tokio::time::sleep;

use super::memory::resident;
use super::scene::{Scene, at_once, next_delta};
use super::times::{Times, now, since};
use crate::client::Request;
use crate::database::Backend;
use crate::model_server::{Reply, Script};

const EVERY: Duration = Duration::from_millis(200);
/// Extra streaming time after the observation.
const SLACK: Duration = Duration::from_secs(2);

/// Schedule.
#[derive(Debug, Clone, Copy)]
pub struct Watch {
    /// Time to open all streams, in its first half.
    pub opening: Duration,
    /// Observation time afterwards.
    pub watched: Duration,
}

/// Results.
#[derive(Debug)]
pub struct Watched {
    /// Token delays while all runs stream.
    pub delays: Times,
    /// Resident KiB before.
    pub before: u64,
    /// Resident KiB while all runs stream.
    pub during: u64,
    /// Commits per second; 0 on SQLite.
    pub commits: f64,
}

impl Watch {
    /// Starts a service whose model streams throughout.
    pub async fn scene(self, backend: Backend) -> Scene {
        let spoken = self.opening + self.watched + SLACK;
        let times = spoken.as_millis() / EVERY.as_millis();
        let reply = Reply::events().saying(now, times as usize, EVERY);
        Scene::with(backend, Script::from(reply.finish("stop").done())).await
    }

    /// Streams `count` runs at once.
    ///
    /// # Panics
    /// If one fails or opens too late.
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
