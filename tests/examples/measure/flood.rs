//! A flood of posts: throughput, rejections and recovery.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use colloquy_tests::client::{API, Client};
use colloquy_tests::database::Backend;
use colloquy_tests::server::Colloquy;
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::{sleep, sleep_until};

use colloquy_tests::measure::memory::{peak, resident};
use colloquy_tests::measure::scene::at_once;
use colloquy_tests::measure::times::Times;

use crate::reads::reads;

/// Clients, with separate threads so that no run waits for another.
const CLIENTS: usize = 2_500;
/// Clients that saturate the service, on as many threads as the flood, to equal its histories.
const FEW: usize = 32;
const WARMING: Duration = Duration::from_secs(5);
const CALM: Duration = Duration::from_secs(20);
const FLOOD: Duration = Duration::from_secs(60);
const RECOVERY: Duration = Duration::from_secs(10);
/// Flood rate as a multiple of capacity.
const TIMES: f64 = 10.0;
/// Reads that sample latency.
const READS: usize = 500;

type Asked = (u16, Duration);

/// Posts ten times what the service can answer: throughput, time to rejection, recovery.
pub(crate) async fn flood(backend: Backend) {
    let server = Colloquy::installed(backend).await;
    let server = server.env("COLLOQUY_LOG", "warn").serve().await;
    let assistant = server.assistant("Echo").await;
    let user = server.user("ada").await;
    let asker = Asker::new(&server, &user, &assistant);
    let mut few = vec![asker.clone(); FEW];
    let mut clients = vec![asker; CLIENTS];
    for (number, client) in clients.iter_mut().enumerate() {
        few[number % FEW].asks_in(&user.create_thread().await);
        client.asks_in(&user.create_thread().await);
    }
    println!(
        "before: {} KiB, reads {}",
        resident(&server),
        reads(&user, READS).await
    );
    let few = |time| {
        at_once(
            few.clone()
                .into_iter()
                .map(move |it| it.until(Instant::now() + time, None)),
        )
    };
    let _ = few(WARMING).await;
    let calm = few(CALM).await;
    let most = print("as fast as it can", &calm, CALM);
    let pace = Arc::new(Pace::of(most * TIMES));
    let end = Instant::now() + FLOOD;
    let flood = clients
        .into_iter()
        .map(|it| it.until(end, Some(pace.clone())));
    let flood = at_once(flood).await;
    let still = print("ten times that", &flood, FLOOD);
    println!(
        "{:.2} of the most, {} KiB at most",
        still / most,
        peak(&server)
    );
    sleep(RECOVERY).await;
    println!(
        "after: {} KiB, reads {}",
        resident(&server),
        reads(&user, READS).await
    );
    server.installation().database().check_integrity().await;
}

fn print(title: &str, asked: &[Asked], time: Duration) -> f64 {
    let mut by_status: BTreeMap<u16, Vec<Duration>> = BTreeMap::new();
    for (status, took) in asked {
        by_status.entry(*status).or_default().push(*took);
    }
    println!("{title}:");
    let mut answered = 0.0;
    for (status, times) in by_status {
        let rate = times.len() as f64 / time.as_secs_f64();
        println!("  {status}: {rate:7.1}/s  {}", Times::from(times));
        if status == 201 {
            answered = rate;
        }
    }
    answered
}

/// Schedules posts; the next free client takes each.
struct Pace {
    began: Instant,
    apart: Duration,
    asked: AtomicU32,
}

impl Pace {
    fn of(rate: f64) -> Self {
        Self {
            began: Instant::now(),
            apart: Duration::from_secs_f64(rate.recip()),
            asked: AtomicU32::new(0),
        }
    }

    fn next(&self) -> Instant {
        self.began + self.apart * self.asked.fetch_add(1, Ordering::Relaxed)
    }
}

/// A client on a raw connection, cheaper than an HTTP library.
#[derive(Clone)]
struct Asker {
    address: SocketAddr,
    /// Its threads' message paths, used in turn.
    paths: Vec<Arc<str>>,
    token: Arc<str>,
    question: Bytes,
}

impl Asker {
    fn new(server: &Colloquy, user: &Client, assistant: &str) -> Self {
        let address = server.origin().trim_start_matches("http://").parse();
        let question =
            format!(r#"{{"assistant_id": "{assistant}", "content": "How late is it?"}}"#);
        Self {
            address: address.expect("an address"),
            paths: Vec::new(),
            token: format!("Bearer {}", user.token()).into(),
            question: question.into(),
        }
    }

    fn asks_in(&mut self, thread: &str) {
        let path = format!("{API}/threads/{thread}/messages");
        self.paths.push(path.into());
    }

    /// Posts until `end`: paced, or back to back.
    async fn until(self, end: Instant, pace: Option<Arc<Pace>>) -> Vec<Asked> {
        let mut asked = Vec::new();
        let mut connection = None;
        for path in self.paths.iter().cycle() {
            let due = pace.as_ref().map_or_else(Instant::now, |pace| pace.next());
            if due >= end {
                break;
            }
            sleep_until(due.into()).await;
            let began = Instant::now();
            let status = self.ask(path, &mut connection).await;
            asked.push((status, began.elapsed()));
        }
        asked
    }

    /// The status; 0 without a response.
    async fn ask(&self, path: &str, connection: &mut Option<SendRequest<Full<Bytes>>>) -> u16 {
        let open = match connection.take().filter(|it| !it.is_closed()) {
            Some(open) => Some(open),
            None => self.connect().await,
        };
        let Some(mut open) = open else { return 0 };
        let request = hyper::Request::post(path)
            .header(HOST, "localhost")
            .header(AUTHORIZATION, &*self.token)
            .header(CONTENT_TYPE, "application/json")
            .body(Full::new(self.question.clone()));
        let answer = open.send_request(request.expect("a request")).await;
        let Ok(answer) = answer else { return 0 };
        let status = answer.status().as_u16();
        if answer.into_body().collect().await.is_err() {
            return 0;
        }
        *connection = open.ready().await.is_ok().then_some(open);
        status
    }

    async fn connect(&self) -> Option<SendRequest<Full<Bytes>>> {
        let stream = TcpStream::connect(self.address).await.ok()?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await.ok()?;
        tokio::spawn(connection);
        Some(sender)
    }
}
