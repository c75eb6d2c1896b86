//! The permission matrix: every API operation for every kind of caller, on own, others' and absent
//! resources.

use std::collections::BTreeSet;

use colloquy_tests::client::{Client, Response, text};
use colloquy_tests::database::Backend;
use colloquy_tests::on_both_backends;
use colloquy_tests::server::{Colloquy, PASSWORD};
use hyper::Method;
use serde_json::{Value, json};

use crate::avatars::gif;
use crate::files::uploaded;
use crate::operations::{Operation, document, documented};
use crate::{ABSENT, answer_soon};

on_both_backends![
    only_what_is_listed_answers_without_a_token,
    every_operation_lets_in_whom_it_should,
    what_is_foreign_looks_like_what_is_missing,
];

/// Operations that answer without a token.
const OPEN_TO_GUESTS: &[&str] = &[
    "GET /assistants",
    "GET /assistants/{}",
    "GET /assistants/{}/avatar",
    "GET /docs",
    "GET /health/live",
    "GET /health/ready",
    "GET /openapi.json",
    "POST /auth/login",
];

const BLIND_TO_TOKENS: &[&str] = &["GET /health/live", "GET /health/ready", "POST /auth/login"];

/// Expected results. The path's thread, message, run and key belong to the owner, the assistant is
/// public, the user is a bystander.
struct Row {
    operation: &'static str,
    guest: u16,
    stranger: u16,
    owner: u16,
    admin: u16,
}

const fn row(operation: &'static str, [guest, stranger, owner, admin]: [u16; 4]) -> Row {
    Row {
        operation,
        guest,
        stranger,
        owner,
        admin,
    }
}

/// All documented operations; a missing row fails the test.
const MATRIX: &[Row] = &[
    row("GET /health/live", [200, 200, 200, 200]),
    row("GET /health/ready", [200, 200, 200, 200]),
    row("POST /auth/login", [200, 200, 200, 200]),
    row("POST /auth/logout", [401, 204, 204, 204]),
    row("GET /users", [401, 403, 403, 200]),
    row("POST /users", [401, 403, 403, 201]),
    row("GET /users/me", [401, 200, 200, 200]),
    row("PATCH /users/me", [401, 200, 200, 200]),
    row("GET /users/me/tokens", [401, 200, 200, 200]),
    row("POST /users/me/tokens", [401, 201, 201, 201]),
    row("DELETE /users/me/tokens/{}", [401, 404, 204, 404]),
    row("GET /users/{}", [401, 403, 403, 200]),
    row("PATCH /users/{}", [401, 403, 403, 200]),
    row("DELETE /users/{}", [401, 403, 403, 204]),
    row("GET /users/{}/tokens", [401, 403, 403, 200]),
    row("DELETE /users/{}/tokens/{}", [401, 403, 403, 404]),
    row("GET /assistants", [200, 200, 200, 200]),
    row("POST /assistants", [401, 403, 403, 201]),
    row("GET /assistants/{}", [200, 200, 200, 200]),
    row("PUT /assistants/{}", [401, 403, 403, 200]),
    row("PATCH /assistants/{}", [401, 403, 403, 200]),
    row("DELETE /assistants/{}", [401, 403, 403, 204]),
    row("GET /assistants/{}/avatar", [200, 200, 200, 200]),
    row("POST /assistants/{}/avatar", [401, 403, 403, 200]),
    row("DELETE /assistants/{}/avatar", [401, 403, 403, 200]),
    row("DELETE /assistants/{}/cache", [401, 403, 403, 200]),
    row("GET /models", [401, 403, 403, 200]),
    row("POST /models/check", [401, 403, 403, 200]),
    row("GET /tools", [401, 403, 403, 200]),
    row("GET /threads", [401, 200, 200, 200]),
    row("POST /threads", [401, 201, 201, 201]),
    row("GET /threads/{}", [401, 404, 200, 200]),
    row("PATCH /threads/{}", [401, 404, 200, 403]),
    row("DELETE /threads/{}", [401, 404, 204, 204]),
    row("GET /threads/{}/messages", [401, 404, 200, 200]),
    row("POST /threads/{}/messages", [401, 404, 201, 403]),
    row("DELETE /threads/{}/messages/{}", [401, 404, 204, 403]),
    row("GET /threads/{}/runs", [401, 404, 200, 200]),
    row("POST /threads/{}/runs", [401, 404, 201, 403]),
    row("GET /threads/{}/runs/{}", [401, 404, 200, 200]),
    row("GET /threads/{}/runs/{}/events", [401, 404, 200, 200]),
    row("POST /threads/{}/runs/{}/cancel", [401, 404, 200, 200]),
    // The run is not paused.
    row("POST /threads/{}/runs/{}/outputs", [401, 404, 409, 403]),
    row("POST /threads/{}/runs/{}/approvals", [401, 404, 409, 403]),
    row("GET /files", [401, 200, 200, 200]),
    row("POST /files", [401, 201, 201, 201]),
    row("GET /files/{}", [401, 404, 200, 200]),
    row("PATCH /files/{}", [401, 404, 200, 200]),
    row("DELETE /files/{}", [401, 404, 204, 204]),
    row("GET /files/{}/content", [401, 404, 200, 200]),
];

