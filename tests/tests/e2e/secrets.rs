//! Plants secrets of operators and users and searches all output for them.

use std::process::Output;

use colloquy_tests::client::{Client, Request, Response, text};
use colloquy_tests::database::Backend;
use colloquy_tests::files;
use colloquy_tests::malformed::{PREFACE, frame};
use colloquy_tests::model_server::{self, ModelServer, Reply, Script};
use colloquy_tests::on_both_backends;
use colloquy_tests::raw::exchange;
use colloquy_tests::s3_server::S3Server;
use colloquy_tests::server::{ADMIN_EMAIL, Colloquy, Installation};
use futures_util::future::join_all;
use hyper::Method;
use serde_json::json;

use crate::avatars::gif;

on_both_backends![
    no_secret_comes_out_again,
    a_setting_that_is_wrong_is_not_repeated_where_it_may_be_a_secret,
];

const ADMIN_PASSWORD: &str = "planted admin password";
const DATABASE_PASSWORD: &str = "planted-database-password";
const URL_PASSWORD: &str = "planted-password-in-a-url";
const URL_TOKEN: &str = "planted-token-in-a-url";
const SCRIPTED_KEY: &str = "planted-scripted-key";
const OPENAI_KEY: &str = "planted-openai-key";
const ANTHROPIC_KEY: &str = "planted-anthropic-key";
const GEMINI_KEY: &str = "planted-gemini-key";
const MISTRAL_KEY: &str = "planted-mistral-key";
const USER_PASSWORD: &str = "planted user password";
const NEW_PASSWORD: &str = "planted new password";
const COMMAND_PASSWORD: &str = "planted password of a command";
const WRONG_PASSWORD: &str = "planted wrong password";
const PASSWORD_AS_EMAIL: &str = "planted-password-as@email";
const LOST_TOKEN: &str = "clq_planted-token-in-a-wrong-place";
/// Prefix of secrets that the service does not generate.
const PLANTED: &str = "planted";
/// Message text: stored, never logged.
const PRIVATE: &str = "entre nous";

/// Provider failures, by model name.
const FAILURES: [&str; 7] = ["401", "400", "500", "html", "html-200", "event", "cut"];

/// A provider that echoes what it received.
fn parrot() -> Script {
    Script::new(|request| {
        let heard = heard(request);
        let error = json!({"error": {"message": heard, "type": heard, "code": heard}});
        let html = format!("<html>{heard}</html>");
        let model = request.body["model"].as_str().unwrap_or_default();
        match model {
            "401" | "400" | "500" => {
                let status = model.parse().unwrap();
                Reply::body(status, "application/json", &error.to_string())
                    .header("x-heard", &heard)
            }
            "html" => Reply::body(502, "text/html", &html),
            "html-200" => Reply::body(200, "text/html", &html),
            "event" => Reply::events().text(PRIVATE).data(&error).done(),
            "cut" => Reply::events().bytes(format!("data: {{{heard}\n\n")),
            "good" => Reply::answer(PRIVATE),
            // Error formats of other providers.
            "claude-event" => Reply::events().event("error", &error).done(),
            _ if request.path.contains("gemini-event") => Reply::events().data(&error).done(),
            _ => Reply::body(403, "application/json", &error.to_string()),
        }
    })
}

/// The credentials sent to a provider.
fn heard(request: &model_server::Request) -> String {
    let names = ["authorization", "x-api-key", "x-goog-api-key", "api-key"];
    let headers = names.iter().filter_map(|name| request.header(name));
    let heard: Vec<&str> = headers.chain([request.path.as_str()]).collect();
    heard.join(" ")
}

/// Output by source.
#[derive(Default)]
struct Found(Vec<(String, Vec<u8>)>);

impl Found {
    fn add(&mut self, place: &str, bytes: impl Into<Vec<u8>>) {
        self.0.push((place.to_owned(), bytes.into()));
    }

    fn add_output(&mut self, place: &str, output: &Output) {
        self.add(place, [&output.stdout[..], &output.stderr].concat());
    }

    fn add_response(&mut self, response: &Response) {
        let place = format!("the answer {}", response.status);
        self.add(
            &place,
            format!("{:?}\n{}", response.headers, response.text()),
        );
    }

