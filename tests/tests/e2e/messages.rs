//! Messages.

use colloquy_tests::client::{Response, text};
use colloquy_tests::database::Backend;
use colloquy_tests::on_both_backends;
use colloquy_tests::server::Colloquy;
use serde_json::{Value, json};

use crate::{ABSENT, members};

on_both_backends![
    a_waiting_post_answers_with_the_run_and_its_messages,
    an_assistant_is_named_by_id_or_slug,
    text_comes_back_as_it_was_sent,
    a_refused_message_names_the_wrong_field,
    an_assistant_out_of_sight_is_not_found,
    messages_are_listed_oldest_first_page_by_page,
    messages_are_read_from_the_end_and_back_again,
    a_deleted_message_is_gone,
    a_message_belongs_to_its_thread,
];

async fn a_waiting_post_answers_with_the_run_and_its_messages(backend: Backend) {
    let server = Colloquy::start(backend).await;
    let assistant = server.assistant("Echo").await;
    let user = server.user("ada").await;
    let thread = user.create_thread().await;
    let exchange = user.say(&thread, &assistant, "hello").await.expect(201);
    assert_eq!(members(&exchange), ["messages", "output", "run"]);
    assert_eq!(exchange["output"], "Echo: hello");
    let run = &exchange["run"];
    assert_eq!(run["thread_id"], thread);
    assert_eq!(run["assistant_id"], assistant);
    assert_eq!(run["status"], "completed");
    assert_eq!(run["finish_reason"], "stop");
    assert_eq!(run["error"], Value::Null);
    assert!(text(&run["finished_at"]) >= text(&run["created_at"]));

    let messages = exchange["messages"].as_array().unwrap();
    let [human, ai] = messages.as_slice() else {
        panic!("{exchange}");
    };
    let known = [
        "assistant_id",
        "content",
        "created_at",
        "id",
        "run_id",
        "status",
        "type",
    ];
    for (message, kind, content) in [(human, "human", "hello"), (ai, "ai", "Echo: hello")] {
        for member in known {
            assert!(members(message).contains(&member), "{member}");
        }
        assert_eq!(message["type"], kind);
        assert_eq!(message["content"], content);
        assert_eq!(message["status"], "completed");
        assert_eq!(message["run_id"], run["id"]);
        assert_eq!(message["assistant_id"], assistant);
    }
    let listed = user.get(&format!("/threads/{thread}/messages")).await;
    assert_eq!(listed.expect(200), exchange["messages"]);
    let shown = user
        .get(&format!("/threads/{thread}/runs/{}", text(&run["id"])))
        .await;
    assert_eq!(&shown.expect(200), run);
}

async fn an_assistant_is_named_by_id_or_slug(backend: Backend) {
    let server = Colloquy::start(backend).await;
    let assistant = server.assistant("Echo").await;
    let user = server.user("ada").await;
    let thread = user.create_thread().await;
    for reference in [assistant.as_str(), "echo"] {
        let exchange = user.say(&thread, reference, "hello").await.expect(201);
        assert_eq!(exchange["run"]["assistant_id"], assistant);
    }
}

async fn text_comes_back_as_it_was_sent(backend: Backend) {
    let server = Colloquy::start(backend).await;
    let assistant = server.assistant("Echo").await;
    let user = server.user("ada").await;
    let thread = user.create_thread().await;
    let texts = [
        "line\nbreaks\r\nand\ttabs",
        "  spaces around  ",
        "e\u{301} 👩‍👩‍👧 \u{200f}עברית ja",
        "event: run.completed\ndata: {}\n\n",
        "'; DROP TABLE messages; -- \\ \" \u{2028}",
        &"long ".repeat(10_000),
    ];
    for content in texts {
        let exchange = user.say(&thread, &assistant, content).await.expect(201);
        assert_eq!(exchange["messages"][0]["content"], content);
        assert_eq!(exchange["output"], format!("Echo: {content}"));
    }
    let listed = user.get(&format!("/threads/{thread}/messages")).await;
    let listed = listed.expect(200);
    let human = listed.as_array().unwrap().iter().step_by(2);
    let contents: Vec<&str> = human.map(|message| text(&message["content"])).collect();
    assert_eq!(contents, texts);
}

