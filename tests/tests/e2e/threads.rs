//! Threads.

use colloquy_tests::client::{Client, text};
use colloquy_tests::database::Backend;
use colloquy_tests::on_both_backends;
use colloquy_tests::server::Colloquy;
use hyper::Method;
use serde_json::{Value, json};

use crate::{ABSENT, members};

on_both_backends![
    a_thread_is_named_after_the_time_unless_named,
    a_thread_may_be_opened_for_an_assistant,
    an_assistant_out_of_sight_is_not_found,
    a_refused_thread_names_the_wrong_field,
    threads_are_listed_newest_first_page_by_page,
    threads_with_the_latest_messages_are_listed_first,
    a_thread_without_a_name_is_named_after_its_first_message,
    a_thread_list_keeps_to_an_assistant,
    a_list_shows_others_threads_to_administrators_only,
    an_owner_renames_and_deletes_a_thread,
    fields_that_the_server_owns_stay_as_they_are,
    a_thread_of_somebody_else_does_not_exist,
    an_administrator_reads_and_deletes_but_does_not_write,
    guests_have_no_threads,
];

fn path(thread: &Value) -> String {
    format!("/threads/{}", text(&thread["id"]))
}

async fn ids(client: &Client, query: &str) -> Vec<String> {
    let list = client.get(&format!("/threads{query}")).await.expect(200);
    let list = list.as_array().unwrap().iter();
    list.map(|thread| text(&thread["id"]).to_owned()).collect()
}

async fn a_thread_is_named_after_the_time_unless_named(backend: Backend) {
    let server = Colloquy::start(backend).await;
    let user = server.user("ada").await;
    let thread = user.post("/threads", json!({})).await.expect(201);
    let expected = text(&thread["created_at"])[..16].replace('T', " ");
    assert_eq!(thread["name"], expected);
    assert_eq!(thread["assistant_id"], Value::Null);
    assert_eq!(user.get(&path(&thread)).await.expect(200), thread);
    for name in ["Lisbon".to_owned(), "ж".repeat(255)] {
        let named = user.post("/threads", json!({"name": name})).await;
        assert_eq!(named.expect(201)["name"], name);
    }
    assert_eq!(thread["last_message_at"], thread["created_at"]);
    let known = ["assistant_id", "created_at", "id", "name", "updated_at"];
    for member in known {
        assert!(members(&thread).contains(&member), "{member}");
    }
}

async fn a_thread_may_be_opened_for_an_assistant(backend: Backend) {
    let server = Colloquy::start(backend).await;
    let assistant = server.assistant("Guide").await;
    let user = server.user("ada").await;
    for reference in [assistant.as_str(), "guide"] {
        let thread = json!({"assistant_id": reference});
        let thread = user.post("/threads", thread).await.expect(201);
        assert_eq!(thread["assistant_id"], assistant);
        let cleared = user
            .patch(&path(&thread), json!({"assistant_id": null}))
            .await;
        assert_eq!(cleared.expect(200)["assistant_id"], Value::Null);
        let set = user
            .patch(&path(&thread), json!({"assistant_id": reference}))
            .await;
        assert_eq!(set.expect(200)["assistant_id"], assistant);
    }
}

async fn an_assistant_out_of_sight_is_not_found(backend: Backend) {
    let server = Colloquy::start(backend).await;
    let disabled = json!({"name": "Off", "is_enabled": false});
    let disabled = server.admin().await.create_assistant(disabled).await;
    let user = server.user("ada").await;
    let thread = user.create_thread().await;
    let path = format!("/threads/{thread}");
    let open = async |reference: &str| {
        let body = json!({"assistant_id": reference});
        user.post("/threads", body).await
    };
    let turn = async |reference: &str| {
        let body = json!({"assistant_id": reference});
        user.patch(&path, body).await
    };
    let absent = (open(ABSENT).await, turn(ABSENT).await);
    absent.0.clone().problem(404, "entity_not_found");
    absent.1.clone().problem(404, "entity_not_found");
    for reference in [text(&disabled["id"]), "off", "no-such-slug"] {
        assert_eq!(open(reference).await.anonymous(), absent.0.anonymous());
        assert_eq!(turn(reference).await.anonymous(), absent.1.anonymous());
    }
    assert_eq!(ids(&user, "").await, [thread]);
}

