//! Concurrent requests.

use std::collections::BTreeSet;

use colloquy_tests::client::{Client, Response, text};
use colloquy_tests::database::Backend;
use colloquy_tests::on_both_backends;
use colloquy_tests::random::Random;
use colloquy_tests::server::{Colloquy, PASSWORD};
use futures_util::future::join_all;
use hyper::Method;
use serde_json::{Value, json};

on_both_backends![
    writers_get_in_each_others_way_without_a_fault,
    posts_at_once_into_one_thread_are_answered_or_refused,
    a_walk_during_inserts_sees_each_message_once,
    sign_ins_at_once_all_succeed,
    changes_at_once_of_an_assistant_are_all_made,
];

const WRITERS: usize = 50;
const WRITES: usize = 12;

async fn writers_get_in_each_others_way_without_a_fault(backend: Backend) {
    let server = Colloquy::start(backend).await;
    let (admin, user) = (server.admin().await, server.user("ada").await);
    let assistant = server.assistant("Echo").await;
    let shared = user.create_thread().await;
    let writers = (0..WRITERS).map(async |number| {
        let own = user.create_thread().await;
        // Half share a thread.
        let thread = if number % 2 == 0 { &shared } else { &own };
        let mut random = Random::seeded(number as u64);
        for _ in 0..WRITES {
            let choice = random.below(6);
            let answer = write(&admin, &user, &assistant, thread, choice).await;
            let busy = answer.status == 409;
            assert!(busy || answer.status < 300, "{}", answer.text());
            if busy {
                answer.problem(409, "thread_busy");
            }
        }
    });
    join_all(writers).await;
    let log = server.log();
    for word in ["ERROR", "locked", "deadlock"] {
        assert!(!log.contains(word), "{word} in the log:\n{log}");
    }
    server.installation().database().check_integrity().await;
}

async fn write(
    admin: &Client,
    user: &Client,
    assistant: &str,
    thread: &str,
    choice: u64,
) -> Response {
    let path = format!("/threads/{thread}");
    match choice {
        0 => {
            let read = user.get(&path).await.expect(200);
            let name = format!("{} again", text(&read["name"]));
            let name: String = name.chars().rev().take(255).collect();
            user.patch(&path, json!({"name": name})).await
        }
        1 => user.post("/threads", json!({})).await,
        2 => {
            let path = format!("/assistants/{assistant}");
            let read = admin.get(&path).await.expect(200);
            admin.patch(&path, json!({"name": read["name"]})).await
        }
        3 => user.post("/users/me/tokens", json!({"name": "k"})).await,
        _ => user.say(thread, assistant, "hello").await,
    }
}

async fn posts_at_once_into_one_thread_are_answered_or_refused(backend: Backend) {
    let server = Colloquy::start(backend).await;
    let user = server.user("ada").await;
    let assistant = server.assistant("Echo").await;
    let thread = user.create_thread().await;
    let posts = (0..200).map(async |number| {
        let content = format!("number {number}");
        let answer = user.say(&thread, &assistant, &content).await;
        if answer.status == 409 {
            answer.problem(409, "thread_busy");
            return None;
        }
        let exchange = answer.expect(201);
        assert_eq!(exchange["messages"][0]["content"], content);
        Some(exchange["messages"].as_array().unwrap().clone())
    });
    let accepted: Vec<Vec<Value>> = join_all(posts).await.into_iter().flatten().collect();
    assert!(!accepted.is_empty());
    let path = format!("/threads/{thread}/messages?limit=1000");
    let messages = user.get(&path).await.expect(200);
    let messages = messages.as_array().unwrap();
    // Each question is followed by its own answer.
    assert_eq!(messages.len(), 2 * accepted.len());
    for pair in messages.chunks(2) {
        assert!(accepted.iter().any(|accepted| accepted == pair), "{pair:?}");
    }
    let ids: BTreeSet<&str> = messages
        .iter()
        .map(|message| text(&message["id"]))
        .collect();
    assert_eq!(ids.len(), messages.len());
}

