//! Lists are bounded in bytes as well as in number.

use colloquy_tests::client::{Client, text};
use colloquy_tests::database::Backend;
use colloquy_tests::measure::memory::{peak, reset_peak, resident};
use colloquy_tests::measure::scene::Scene;
use colloquy_tests::model_server::{Reply, Script};
use colloquy_tests::on_both_backends;
use colloquy_tests::server::Colloquy;
use serde_json::{Value, json};

on_both_backends![
    a_page_of_large_messages_ends_early_and_says_where_it_goes_on,
    a_list_of_large_assistants_is_whole_for_others_and_in_pages_for_administrators,
    a_structured_answer_of_many_values_takes_little_memory,
];

const PAGE_BYTES: usize = 4 * 1024 * 1024;

/// A page's items and the next page.
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
        // New messages come last.
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

async fn a_list_of_large_assistants_is_whole_for_others_and_in_pages_for_administrators(
    backend: Backend,
) {
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
        let answer = guest.get(&format!("/assistants{query}")).await;
        assert_eq!(answer.header("x-total-count"), Some("23"));
        assert_eq!(answer.next_page().is_some(), count == 15);
        let list = answer.expect(200);
        assert_eq!(names(list.as_array().unwrap()).len(), count, "{query}");
    }
    let mut next = Some("/assistants?limit=1000".to_owned());
    let mut all = Vec::new();
    while let Some(path) = next {
        let (items, way_on) = page(&admin, &path).await;
        let bytes = items.iter().map(|it| text(&it["instructions"]).len());
        assert!((1..=PAGE_BYTES).contains(&bytes.sum()));
        all.extend(names(&items));
        next = way_on;
    }
    assert_eq!(all.len(), 23);
    assert!(all.is_sorted());
}

fn names(assistants: &[Value]) -> Vec<String> {
    let names = assistants.iter().map(|it| text(&it["name"]).to_owned());
    names.collect()
}

async fn a_structured_answer_of_many_values_takes_little_memory(backend: Backend) {
    const KIB_MORE: u64 = 32 * 1024;
    let answer = format!("[{}1]", "1,".repeat(1_000_000));
    let scene = Scene::with(backend, Script::from(Reply::answer(&answer))).await;
    let path = format!("/assistants/{}", scene.assistant);
    let schema = json!({"output_schema": {"type": "array"}});
    let admin = scene.server.admin().await;
    admin.patch(&path, schema).await.expect(200);
    let thread = scene.user.create_thread().await;
    let before = resident(&scene.server);
    reset_peak(&scene.server);
    let answered = scene.question(&thread).send().await;
    answered.problem(502, "output_invalid");
    let more = peak(&scene.server).saturating_sub(before);
    assert!(more <= KIB_MORE, "{more} KiB more");
}
