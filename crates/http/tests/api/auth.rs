//! Routes for signing in and out.

use axum::http::Method;
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
        [" unknown_field", "password required", "username required"]
    );
    let body = json!({"username": 1, "password": null});
    let answer = api.post("/auth/login").json(&body).send().await;
    assert_eq!(
        answer.invalid_fields(),
        ["password null_not_allowed", "username wrong_type"]
    );
}

/// A password in place of a field name, as sent by clients that confuse encodings.
#[tokio::test]
async fn no_answer_to_a_sign_in_repeats_what_was_sent() {
    let api = Api::new();
    let secret = "hunter2hunter2";
    let object = format!("{{\"username\": \"ada@example.org\", \"password\": \"{secret}\"}}");
    let pairs = format!("username=ada@example.org&password={secret}");
    let key = json!({pairs.clone(): ""}).to_string();
    let extra = format!("{{\"username\": \"a\", \"password\": \"x\", \"{secret}\": 1}}");
    let marked = format!("\u{feff}{pairs}");
    let utf_16: Vec<u8> = pairs.encode_utf16().flat_map(u16::to_le_bytes).collect();
    for media_type in [FORM, "application/json"] {
        for body in [
            object.as_bytes(),
            pairs.as_bytes(),
            key.as_bytes(),
            extra.as_bytes(),
            marked.as_bytes(),
            &utf_16,
            format!("username=a&password=x&{secret}").as_bytes(),
            format!("username=a&password=p&{secret}=").as_bytes(),
        ] {
            let call = api.post("/auth/login").body(media_type, body.to_vec());
            let answer = call.send().await;
            assert!(answer.status.is_client_error(), "{answer:?}");
            let text = format!("{answer:?} {:?}", answer.headers);
            assert!(!text.contains("hunter"), "{text}");
        }
    }
}

#[tokio::test]
async fn an_encoded_body_is_refused_before_it_is_read() {
    let api = Api::new();
    let admin = api.admin().await;
    api.assistant(&admin, "guide").await;
    let thread = api.thread(&admin).await;
    let message = format!("/threads/{thread}/messages");
    for encoding in ["gzip", "br", "deflate, identity", "GZIP", "x"] {
        for (method, path, media_type) in [
            (Method::POST, "/auth/login", FORM),
            (Method::POST, "/auth/login", "application/json"),
            (Method::POST, "/users", "application/json"),
            (Method::POST, "/threads", "application/json"),
            (Method::POST, &message, "application/json"),
            (Method::PATCH, "/assistants/guide", "application/json"),
            (
                Method::POST,
                "/assistants/guide/avatar",
                "multipart/form-data; boundary=b",
            ),
        ] {
            let call = api.call(method, path).by(&admin);
            let call = call.header("content-encoding", encoding);
            let call = call.body(media_type, b"\x1f\x8b\x08password=hunter2".to_vec());
            let answer = call.send().await;
            answer.problem(415, "unsupported_media_type");
            assert_eq!(answer.header("accept-encoding"), Some("identity"), "{path}");
        }
    }
    for encoding in ["identity", "", "Identity, identity"] {
        let call = api.post("/threads").by(&admin).json(&json!({}));
        let call = call.header("content-encoding", encoding);
        call.send().await.ok(201);
    }
}

#[tokio::test]
async fn a_byte_order_mark_before_json_is_passed_over() {
    let api = Api::new();
    let user = api.user("ada@example.org").await;
    let post = |body: &[u8]| {
        let call = api.post("/threads").by(&user);
        call.body("application/json", body.to_vec())
    };
    let named = post(b"\xef\xbb\xbf{\"name\": \"Trip\"}").send().await;
    assert_eq!(named.ok(201)["name"], "Trip");
    for body in [
        &b"\xef\xbb\xbf"[..],
        b"\xef\xbb\xbf\xef\xbb\xbf{}",
        b"{}\xef\xbb\xbf",
        b"\xff\xfe{\0}\0",
    ] {
        post(body).send().await.problem(400, "malformed_request");
    }
}

#[tokio::test]
async fn spaces_around_an_email_are_no_part_of_it() {
    let api = Api::new();
    let admin = api.admin().await;
    let account = json!({"email": " Ada@example.org ", "password": "correct horse"});
    let created = api.post("/users").by(&admin).json(&account).send().await;
    assert_eq!(created.ok(201)["email"], "Ada@example.org");
    let again = json!({"email": "ada@example.org\n", "password": "correct horse"});
    let again = api.post("/users").by(&admin).json(&again).send().await;
    again.problem(409, "duplicate_resource");
    let body = form(" ada@example.org\t", "correct horse");
    let signed_in = api.post("/auth/login").body(FORM, body).send().await;
    signed_in.ok(200);
    let body = form("a da@example.org", "correct horse");
    let other = api.post("/auth/login").body(FORM, body).send().await;
    other.problem(401, "invalid_credentials");
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