async fn a_walk_during_inserts_sees_each_message_once(backend: Backend) {
    let server = Colloquy::start(backend).await;
    let user = server.user("ada").await;
    let assistant = server.assistant("Echo").await;
    let thread = user.create_thread().await;
    let mut old = Vec::new();
    for number in 0..20 {
        let exchange = user
            .say(&thread, &assistant, &format!("old {number}"))
            .await;
        old.extend(exchange.expect(201)["messages"].as_array().unwrap().clone());
    }
    let insert = async {
        for number in 0..20 {
            let exchange = user
                .say(&thread, &assistant, &format!("new {number}"))
                .await;
            exchange.expect(201);
        }
    };
    let walk = async {
        let mut seen: Vec<Value> = Vec::new();
        let mut page = Some(format!("/threads/{thread}/messages?limit=3"));
        while let Some(path) = page {
            let response = user.get(&path).await;
            page = response.next_page();
            seen.extend(response.expect(200).as_array().unwrap().clone());
        }
        seen
    };
    let (seen, ()) = tokio::join!(walk, insert);
    assert_eq!(seen[..old.len()], old);
    let ids: BTreeSet<&str> = seen.iter().map(|message| text(&message["id"])).collect();
    assert_eq!(ids.len(), seen.len(), "no message twice");
    let path = format!("/threads/{thread}/messages?limit=1000");
    let all = user.get(&path).await.expect(200);
    let all = all.as_array().unwrap();
    assert_eq!(all.len(), 80);
    assert_eq!(seen[..], all[..seen.len()], "no message left out");
}

async fn sign_ins_at_once_all_succeed(backend: Backend) {
    let server = Colloquy::start(backend).await;
    server.user("ada").await;
    let guest = server.guest();
    let sign_ins = (0..20).map(|_| guest.log_in("ada@example.org", PASSWORD));
    let tokens: BTreeSet<String> = join_all(sign_ins)
        .await
        .into_iter()
        .map(|session| text(&session.expect(200)["access_token"]).to_owned())
        .collect();
    assert_eq!(tokens.len(), 20);
}

/// Fifty clients each change their own field and a shared one, twice.
async fn changes_at_once_of_an_assistant_are_all_made(backend: Backend) {
    let server = Colloquy::start(backend).await;
    let admin = server.admin().await;
    let assistant = server.assistant("Echo").await;
    let path = format!("/assistants/{assistant}");
    let before = admin.get(&path).await.expect(200);
    let changes = (0..WRITERS).map(async |number| {
        for round in 0..2 {
            let change = json!({"configuration": {"tags": [format!("{number}-{round}")]}});
            admin.patch(&path, change).await.expect(200);
            let other = match number {
                0 => json!({"description": "changed"}),
                1 => json!({"instructions": "changed"}),
                2 => json!({"configuration": {"temperature": 0.5}}),
                _ => json!({"name": format!("{number}")}),
            };
            admin.patch(&path, other).await.expect(200);
        }
    });
    let picture = async {
        for shade in 0..10 {
            let request = admin.request(Method::POST, &format!("{path}/avatar"));
            let picture = crate::avatars::gif([shade; 3]);
            request.file("file", &picture).send().await.expect(200);
        }
    };
    let (_, ()) = tokio::join!(join_all(changes), picture);
    let after = admin.get(&path).await.expect(200);
    let revision = |assistant: &Value| assistant["revision"].as_u64().unwrap();
    assert_eq!(
        revision(&after),
        revision(&before) + 4 * WRITERS as u64 + 10
    );
    assert_eq!(after["description"], "changed");
    assert_eq!(after["instructions"], "changed");
    assert_eq!(after["configuration"]["temperature"], 0.5);
    assert!(after["avatar_image"].is_string());
}
