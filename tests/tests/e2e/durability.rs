//! Acknowledged writes survive SIGKILL.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use colloquy_tests::client::{Client, Request, text};
use colloquy_tests::database::Backend;
use colloquy_tests::on_both_backends;
use colloquy_tests::random::Random;
use colloquy_tests::server::Colloquy;
use hyper::Method;
use serde_json::{Value, json};
use tokio::sync::Notify;
use tokio::task::JoinSet;

on_both_backends![
    acknowledged_messages_survive_a_kill,
    a_restart_changes_nothing,
];

const CLIENTS: usize = 64;

/// CI runs few rounds.
fn rounds() -> u64 {
    let rounds = std::env::var("COLLOQUY_KILL_ROUNDS").ok();
    rounds.map_or(3, |rounds| rounds.parse().unwrap())
}

/// Repeats a failed round.
fn first_seed() -> u64 {
    let seed = std::env::var("COLLOQUY_KILL_SEED").ok();
    seed.map_or(1, |seed| seed.parse().unwrap())
}

struct Acknowledged {
    count: AtomicUsize,
    enough: usize,
    reached: Notify,
}

impl Acknowledged {
    fn add(&self) {
        if self.count.fetch_add(1, Ordering::SeqCst) + 1 == self.enough {
            self.reached.notify_one();
        }
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Way {
    /// By the answer.
    Waiting,
    /// By the run's first event.
    Streaming,
}

/// A client's thread and knowledge of it.
struct Ledger {
    way: Way,
    thread: String,
    posted: Vec<String>,
    /// Acknowledged, but unanswered before the kill.
    unanswered: Vec<String>,
    /// Sent without a response; may be stored.
    unknown: Vec<String>,
}

async fn acknowledged_messages_survive_a_kill(backend: Backend) {
    let mut server = Colloquy::start(backend).await;
    let assistant = server.assistant("Echo").await;
    let mut user = server.user("ada").await;
    let mut ledgers = Vec::new();
    for number in 0..CLIENTS {
        ledgers.push(Ledger {
            way: [Way::Waiting, Way::Streaming][number % 2],
            thread: user.create_thread().await,
            posted: Vec::new(),
            unanswered: Vec::new(),
            unknown: Vec::new(),
        });
    }
    for seed in first_seed()..first_seed() + rounds() {
        let enough = 30 + Random::seeded(seed).below(300) as usize;
        let about = format!("seed {seed}, killed after {enough}");
        ledgers = post_until_killed(&mut server, &user, &assistant, ledgers, enough).await;
        server.restart().await;
        user = user.at(server.origin());
        server.installation().database().check_integrity().await;
        for ledger in &mut ledgers {
            compare(&user, ledger, &about).await;
        }
    }
}

async fn post_until_killed(
    server: &mut Colloquy,
    user: &Client,
    assistant: &str,
    ledgers: Vec<Ledger>,
    enough: usize,
) -> Vec<Ledger> {
    let acknowledged = Arc::new(Acknowledged {
        count: AtomicUsize::new(0),
        enough,
        reached: Notify::new(),
    });
    let mut clients = JoinSet::new();
    for ledger in ledgers {
        let client = user.at(server.origin());
        let acknowledged = Arc::clone(&acknowledged);
        let assistant = assistant.to_owned();
        clients.spawn(async move { post(&client, &assistant, ledger, &acknowledged).await });
    }
    acknowledged.reached.notified().await;
    server.kill9().await;
    clients.join_all().await
}

/// Posts numbered messages until the service stops answering.
async fn post(
    client: &Client,
    assistant: &str,
    mut ledger: Ledger,
    acknowledged: &Acknowledged,
) -> Ledger {
    let path = format!("/threads/{}/messages", ledger.thread);
    loop {
        let content = format!("number {}", ledger.posted.len() + ledger.unknown.len());
        let body = json!({"assistant_id": assistant, "content": content});
        let request = client.request(Method::POST, &path).json(&body);
        let outcome = match ledger.way {
            Way::Waiting => wait(request, acknowledged).await,
            Way::Streaming => stream(request, acknowledged).await,
        };
        match outcome {
            Outcome::Answered => ledger.posted.push(content),
            Outcome::Acknowledged => {
                ledger.unanswered.push(content.clone());
                ledger.posted.push(content);
                return ledger;
            }
            Outcome::Unknown => {
                ledger.unknown.push(content);
                return ledger;
            }
        }
    }
}

enum Outcome {
    Answered,
    Acknowledged,
    Unknown,
}

async fn wait(request: Request, acknowledged: &Acknowledged) -> Outcome {
    let Ok(response) = request.try_send().await else {
        return Outcome::Unknown;
    };
    response.expect(201);
    acknowledged.add();
    Outcome::Answered
}

async fn stream(request: Request, acknowledged: &Acknowledged) -> Outcome {
    let Ok(mut events) = request.try_events().await else {
        return Outcome::Unknown;
    };
    let mut outcome = Outcome::Unknown;
    while let Ok(Some(event)) = events.try_next().await {
        match event.kind.as_str() {
            "run.started" => {
                acknowledged.add();
                outcome = Outcome::Acknowledged;
            }
            "run.completed" => outcome = Outcome::Answered,
            _ => {}
        }
    }
    outcome
}

/// Checks the thread against the ledger and records what is stored.
async fn compare(user: &Client, ledger: &mut Ledger, about: &str) {
    let path = format!("/threads/{}/messages?limit=1000", ledger.thread);
    let response = user.get(&path).await;
    assert_eq!(response.next_page(), None, "one page holds all");
    let messages = response.expect(200);
    let messages = messages.as_array().unwrap();
    let contents = |kind: &str| -> Vec<String> {
        let of_kind = messages.iter().filter(|message| message["type"] == kind);
        of_kind
            .map(|message| text(&message["content"]).to_owned())
            .collect()
    };
    let humans = contents("human");
    let certain: Vec<&String> = humans
        .iter()
        .filter(|content| !ledger.unknown.contains(content))
        .collect();
    assert!(
        certain.into_iter().eq(&ledger.posted),
        "{about}: {humans:?}"
    );
    let mut distinct = humans.clone();
    distinct.sort();
    distinct.dedup();
    assert_eq!(distinct.len(), humans.len(), "{about}: duplicates");
    let in_order = humans.is_sorted_by_key(|content| number(content));
    assert!(in_order, "{about}: {humans:?}");
    let answers = contents("ai");
    for content in &ledger.posted {
        let count = answers.iter().filter(|it| it.ends_with(content)).count();
        let is_owed = !ledger.unanswered.contains(content);
        assert!(count <= 1, "{about}: {count} answers to {content}");
        assert!(count == 1 || !is_owed, "{about}: no answer to {content}");
    }
    assert_no_run_is_left(user, &ledger.thread, about).await;
}

fn number(content: &str) -> u32 {
    content.strip_prefix("number ").unwrap().parse().unwrap()
}

async fn assert_no_run_is_left(user: &Client, thread: &str, about: &str) {
    let runs = user
        .get(&format!("/threads/{thread}/runs?limit=1000"))
        .await;
    let runs = runs.expect(200);
    for run in runs.as_array().unwrap() {
        let status = text(&run["status"]);
        let code = &run["error"]["code"];
        let ended = status == "completed" || (status == "failed" && code == "interrupted");
        assert!(ended, "{about}: {run}");
    }
}

async fn a_restart_changes_nothing(backend: Backend) {
    let mut server = Colloquy::start(backend).await;
    let assistant = server.assistant("Echo").await;
    let user = server.user("ada").await;
    let thread = user.create_thread().await;
    user.say(&thread, &assistant, "hello").await.expect(201);
    let paths = [
        "/users/me".to_owned(),
        "/users/me/tokens".to_owned(),
        "/assistants".to_owned(),
        "/threads".to_owned(),
        format!("/threads/{thread}/messages"),
        format!("/threads/{thread}/runs"),
    ];
    let read = async |user: &Client| -> Vec<Value> {
        let mut answers = Vec::new();
        for path in &paths {
            answers.push(user.get(path).await.expect(200));
        }
        answers
    };
    let before = read(&user).await;
    assert!(server.stop().await.success());
    server.restart().await;
    assert_eq!(read(&user.at(server.origin())).await, before);
    server.kill9().await;
    server.restart().await;
    assert_eq!(read(&user.at(server.origin())).await, before);
    server.installation().database().check_integrity().await;
}
