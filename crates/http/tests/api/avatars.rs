//! Avatar fields and images.

use axum::body::{Body, Bytes};
use axum::http::Method;
use colloquy_application::ports::{AvatarRenderer as _, MAX_IMAGE_BYTES};
use colloquy_application::testing::fakes::PretendedAvatars;
use colloquy_application::testing::samples::{GIF, PNG};
use futures_util::stream;
use serde_json::{Value, json};

use crate::support::{Answer, Api, Call, Caller};

const AVATAR: &str = "/assistants/guide/avatar";
const FORM: &str = "multipart/form-data; boundary=b";

/// A part of a form.
fn part(name: &str, content: &[u8]) -> Vec<u8> {
    let head = format!(
        "--b\r\nContent-Disposition: form-data; name=\"{name}\"; filename=\"x.txt\"\r\n\
         Content-Type: text/plain\r\n\r\n"
    );
    [head.as_bytes(), content, b"\r\n"].concat()
}

fn form(parts: &[Vec<u8>]) -> Vec<u8> {
    [parts.concat(), b"--b--\r\n".to_vec()].concat()
}

/// Creates the assistant `guide`; returns an administrator.
async fn with_guide(api: &Api) -> Caller {
    let admin = api.admin().await;
    api.assistant(&admin, "guide").await;
    admin
}

fn upload(api: &Api, caller: &Caller, file: &[u8]) -> Call {
    let body = form(&[part("file", file)]);
    api.post(AVATAR).by(caller).body(FORM, body)
}

/// The expected avatar for the file.
fn rendered(file: &[u8]) -> Bytes {
    PretendedAvatars.render(file).unwrap().bytes
}

async fn assistant(api: &Api, caller: &Caller) -> Value {
    api.get("/assistants/guide").by(caller).send().await.ok(200)
}

#[tokio::test]
async fn a_picture_is_taken_shown_and_taken_away() {
    let api = Api::new();
    let admin = with_guide(&api).await;
    api.get(AVATAR)
        .send()
        .await
        .problem(404, "entity_not_found");
    let mut addresses = Vec::new();
    for (file, kind) in [(&PNG[..], "image/png"), (b"\xff\xd8\xff\xe0", "image/jpeg")] {
        let with = upload(&api, &admin, file).send().await.ok(200);
        assert_eq!(assistant(&api, &admin).await, with);
        let address = with["avatar_image"].as_str().unwrap().to_owned();
        assert!(address.starts_with(&format!(
            "/api/v1/assistants/{}/",
            with["id"].as_str().unwrap()
        )));
        let shown = api.raw(Method::GET, &address).send().await;
        assert_eq!(shown.status, 200);
        assert_eq!(shown.body, rendered(file));
        assert_eq!(shown.header("content-type"), Some(kind));
        addresses.push(address);
    }
    assert_ne!(addresses[0], addresses[1]);
    for _ in 0..2 {
        let without = api.delete(AVATAR).by(&admin).send().await.ok(200);
        assert_eq!(without["avatar_image"], Value::Null);
        assert_eq!(assistant(&api, &admin).await, without);
    }
    api.get(AVATAR)
        .send()
        .await
        .problem(404, "entity_not_found");
}

#[tokio::test]
async fn the_name_of_the_file_does_not_matter() {
    let api = Api::new();
    let admin = with_guide(&api).await;
    for name in [
        &b""[..],
        b"caf\xe9.png",
        b"\xff\xfe\0x",
        b"\x8e\xca\x90\x5e",
        "写真.png".as_bytes(),
    ] {
        let head = &b"--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\""[..];
        let body = [head, name, b"\"\r\n\r\n", &PNG, b"\r\n--b--\r\n"].concat();
        let with = api.post(AVATAR).by(&admin).body(FORM, body).send().await;
        assert!(with.ok(200)["avatar_image"].is_string(), "{name:?}");
        api.delete(AVATAR).by(&admin).send().await.ok(200);
    }
}

#[tokio::test]
async fn a_picture_is_nothing_but_a_picture() {
    let api = Api::new();
    let admin = with_guide(&api).await;
    upload(&api, &admin, &PNG).send().await.ok(200);
    let shown = api.get(AVATAR).send().await;
    assert_eq!(shown.header("content-type"), Some("image/png"));
    assert_eq!(shown.header("x-content-type-options"), Some("nosniff"));
    assert_eq!(shown.header("content-disposition"), Some("inline"));
    assert_eq!(
        shown.header("content-security-policy"),
        Some("default-src 'none'; sandbox")
    );
    // Ranges are not supported and ignored.
    let part = api.get(AVATAR).header("range", "bytes=0-3").send().await;
    assert_eq!(part.status, 200);
    assert_eq!(part.body, shown.body);
    let head = api.call(Method::HEAD, AVATAR).send().await;
    assert_eq!(head.status, 200);
    assert_eq!(head.header("etag"), shown.header("etag"));
    let length = shown.body.len().to_string();
    assert_eq!(head.header("content-length"), Some(&*length));
    assert!(head.body.is_empty());
}