struct World {
    server: Colloquy,
    owner: Client,
    stranger: Client,
    disabled: Client,
    admin: Client,
}

impl World {
    async fn create(backend: Backend) -> Self {
        let server = Colloquy::start(backend).await;
        let admin = server.admin().await;
        let disabled = server.user("disabled").await;
        let account = disabled.get("/users/me").await.expect(200);
        let path = format!("/users/{}", text(&account["id"]));
        let change = json!({"is_active": false});
        admin.patch(&path, change).await.expect(200);
        answer_soon(&disabled, "/users/me", 401).await;
        Self {
            owner: server.user("owner").await,
            stranger: server.user("stranger").await,
            disabled,
            admin,
            server,
        }
    }

    /// Revokes a step's keys, which are limited to a hundred per user.
    async fn end_step(&self) {
        for person in [&self.owner, &self.stranger, &self.admin] {
            let keys = person.get("/users/me/tokens").await.expect(200);
            for key in keys.as_array().unwrap() {
                let path = format!("/users/me/tokens/{}", text(&key["id"]));
                person.delete(&path).await.expect(204);
            }
        }
    }

    /// A new token for one request, which may revoke it.
    async fn once(&self, person: &Client) -> Client {
        let key = person
            .post("/users/me/tokens", json!({"name": "once"}))
            .await;
        person.with_token(text(&key.expect(201)["token"]))
    }
}

/// Resources for one request, which may change them.
struct Things {
    thread: String,
    message: String,
    run: String,
    token: String,
    assistant: String,
    /// `ETag` of the assistant's avatar.
    picture: String,
    user: String,
    file: String,
    /// For unique names.
    number: usize,
}

impl Things {
    async fn create(world: &World, number: usize) -> Self {
        let fields = json!({"name": format!("Thing {number}"), "user_authentication": false});
        let assistant = world.admin.create_assistant(fields).await;
        let assistant = text(&assistant["id"]).to_owned();
        let path = format!("/assistants/{assistant}/avatar");
        let picture = world.admin.request(Method::POST, &path);
        picture.file("file", &gif([1; 3])).send().await.expect(200);
        let picture = world.admin.get(&path).await;
        let bystander = json!({"email": format!("bystander{number}@example.org")});
        let mut with_password = bystander;
        with_password["password"] = PASSWORD.into();
        let user = world.admin.post("/users", with_password).await.expect(201);
        let thread = world.owner.create_thread().await;
        let said = world.owner.say(&thread, &assistant, "a secret").await;
        let said = said.expect(201);
        let key = world
            .owner
            .post("/users/me/tokens", json!({"name": "k"}))
            .await;
        let id = |value: &Value| text(&value["id"]).to_owned();
        Self {
            message: id(&said["messages"][0]),
            run: id(&said["run"]),
            token: id(&key.expect(201)),
            user: id(&user),
            file: uploaded(&world.owner, "notes", b"a secret").await,
            picture: picture.header("etag").unwrap().to_owned(),
            assistant,
            thread,
            number,
        }
    }

    fn id(&self, resource: &str) -> String {
        match resource {
            "threads" => &self.thread,
            "messages" => &self.message,
            "runs" => &self.run,
            "tokens" => &self.token,
            "assistants" => &self.assistant,
            "users" => &self.user,
            "files" => &self.file,
            other => panic!("unknown operation: {other}"),
        }
        .clone()
    }

    /// A valid body, if any.
    fn body(&self, operation: &str) -> Option<Value> {
        let number = self.number;
        let email = format!("new{number}@example.org");
        Some(match operation {
            "POST /auth/login" => {
                json!({"username": "owner@example.org", "password": PASSWORD})
            }
            "POST /users" => json!({"email": email, "password": PASSWORD}),
            "POST /users/me/tokens" => json!({"name": "new"}),
            "POST /assistants" => {
                json!({"name": format!("New {number}"), "model": "echo::echo"})
            }
            "POST /models/check" => json!({"model": "echo::echo"}),
            "POST /threads" => json!({"assistant_id": self.assistant}),
            "POST /threads/{}/runs" => {
                json!({"assistant_id": self.assistant, "truncate_after": self.message})
            }
            "POST /threads/{}/messages" => {
                json!({"assistant_id": self.assistant, "content": "hello"})
            }
            "POST /threads/{}/runs/{}/outputs" => {
                json!({"outputs": [{"tool_call_id": "call_1", "content": "four"}]})
            }
            "POST /threads/{}/runs/{}/approvals" => {
                json!({"approvals": [{"tool_call_id": "call_1", "approve": true}]})
            }
            "PATCH /users/me"
            | "PATCH /users/{}"
            | "PUT /assistants/{}"
            | "PATCH /assistants/{}"
            | "PATCH /files/{}"
            | "PATCH /threads/{}" => json!({"name": "Changed"}),
            _ => return None,
        })
    }