    async fn send(&mut self, request: Request) -> Response {
        let response = request.send().await;
        self.add_response(&response);
        response
    }

    fn add_files(&mut self, site: &Installation) {
        for path in files::below(site.directory()) {
            // SQLite may have removed its log.
            if let Ok(bytes) = std::fs::read(site.directory().join(&path)) {
                self.add(&path, bytes);
            }
        }
    }

    #[track_caller]
    fn lacks(&self, secrets: &[&str]) {
        for (place, bytes) in &self.0 {
            let text = String::from_utf8_lossy(bytes).to_ascii_lowercase();
            for secret in secrets {
                let at = text.find(&secret.to_ascii_lowercase());
                let around = at.map(|at| {
                    let around = at.saturating_sub(600)..text.len().min(at + 200);
                    String::from_utf8_lossy(&text.as_bytes()[around])
                });
                assert_eq!(around, None, "{secret} in {place}");
            }
        }
    }
}

async fn site(backend: Backend, models: &ModelServer, s3: &S3Server) -> Installation {
    let mut site = Colloquy::installed(backend).await;
    let with_user_info = |info: &str| models.base_url().replace("://", &format!("://{info}@"));
    let settings = [
        ("COLLOQUY_LOG", "trace".to_owned()),
        ("COLLOQUY_ADMIN_PASSWORD", ADMIN_PASSWORD.to_owned()),
        ("COLLOQUY_BLOB_URL", s3.url()),
        ("COLLOQUY_PROVIDERS__SCRIPTED__BASE_URL", models.base_url()),
        (
            "COLLOQUY_PROVIDERS__SCRIPTED__API_KEY",
            SCRIPTED_KEY.to_owned(),
        ),
        (
            "COLLOQUY_PROVIDERS__NAMED__BASE_URL",
            with_user_info(&format!("me:{URL_PASSWORD}")),
        ),
        (
            "COLLOQUY_PROVIDERS__TOKEN__BASE_URL",
            with_user_info(URL_TOKEN),
        ),
        ("OPENAI_API_KEY", OPENAI_KEY.to_owned()),
        ("COLLOQUY_PROVIDERS__OPENAI__BASE_URL", models.base_url()),
        ("ANTHROPIC_API_KEY", ANTHROPIC_KEY.to_owned()),
        ("COLLOQUY_PROVIDERS__ANTHROPIC__BASE_URL", models.base_url()),
        ("GEMINI_API_KEY", GEMINI_KEY.to_owned()),
        ("COLLOQUY_PROVIDERS__GEMINI__BASE_URL", models.base_url()),
        ("MISTRAL_API_KEY", MISTRAL_KEY.to_owned()),
        // No account with this email.
        (
            "COLLOQUY_PROVIDERS__MISTRAL__BASE_URL",
            "http://127.0.0.1:1/v1".to_owned(),
        ),
    ];
    for (name, value) in settings {
        site = site.env(name, &value);
    }
    for (name, value) in s3.settings() {
        site = site.env(&name, &value);
    }
    if backend == Backend::Postgres {
        let mut url: url::Url = site.database().url().parse().unwrap();
        // The test server accepts any password.
        url.set_password(Some(DATABASE_PASSWORD)).unwrap();
        site = site.env("COLLOQUY_DATABASE_URL", url.as_str());
    }
    site
}

async fn no_secret_comes_out_again(backend: Backend) {
    let models = ModelServer::start(parrot()).await;
    let s3 = S3Server::start().await;
    let s3_settings = s3.settings();
    let site = site(backend, &models, &s3).await;
    let mut found = Found::default();
    found.add_output("config", &site.run(&["config"]).await);
    let mut server = site.serve().await;
    let (admin, user, key) = sign_in_everyhow(&mut found, &server).await;
    lose_tokens(
        &mut found,
        &server,
        &[LOST_TOKEN, user.token(), key.token()],
    )
    .await;
    ask_models(&mut found, &admin, &key).await;
    show_pictures(&mut found, &admin, s3).await;
    run_commands(&mut found, server.installation()).await;
    for path in ["/openapi.json", "/health/ready"] {
        found.send(admin.root().request(Method::GET, path)).await;
    }
    let watcher = server.watcher().root();
    found.send(watcher.request(Method::GET, "/metrics")).await;
    let logout = user.request(Method::POST, "/auth/logout");
    found.send(logout).await.expect(204);

    let tokens = [admin.token(), user.token(), key.token()].map(ToOwned::to_owned);
    let (_, s3_key) = s3_settings.last().unwrap();
    let mut secrets = vec![PLANTED, s3_key];
    secrets.extend(tokens.iter().map(String::as_str));
    let installation = server.installation();
    found.add_files(installation);
    let directory = installation.directory();
    let backup = installation.database().backup(directory).await;
    found.add("a backup", backup);
    assert!(server.stop().await.success());
    let log = server.log();
    found.add("the log", log.clone());
    found.lacks(&secrets);
    // Base64 of `me:planted-...`, as clients send it.
    found.lacks(&["bWU6cGxhbnRlZC"]);
    assert!(log.contains("\"TRACE\""), "trace lines are missing");
    assert!(!log.contains(PRIVATE), "message text is in the log");
}