#[tokio::test]
async fn who_has_the_picture_is_not_sent_it_again() {
    let api = Api::new();
    let admin = with_guide(&api).await;
    upload(&api, &admin, &PNG).send().await.ok(200);
    let shown = api.get(AVATAR).send().await;
    let tag = shown.header("etag").unwrap();
    let asks = |value: &str| api.get(AVATAR).header("if-none-match", value);
    for has in [
        tag,
        "*",
        &format!("W/{tag}"),
        &format!("\"other\", {tag}"),
        &format!("{tag},\"other\""),
    ] {
        let answer = asks(has).send().await;
        assert_eq!(answer.status, 304, "{has}");
        assert!(answer.body.is_empty());
        assert_eq!(answer.header("etag"), Some(tag));
        assert_eq!(
            answer.header("cache-control"),
            shown.header("cache-control")
        );
    }
    let second = asks("\"other\"").header("if-none-match", tag).send().await;
    assert_eq!(second.status, 304);
    let unquoted = tag.trim_matches('"');
    for other in ["\"other\"", "", unquoted, "W/", "\"*\""] {
        let answer = asks(other).send().await;
        assert_eq!(answer.status, 200, "{other}");
        assert_eq!(answer.body, shown.body);
    }
    upload(&api, &admin, &GIF).send().await.ok(200);
    let answer = asks(tag).send().await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.body, rendered(&GIF));
    assert_ne!(answer.header("etag"), Some(tag));
}

#[tokio::test]
async fn there_is_no_picture_for_who_may_not_see_the_assistant() {
    let api = Api::new();
    let admin = with_guide(&api).await;
    let user = api.user("ada@example.org").await;
    api.assistant(&admin, "plain").await;
    upload(&api, &admin, &PNG).send().await.ok(200);
    let public = api.get(AVATAR).send().await;
    let tag = public.header("etag").unwrap().to_owned();
    assert_eq!(public.header("cache-control"), Some("public, max-age=60"));
    let change = async |body: Value| {
        let call = api.patch("/assistants/guide").by(&admin).json(&body);
        call.send().await.ok(200)
    };
    // These all look the same to callers who may not see it.
    let missing = async |call: Call| {
        let answer: Answer = call.send().await;
        answer.problem(404, "entity_not_found");
        answer.without_request_id()
    };
    let nothing = missing(api.get("/assistants/nobody/avatar")).await;
    assert_eq!(
        missing(api.get("/assistants/no%20slug/avatar")).await,
        nothing
    );
    assert_eq!(missing(api.get("/assistants/plain/avatar")).await, nothing);

    change(json!({"user_authentication": true})).await;
    let conditional = |value: &str| api.get(AVATAR).header("if-none-match", value);
    assert_eq!(missing(api.get(AVATAR)).await, nothing);
    assert_eq!(missing(conditional(&tag)).await, nothing);
    assert_eq!(missing(conditional("*")).await, nothing);
    for caller in [&user, &admin] {
        let shown = api.get(AVATAR).by(caller).send().await;
        assert_eq!(shown.status, 200);
        assert_eq!(shown.header("cache-control"), Some("private, no-cache"));
    }

    change(json!({"is_enabled": false, "user_authentication": false})).await;
    for call in [
        api.get(AVATAR),
        api.get(AVATAR).by(&user),
        conditional(&tag).by(&user),
        api.get(AVATAR).by(&user).header("range", "bytes=0-0"),
    ] {
        assert_eq!(missing(call).await, nothing);
    }
    let shown = api.get(AVATAR).by(&admin).send().await;
    assert_eq!(shown.status, 200);
    assert_eq!(shown.header("cache-control"), Some("private, no-cache"));
    let unverified = api.get(AVATAR).header("authorization", "Bearer nonsense");
    unverified
        .send()
        .await
        .problem(401, "authentication_required");
}

#[tokio::test]
async fn only_administrators_change_pictures() {
    let api = Api::new();
    let admin = with_guide(&api).await;
    let user = api.user("ada@example.org").await;
    upload(&api, &admin, &PNG).send().await.ok(200);
    let before = assistant(&api, &admin).await;
    let body = || form(&[part("file", &GIF)]);
    for call in [api.post(AVATAR).body(FORM, body()), api.delete(AVATAR)] {
        call.send().await.problem(401, "authentication_required");
    }
    for call in [upload(&api, &user, &GIF), api.delete(AVATAR).by(&user)] {
        call.send().await.problem(403, "forbidden");
    }
    let nobody = "/assistants/nobody/avatar";
    for call in [
        api.post(nobody).by(&admin).body(FORM, body()),
        api.delete(nobody).by(&admin),
    ] {
        call.send().await.problem(404, "entity_not_found");
    }
    assert_eq!(assistant(&api, &admin).await, before);
}