async fn a_refused_message_names_the_wrong_field(backend: Backend) {
    let server = Colloquy::start(backend).await;
    let assistant = server.assistant("Echo").await;
    let user = server.user("ada").await;
    let thread = user.create_thread().await;
    let path = format!("/threads/{thread}/messages");
    for (body, field) in [
        (json!({"assistant_id": assistant}), "content"),
        (json!({"content": "hello"}), "assistant_id"),
        (json!({"assistant_id": assistant, "content": ""}), "content"),
        (
            json!({"assistant_id": assistant, "content": "nul\u{0}"}),
            "content",
        ),
        (
            json!({"assistant_id": assistant, "content": null}),
            "content",
        ),
        (
            json!({"assistant_id": assistant, "content": ["x"]}),
            "content",
        ),
        (json!({"assistant_id": 7, "content": "x"}), "assistant_id"),
        (
            json!({"assistant_id": assistant, "content": "x", "mood": "good"}),
            "mood",
        ),
    ] {
        let refused = user.post(&path, body.clone()).await;
        assert_eq!(refused.invalid_fields(), [field], "{body}");
    }
    assert_eq!(user.get(&path).await.expect(200), json!([]));
}

async fn an_assistant_out_of_sight_is_not_found(backend: Backend) {
    let server = Colloquy::start(backend).await;
    let admin = server.admin().await;
    let disabled = json!({"name": "Off", "is_enabled": false});
    let disabled = admin.create_assistant(disabled).await;
    let user = server.user("ada").await;
    let thread = user.create_thread().await;
    let absent = user.say(&thread, ABSENT, "hello").await;
    absent.clone().problem(404, "entity_not_found");
    for reference in [text(&disabled["id"]), "off", "no-such-slug"] {
        let hidden = user.say(&thread, reference, "hello").await;
        assert_eq!(hidden.anonymous(), absent.anonymous(), "{reference}");
    }
    let own = admin.create_thread().await;
    let refused = admin.say(&own, "off", "hello").await;
    refused.problem(403, "forbidden");
    let messages = user.get(&format!("/threads/{thread}/messages")).await;
    assert_eq!(messages.expect(200), json!([]));
}

async fn messages_are_listed_oldest_first_page_by_page(backend: Backend) {
    let server = Colloquy::start(backend).await;
    let assistant = server.assistant("Echo").await;
    let user = server.user("ada").await;
    let thread = user.create_thread().await;
    let mut expected = Vec::new();
    for number in 0..4 {
        let exchange = user.say(&thread, &assistant, &format!("{number}")).await;
        let exchange = exchange.expect(201);
        expected.extend(exchange["messages"].as_array().unwrap().clone());
    }
    let mut seen = Vec::new();
    let mut sizes = Vec::new();
    let mut page = Some(format!("/threads/{thread}/messages?limit=3"));
    while let Some(path) = page {
        let response = user.get(&path).await;
        page = response.next_page();
        let messages = response.expect(200);
        sizes.push(messages.as_array().unwrap().len());
        seen.extend(messages.as_array().unwrap().clone());
    }
    assert_eq!(sizes, [3, 3, 2]);
    assert_eq!(seen, expected);
    let path = format!("/threads/{thread}/messages");
    for query in ["limit=0", "limit=1001"] {
        let refused = user.get(&format!("{path}?{query}")).await;
        assert_eq!(refused.invalid_fields(), ["limit"], "{query}");
    }
    let refused = user.get(&format!("{path}?cursor=-")).await;
    assert_eq!(refused.invalid_fields(), ["cursor"]);
}