/// Signs in correctly, wrongly and in wrong places. Returns the administrator, a user, and the user
/// by API key.
async fn sign_in_everyhow(found: &mut Found, server: &Colloquy) -> (Client, Client, Client) {
    let guest = server.guest();
    let admin = guest.sign_in(ADMIN_EMAIL, ADMIN_PASSWORD).await;
    let email = "ada@example.org";
    let user = json!({"email": email, "name": "Ada", "password": USER_PASSWORD});
    let created = found
        .send(admin.request(Method::POST, "/users").json(&user))
        .await;
    let created = created.expect(201);
    let path = format!("/users/{}", text(&created["id"]));
    let again = admin.request(Method::POST, "/users").json(&user);
    found.send(again).await.expect(409);
    for password in ["planted", NEW_PASSWORD] {
        let change = json!({"password": password, "nmae": 1});
        found
            .send(admin.request(Method::PATCH, &path).json(&change))
            .await
            .expect(422);
    }
    let too_short = json!({"password": "planted"});
    found
        .send(admin.request(Method::PATCH, &path).json(&too_short))
        .await
        .expect(422);
    let change = json!({"password": NEW_PASSWORD});
    found
        .send(admin.request(Method::PATCH, &path).json(&change))
        .await
        .expect(200);

    let login = guest.request(Method::POST, "/auth/login");
    for (name, password) in [
        (email, WRONG_PASSWORD),
        (email, USER_PASSWORD),
        (PASSWORD_AS_EMAIL, WRONG_PASSWORD),
        (WRONG_PASSWORD, email),
    ] {
        let fields = [("username", name), ("password", password)];
        found.send(login.clone().form(&fields)).await.expect(401);
        let json = json!({"username": name, "password": password});
        found.send(login.clone().json(&json)).await.expect(401);
    }
    let broken = format!("{{\"username\": \"{email}\", \"password\": \"{WRONG_PASSWORD}");
    found
        .send(login.clone().body("application/json", broken))
        .await
        .expect(400);
    let other = login.body("text/plain", WRONG_PASSWORD);
    found.send(other).await.expect(415);
    let user = guest.sign_in(email, NEW_PASSWORD).await;
    let key = user.post("/users/me/tokens", json!({"name": "key"})).await;
    let key = user.with_token(text(&key.expect(201)["token"]));
    found
        .send(key.request(Method::GET, "/users/me"))
        .await
        .expect(200);
    let tokens = user.request(Method::GET, "/users/me/tokens");
    found.send(tokens).await.expect(200);
    found
        .send(admin.request(Method::GET, "/users"))
        .await
        .expect(200);
    (admin, user, key)
}

