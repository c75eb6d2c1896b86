//! Password changes and what they revoke.

use colloquy_tests::client::{Client, text};
use colloquy_tests::database::Backend;
use colloquy_tests::server::{Colloquy, PASSWORD};
use colloquy_tests::{on_both_backends, on_postgres};
use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::answer_soon;

on_both_backends![
    people_change_their_own_account,
    a_new_password_of_ones_own_ends_every_session_but_this_one,
    api_keys_end_with_a_password_where_that_is_asked_for,
    a_wrong_current_password_is_refused_and_counted,
    an_administrator_gives_a_password_and_ends_what_the_old_one_has_opened,
    an_operator_gives_a_password_and_ends_the_keys,
    no_sign_in_under_way_survives_a_new_password,
    no_key_is_made_by_a_session_that_a_new_password_has_ended,
];

on_postgres![what_ends_with_a_password_ends_on_both_instances];

const NEW: &str = "another good password";

async fn me(client: &Client) -> Value {
    client.get("/users/me").await.expect(200)
}

async fn account_path(client: &Client) -> String {
    format!("/users/{}", text(&me(client).await["id"]))
}

/// A client with an API key of that user.
async fn program(person: &Client) -> Client {
    let key = person.post("/users/me/tokens", json!({"name": "ci"})).await;
    person.with_token(text(&key.expect(201)["token"]))
}

async fn is_out(client: &Client) {
    let refused = client.get("/users/me").await;
    refused.problem(401, "authentication_required");
}

fn change(current: &str, new: &str) -> Value {
    json!({"current_password": current, "password": new})
}

async fn people_change_their_own_account(backend: Backend) {
    let server = Colloquy::start(backend).await;
    let user = server.user("ada").await;
    let mut account = me(&user).await;
    let renamed = user.patch("/users/me", json!({"name": "Ada"})).await;
    let renamed = renamed.expect(200);
    account["name"] = "Ada".into();
    account["updated_at"] = renamed["updated_at"].clone();
    assert_eq!(renamed, account);
    assert_eq!(me(&user).await, account);

    // Read-only members of a sent document are ignored.
    let mut sent = account.clone();
    sent["role"] = "admin".into();
    sent["email"] = "eve@example.org".into();
    sent["is_active"] = false.into();
    sent["name"] = Value::Null;
    let changed = user.patch("/users/me", sent).await.expect(200);
    account["name"] = Value::Null;
    account["updated_at"] = changed["updated_at"].clone();
    assert_eq!(changed, account);

    for (body, field) in [
        (json!({"password": NEW}), "current_password"),
        (change(PASSWORD, "seven77"), "password"),
        (change(PASSWORD, &"x".repeat(1025)), "password"),
        (
            json!({"password": null, "current_password": PASSWORD}),
            "password",
        ),
        (json!({"name": "n".repeat(256)}), "name"),
        (json!({"revoke_api_keys": 1}), "revoke_api_keys"),
        (json!({"colour": "blue"}), "colour"),
    ] {
        let refused = user.patch("/users/me", body.clone()).await;
        assert_eq!(refused.invalid_fields(), [field], "{body}");
    }
    let guest = server
        .guest()
        .patch("/users/me", json!({"name": "x"}))
        .await;
    guest.problem(401, "authentication_required");
    server.guest().sign_in("ada@example.org", PASSWORD).await;
}

async fn a_new_password_of_ones_own_ends_every_session_but_this_one(backend: Backend) {
    let server = Colloquy::start(backend).await;
    let user = server.user("ada").await;
    let other = server.guest().sign_in("ada@example.org", PASSWORD).await;
    let bystander = server.user("bob").await;
    let program = program(&user).await;
    me(&other).await;
    user.patch("/users/me", change(PASSWORD, NEW))
        .await
        .expect(200);
    is_out(&other).await;
    for goes_on in [&user, &program, &bystander] {
        me(goes_on).await;
    }
    let old = server.guest().log_in("ada@example.org", PASSWORD).await;
    old.problem(401, "invalid_credentials");
    server.guest().sign_in("ada@example.org", NEW).await;
}

async fn api_keys_end_with_a_password_where_that_is_asked_for(backend: Backend) {
    let server = Colloquy::start(backend).await;
    let user = server.user("ada").await;
    let program = program(&user).await;
    me(&program).await;
    let mut both = change(PASSWORD, NEW);
    both["revoke_api_keys"] = true.into();
    user.patch("/users/me", both).await.expect(200);
    is_out(&program).await;
    me(&user).await;
    let keys = user.get("/users/me/tokens").await.expect(200);
    assert_eq!(keys, json!([]));
}