    async fn send(&self, operation: &str, client: &Client) -> Response {
        let request = Operation::parse(operation).request(client, |resource| self.id(resource));
        match self.body(operation) {
            Some(body) => request.json(&body).send().await,
            None if operation.starts_with("POST") && operation.ends_with("/avatar") => {
                request.file("file", &gif([2; 3])).send().await
            }
            None if operation == "POST /files" => request.upload(&[], "notes", b"new").send().await,
            None => request.send().await,
        }
    }
}

async fn only_what_is_listed_answers_without_a_token(backend: Backend) {
    let server = Colloquy::start(backend).await;
    let guest = server.guest();
    let mut operations: BTreeSet<Operation> =
        documented(&document(&guest).await).into_iter().collect();
    // Served but undocumented.
    operations.insert(Operation::parse("GET /docs"));
    operations.insert(Operation::parse("GET /openapi.json"));
    let mut open = Vec::new();
    for operation in operations {
        let answer = operation.of_nothing(&guest).send().await;
        if answer.status == 401 {
            assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
            answer.problem(401, "authentication_required");
        } else {
            open.push(operation.to_string());
        }
    }
    open.sort();
    assert_eq!(open, OPEN_TO_GUESTS);
}

async fn every_operation_lets_in_whom_it_should(backend: Backend) {
    let world = World::create(backend).await;
    let listed: BTreeSet<Operation> = MATRIX
        .iter()
        .map(|row| Operation::parse(row.operation))
        .collect();
    let documented = documented(&document(&world.server.guest()).await);
    assert_eq!(documented.into_iter().collect::<BTreeSet<_>>(), listed);

    let guest = world.server.guest();
    let mut number = 0;
    for row in MATRIX {
        let operation = row.operation;
        let is_blind = BLIND_TO_TOKENS.contains(&operation);
        for (person, who, expected) in [
            (&guest, "guest", row.guest),
            (
                &world.disabled,
                "disabled",
                if is_blind { 200 } else { 401 },
            ),
            (&world.stranger, "stranger", row.stranger),
            (&world.owner, "owner", row.owner),
            (&world.admin, "admin", row.admin),
        ] {
            number += 1;
            let things = Things::create(&world, number).await;
            let signed_in = !["guest", "disabled"].contains(&who);
            let person = if signed_in {
                world.once(person).await
            } else {
                person.clone()
            };
            let answer = things.send(operation, &person).await;
            let told = answer.text();
            assert_eq!(answer.status, expected, "{operation} as {who}: {told}");
            if answer.status >= 400 {
                let _ = answer.any_problem();
                assert!(!told.contains("a secret"), "{operation} as {who}");
                assert_unchanged(&world, &things, operation, who).await;
            }
            world.end_step().await;
        }
    }
}

async fn assert_unchanged(world: &World, things: &Things, operation: &str, who: &str) {
    let about = format!("{operation} as {who}");
    let thread = format!("/threads/{}", things.thread);
    let messages = world
        .owner
        .get(&format!("{thread}/messages"))
        .await
        .expect(200);
    assert_eq!(messages.as_array().unwrap().len(), 2, "{about}");
    let thread = world.owner.get(&thread).await.expect(200);
    assert_ne!(thread["name"], "Changed", "{about}");
    let assistant = format!("/assistants/{}", things.assistant);
    let assistant = world.admin.get(&assistant).await.expect(200);
    assert_ne!(assistant["name"], "Changed", "{about}");
    let picture = format!("/assistants/{}/avatar", things.assistant);
    let picture = world.admin.get(&picture).await;
    assert_eq!(picture.header("etag"), Some(&*things.picture), "{about}");
    let user = world
        .admin
        .get(&format!("/users/{}", things.user))
        .await
        .expect(200);
    assert_ne!(user["name"], "Changed", "{about}");
    let file = format!("/files/{}", things.file);
    let file = world.owner.get(&file).await.expect(200);
    assert_eq!(file["name"], "notes", "{about}");
    let keys = world.owner.get("/users/me/tokens").await;
    assert!(keys.text().contains(&things.token), "{about}");
}

async fn what_is_foreign_looks_like_what_is_missing(backend: Backend) {
    let world = World::create(backend).await;
    for (number, row) in MATRIX.iter().enumerate() {
        if row.stranger != 404 {
            continue;
        }
        let things = Things::create(&world, number).await;
        let operation = Operation::parse(row.operation);
        let send = async |id: &(dyn Fn(&str) -> String + Sync)| {
            let request = operation.request(&world.stranger, id);
            match things.body(row.operation) {
                Some(body) => request.json(&body).send().await,
                None => request.send().await,
            }
        };
        let foreign = send(&|resource| things.id(resource)).await;
        let missing = send(&|_| ABSENT.to_owned()).await;
        assert_eq!(foreign.anonymous(), missing.anonymous(), "{operation}");
        missing.problem(404, "entity_not_found");
        let half = send(&|resource| match resource {
            "threads" => things.id(resource),
            _ => ABSENT.to_owned(),
        })
        .await;
        assert_eq!(half.anonymous(), foreign.anonymous(), "{operation}");
    }
}