/// Sends tokens in wrong places.
async fn lose_tokens(found: &mut Found, server: &Colloquy, tokens: &[&str]) {
    let guest = server.guest();
    for token in tokens {
        for path in [
            format!("/users/me?token={token}"),
            format!("/assistants?access_token={token}"),
            format!("/threads?cursor={token}"),
            format!("/threads/{token}"),
            format!("/assistants/{token}"),
            format!("/{token}"),
        ] {
            found.send(guest.request(Method::GET, &path)).await;
        }
        for (header, value) in [
            ("authorization", format!("Bearer {token} {token}")),
            ("authorization", format!("Bearer: {token}")),
            ("authorization", format!("Basic {token}")),
            ("authorization", format!("bearer\t{token}")),
            ("authorization", format!("Bearer \u{e9}{token}")),
            ("authorization", (*token).to_owned()),
            ("x-request-id", format!("Bearer {token}")),
            ("cookie", format!("token={token}")),
            ("x-api-key", (*token).to_owned()),
            ("idempotency-key", (*token).to_owned()),
            ("last-event-id", (*token).to_owned()),
            ("if-match", (*token).to_owned()),
            ("origin", format!("https://{token}")),
            ("forwarded", format!("for={token}")),
            ("x-forwarded-for", (*token).to_owned()),
            ("traceparent", (*token).to_owned()),
        ] {
            let request = guest.request(Method::GET, "/users/me");
            found.send(request.header(header, &value)).await;
        }
        // The HTTP libraries log their errors.
        for bytes in [
            format!("GET / HTTP/1.1\r\nhost: x\r\nauthorization Bearer {token}\r\n\r\n")
                .into_bytes(),
            format!("GET /{token} {token}\r\n\r\n").into_bytes(),
            format!("{token} / HTTP/1.1\r\n\r\n").into_bytes(),
        ] {
            let back = exchange(server.address(), &bytes).await;
            found.add("an answer to bytes", back);
        }
        let odd = field(b"\x00\x04Odd:", token);
        let back = exchange(server.address(), &http2(token, &odd)).await;
        found.add("an answer of HTTP/2", back);
        let back = exchange(server.address(), &http2(token, b"")).await;
        let response = String::from_utf8_lossy(&back).into_owned();
        let is_me = response.contains("ada@example.org");
        assert_ne!(
            is_me,
            response.contains("authentication_required"),
            "{response}"
        );
        found.add("an answer of HTTP/2", back);
    }
}

/// An HTTP/2 request with the token and these header bytes.
fn http2(token: &str, rest: &[u8]) -> Vec<u8> {
    let authorization = field(b"\x0f\x08", &format!("Bearer {token}"));
    let path = field(b"\x04", "/api/v1/users/me");
    let authority = field(b"\x01", "x");
    let head = [b"\x82\x86", &path[..], &authority, &authorization, rest].concat();
    [PREFACE, &frame(4, 0, 0, &[]), &frame(1, 5, 1, &head)].concat()
}

fn field(name: &[u8], value: &str) -> Vec<u8> {
    [name, &[value.len() as u8], value.as_bytes()].concat()
}

/// Provokes every provider failure, and success.
async fn ask_models(found: &mut Found, admin: &Client, user: &Client) {
    let failures = FAILURES.map(|failure| format!("scripted::{failure}"));
    let others = [
        "scripted::good",
        "named::401",
        "named::good",
        "token::401",
        "openai::401",
        "openai::event",
        "anthropic::claude",
        "anthropic::claude-event",
        "gemini::gemini",
        "gemini::gemini-event",
        "mistral::good",
        "echo::echo",
    ];
    let models = others.map(ToOwned::to_owned).into_iter().chain(failures);
    let asked = models.map(async |model| ask_model(admin, user, &model).await);
    for asked in join_all(asked).await {
        found.0.extend(asked.0);
    }
}

async fn ask_model(admin: &Client, user: &Client, model: &str) -> Found {
    let mut found = Found::default();
    let fields = json!({
        "name": model,
        "model": model,
        "instructions": PRIVATE,
        "use_semantic_cache": true,
        "tools": ["calculator"],
    });
    let assistant = admin.request(Method::POST, "/assistants").json(&fields);
    let assistant = found.send(assistant).await.expect(201);
    let body = json!({"assistant_id": assistant["id"], "content": PRIVATE});
    let thread = user.create_thread().await;
    let path = format!("/threads/{thread}/messages");
    let post = user.request(Method::POST, &path).json(&body);
    found.send(post.clone()).await;
    let events = post.events().await.rest().await;
    found.add("a stream", format!("{events:?}"));
    for below in ["/runs", "/messages"] {
        let path = format!("/threads/{thread}{below}");
        found
            .send(user.request(Method::GET, &path))
            .await
            .expect(200);
    }
    found
}

