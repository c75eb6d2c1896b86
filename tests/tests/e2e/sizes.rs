//! Lists are bounded in bytes as well as in number.

use colloquy_tests::client::{Client, text};
use colloquy_tests::database::Backend;
use colloquy_tests::on_both_backends;
use colloquy_tests::server::Colloquy;
use serde_json::{Value, json};

on_both_backends![
    a_page_of_large_messages_ends_early_and_says_where_it_goes_on,
    a_list_of_large_assistants_is_whole,
];

/// Maximum text of a page.
const PAGE_BYTES: usize = 4 * 1024 * 1024;

/// The items of a page, and its next page.
async fn page(client: &Client, path: &str) -> (Vec<Value>, Option<String>) {
    let answer = client.get(path).await;
    let next = answer.next_page();
    let items = answer.expect(200);
    (items.as_array().unwrap().clone(), next)
}

async fn a_page_of_large_messages_ends_early_and_says_where_it_goes_on(backend: Backend) {
    let server = Colloquy::start(backend).await;
    let assistant = server.assistant("Echo").await;
    let user = server.user("ada").await;
    let thread = user.create_thread().await;
    // With its answer, 800,006 bytes.
    let longest = "🦀".repeat(100_000);
    for _ in 0..7 {
        user.say(&thread, &assistant, &longest).await.expect(201);
    }
    let mut next = Some(format!("/threads/{thread}/messages?limit=1000"));
    let (mut sizes, mut ids) = (Vec::new(), Vec::new());
    while let Some(path) = next {
        let (items, way_on) = page(&user, &path).await;
        let bytes = items.iter().map(|it| text(&it["content"]).len());
        let bytes: usize = bytes.sum();
        assert!(bytes <= PAGE_BYTES, "{bytes}");
        sizes.push(items.len());
        ids.extend(items.iter().map(|it| text(&it["id"]).to_owned()));
        next = way_on;
        // Messages posted meanwhile come at the end.
        if ids.len() < 14 {
            user.say(&thread, &assistant, "more").await.expect(201);
        }
    }
    assert_eq!(sizes[0], 10);
    assert_eq!(ids.len(), 16);
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 16, "each message is seen once");
}

async fn a_list_of_large_assistants_is_whole(backend: Backend) {
    let server = Colloquy::start(backend).await;
    let admin = server.admin().await;
    let longest = "🦀".repeat(100_000);
    for number in 10..33 {
        let fields = json!({
            "name": format!("A{number}"),
            "user_authentication": false,
            "instructions": longest,
        });
        admin.create_assistant(fields).await;
    }
    let guest = server.guest();
    for (query, count) in [
        ("?limit=1000", 23),
        ("?skip=3&limit=15", 15),
        ("?skip=23", 0),
    ] {
        for client in [&admin, &guest] {
            let answer = client.get(&format!("/assistants{query}")).await;
            assert_eq!(answer.header("x-total-count"), Some("23"));
            let list = answer.expect(200);
            let list = list.as_array().unwrap();
            let names: Vec<&str> = list.iter().map(|it| text(&it["name"])).collect();
            assert_eq!(names.len(), count, "{query}");
            assert!(names.is_sorted());
            let whole = list.iter().filter(|it| it["instructions"] == longest);
            let is_admin = client.is_signed_in();
            assert_eq!(whole.count(), if is_admin { count } else { 0 });
        }
    }
}