async fn a_refused_thread_names_the_wrong_field(backend: Backend) {
    let server = Colloquy::start(backend).await;
    let user = server.user("ada").await;
    let thread = user.post("/threads", json!({})).await.expect(201);
    for (body, field) in [
        (json!({"name": "n".repeat(256)}), "name"),
        (json!({"name": "nul\u{0}"}), "name"),
        (json!({"name": 1}), "name"),
        (json!({"assistant_id": 1}), "assistant_id"),
        (json!({"colour": "blue"}), "colour"),
    ] {
        let opened = user.post("/threads", body.clone()).await;
        assert_eq!(opened.invalid_fields(), [field], "POST {body}");
        let changed = user.patch(&path(&thread), body.clone()).await;
        assert_eq!(changed.invalid_fields(), [field], "PATCH {body}");
    }
    let unnamed = user.patch(&path(&thread), json!({"name": null})).await;
    assert_eq!(unnamed.invalid_fields(), ["name"]);
    assert_eq!(user.get(&path(&thread)).await.expect(200), thread);
}

async fn threads_are_listed_newest_first_page_by_page(backend: Backend) {
    let server = Colloquy::start(backend).await;
    let user = server.user("ada").await;
    let mut expected = Vec::new();
    for _ in 0..7 {
        expected.insert(0, user.create_thread().await);
    }
    assert_eq!(ids(&user, "").await, expected);
    let mut seen = Vec::new();
    let mut page = Some("/threads?limit=3".to_owned());
    let mut sizes = Vec::new();
    while let Some(path) = page {
        let response = user.get(&path).await;
        page = response.next_page();
        let threads = response.expect(200);
        let threads = threads.as_array().unwrap();
        sizes.push(threads.len());
        seen.extend(threads.iter().map(|t| text(&t["id"]).to_owned()));
    }
    assert_eq!(sizes, [3, 3, 1]);
    assert_eq!(seen, expected);
    let exact = user.get("/threads?limit=7").await;
    assert_eq!(exact.header("link"), None);
    for query in ["limit=0", "limit=1001", "limit=x"] {
        let refused = user.get(&format!("/threads?{query}")).await;
        assert_eq!(refused.invalid_fields(), ["limit"], "{query}");
    }
    let refused = user.get("/threads?cursor=%7Bnonsense").await;
    assert_eq!(refused.invalid_fields(), ["cursor"]);
}

async fn threads_with_the_latest_messages_are_listed_first(backend: Backend) {
    let server = Colloquy::start(backend).await;
    let assistant = server.assistant("Echo").await;
    let user = server.user("ada").await;
    let mut threads = Vec::new();
    for _ in 0..4 {
        threads.push(user.create_thread().await);
    }
    let created: Vec<_> = threads.iter().rev().cloned().collect();
    assert_eq!(ids(&user, "").await, created);
    for number in [1, 3, 0, 1] {
        let thread = &threads[number];
        let exchange = user.say(thread, &assistant, "hello").await.expect(201);
        let shown = user.get(&format!("/threads/{thread}")).await.expect(200);
        let newest = &exchange["messages"][1]["created_at"];
        assert_eq!(&shown["last_message_at"], newest);
        assert_eq!(&shown["updated_at"], newest);
    }
    let active = [1, 0, 3, 2].map(|number| threads[number].clone());
    assert_eq!(ids(&user, "").await, active);
    assert_eq!(ids(&user, "?order=activity").await, active);
    assert_eq!(ids(&user, "?order=created").await, created);
    let mut seen = Vec::new();
    let mut page = Some("/threads?limit=1".to_owned());
    while let Some(path) = page {
        let response = user.get(&path).await;
        page = response.next_page();
        seen.push(text(&response.expect(200)[0]["id"]).to_owned());
    }
    assert_eq!(seen, active);
}

async fn a_thread_without_a_name_is_named_after_its_first_message(backend: Backend) {
    let server = Colloquy::start(backend).await;
    let assistant = server.assistant("Echo").await;
    let user = server.user("ada").await;
    let name = async |thread: &str| {
        let shown = user.get(&format!("/threads/{thread}")).await.expect(200);
        text(&shown["name"]).to_owned()
    };
    let say = async |thread: &str, content: &str| {
        user.say(thread, &assistant, content).await.expect(201);
    };
    let thread = user.create_thread().await;
    say(
        &thread,
        " What  is\na monad, and what has it to do with a burrito of all things? ",
    )
    .await;
    let first_words = "What is a monad, and what has it to do with a burrito of all";
    assert_eq!(name(&thread).await, first_words);
    say(&thread, "And now?").await;
    assert_eq!(name(&thread).await, first_words);

    let by_post = user.post("/threads", json!({"name": "Mine"})).await;
    let by_post = text(&by_post.expect(201)["id"]).to_owned();
    let by_patch = user.create_thread().await;
    let change = json!({"name": "Mine"});
    let path = format!("/threads/{by_patch}");
    user.patch(&path, change).await.expect(200);
    for thread in [by_post, by_patch] {
        say(&thread, "Hello").await;
        assert_eq!(name(&thread).await, "Mine");
    }
}

