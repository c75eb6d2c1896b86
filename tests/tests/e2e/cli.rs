//! The command line.

use std::process::Output;

use colloquy_tests::client::text;
use colloquy_tests::database::Backend;
use colloquy_tests::on_both_backends;
use colloquy_tests::server::{ADMIN_EMAIL, Colloquy, Installation, PASSWORD};
use serde_json::Value;

on_both_backends![
    a_wrong_setting_stops_the_start_with_one_line,
    the_settings_are_shown_without_secrets,
    the_first_start_tells_a_password_once,
    a_configured_administrator_is_made_once,
    the_demo_assistant_is_there_for_everybody,
    operators_manage_accounts,
    operators_manage_keys,
    operators_migrate,
    the_document_is_printed_as_it_is_served,
    a_health_check_asks_the_running_service,
    a_flag_outranks_a_variable_and_that_a_file,
];

fn out(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn err(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[track_caller]
fn succeeded(output: &Output) -> String {
    assert!(output.status.success(), "{}", err(output));
    out(output)
}

async fn a_wrong_setting_stops_the_start_with_one_line(backend: Backend) {
    for (variable, value) in [
        ("COLLOQUY_LISTENN", "127.0.0.1:0"),
        ("COLLOQUY_LISTEN", "nowhere"),
        ("COLLOQUY_DEMO", "perhaps"),
        ("COLLOQUY_RUN__IDLE_TIMEOUT", "10"),
        ("COLLOQUY_RUN__IDEL_TIMEOUT", "10s"),
        ("COLLOQUY_SHUTDOWN_GRACE", "-1s"),
        ("COLLOQUY_DATABASE_URL", "mysql://localhost/x"),
        ("COLLOQUY_BLOB_URL", "ftp://x"),
        ("COLLOQUY_LOG_FORMAT", "xml"),
        ("COLLOQUY_DEFAULT_MODEL", "gpt-4o"),
        ("COLLOQUY_DEFAULT_MODEL", "nobody::knows"),
        ("COLLOQUY_ADMIN_PASSWORD", "only-a-password"),
        ("COLLOQUY_ADMIN_EMAIL", "only@example.org"),
        ("COLLOQUY_HTTP__CORS_ORIGINS", "not an origin"),
        ("COLLOQUY_PROVIDERS__MINE__BASE_URL", "not a url"),
        ("COLLOQUY_PROVIDERS__MINE__COLOUR", "blue"),
        ("COLLOQUY_PROVIDERS__MINE__KIND", "abacus"),
    ] {
        let site = Installation::empty(backend).await.env(variable, value);
        let refused = site.run(&["serve"]).await;
        assert!(!refused.status.success(), "{variable}={value}");
        let output = err(&refused);
        assert_eq!(output.lines().count(), 1, "{output}");
        assert!(!output.contains("panicked"), "{output}");
        let key = variable.strip_prefix("COLLOQUY_").unwrap().to_lowercase();
        let named = [variable.to_owned(), key.replace("__", "."), key];
        let named = named.iter().any(|name| output.contains(name.as_str()));
        assert!(named, "{variable}={value}: {output}");
        assert!(!site.sqlite_file().exists(), "{variable}");
    }
    let unknown = Installation::empty(backend)
        .await
        .run(&["serve", "--colour"])
        .await;
    assert!(!unknown.status.success());
}

async fn the_settings_are_shown_without_secrets(backend: Backend) {
    let site = Colloquy::installed(backend)
        .await
        .env("COLLOQUY_ADMIN_PASSWORD", "planted-secret-1")
        .env("OPENAI_API_KEY", "planted-secret-2")
        .env(
            "COLLOQUY_PROVIDERS__MINE__BASE_URL",
            "http://me:planted-secret-3@x.example/v1",
        )
        .env("COLLOQUY_PROVIDERS__MINE__API_KEY", "planted-secret-4")
        .env("COLLOQUY_RUN__IDLE_TIMEOUT", "7s");
    let shown = site.run(&["config"]).await;
    let shown = succeeded(&shown) + &err(&shown);
    assert!(!shown.contains("planted-secret"), "{shown}");
    for setting in [
        "listen",
        "idle_timeout",
        "7s",
        "mine",
        ADMIN_EMAIL,
        "127.0.0.1:8080",
    ] {
        assert!(shown.contains(setting), "{setting}: {shown}");
    }
}

async fn the_first_start_tells_a_password_once(backend: Backend) {
    let site = Installation::empty(backend).await;
    let mut server = site.serve().await;
    let log = server.log();
    let password = log
        .split(|c: char| c.is_whitespace() || "\"'`,;".contains(c))
        .find(|word| word.len() == 23 && word.matches('-').count() == 3)
        .unwrap_or_else(|| panic!("no password in:\n{log}"))
        .to_owned();
    let admin = server.guest().sign_in("admin@localhost", &password).await;
    assert_eq!(admin.get("/users/me").await.expect(200)["role"], "admin");
    assert!(server.stop().await.success());
    server.restart().await;
    assert!(
        !server.log().contains("admin@localhost"),
        "{}",
        server.log()
    );
    let again = server.guest().sign_in("admin@localhost", &password).await;
    let users = again.get("/users").await.expect(200);
    assert_eq!(users.as_array().unwrap().len(), 1);
}

async fn a_configured_administrator_is_made_once(backend: Backend) {
    let mut server = Colloquy::start(backend).await;
    assert!(!server.log().contains(PASSWORD));
    let admin = server.admin().await;
    let users = admin.get("/users").await.expect(200);
    let path = format!("/users/{}", text(&users[0]["id"]));
    let change = serde_json::json!({"password": "another good password"});
    admin.patch(&path, change).await.expect(200);
    assert!(server.stop().await.success());
    server.restart().await;
    // The setting only applies to the first password.
    let old = server.guest().log_in(ADMIN_EMAIL, PASSWORD).await;
    old.problem(401, "invalid_credentials");
    let admin = server
        .guest()
        .sign_in(ADMIN_EMAIL, "another good password")
        .await;
    let users = admin.get("/users").await.expect(200);
    assert_eq!(users.as_array().unwrap().len(), 1);
}

async fn the_demo_assistant_is_there_for_everybody(backend: Backend) {
    let site = Colloquy::installed(backend)
        .await
        .env("COLLOQUY_DEMO", "true");
    let mut server = site.serve().await;
    for _ in 0..2 {
        let assistants = server.guest().get("/assistants").await.expect(200);
        assert_eq!(assistants.as_array().unwrap().len(), 1);
        assert_eq!(assistants[0]["slug"], "demo");
        assert!(server.stop().await.success());
        server.restart().await;
    }
    let user = server.user("ada").await;
    let thread = user.create_thread().await;
    let exchange = user.say(&thread, "demo", "hello").await.expect(201);
    assert_eq!(exchange["output"], "Echo: hello");
}

async fn operators_manage_accounts(backend: Backend) {
    let server = Colloquy::start(backend).await;
    let site = server.installation();
    let created = site
        .run(&["user", "create", "ada@example.org", "--admin"])
        .await;
    let password = generated(&succeeded(&created));
    let ada = server.guest().sign_in("ada@example.org", &password).await;
    assert_eq!(ada.get("/users/me").await.expect(200)["role"], "admin");

    let again = site.run(&["user", "create", "ADA@example.org"]).await;
    assert!(!again.status.success());
    assert_eq!(err(&again).lines().count(), 1);

    let arguments = ["user", "create", "bob@example.org", "--password-stdin"];
    let chosen = site.run_with_input(&arguments, "a chosen password\n").await;
    assert!(!succeeded(&chosen).contains("a chosen password"));
    let bob = server
        .guest()
        .sign_in("bob@example.org", "a chosen password")
        .await;
    assert_eq!(bob.get("/users/me").await.expect(200)["role"], "user");
    let arguments = ["user", "create", "short@example.org", "--password-stdin"];
    let short = site.run_with_input(&arguments, "short\n").await;
    assert!(!short.status.success());

    let changed = site.run(&["user", "set-password", "bob@example.org"]).await;
    let password = generated(&succeeded(&changed));
    let old = server
        .guest()
        .log_in("bob@example.org", "a chosen password")
        .await;
    old.problem(401, "invalid_credentials");
    server.guest().sign_in("bob@example.org", &password).await;

    succeeded(&site.run(&["user", "disable", "Bob@example.org"]).await);
    let disabled = server.guest().log_in("bob@example.org", &password).await;
    disabled.problem(401, "invalid_credentials");

    let list = succeeded(&site.run(&["user", "list"]).await);
    let lines: Vec<&str> = list.lines().collect();
    assert_eq!(lines.len(), 3, "{list}");
    for (line, words) in lines.iter().zip([
        [ADMIN_EMAIL, "admin", "active"],
        ["ada@example.org", "admin", "active"],
        ["bob@example.org", "user", "disabled"],
    ]) {
        assert!(words.iter().all(|word| line.contains(word)), "{line}");
    }
    for command in ["set-password", "disable"] {
        let absent = site.run(&["user", command, "eve@example.org"]).await;
        assert!(!absent.status.success());
        assert!(err(&absent).contains("eve@example.org"));
    }
}

fn generated(output: &str) -> String {
    let password = output
        .lines()
        .find_map(|line| line.strip_prefix("password: "));
    password.unwrap().to_owned()
}

async fn operators_manage_keys(backend: Backend) {
    let server = Colloquy::start(backend).await;
    server.user("ada").await;
    let site = server.installation();
    let create = [
        "token",
        "create",
        "ada@example.org",
        "ci",
        "--expires-in-days",
        "7",
    ];
    let key = succeeded(&site.run(&create).await);
    let program = server.guest().with_token(key.trim_end());
    let account = program.get("/users/me").await.expect(200);
    assert_eq!(account["email"], "ada@example.org");
    let keys = program.get("/users/me/tokens").await.expect(200);
    let id = text(&keys[0]["id"]);

    let list = succeeded(&site.run(&["token", "list", "ada@example.org"]).await);
    assert!(list.contains(id) && list.contains("ci"), "{list}");
    assert!(!list.contains(key.trim_end()));
    succeeded(&site.run(&["token", "revoke", "ada@example.org", id]).await);
    let again = site.run(&["token", "revoke", "ada@example.org", id]).await;
    assert!(!again.status.success());
    let list = succeeded(&site.run(&["token", "list", "ada@example.org"]).await);
    assert!(!list.contains(id), "{list}");
    let absent = site
        .run(&["token", "create", "eve@example.org", "ci"])
        .await;
    assert!(!absent.status.success());
}

async fn operators_migrate(backend: Backend) {
    let site = Colloquy::installed(backend).await;
    let first = succeeded(&site.run(&["migrate"]).await);
    assert!(first.contains("applied"), "{first}");
    let second = succeeded(&site.run(&["migrate"]).await);
    assert!(!second.contains("applied"), "{second}");
    site.serve().await;
}

async fn the_document_is_printed_as_it_is_served(backend: Backend) {
    let server = Colloquy::start(backend).await;
    let printed = succeeded(&server.installation().run(&["openapi"]).await);
    let printed: Value = serde_json::from_str(&printed).unwrap();
    let served = server.guest().root().get("/openapi.json").await;
    assert_eq!(printed, served.expect(200));
}

async fn a_health_check_asks_the_running_service(backend: Backend) {
    let mut server = Colloquy::start(backend).await;
    let address = server.origin().strip_prefix("http://").unwrap().to_owned();
    let check = ["healthcheck", "--listen", &address];
    succeeded(&server.installation().run(&check).await);
    assert!(server.stop().await.success());
    let down = server.installation().run(&check).await;
    assert_eq!(down.status.code(), Some(1));
    assert_eq!(err(&down).lines().count(), 1);
}

async fn a_flag_outranks_a_variable_and_that_a_file(backend: Backend) {
    let site = Installation::empty(backend).await;
    let file = site.directory().join("colloquy.toml");
    std::fs::write(
        &file,
        "shutdown_grace = \"1s\"\n[run]\nidle_timeout = \"2s\"\n",
    )
    .unwrap();
    let shown = succeeded(&site.run(&["config"]).await);
    assert!(shown.contains("1s") && shown.contains("2s"), "{shown}");
    let site = site.env("COLLOQUY_RUN__IDLE_TIMEOUT", "3s");
    let shown = succeeded(&site.run(&["config"]).await);
    assert!(shown.contains("idle_timeout = \"3s\""), "{shown}");
    let shown = site.run(&["config", "--run-idle-timeout", "4s"]).await;
    let shown = succeeded(&shown);
    assert!(shown.contains("idle_timeout = \"4s\""), "{shown}");
    std::fs::write(&file, "[run]\nidel_timeout = \"2s\"\n").unwrap();
    let refused = site.run(&["config"]).await;
    assert!(!refused.status.success());
    let output = err(&refused);
    assert!(
        output.contains("idel_timeout") && output.contains('2'),
        "{output}"
    );
    assert_eq!(output.lines().count(), 1);
}
