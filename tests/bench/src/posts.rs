//! Waiting posts, compared with two bare transactions.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use colloquy_tests::client::Request;
use colloquy_tests::measure::memory::resident;
use colloquy_tests::measure::scene::at_once;
use colloquy_tests::measure::times::Times;
use uuid::Uuid;

use crate::load::Load;
use crate::options::Options;
use crate::report::{Line, Ratio, milliseconds};
use crate::stage::Stage;
use crate::store::{Store, with_pool};

const ASKERS: usize = 16;
/// Allowed latency beyond two commits.
const ALLOWANCE: Duration = Duration::from_millis(1);
/// Required share of the throughput of two bare transactions, on PostgreSQL.
const SHARE: f64 = 0.5;

/// Alternates posts and bare transactions.
pub(crate) async fn measure(stage: &Stage, options: &Options) -> Vec<Line> {
    let url = stage.scene.server.installation().database().url();
    let bare = Arc::new(Bare {
        store: Store::writer(url).await,
        thread: stage.facts.bare,
        count: AtomicU64::new(0),
    });
    let is_sqlite = bare.store.is_sqlite();
    // Warm-up.
    ask(stage, ASKERS, options.slice / 2).await;
    let mut lines = Vec::new();
    for askers in [1, ASKERS] {
        let (mut asked, mut written) = (Vec::new(), Vec::new());
        for _ in 0..options.rounds {
            asked.push(ask(stage, askers, options.slice).await);
            written.push(write(&bare, askers, options.slice).await);
        }
        let memory = Some(resident(&stage.scene.server));
        lines.push(line(askers, is_sqlite, &asked, &written, memory));
    }
    lines
}

fn line(
    askers: usize,
    is_sqlite: bool,
    asked: &[Load],
    written: &[Load],
    memory: Option<u64>,
) -> Line {
    let rates = |loads: &[Load]| -> Vec<f64> {
        loads.iter().map(|load| load.requests_per_second).collect()
    };
    let ratio = Ratio::of(&rates(asked), &rates(written));
    let (load, bare) = (Load::of(asked), Load::of(written));
    let line = Line {
        load,
        memory,
        of_database: Some(ratio),
        ..Line::new(format!("POST message, {askers} at once"))
    };
    if askers == 1 {
        let target = format!(
            "p50 <= {:.2} ms (two commits) + 1 ms",
            milliseconds(bare.p50)
        );
        return line.target(target, load.p50 <= bare.p50 + ALLOWANCE && load.errors == 0);
    }
    if is_sqlite {
        return line;
    }
    let target = format!(">= {SHARE:.2} of database");
    line.target(target, ratio.whole >= SHARE && load.errors == 0)
}

/// Runs `askers` clients for `time`, each with its own threads.
async fn ask(stage: &Stage, askers: usize, time: Duration) -> Load {
    let end = Instant::now() + time;
    let jobs = (0..askers).map(|asker| {
        let own = stage.facts.posts.iter().skip(asker).step_by(askers);
        let posts: Vec<Request> = own.map(|thread| stage.scene.question(thread)).collect();
        post_until(end, posts)
    });
    load(at_once(jobs).await, time)
}

/// Latency per post; `None` for an unexpected response.
async fn post_until(end: Instant, posts: Vec<Request>) -> Vec<Option<Duration>> {
    let mut times = Vec::new();
    for post in posts.iter().cycle() {
        let began = Instant::now();
        if began >= end {
            break;
        }
        let answer = post.clone().send().await;
        times.push((answer.status == 201).then(|| began.elapsed()));
    }
    times
}

/// Runs `writers`, each committing two bare transactions in sequence, for `time`.
async fn write(bare: &Arc<Bare>, writers: usize, time: Duration) -> Load {
    let end = Instant::now() + time;
    let jobs = (0..writers).map(|_| {
        let bare = Arc::clone(bare);
        async move {
            let mut times = Vec::new();
            while Instant::now() < end {
                let began = Instant::now();
                bare.commit().await;
                bare.commit().await;
                times.push(Some(began.elapsed()));
            }
            times
        }
    });
    load(at_once(jobs).await, time)
}

fn load(times: Vec<Option<Duration>>, time: Duration) -> Load {
    let count = times.len();
    let good: Vec<Duration> = times.into_iter().flatten().collect();
    let errors = (count - good.len()) as u64;
    let requests_per_second = good.len() as f64 / time.as_secs_f64();
    let times = Times::from(good);
    Load {
        requests_per_second,
        p50: times.at(0.5),
        p99: times.at(0.99),
        errors,
    }
}

struct Bare {
    store: Store,
    thread: Uuid,
    count: AtomicU64,
}

impl Bare {
    async fn commit(&self) {
        let number = self.count.fetch_add(1, Ordering::Relaxed) + 1;
        let begin = if self.store.is_sqlite() {
            "BEGIN IMMEDIATE"
        } else {
            "BEGIN"
        };
        with_pool!(&self.store, pool => {
            let mut transaction = pool.begin_with(begin).await.expect("a transaction");
            sqlx::query(
                "INSERT INTO messages (id, thread_id, position, kind, content, status, created_at) \
                 VALUES ($1, $2, $3, $4, $5, $6, $7)",
            )
            .bind(Uuid::from_u128(u128::from(number)))
            .bind(self.thread)
            .bind(number as i64)
            .bind("human")
            .bind("How late is it?")
            .bind("completed")
            .bind(DateTime::<Utc>::UNIX_EPOCH)
            .execute(&mut *transaction)
            .await
            .expect("a message is stored");
            transaction.commit().await.expect("a commit");
        });
    }
}