#[tokio::test]
async fn who_may_not_is_told_before_the_file_is_sent() {
    let api = Api::new();
    with_guide(&api).await;
    let user = api.user("ada@example.org").await;
    let silent = Body::from_stream(stream::pending::<Result<Bytes, std::io::Error>>());
    let call = api.post(AVATAR).by(&user).body(FORM, silent);
    call.send().await.problem(403, "forbidden");
}

#[tokio::test]
async fn a_form_that_is_refused_changes_nothing() {
    let api = Api::new();
    let admin = with_guide(&api).await;
    upload(&api, &admin, &PNG).send().await.ok(200);
    let before = assistant(&api, &admin).await;
    let file = || part("file", &GIF);
    let many = vec![part("x", b""); 10_000];
    let long_name = "n".repeat(5_000);
    for (parts, error) in [
        (vec![], "file required"),
        (vec![part("image", &GIF)], " unknown_field"),
        (vec![part("File", &GIF)], " unknown_field"),
        (vec![file(), part("name", b"x")], " unknown_field"),
        (vec![file(), file()], "file too_many"),
        (many, " unknown_field"),
        (vec![part(&long_name, b"")], " unknown_field"),
        (vec![part("file", b"")], "file not_an_image"),
        (vec![part("file", b"<html></html>")], "file not_an_image"),
        (vec![part("file", b"<svg/>")], "file unsupported_image"),
    ] {
        let call = api.post(AVATAR).by(&admin).body(FORM, form(&parts));
        assert_eq!(call.send().await.invalid_fields(), [error]);
    }
    let whole = form(&[file()]);
    let headless = [b"--b\r\n\r\n", &whole[..]].concat();
    let huge_head = [
        b"--b\r\nX: ".to_vec(),
        vec![b'x'; 10_000],
        b"\r\n\r\n\r\n--b--".to_vec(),
    ];
    for body in [
        vec![],
        b"nonsense".to_vec(),
        whole[..whole.len() - 6].to_vec(),
        headless,
        huge_head.concat(),
        form(&[file()]).replace_boundary(),
    ] {
        let call = api.post(AVATAR).by(&admin).body(FORM, body);
        call.send().await.problem(400, "malformed_request");
    }
    for boundary in ["", "boundary=", &format!("boundary={}", "b".repeat(10_000))] {
        let media_type = format!("multipart/form-data; {boundary}");
        let call = api.post(AVATAR).by(&admin).body(&media_type, whole.clone());
        call.send().await.problem(400, "malformed_request");
    }
    for media_type in [
        "image/png",
        "multipart/mixed; boundary=b",
        "application/json",
    ] {
        let call = api.post(AVATAR).by(&admin).body(media_type, whole.clone());
        call.send().await.problem(415, "unsupported_media_type");
    }
    let without = api.post(AVATAR).by(&admin).send().await;
    without.problem(415, "unsupported_media_type");
    assert_eq!(assistant(&api, &admin).await, before);
    assert_eq!(api.get(AVATAR).send().await.body, rendered(&PNG));
}

trait Replaced {
    /// Replaces the boundary in the body only.
    fn replace_boundary(self) -> Vec<u8>;
}

impl Replaced for Vec<u8> {
    fn replace_boundary(self) -> Vec<u8> {
        String::from_utf8_lossy(&self).replace("--b", "--c").into()
    }
}

#[tokio::test]
async fn a_file_may_have_five_mebibytes_and_no_more() {
    let api = Api::new();
    let admin = with_guide(&api).await;
    let mut file = PNG.to_vec();
    file.resize(MAX_IMAGE_BYTES, 0);
    upload(&api, &admin, &file).send().await.ok(200);
    let before = assistant(&api, &admin).await;
    file.push(0);
    let beyond = upload(&api, &admin, &file).send().await;
    beyond.problem(413, "payload_too_large");
    let announced = api.post(AVATAR).by(&admin);
    let announced = announced.header("content-length", "99999999999");
    let announced = announced.body(FORM, Body::empty()).send().await;
    announced.problem(413, "payload_too_large");
    let chunk = Bytes::from(vec![0; 64 * 1024]);
    let endless = stream::repeat_with(move || Ok::<_, std::io::Error>(chunk.clone()));
    let endless = api
        .post(AVATAR)
        .by(&admin)
        .body(FORM, Body::from_stream(endless));
    endless.send().await.problem(413, "payload_too_large");
    assert_eq!(assistant(&api, &admin).await, before);
}

