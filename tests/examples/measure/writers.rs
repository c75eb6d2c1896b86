//! Mixed readers and writers.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use colloquy_tests::client::Client;
use colloquy_tests::database::Backend;
use colloquy_tests::server::Colloquy;
use hyper::Method;
use serde_json::json;
use tokio::task::JoinSet;

use colloquy_tests::measure::memory::resident;
use colloquy_tests::measure::times::Times;

const WRITERS: usize = 50;
const WRITING_TIME: Duration = Duration::from_secs(90);

/// Clients that read, then write; half in one thread, every other pair streaming. Reports latency
/// and statuses.
pub(crate) async fn writers(backend: Backend) {
    let server = Colloquy::start(backend).await;
    let assistant = server.assistant("Echo").await;
    let user = server.user("ada").await;
    let shared = user.create_thread().await;
    let end = Instant::now() + WRITING_TIME;
    let mut writers = JoinSet::new();
    for number in 0..WRITERS {
        let own = user.create_thread().await;
        let thread = if number % 2 == 0 { shared.clone() } else { own };
        let accept = ["application/json", "text/event-stream"][number / 2 % 2];
        let (user, assistant) = (user.clone(), assistant.clone());
        writers.spawn(write_until(end, user, assistant, thread, accept));
    }
    let samples: Vec<(u16, Duration)> = writers.join_all().await.concat();
    let mut statuses: BTreeMap<u16, usize> = BTreeMap::new();
    for (status, _) in &samples {
        *statuses.entry(*status).or_default() += 1;
    }
    let times: Vec<Duration> = samples.into_iter().map(|(_, time)| time).collect();
    println!("{} requests, by status: {statuses:?}", times.len());
    println!("{}", Times::from(times));
    println!("{} KiB after the load", resident(&server));
    server.installation().database().check_integrity().await;
}

async fn write_until(
    end: Instant,
    user: Client,
    assistant: String,
    thread: String,
    accept: &str,
) -> Vec<(u16, Duration)> {
    let mut samples = Vec::new();
    let path = format!("/threads/{thread}");
    while Instant::now() < end {
        let began = Instant::now();
        let body = json!({"assistant_id": assistant, "content": "hello"});
        let post = user.request(Method::POST, &format!("{path}/messages"));
        let said = post.json(&body).header("accept", accept).send().await;
        samples.push((said.status, began.elapsed()));
        let began = Instant::now();
        let read = user.get(&path).await;
        samples.push((read.status, began.elapsed()));
        let name = read.json()["name"].clone();
        let began = Instant::now();
        let renamed = user.patch(&path, json!({ "name": name })).await;
        samples.push((renamed.status, began.elapsed()));
    }
    samples
}