async fn a_wrong_current_password_is_refused_and_counted(backend: Backend) {
    let server = Colloquy::start(backend).await;
    let user = server.user("ada").await;
    for _ in 0..9 {
        let refused = user.patch("/users/me", change("wrong password", NEW)).await;
        refused.problem(401, "invalid_credentials");
    }
    let refused = user.patch("/users/me", change(PASSWORD, NEW)).await;
    assert!(refused.header("retry-after").is_some());
    refused.problem(429, "rate_limit_exceeded");
    let held_up = server.guest().log_in("ada@example.org", PASSWORD).await;
    held_up.problem(429, "rate_limit_exceeded");
    me(&user).await;
}

async fn an_administrator_gives_a_password_and_ends_what_the_old_one_has_opened(backend: Backend) {
    let server = Colloquy::start(backend).await;
    let admin = server.admin().await;
    let user = server.user("ada").await;
    let program = program(&user).await;
    let path = account_path(&user).await;
    admin
        .patch(&path, json!({"password": NEW}))
        .await
        .expect(200);
    is_out(&user).await;
    me(&program).await;
    let both = json!({"password": PASSWORD, "revoke_api_keys": true});
    admin.patch(&path, both).await.expect(200);
    is_out(&program).await;
    let own = account_path(&admin).await;
    admin
        .patch(&own, json!({"password": NEW}))
        .await
        .expect(200);
    is_out(&admin).await;
}

async fn an_operator_gives_a_password_and_ends_the_keys(backend: Backend) {
    let server = Colloquy::start(backend).await;
    let user = server.user("ada").await;
    let program = program(&user).await;
    let site = server.installation();
    let set = ["user", "set-password", "ada@example.org"];
    assert!(site.run(&set).await.status.success());
    answer_soon(&user, "/users/me", 401).await;
    me(&program).await;
    let output = site.run(&[&set[..], &["--revoke-api-keys"]].concat()).await;
    assert!(output.status.success());
    answer_soon(&program, "/users/me", 401).await;
}

/// Sign-ins with the old password race the change; the winners are signed out.
async fn no_sign_in_under_way_survives_a_new_password(backend: Backend) {
    let server = Colloquy::start(backend).await;
    let admin = server.admin().await;
    let path = account_path(&server.user("ada").await).await;
    for (old, new) in [(PASSWORD, NEW), (NEW, PASSWORD)] {
        let guest = server.guest();
        let sign_ins = join_all((0..12).map(|_| guest.log_in("ada@example.org", old)));
        let change = admin.patch(&path, json!({"password": new}));
        let (answers, changed) = tokio::join!(sign_ins, change);
        changed.expect(200);
        for answer in answers.into_iter().filter(|answer| answer.status == 200) {
            let token = answer.expect(200)["access_token"].clone();
            is_out(&server.guest().with_token(text(&token))).await;
        }
    }
}

async fn no_key_is_made_by_a_session_that_a_new_password_has_ended(backend: Backend) {
    let server = Colloquy::start(backend).await;
    let admin = server.admin().await;
    let user = server.user("ada").await;
    let path = account_path(&user).await;
    let posts = join_all((0..40).map(|_| user.post("/users/me/tokens", json!({"name": "ci"}))));
    let change = json!({"password": NEW, "revoke_api_keys": true});
    let (answers, changed) = tokio::join!(posts, admin.patch(&path, change));
    changed.expect(200);
    for answer in answers.into_iter().filter(|answer| answer.status == 201) {
        let key = answer.expect(201)["token"].clone();
        is_out(&server.guest().with_token(text(&key))).await;
    }
    let left = admin.get(&format!("{path}/tokens")).await.expect(200);
    assert_eq!(left, json!([]));
}

async fn what_ends_with_a_password_ends_on_both_instances() {
    let server = Colloquy::start(Backend::Postgres).await;
    let other = server.installation().neighbour().serve().await;
    let admin = other.admin().await;
    let user = server.user("ada").await;
    let program = program(&user).await;
    let path = account_path(&user).await;
    me(&program).await;
    let guest = server.guest();
    let sign_ins = join_all((0..8).map(|_| guest.log_in("ada@example.org", PASSWORD)));
    let change = json!({"password": NEW, "revoke_api_keys": true});
    let (answers, changed) = tokio::join!(sign_ins, admin.patch(&path, change));
    changed.expect(200);
    answer_soon(&user, "/users/me", 401).await;
    answer_soon(&program, "/users/me", 401).await;
    is_out(&user.at(other.origin())).await;
    for answer in answers.into_iter().filter(|answer| answer.status == 200) {
        let token = answer.expect(200)["access_token"].clone();
        let survivor = server.guest().with_token(text(&token));
        answer_soon(&survivor, "/users/me", 401).await;
    }
}
