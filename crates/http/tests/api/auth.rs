use serde_json::json;

use crate::support::Api;

const PASSWORD: &str = "correct horse battery";

/// An API with one account that has a password.
async fn with_account() -> Api {
    let api = Api::new();
    let admin = api.admin().await;
    api.post("/users")
        .by(&admin)
        .json(&json!({"email": "ada@example.org", "password": PASSWORD}))
        .send()
        .await
        .ok(201);
    api
}

fn form(username: &str, password: &str) -> String {
    form_urlencoded::Serializer::new(String::new())
        .append_pair("grant_type", "password")
        .append_pair("username", username)
        .append_pair("password", password)
        .append_pair("scope", "")
        .finish()
}

const FORM: &str = "application/x-www-form-urlencoded";

#[tokio::test]
async fn a_sign_in_by_form_or_json_gives_a_token_that_works_until_signed_out() {
    let api = with_account().await;
    let by_form = api
        .post("/auth/login")
        .body(FORM, form("ADA@example.org", PASSWORD));
    let by_json = api
        .post("/auth/login")
        .json(&json!({"username": "ada@example.org", "password": PASSWORD}));
    for call in [by_form, by_json] {
        let answer = call.send().await;
        let session = answer.ok(200);
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        assert_eq!(session["token_type"], "bearer");
        assert_eq!(session["expires_in"], 24 * 60 * 60);
        let authorization = format!("Bearer {}", session["access_token"].as_str().unwrap());
        let me = || api.get("/users/me").header("authorization", &authorization);
        assert_eq!(me().send().await.ok(200)["email"], "ada@example.org");
        let logout = || {
            api.post("/auth/logout")
                .header("authorization", &authorization)
        };
        logout().send().await.no_content();
        me().send().await.problem(401, "authentication_required");
        logout()
            .send()
            .await
            .problem(401, "authentication_required");
    }
}

#[tokio::test]
async fn unknown_accounts_and_wrong_passwords_are_answered_alike() {
    let api = with_account().await;
    let mut answers = Vec::new();
    for (username, password) in [
        ("ada@example.org", "wrong password"),
        ("bob@example.org", PASSWORD),
        ("no email at all", PASSWORD),
        ("", ""),
    ] {
        let call = api.post("/auth/login").body(FORM, form(username, password));
        let answer = call.send().await;
        answer.problem(401, "invalid_credentials");
        assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
        answers.push(answer.without_request_id());
    }
    assert!(answers.windows(2).all(|pair| pair[0] == pair[1]));
}

#[tokio::test]
async fn a_sign_in_names_what_is_wrong_with_its_form() {
    let api = Api::new();
    let answer = api.post("/auth/login").body(FORM, "user=ada").send().await;
    assert_eq!(
        answer.invalid_fields(),
        [
            "password required",
            "user unknown_field",
            "username required"
        ]
    );
    let body = json!({"username": 1, "password": null});
    let answer = api.post("/auth/login").json(&body).send().await;
    assert_eq!(
        answer.invalid_fields(),
        ["password null_not_allowed", "username wrong_type"]
    );
}

#[tokio::test]
async fn a_long_password_is_refused_unread() {
    let api = Api::new();
    let body = form("ada@example.org", &"x".repeat(1_000_000));
    let answer = api.post("/auth/login").body(FORM, body).send().await;
    answer.problem(413, "payload_too_large");
}

#[tokio::test]
async fn a_token_that_does_not_verify_never_turns_into_a_guest() {
    let api = Api::new();
    let user = api.user("ada@example.org").await;
    let forged = format!("Bearer {}x", &user.token[..user.token.len() - 1]);
    for authorization in [
        "",
        "Bearer",
        "Bearer ",
        "Bearer nonsense",
        &forged,
        &user.token,
        &format!("Basic {}", user.token),
        &format!("Bearer {} and more", user.token),
    ] {
        for path in ["/assistants", "/assistants/missing", "/threads"] {
            let call = api.get(path).header("authorization", authorization);
            let answer = call.send().await;
            answer.problem(401, "authentication_required");
            assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
        }
    }
    let twice = api.get("/assistants").by(&user).by(&user).send().await;
    twice.problem(401, "authentication_required");
}

#[tokio::test]
async fn the_scheme_is_read_without_regard_to_case() {
    let api = Api::new();
    let user = api.user("ada@example.org").await;
    let authorization = format!("bEARER {}", user.token);
    let call = api.get("/users/me").header("authorization", &authorization);
    call.send().await.ok(200);
}

#[tokio::test]
async fn the_token_of_a_disabled_user_does_not_count() {
    let api = Api::new();
    let admin = api.admin().await;
    let user = api.user("ada@example.org").await;
    let path = format!("/users/{}", user.user.id);
    let disable = api
        .patch(&path)
        .by(&admin)
        .json(&json!({"is_active": false}));
    disable.send().await.ok(200);
    let answer = api.get("/users/me").by(&user).send().await;
    answer.problem(401, "authentication_required");
}
