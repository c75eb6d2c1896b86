//! Signing in and out.

use colloquy_tests::client::{Client, text};
use colloquy_tests::database::Backend;
use colloquy_tests::on_both_backends;
use colloquy_tests::server::{ADMIN_EMAIL, Colloquy, PASSWORD};
use hyper::Method;
use serde_json::{Value, json};

use crate::answer_soon;

on_both_backends![
    signing_in_gives_a_bearer_token,
    signing_in_takes_json_and_the_other_fields_of_the_password_grant,
    a_sign_in_names_the_field_that_is_missing,
    refused_sign_ins_cannot_be_told_apart,
    the_address_is_compared_without_regard_to_case,
    passwords_count_as_they_are_written,
    people_sign_in_from_every_keyboard,
    guesses_are_counted_however_an_address_is_typed,
    signing_out_ends_this_session_and_no_other,
    a_token_that_does_not_verify_never_turns_into_a_guest,
    the_scheme_of_the_token_is_compared_without_regard_to_case,
    what_an_administrator_gives_and_takes_counts_soon,
    a_new_password_ends_the_sessions,
];

async fn me(client: &Client) -> Value {
    client.get("/users/me").await.expect(200)
}

async fn signing_in_gives_a_bearer_token(backend: Backend) {
    let server = Colloquy::start(backend).await;
    let session = server
        .guest()
        .log_in(ADMIN_EMAIL, PASSWORD)
        .await
        .expect(200);
    assert_eq!(session["token_type"], "bearer");
    assert!(session["expires_in"].as_u64().unwrap() > 0, "{session}");
    let token = text(&session["access_token"]);
    assert!(token.starts_with("clq_"), "{session}");
    let admin = me(&server.guest().with_token(token)).await;
    assert_eq!(admin["email"], ADMIN_EMAIL);
    assert_eq!(admin["role"], "admin");
}

async fn signing_in_takes_json_and_the_other_fields_of_the_password_grant(backend: Backend) {
    let server = Colloquy::start(backend).await;
    let guest = server.guest();
    let credentials = json!({"username": ADMIN_EMAIL, "password": PASSWORD});
    guest.post("/auth/login", credentials).await.expect(200);
    let grant = [
        ("grant_type", "password"),
        ("scope", ""),
        ("client_id", "a"),
        ("client_secret", "b"),
        ("username", ADMIN_EMAIL),
        ("password", PASSWORD),
    ];
    let login = guest.request(Method::POST, "/auth/login").form(&grant);
    login.send().await.expect(200);
}

async fn a_sign_in_names_the_field_that_is_missing(backend: Backend) {
    let server = Colloquy::start(backend).await;
    let guest = server.guest();
    for (given, missing) in [("username", "password"), ("password", "username")] {
        let login = guest.request(Method::POST, "/auth/login");
        let form = login.clone().form(&[(given, "x")]);
        assert_eq!(form.send().await.invalid_fields(), [missing]);
        let body = login.json(&json!({ given: "x" }));
        assert_eq!(body.send().await.invalid_fields(), [missing]);
    }
    let login = guest.request(Method::POST, "/auth/login");
    let xml = login.body("application/xml", "<username/>").send().await;
    xml.problem(415, "unsupported_media_type");
}

async fn refused_sign_ins_cannot_be_told_apart(backend: Backend) {
    let server = Colloquy::start(backend).await;
    let user = server.user("known").await;
    let id = me(&user).await["id"].clone();
    server.user("disabled").await;
    let admin = server.admin().await;
    let users = admin.get("/users").await.expect(200);
    let disabled = users
        .as_array()
        .unwrap()
        .iter()
        .find(|user| user["email"] == "disabled@example.org");
    let path = format!("/users/{}", text(&disabled.unwrap()["id"]));
    let patched = admin.patch(&path, json!({"is_active": false})).await;
    assert_eq!(patched.expect(200)["is_active"], false);
    assert_ne!(id, disabled.unwrap()["id"]);

    let guest = server.guest();
    let wrong = guest.log_in("known@example.org", "not the password").await;
    wrong.clone().problem(401, "invalid_credentials");
    for (email, password) in [
        ("unknown@example.org", PASSWORD),
        ("disabled@example.org", PASSWORD),
        ("no address", PASSWORD),
        ("known@example.org", ""),
        ("", ""),
        ("known@example.org", "short"),
    ] {
        let refused = guest.log_in(email, password).await;
        assert_eq!(refused.anonymous(), wrong.anonymous(), "{email} {password}");
    }
}

