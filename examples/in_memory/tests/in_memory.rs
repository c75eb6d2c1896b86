//! The server in memory through its own program.

use colloquy_tests::client::text;
use colloquy_tests::database::Backend;
use colloquy_tests::process::use_binary;
use colloquy_tests::server::{ADMIN_EMAIL, Colloquy, Installation, PASSWORD};
use hyper::Method;
use serde_json::json;

async fn installed() -> Installation {
    use_binary(env!("CARGO_BIN_EXE_in-memory-server"));
    Colloquy::installed(Backend::Sqlite).await
}

#[tokio::test]
async fn the_model_answers_for_its_provider_beside_the_configured_ones() {
    let server = installed().await.serve().await;
    let admin = server.admin().await;
    let counter = json!({"name": "Counter", "model": "count::words"});
    admin.create_assistant(counter).await;
    let echo = json!({"name": "Echo", "model": "echo::echo"});
    admin.create_assistant(echo).await;
    let user = server.user("ada").await;
    let thread = user.create_thread().await;
    for (assistant, output) in [("counter", "3 words"), ("echo", "Echo: How many words")] {
        let said = user.say(&thread, assistant, "How many words").await;
        assert_eq!(said.expect(201)["output"], output);
    }
    let unknown = json!({"name": "Other", "model": "count::letters"});
    let refused = admin.post("/assistants", unknown).await;
    assert_eq!(refused.invalid_fields(), ["model"]);
    let models = admin.get("/models").await.expect(200).to_string();
    assert!(models.contains("\"count\""), "{models}");
}

#[tokio::test]
async fn everything_is_kept_in_the_stores_and_no_database_is_opened() {
    let mut server = installed().await.serve().await;
    let user = server.user("ada").await;
    let thread = user.create_thread().await;
    let path = format!("/threads/{thread}");
    user.get(&path).await.expect(200);
    let file = server.installation().sqlite_file();
    assert!(!file.exists(), "{}", file.display());
    let migrate = server.installation().run(&["migrate"]).await;
    assert!(!migrate.status.success());
    // The stores end with the process.
    server.kill9().await;
    server.restart().await;
    let admin = server.guest().sign_in(ADMIN_EMAIL, PASSWORD).await;
    let users = admin.get("/users").await.expect(200);
    assert_eq!(users.as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_port_is_replaced_for_the_whole_service() {
    let server = installed().await.serve().await;
    let user = server.user("ada").await;
    let request = user.request(Method::POST, "/threads").json(&json!({}));
    let response = request.send().await;
    let year = |text: &str| text[..4].parse::<i32>().unwrap();
    let thread = response.expect(201);
    let made = year(text(&thread["created_at"]));
    let me = user.get("/users/me").await.expect(200);
    assert!((made - year(text(&me["created_at"]))).abs() <= 1);
    let log = server.log();
    let written = log.lines().find_map(|line| {
        let line: serde_json::Value = serde_json::from_str(line).ok()?;
        Some(year(line["timestamp"].as_str()?))
    });
    let written = written.unwrap();
    assert!(made == written + 1, "{made} {written}");
}