async fn a_thread_list_keeps_to_an_assistant(backend: Backend) {
    let server = Colloquy::start(backend).await;
    let (one, two) = (server.assistant("One").await, server.assistant("Two").await);
    let user = server.user("ada").await;
    let mut of_one = Vec::new();
    for assistant in [&one, &two, &one, &one] {
        let thread = json!({"assistant_id": assistant});
        let thread = user.post("/threads", thread).await.expect(201);
        if assistant == &one {
            of_one.insert(0, text(&thread["id"]).to_owned());
        }
    }
    user.create_thread().await;
    for reference in [one.as_str(), "one"] {
        let query = format!("?assistant_id={reference}");
        assert_eq!(ids(&user, &query).await, of_one);
        let first = user.get(&format!("/threads{query}&limit=2")).await;
        let next = user.get(&first.next_page().unwrap()).await;
        assert_eq!(next.next_page(), None);
        assert_eq!(next.expect(200)[0]["id"], of_one[2]);
    }
    for absent in [ABSENT, "no-such-slug"] {
        let none = ids(&user, &format!("?assistant_id={absent}")).await;
        assert!(none.is_empty());
    }
}

async fn a_list_shows_others_threads_to_administrators_only(backend: Backend) {
    let server = Colloquy::start(backend).await;
    let admin = server.admin().await;
    let (ada, bob) = (server.user("ada").await, server.user("bob").await);
    let of_ada = ada.create_thread().await;
    let of_bob = bob.create_thread().await;
    let of_admin = admin.create_thread().await;
    let ada_id = ada.get("/users/me").await.expect(200);
    let by_id = format!("?owner={}", text(&ada_id["id"]));

    assert_eq!(ids(&admin, "").await, [of_admin.as_str()]);
    let all = ids(&admin, "?owner=all").await;
    assert_eq!(all, [of_admin, of_bob.clone(), of_ada.clone()]);
    assert_eq!(ids(&admin, &by_id).await, [of_ada.as_str()]);
    assert_eq!(ids(&ada, "").await, [of_ada]);
    for query in ["?owner=all", &by_id] {
        let asked = bob.get(&format!("/threads{query}")).await;
        if asked.status == 200 {
            let shown = asked.json();
            let shown = shown.as_array().unwrap().iter();
            assert!(shown.clone().all(|thread| thread["id"] == of_bob));
        } else {
            asked.problem(403, "forbidden");
        }
    }
    let refused = admin.get("/threads?owner=me-too").await;
    assert_eq!(refused.invalid_fields(), ["owner"]);
}

async fn an_owner_renames_and_deletes_a_thread(backend: Backend) {
    let server = Colloquy::start(backend).await;
    let assistant = server.assistant("Echo").await;
    let user = server.user("ada").await;
    let thread = user.post("/threads", json!({})).await.expect(201);
    let renamed = user.patch(&path(&thread), json!({"name": "Lisbon"})).await;
    let renamed = renamed.expect(200);
    assert_eq!(renamed["name"], "Lisbon");
    assert_eq!(renamed["created_at"], thread["created_at"]);
    let mut same = renamed.clone();
    let sent_back = user.patch(&path(&thread), renamed).await.expect(200);
    same["updated_at"] = sent_back["updated_at"].clone();
    assert_eq!(sent_back, same);

    let id = text(&thread["id"]);
    let exchange = user.say(id, &assistant, "hello").await.expect(201);
    let run = text(&exchange["run"]["id"]).to_owned();
    let deleted = user.delete(&path(&thread)).await;
    assert_eq!((deleted.status, deleted.body.len()), (204, 0));
    for rest in ["", "/messages", "/runs", &format!("/runs/{run}")] {
        let gone = user.get(&format!("{}{rest}", path(&thread))).await;
        gone.problem(404, "entity_not_found");
    }
    let again = user.delete(&path(&thread)).await;
    again.problem(404, "entity_not_found");
    let exchange = user.say(id, &assistant, "hello?").await;
    exchange.problem(404, "entity_not_found");
    assert!(ids(&user, "").await.is_empty());
}