async fn the_address_is_compared_without_regard_to_case(backend: Backend) {
    let server = Colloquy::start(backend).await;
    let user = json!({"email": "Ünal@Example.org", "password": PASSWORD});
    server.admin().await.post("/users", user).await.expect(201);
    let user = server.guest().sign_in("üNAL@exAMPLE.org", PASSWORD).await;
    assert_eq!(me(&user).await["email"], "Ünal@Example.org");
}

async fn passwords_count_as_they_are_written(backend: Backend) {
    let server = Colloquy::start(backend).await;
    let admin = server.admin().await;
    let passwords = [
        "x".repeat(64),
        "ж".repeat(128),
        "  spaces around  ".to_owned(),
        "密码很长很长很长".to_owned(),
        "e\u{301}".repeat(8),
    ];
    for (number, password) in passwords.iter().enumerate() {
        let email = format!("user{number}@example.org");
        let user = json!({"email": email, "password": password});
        admin.post("/users", user).await.expect(201);
        server.guest().sign_in(&email, password).await;
        let shorter: String = password.chars().skip(2).collect();
        let refused = server.guest().log_in(&email, &shorter).await;
        refused.problem(401, "invalid_credentials");
        let trimmed = server.guest().log_in(&email, password.trim()).await;
        let same = password.trim() == password;
        assert_eq!(trimmed.status, if same { 200 } else { 401 });
    }
}

async fn signing_out_ends_this_session_and_no_other(backend: Backend) {
    let server = Colloquy::start(backend).await;
    let one = server.user("ada").await;
    let other = server.guest().sign_in("ada@example.org", PASSWORD).await;
    let out = one.request(Method::POST, "/auth/logout").send().await;
    assert_eq!((out.status, out.body.len()), (204, 0));
    let gone = one.get("/users/me").await;
    gone.problem(401, "authentication_required");
    assert_eq!(me(&other).await["email"], "ada@example.org");
    let guest = server.guest().request(Method::POST, "/auth/logout");
    guest.send().await.problem(401, "authentication_required");
}

async fn a_token_that_does_not_verify_never_turns_into_a_guest(backend: Backend) {
    let server = Colloquy::start(backend).await;
    let user = server.user("ada").await;
    let token = user.token();
    let last = if token.ends_with('A') { "B" } else { "A" };
    let forged = [
        String::new(),
        "clq_".to_owned(),
        "x".repeat(80),
        format!("{}{last}", &token[..token.len() - 1]),
        format!("{token}x"),
        token.to_uppercase(),
        "é".to_owned(),
    ];
    for token in &forged {
        let forger = server.guest().with_token(token);
        let refused = forger.get("/assistants").await;
        refused.problem(401, "authentication_required");
    }
    let basic = server.guest().request(Method::GET, "/assistants");
    let basic = basic.header("authorization", "Basic YTpi").send().await;
    basic.problem(401, "authentication_required");
}

async fn the_scheme_of_the_token_is_compared_without_regard_to_case(backend: Backend) {
    let server = Colloquy::start(backend).await;
    let token = server.user("ada").await.token().to_owned();
    for scheme in ["bearer", "BEARER"] {
        let request = server.guest().request(Method::GET, "/users/me");
        let request = request.header("authorization", &format!("{scheme} {token}"));
        request.send().await.expect(200);
    }
}