#[tokio::test(start_paused = true)]
async fn a_file_that_does_not_arrive_is_given_up() {
    let api = Api::new();
    let admin = with_guide(&api).await;
    let silent = Body::from_stream(stream::pending::<Result<Bytes, std::io::Error>>());
    let call = api.post(AVATAR).by(&admin).body(FORM, silent);
    call.send().await.problem(400, "malformed_request");
    let broken = stream::iter([Err::<Bytes, _>(std::io::Error::other("reset"))]);
    let call = api.post(AVATAR).by(&admin);
    let call = call.body(FORM, Body::from_stream(broken));
    call.send().await.problem(400, "malformed_request");
}

#[tokio::test]
async fn colours_and_position_are_kept_as_given_and_text_follows_the_background() {
    let api = Api::new();
    let admin = api.admin().await;
    let new = json!({
        "name": "Guide", "slug": "guide", "model": "fake::m",
        "avatar_bg_color": "Navy", "avatar_vertical_position": 0,
    });
    api.assistant_with(&admin, new).await;
    let looks = |assistant: &Value| {
        let field = |name: &str| assistant[format!("avatar_{name}")].clone();
        [
            field("bg_color"),
            field("text_color"),
            field("vertical_position"),
        ]
    };
    let made = assistant(&api, &admin).await;
    assert_eq!(looks(&made), [json!("Navy"), json!("#ffffff"), json!(0)]);
    let change = async |body: Value| {
        let call = api.patch("/assistants/guide").by(&admin).json(&body);
        looks(&call.send().await.ok(200))
    };
    let bright = change(json!({"avatar_bg_color": "#FF0"})).await;
    assert_eq!(bright, [json!("#FF0"), json!("#000000"), json!(0)]);
    let chosen = change(json!({"avatar_text_color": "RED", "avatar_vertical_position": 100}));
    assert_eq!(chosen.await, [json!("#FF0"), json!("RED"), json!(100)]);
    let kept = change(json!({"avatar_bg_color": "black"})).await;
    assert_eq!(kept, [json!("black"), json!("RED"), json!(100)]);
    let computed = change(json!({"avatar_text_color": null})).await;
    assert_eq!(computed, [json!("black"), json!("#ffffff"), json!(100)]);
    upload(&api, &admin, &PNG).send().await.ok(200);
    let mut read = assistant(&api, &admin).await;
    let call = api.put("/assistants/guide").by(&admin).json(&read);
    let written = call.send().await.ok(200);
    read["revision"] = written["revision"].clone();
    assert_eq!(written, read);
}

#[tokio::test]
async fn what_is_wrong_with_the_looks_is_named() {
    let api = Api::new();
    let admin = with_guide(&api).await;
    for (looks, errors) in [
        (
            json!({"avatar_bg_color": null, "avatar_text_color": "transparent"}),
            &[
                "avatar_bg_color null_not_allowed",
                "avatar_text_color invalid_format",
            ][..],
        ),
        (
            json!({"avatar_bg_color": "#ff", "avatar_text_color": 7}),
            &[
                "avatar_bg_color invalid_format",
                "avatar_text_color wrong_type",
            ],
        ),
        (
            json!({"avatar_vertical_position": -1}),
            &["avatar_vertical_position out_of_range"],
        ),
        (
            json!({"avatar_vertical_position": 101}),
            &["avatar_vertical_position out_of_range"],
        ),
        (
            json!({"avatar_vertical_position": 1e300}),
            &["avatar_vertical_position out_of_range"],
        ),
        (
            json!({"avatar_vertical_position": 0.5}),
            &["avatar_vertical_position wrong_type"],
        ),
        (
            json!({"avatar_vertical_position": null}),
            &["avatar_vertical_position null_not_allowed"],
        ),
    ] {
        let call = api.patch("/assistants/guide").by(&admin).json(&looks);
        assert_eq!(call.send().await.invalid_fields(), errors, "{looks}");
        let mut new = looks;
        new["name"] = "x".into();
        new["model"] = "fake::m".into();
        let call = api.post("/assistants").by(&admin).json(&new);
        assert_eq!(call.send().await.invalid_fields(), errors);
    }
}

#[tokio::test]
async fn a_picture_goes_with_its_assistant() {
    let api = Api::new();
    let admin = with_guide(&api).await;
    upload(&api, &admin, &PNG).send().await.ok(200);
    let guide = api.delete("/assistants/guide").by(&admin);
    guide.send().await.no_content();
    let gone = api.get(AVATAR).by(&admin).send().await;
    gone.problem(404, "entity_not_found");
}