async fn fields_that_the_server_owns_stay_as_they_are(backend: Backend) {
    let server = Colloquy::start(backend).await;
    let user = server.user("ada").await;
    let owned = json!({
        "id": ABSENT,
        "created_at": "2001-01-01T00:00:00Z",
        "updated_at": "2001-01-01T00:00:00Z",
    });
    let thread = user.post("/threads", owned.clone()).await.expect(201);
    let changed = user.patch(&path(&thread), owned.clone()).await.expect(200);
    for (field, foreign) in owned.as_object().unwrap() {
        assert_ne!(&thread[field], foreign, "{field}");
        assert_ne!(&changed[field], foreign, "{field}");
    }
    assert_eq!(changed["id"], thread["id"]);
    assert_eq!(changed["created_at"], thread["created_at"]);
}

async fn a_thread_of_somebody_else_does_not_exist(backend: Backend) {
    let server = Colloquy::start(backend).await;
    let assistant = server.assistant("Echo").await;
    let (ada, bob) = (server.user("ada").await, server.user("bob").await);
    let thread = ada.create_thread().await;
    let exchange = ada.say(&thread, &assistant, "secret").await.expect(201);
    let run = text(&exchange["run"]["id"]);
    let message = text(&exchange["messages"][0]["id"]);
    let post = json!({"assistant_id": assistant, "content": "let me in"});
    for (method, rest, body) in [
        (Method::GET, String::new(), None),
        (Method::PATCH, String::new(), Some(json!({"name": "mine"}))),
        (Method::DELETE, String::new(), None),
        (Method::GET, "/messages".to_owned(), None),
        (Method::POST, "/messages".to_owned(), Some(post)),
        (Method::DELETE, format!("/messages/{message}"), None),
        (Method::GET, "/runs".to_owned(), None),
        (Method::GET, format!("/runs/{run}"), None),
    ] {
        let ask = async |thread: &str| {
            let path = format!("/threads/{thread}{rest}");
            let request = bob.request(method.clone(), &path);
            match &body {
                Some(body) => request.json(body).send().await,
                None => request.send().await,
            }
        };
        let missing = ask(ABSENT).await;
        missing.clone().problem(404, "entity_not_found");
        assert_eq!(ask(&thread).await.anonymous(), missing.anonymous());
        assert_eq!(ask("no-id").await.anonymous(), missing.anonymous());
    }
    let messages = ada.get(&format!("/threads/{thread}/messages")).await;
    assert_eq!(messages.expect(200), exchange["messages"]);
}

async fn an_administrator_reads_and_deletes_but_does_not_write(backend: Backend) {
    let server = Colloquy::start(backend).await;
    let assistant = server.assistant("Echo").await;
    let (ada, admin) = (server.user("ada").await, server.admin().await);
    let thread = ada.create_thread().await;
    let exchange = ada.say(&thread, &assistant, "hello").await.expect(201);
    let path = format!("/threads/{thread}");
    let message = text(&exchange["messages"][0]["id"]);

    admin.get(&path).await.expect(200);
    let messages = admin.get(&format!("{path}/messages")).await.expect(200);
    assert_eq!(messages, exchange["messages"]);
    let runs = admin.get(&format!("{path}/runs")).await.expect(200);
    assert_eq!(runs[0]["id"], exchange["run"]["id"]);

    let renamed = admin.patch(&path, json!({"name": "mine"})).await;
    renamed.problem(403, "forbidden");
    let written = admin.say(&thread, &assistant, "hi").await;
    written.problem(403, "forbidden");
    let removed = admin.delete(&format!("{path}/messages/{message}")).await;
    removed.problem(403, "forbidden");
    let messages = ada.get(&format!("{path}/messages")).await.expect(200);
    assert_eq!(messages, exchange["messages"]);

    admin.delete(&path).await.expect(204);
    ada.get(&path).await.problem(404, "entity_not_found");
}

async fn guests_have_no_threads(backend: Backend) {
    let server = Colloquy::start(backend).await;
    let thread = server.user("ada").await.create_thread().await;
    let guest = server.guest();
    for path in ["/threads".to_owned(), format!("/threads/{thread}")] {
        let refused = guest.get(&path).await;
        refused.problem(401, "authentication_required");
    }
    let opened = guest.post("/threads", json!({})).await;
    opened.problem(401, "authentication_required");
    let absent = guest.get(&format!("/threads/{ABSENT}")).await;
    absent.problem(401, "authentication_required");
}