async fn what_an_administrator_gives_and_takes_counts_soon(backend: Backend) {
    let server = Colloquy::start(backend).await;
    let admin = server.admin().await;
    let user = server.user("ada").await;
    let path = format!("/users/{}", text(&me(&user).await["id"]));

    let patch = async |change: Value| admin.patch(&path, change).await.expect(200);
    patch(json!({"role": "admin"})).await;
    answer_soon(&user, "/users", 200).await;
    patch(json!({"role": "user"})).await;
    let refused = answer_soon(&user, "/users", 403).await;
    refused.problem(403, "forbidden");

    patch(json!({"is_active": false})).await;
    answer_soon(&user, "/users/me", 401).await;
    for path in ["/users/me", "/assistants", "/threads"] {
        user.get(path).await.problem(401, "authentication_required");
    }

    let deleted = server.user("eve").await;
    let path = format!("/users/{}", text(&me(&deleted).await["id"]));
    admin.delete(&path).await.expect(204);
    let refused = answer_soon(&deleted, "/users/me", 401).await;
    refused.problem(401, "authentication_required");
}

async fn a_new_password_ends_the_sessions(backend: Backend) {
    let server = Colloquy::start(backend).await;
    let user = server.user("ada").await;
    let path = format!("/users/{}", text(&me(&user).await["id"]));
    let change = json!({"password": "another good password"});
    server.admin().await.patch(&path, change).await.expect(200);
    let refused = answer_soon(&user, "/users/me", 401).await;
    refused.problem(401, "authentication_required");
    let old = server.guest().log_in("ada@example.org", PASSWORD).await;
    old.problem(401, "invalid_credentials");
    let guest = server.guest();
    guest
        .sign_in("ada@example.org", "another good password")
        .await;
}

async fn people_sign_in_from_every_keyboard(backend: Backend) {
    let server = Colloquy::start(backend).await;
    let admin = server.admin().await;
    let (composed, decomposed) = ("Zo\u{eb} im Schlo\u{df}", "Zoe\u{308} im\u{a0}Schlo\u{df}");
    for (email, same, set, typed) in [
        (
            "zo\u{eb}@example.org",
            "ZOE\u{308}@example.org",
            composed,
            decomposed,
        ),
        (
            "che\u{301}@example.org",
            "ch\u{c9}@EXAMPLE.org",
            decomposed,
            composed,
        ),
    ] {
        let user = json!({"email": email, "password": set});
        let created = admin.post("/users", user).await.expect(201);
        assert_eq!(created["email"], email);
        for (email, password) in [(email, set), (same, typed)] {
            let signed_in = server.guest().sign_in(email, password).await;
            assert_eq!(me(&signed_in).await["id"], created["id"]);
        }
        let again = json!({"email": same, "password": PASSWORD});
        let refused = admin.post("/users", again).await;
        refused.problem(409, "duplicate_resource");
    }
    for password in [
        "control\u{7}character",
        "a line\nand another",
        "e\u{301}".repeat(7).as_str(),
    ] {
        let user = json!({"email": "eve@example.org", "password": password});
        let refused = admin.post("/users", user).await;
        assert_eq!(refused.invalid_fields(), ["password"], "{password:?}");
        let wrong = server
            .guest()
            .log_in("zo\u{eb}@example.org", password)
            .await;
        wrong.problem(401, "invalid_credentials");
    }
}

async fn guesses_are_counted_however_an_address_is_typed(backend: Backend) {
    let server = Colloquy::start(backend).await;
    let spellings = [
        "zo\u{eb}@example.org",
        "Zoe\u{308}@example.org",
        "ＺＯ\u{cb}@example.org",
    ];
    for number in 0..9 {
        let guess = server
            .guest()
            .log_in(spellings[number % 3], "wrong password")
            .await;
        guess.problem(401, "invalid_credentials");
    }
    for email in spellings {
        let guess = server.guest().log_in(email, "wrong password").await;
        guess.problem(429, "rate_limit_exceeded");
    }
}
