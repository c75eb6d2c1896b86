//! Sign-in by a trusted header, and routes of an embedding program.

use std::sync::Arc;

use axum::Router;
use axum::http::{HeaderName, Method};
use axum::routing::get;
use colloquy_domain::Email;
use colloquy_web::authenticator::TrustedHeader;
use colloquy_web::client_address::TrustedProxies;
use colloquy_web::sign_in::CurrentActor;
use serde_json::{Value, json};

use crate::support::{Api, Call};

const PROXY: &str = "10.0.0.7:4000";

fn behind_a_proxy() -> Api {
    Api::with(
        |_| {},
        |options| {
            let proxies = TrustedProxies::new(vec!["10.0.0.0/8".parse().unwrap()]);
            let name = HeaderName::from_static("x-auth-email");
            options.authenticator = Some(Arc::new(TrustedHeader::new(name, proxies)));
        },
    )
}

fn me(api: &Api, from: &str, email: &str) -> Call {
    api.get("/users/me")
        .from(from)
        .header("x-auth-email", email)
}

async fn id(call: Call) -> Value {
    call.send().await.ok(200)["id"].clone()
}

#[tokio::test]
async fn a_trusted_header_signs_in_and_makes_the_account_once() {
    let api = behind_a_proxy();
    let first = id(me(&api, PROXY, "ada@example.org")).await;
    assert_eq!(id(me(&api, PROXY, "ADA@example.org")).await, first);
    assert_ne!(id(me(&api, PROXY, "bob@example.org")).await, first);
    // What needs a token works too.
    let key = api.post("/users/me/tokens").from(PROXY);
    let key = key.header("x-auth-email", "ada@example.org");
    key.json(&json!({"name": "key"})).send().await.ok(201);
}

#[tokio::test]
async fn the_header_counts_from_trusted_proxies_only_and_once() {
    let api = behind_a_proxy();
    let refused = me(&api, "192.0.2.1:4000", "ada@example.org").send().await;
    refused.problem(401, "authentication_required");
    let twice = me(&api, PROXY, "ada@example.org").header("x-auth-email", "bob@example.org");
    twice.send().await.problem(401, "authentication_required");
    let no_email = me(&api, PROXY, "ada").send().await;
    no_email.problem(401, "authentication_required");
    // Without the header, bearer tokens work as usual.
    let bob = api.user("bob@example.org").await;
    api.get("/users/me")
        .from(PROXY)
        .by(&bob)
        .send()
        .await
        .ok(200);
}

#[tokio::test]
async fn a_disabled_account_is_refused_at_once() {
    let api = behind_a_proxy();
    id(me(&api, PROXY, "ada@example.org")).await;
    let accounts = &api.use_cases.accounts;
    let ada = accounts
        .find(&Email::parse("ada@example.org").unwrap())
        .await;
    let admin = api.admin().await;
    let path = format!("/users/{}", ada.unwrap().id);
    let change = api.call(Method::PATCH, &path).by(&admin);
    change
        .json(&json!({"is_active": false}))
        .send()
        .await
        .ok(200);
    let refused = me(&api, PROXY, "ada@example.org").send().await;
    refused.problem(401, "authentication_required");
}

#[tokio::test]
async fn routes_of_the_program_stand_behind_the_same_middleware() {
    let plain = Api::new();
    let tokens = Arc::new(plain.use_cases.tokens.clone());
    let whoami = async |CurrentActor(actor): CurrentActor| format!("{:?}", actor.user_id());
    let routes = Router::new()
        .route("/whoami", get(whoami))
        .with_state(tokens);
    let api = plain.neighbour(|options| options.routes = routes);
    let ada = plain.user("ada@example.org").await;
    let known = api.raw(Method::GET, "/whoami").by(&ada).send().await;
    assert_eq!(known.status, 200);
    assert!(known.header("x-request-id").is_some());
    assert!(
        String::from_utf8_lossy(&known.body).contains(&ada.user.id.to_string()),
        "{}",
        String::from_utf8_lossy(&known.body)
    );
    assert_eq!(api.raw(Method::GET, "/whoami").send().await.body, b"None");
}