/// With and without the store.
async fn show_pictures(found: &mut Found, admin: &Client, s3: S3Server) {
    let assistant = admin.create_assistant(json!({"name": "Seen"})).await;
    let path = format!("/assistants/{}/avatar", text(&assistant["id"]));
    let upload = |client: &Client| {
        let request = client.request(Method::POST, &path);
        request.file("file", &gif([1, 2, 3]))
    };
    found.send(upload(admin)).await.expect(200);
    found.send(admin.request(Method::GET, &path)).await;
    drop(s3);
    let refused = found.send(upload(admin)).await;
    assert!(refused.status >= 500, "{refused:?}");
    found.send(admin.request(Method::GET, &path)).await;
}

async fn run_commands(found: &mut Found, site: &Installation) {
    let create = ["user", "create", "eve@example.org", "--password-stdin"];
    let created = site.run_with_input(&create, COMMAND_PASSWORD).await;
    assert!(created.status.success(), "{created:?}");
    found.add_output("user create", &created);
    let again = site.run_with_input(&create, COMMAND_PASSWORD).await;
    found.add_output("user create", &again);
    for arguments in [
        &["user", "list"][..],
        &["token", "list", "ada@example.org"],
        &["config"],
    ] {
        found.add_output("a command", &site.run(arguments).await);
    }
}

async fn a_setting_that_is_wrong_is_not_repeated_where_it_may_be_a_secret(backend: Backend) {
    let mut found = Found::default();
    for (name, value) in [
        ("COLLOQUY_ADMIN_PASSWORD", "planted"),
        ("COLLOQUY_ADMIN_PASSWORD", "planted, and nobody's"),
        ("COLLOQUY_DATABASE_URL", "planted"),
        ("COLLOQUY_DATABASE_URL", "mysql://u:planted@127.0.0.1/x"),
        ("COLLOQUY_DATABASE_URL", "postgres://u:planted@[bad/x"),
        (
            "COLLOQUY_DATABASE_URL",
            "postgres://u:planted@127.0.0.1:1/x",
        ),
        (
            "COLLOQUY_DATABASE_URL",
            "postgres://127.0.0.1:1/x?password=planted",
        ),
        (
            "COLLOQUY_DATABASE_URL",
            "postgres://127.0.0.1:1/x?pasword=planted&pass=planted",
        ),
        ("COLLOQUY_BLOB_URL", "planted"),
        ("COLLOQUY_BLOB_URL", "s3://key:planted@bucket/a//b"),
        ("COLLOQUY_BLOB_URL", "https://key:planted@bucket"),
        ("COLLOQUY_PROVIDERS__MINE__API_KEY", "planted\u{e9}"),
        ("COLLOQUY_PROVIDERS__MINE__API_KEY", "planted"),
        ("COLLOQUY_PROVIDERS__MINE__BASE_URL", "ftp://u:planted@x"),
        ("COLLOQUY_PROVIDERS__MINE__APIKEY", "planted"),
        ("COLLOQUY_ADMIN_PASWORD", "planted"),
        ("COLLOQUY_OTLP__ENDPOINT", "http://u:planted@x/?y"),
    ] {
        let site = Installation::empty(backend).await;
        let site = site
            .env("COLLOQUY_DATABASE_WAIT", "0s")
            .env("COLLOQUY_LOG", "trace")
            .env(name, value);
        let refused = site.run(&["serve"]).await;
        assert!(!refused.status.success(), "{name}={value}");
        found.add_output(&format!("{name}={value}"), &refused);
    }
    for line in [
        "admin_password = \"planted",
        "admin_password = [\"planted\"]",
        "admin_pasword = \"planted\"",
        "admin_password = \"planted\" x",
        "providers.mine.api_key = { planted = 1",
        "[providers.mine]\napi_key = planted",
    ] {
        let site = Installation::empty(backend).await;
        std::fs::write(site.directory().join("colloquy.toml"), line).unwrap();
        let refused = site.run(&["serve"]).await;
        assert!(!refused.status.success(), "{line}");
        found.add_output(line, &refused);
    }
    let site = Installation::empty(backend).await;
    for flag in [
        "--admin-pasword=planted",
        "--providers-mine-api-key=planted",
    ] {
        found.add_output(flag, &site.run(&["serve", flag]).await);
    }
    found.lacks(&[PLANTED]);
}