async fn messages_are_read_from_the_end_and_back_again(backend: Backend) {
    let server = Colloquy::start(backend).await;
    let assistant = server.assistant("Echo").await;
    let user = server.user("ada").await;
    let thread = user.create_thread().await;
    let mut exchanges = Vec::new();
    let say = async |content: &str| {
        let exchange = user.say(&thread, &assistant, content).await.expect(201);
        exchange["messages"].as_array().unwrap().clone()
    };
    for number in 0..4 {
        exchanges.extend(say(&format!("{number}")).await);
    }
    exchanges.reverse();
    let first = format!("/threads/{thread}/messages?order=desc&limit=3");
    let mut pages = Vec::new();
    let mut page = Some(first.clone());
    while let Some(path) = page {
        let response = user.get(&path).await;
        page = response.next_page();
        pages.push(response);
        // Newer messages do not shift pages.
        say("later").await;
    }
    let items = |response: &Response| response.clone().expect(200).as_array().unwrap().clone();
    let seen: Vec<_> = pages.iter().flat_map(items).collect();
    assert_eq!(seen, exchanges);
    let back = pages[2].linked_page("prev").unwrap();
    assert_eq!(items(&user.get(&back).await), exchanges[3..6]);
    let newer = pages[1].linked_page("prev").unwrap();
    let newer = user.get(&newer).await;
    assert_eq!(items(&newer), exchanges[..3]);
    let newest = user.get(&newer.linked_page("prev").unwrap()).await;
    assert_eq!(items(&newest).len(), 3);
    assert_eq!(pages[0].linked_page("prev"), None);
}

async fn a_deleted_message_is_gone(backend: Backend) {
    let server = Colloquy::start(backend).await;
    let assistant = server.assistant("Echo").await;
    let user = server.user("ada").await;
    let thread = user.create_thread().await;
    let first = user.say(&thread, &assistant, "one").await.expect(201);
    let path = format!("/threads/{thread}/messages");
    let message = format!("{path}/{}", text(&first["messages"][0]["id"]));
    let deleted = user.delete(&message).await;
    assert_eq!((deleted.status, deleted.body.len()), (204, 0));
    let again = user.delete(&message).await;
    again.problem(404, "entity_not_found");
    let left = user.get(&path).await.expect(200);
    assert_eq!(left, json!([first["messages"][1]]));

    let last = format!("{path}/{}", text(&first["messages"][1]["id"]));
    user.delete(&last).await.expect(204);
    let second = user.say(&thread, &assistant, "two").await.expect(201);
    let listed = user.get(&path).await.expect(200);
    assert_eq!(listed, second["messages"]);
}

async fn a_message_belongs_to_its_thread(backend: Backend) {
    let server = Colloquy::start(backend).await;
    let assistant = server.assistant("Echo").await;
    let user = server.user("ada").await;
    let (one, two) = (user.create_thread().await, user.create_thread().await);
    let exchange = user.say(&one, &assistant, "hello").await.expect(201);
    let message = text(&exchange["messages"][0]["id"]);
    let run = text(&exchange["run"]["id"]);
    let elsewhere = user
        .delete(&format!("/threads/{two}/messages/{message}"))
        .await;
    elsewhere.problem(404, "entity_not_found");
    let elsewhere = user.get(&format!("/threads/{two}/runs/{run}")).await;
    elsewhere.problem(404, "entity_not_found");
    for id in [ABSENT, "no-id"] {
        let absent = user.delete(&format!("/threads/{one}/messages/{id}")).await;
        absent.problem(404, "entity_not_found");
        let absent = user.get(&format!("/threads/{one}/runs/{id}")).await;
        absent.problem(404, "entity_not_found");
    }
    let listed = user.get(&format!("/threads/{one}/messages")).await;
    assert_eq!(listed.expect(200), exchange["messages"]);
}
