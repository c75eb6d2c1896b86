//! Files from upload to download and deletion, and who may have which.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use colloquy_tests::client::{Client, Response, text};
use colloquy_tests::database::Backend;
use colloquy_tests::on_both_backends;
use colloquy_tests::s3_server::S3Server;
use colloquy_tests::server::{Colloquy, Installation};
use futures_util::future::join_all;
use hyper::Method;
use serde_json::{Value, json};

use crate::{answer_soon, members};

on_both_backends![
    a_file_is_uploaded_shown_and_downloaded,
    parts_of_a_file_are_downloaded,
    files_on_s3_are_stored_and_read_in_parts,
    files_are_listed_in_pages_and_by_purpose,
    the_same_bytes_are_stored_once_for_each_owner,
    a_user_has_so_many_files_and_bytes,
    uploads_at_once_do_not_exceed_the_quota,
    a_file_that_expires_is_gone,
    the_files_of_a_deleted_user_go,
    a_download_is_right_or_cut_when_the_file_is_deleted,
];

/// Maximum time for the sweep to remove a blob.
const SWEPT: Duration = Duration::from_secs(60);

/// Where the service stores blobs, and how to inspect them.
pub(crate) enum Blobs {
    Folder(PathBuf),
    S3(S3Server),
}

impl Blobs {
    pub(crate) async fn in_a_folder(backend: Backend) -> (Installation, Self) {
        let site = Colloquy::installed(backend).await;
        let folder = site.directory().join("blobs");
        (site, Self::Folder(folder))
    }

    pub(crate) async fn on_s3(backend: Backend) -> (Installation, Self) {
        let server = S3Server::start().await;
        let mut site = Colloquy::installed(backend).await;
        site = site.env("COLLOQUY_BLOB_URL", &server.url());
        for (name, value) in server.settings() {
            site = site.env(&name, &value);
        }
        (site, Self::S3(server))
    }

    /// All there is, unfinished uploads included.
    pub(crate) fn keys(&self) -> Vec<String> {
        match self {
            Self::Folder(path) => colloquy_tests::files::below(path),
            Self::S3(server) => {
                let unfinished = (0..server.unfinished_uploads()).map(|it| format!("part {it}"));
                server.keys().into_iter().chain(unfinished).collect()
            }
        }
    }

    /// Waits until there are so many.
    pub(crate) async fn become_few(&self, count: usize) {
        let deadline = Instant::now() + SWEPT;
        while self.keys().len() != count {
            assert!(Instant::now() < deadline, "left: {:#?}", self.keys());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

pub(crate) async fn upload(client: &Client, name: &str, bytes: &[u8]) -> Response {
    let request = client.request(Method::POST, "/files");
    request.upload(&[], name, bytes).send().await
}

pub(crate) async fn uploaded(client: &Client, name: &str, bytes: &[u8]) -> String {
    let file = upload(client, name, bytes).await.expect(201);
    text(&file["id"]).to_owned()
}

pub(crate) async fn content(client: &Client, file: &str) -> Response {
    client.get(&format!("/files/{file}/content")).await
}

async fn a_file_is_uploaded_shown_and_downloaded(backend: Backend) {
    let (site, blobs) = Blobs::in_a_folder(backend).await;
    let server = site.serve().await;
    let user = server.user("user").await;
    let request = user.request(Method::POST, "/files");
    let fields = [("purpose", "user_data"), ("expires_in_seconds", "3600")];
    let answer = request
        .upload(&fields, "caf\u{e9}.txt", b"hello")
        .send()
        .await;
    let location = answer.header("location").unwrap().to_owned();
    let file = answer.expect(201);
    assert_eq!(
        members(&file),
        [
            "bytes",
            "created_at",
            "expires_at",
            "id",
            "name",
            "owner_id",
            "purpose",
            "sha256",
            "status"
        ]
    );
    assert_eq!(file["name"], "caf\u{e9}.txt");
    assert_eq!(file["bytes"], 5);
    assert_eq!(file["purpose"], "user_data");
    assert_eq!(file["status"], "uploaded");
    let hash = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";
    assert_eq!(file["sha256"], hash);
    assert_eq!(user.root().get(&location).await.expect(200), file);
    assert_eq!(blobs.keys().len(), 1);

    let id = text(&file["id"]);
    let downloaded = content(&user, id).await;
    assert_eq!(
        (downloaded.status, &downloaded.body[..]),
        (200, &b"hello"[..])
    );
    for (name, value) in [
        ("content-type", "application/octet-stream"),
        ("content-length", "5"),
        (
            "content-disposition",
            "attachment; filename=\"caf_.txt\"; filename*=UTF-8''caf%C3%A9.txt",
        ),
        ("content-security-policy", "default-src 'none'; sandbox"),
        ("x-content-type-options", "nosniff"),
        ("cache-control", "private, no-cache"),
        ("etag", &*format!("\"{hash}\"")),
    ] {
        assert_eq!(downloaded.header(name), Some(value), "{name}");
    }
    let request = user.request(Method::GET, &format!("/files/{id}/content"));
    let tag = downloaded.header("etag").unwrap();
    let again = request.header("if-none-match", tag).send().await;
    assert_eq!((again.status, again.body.len()), (304, 0));
    let request = user.request(Method::HEAD, &format!("/files/{id}/content"));
    let head = request.send().await;
    assert_eq!((head.status, head.body.len()), (200, 0));
    assert_eq!(head.header("content-length"), Some("5"));

    let path = format!("/files/{id}");
    let mut named = file.clone();
    named["name"] = "renamed".into();
    assert_eq!(user.patch(&path, named.clone()).await.expect(200), named);
    let unchanged = user.patch(&path, json!({})).await.expect(200);
    assert_eq!(unchanged, named);
    let wrong = user.patch(&path, json!({"name": "a/b"})).await;
    assert_eq!(wrong.invalid_fields(), ["name"]);
    user.delete(&path).await.expect(204);
    user.get(&path).await.problem(404, "entity_not_found");
    content(&user, id).await.problem(404, "entity_not_found");
    assert!(blobs.keys().is_empty());
}

async fn range(client: &Client, file: &str, range: &str) -> Response {
    let request = client.request(Method::GET, &format!("/files/{file}/content"));
    request.header("range", range).send().await
}

async fn check_ranges(user: &Client, bytes: &[u8]) {
    let file = uploaded(user, "numbers", bytes).await;
    let all = bytes.len();
    for (asked, part) in [
        ("bytes=0-0".to_owned(), 0..1),
        ("bytes=10-19".to_owned(), 10..20),
        (format!("bytes={}-", all - 3), all - 3..all),
        ("bytes=-5".to_owned(), all - 5..all),
        (format!("bytes=7-{}", all * 2), 7..all),
    ] {
        let answer = range(user, &file, &asked).await;
        assert_eq!(answer.status, 206, "{asked}");
        let extent = format!("bytes {}-{}/{all}", part.start, part.end - 1);
        assert_eq!(answer.header("content-range"), Some(&*extent));
        assert!(answer.body == bytes[part], "{asked}");
    }
    for ignored in ["bytes=0-1,3-4", "bytes=5-1", "lines=1-2", "nonsense"] {
        let answer = range(user, &file, ignored).await;
        assert_eq!((answer.status, answer.body.len()), (200, all), "{ignored}");
    }
    let beyond = range(user, &file, &format!("bytes={all}-")).await;
    let extent = format!("bytes */{all}");
    assert_eq!(beyond.header("content-range"), Some(&*extent));
    beyond.problem(416, "range_not_satisfiable");
}

async fn parts_of_a_file_are_downloaded(backend: Backend) {
    let server = Colloquy::start(backend).await;
    let user = server.user("user").await;
    let bytes: Vec<u8> = (0..100_000_u32).map(|n| (n % 251) as u8).collect();
    check_ranges(&user, &bytes).await;
    let empty = uploaded(&user, "empty", b"").await;
    let nothing = range(&user, &empty, "bytes=0-").await;
    nothing.problem(416, "range_not_satisfiable");
    let whole = content(&user, &empty).await;
    assert_eq!(
        (whole.status, whole.header("content-length")),
        (200, Some("0"))
    );
    let file = uploaded(&user, "numbers", &bytes).await;
    let request = user.request(Method::GET, &format!("/files/{file}/content"));
    let other = request.header("range", "bytes=0-0");
    let other = other.header("if-range", "\"other\"").send().await;
    assert_eq!((other.status, other.body.len()), (200, bytes.len()));
}

async fn files_on_s3_are_stored_and_read_in_parts(backend: Backend) {
    let (site, blobs) = Blobs::on_s3(backend).await;
    let server = site.serve().await;
    let user = server.user("user").await;
    let bytes: Vec<u8> = (0..12_000_000_u32).map(|n| (n % 251) as u8).collect();
    check_ranges(&user, &bytes).await;
    assert_eq!(blobs.keys().len(), 1);
    let large = vec![0; 65 * 1024 * 1024];
    let refused = upload(&user, "large", &large).await;
    refused.problem(413, "payload_too_large");
    blobs.become_few(1).await;
    let files = user.get("/files").await.expect(200);
    let path = format!("/files/{}", text(&files[0]["id"]));
    user.delete(&path).await.expect(204);
    assert!(blobs.keys().is_empty());
}

async fn files_are_listed_in_pages_and_by_purpose(backend: Backend) {
    let server = Colloquy::start(backend).await;
    let (one, other) = (server.user("one").await, server.user("other").await);
    let mut ids = Vec::new();
    for (number, purpose) in ["vision", "assistants", "vision", "user_data"]
        .iter()
        .enumerate()
    {
        let request = one.request(Method::POST, "/files");
        let request = request.upload(&[("purpose", purpose)], "x", &[number as u8]);
        ids.insert(0, text(&request.send().await.expect(201)["id"]).to_owned());
    }
    let others = uploaded(&other, "x", b"x").await;
    let listed = async |client: &Client, path: &str| {
        let files = client.get(path).await.expect(200);
        let files = files.as_array().unwrap().iter();
        files
            .map(|it| text(&it["id"]).to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(listed(&one, "/files").await, ids);
    let of_purpose = listed(&one, "/files?purpose=vision").await;
    assert_eq!(of_purpose, [&*ids[1], &ids[3]]);
    assert_eq!(listed(&other, "/files").await, [&*others]);
    let admin = server.admin().await;
    assert_eq!(listed(&admin, "/files").await.len(), 5);
    let first = one.get("/files?limit=3").await;
    let next = first.next_page().unwrap();
    let rest = one.get(&next).await.expect(200);
    assert_eq!(rest.as_array().unwrap().len(), 1);
    assert_eq!(text(&rest[0]["id"]), ids[3]);
    for wrong in [
        "/files?purpose=other",
        "/files?limit=0",
        "/files?cursor=AAAA",
    ] {
        assert_eq!(one.get(wrong).await.invalid_fields().len(), 1, "{wrong}");
    }
}

async fn the_same_bytes_are_stored_once_for_each_owner(backend: Backend) {
    let (site, blobs) = Blobs::in_a_folder(backend).await;
    let server = site.serve().await;
    let (one, other) = (server.user("one").await, server.user("other").await);
    let first = uploaded(&one, "first", b"the same").await;
    let second = uploaded(&one, "second", b"the same").await;
    assert_ne!(first, second);
    assert_eq!(blobs.keys().len(), 1);
    let others = uploaded(&other, "first", b"the same").await;
    assert_eq!(blobs.keys().len(), 2);
    one.delete(&format!("/files/{first}")).await.expect(204);
    assert_eq!(&content(&one, &second).await.body[..], b"the same");
    one.delete(&format!("/files/{second}")).await.expect(204);
    assert_eq!(blobs.keys().len(), 1);
    assert_eq!(&content(&other, &others).await.body[..], b"the same");
}

fn exceeded(answer: Response) -> String {
    let problem = answer.problem(409, "quota_exceeded");
    text(&problem["errors"][0]["code"]).to_owned()
}

async fn a_user_has_so_many_files_and_bytes(backend: Backend) {
    let (site, blobs) = Blobs::in_a_folder(backend).await;
    let site = site
        .env("COLLOQUY_KNOWLEDGE__USER_BYTES", "1000")
        .env("COLLOQUY_KNOWLEDGE__USER_FILES", "3")
        .env("COLLOQUY_FILES__MAX_BYTES", "800");
    let server = site.serve().await;
    let user = server.user("user").await;
    let first = uploaded(&user, "a", &[1; 600]).await;
    let large = upload(&user, "b", &[2; 801]).await;
    large.problem(413, "payload_too_large");
    assert_eq!(exceeded(upload(&user, "b", &[2; 401]).await), "user_bytes");
    let full = uploaded(&user, "b", &[2; 400]).await;
    assert_eq!(exceeded(upload(&user, "c", b"").await), "user_bytes");
    user.delete(&format!("/files/{full}")).await.expect(204);
    uploaded(&user, "b", b"").await;
    uploaded(&user, "c", b"").await;
    assert_eq!(exceeded(upload(&user, "d", b"x").await), "user_files");
    let other = server.user("other").await;
    uploaded(&other, "a", &[1; 800]).await;
    user.delete(&format!("/files/{first}")).await.expect(204);
    uploaded(&user, "d", &[1; 800]).await;
    // The empty one, two of 800 bytes.
    blobs.become_few(3).await;
}

async fn uploads_at_once_do_not_exceed_the_quota(backend: Backend) {
    let (site, blobs) = Blobs::in_a_folder(backend).await;
    let site = site.env("COLLOQUY_KNOWLEDGE__USER_BYTES", "100000");
    let server = site.serve().await;
    let user = server.user("user").await;
    let uploads = (0..10_u8).map(|number| {
        let user = user.clone();
        async move { upload(&user, "x", &vec![number; 30_000]).await }
    });
    let answers = join_all(uploads).await;
    let (stored, refused): (Vec<_>, Vec<_>) = answers.into_iter().partition(|it| it.status == 201);
    assert_eq!(stored.len(), 3);
    for answer in refused {
        assert_eq!(exceeded(answer), "user_bytes");
    }
    blobs.become_few(3).await;
}

async fn a_file_that_expires_is_gone(backend: Backend) {
    let (site, blobs) = Blobs::in_a_folder(backend).await;
    let server = site.serve().await;
    let user = server.user("user").await;
    let request = user.request(Method::POST, "/files");
    let request = request.upload(&[("expires_in_seconds", "1")], "x", b"x");
    let file = request.send().await.expect(201);
    assert_ne!(file["expires_at"], Value::Null);
    let path = format!("/files/{}", text(&file["id"]));
    answer_soon(&user, &path, 404).await;
    assert_eq!(user.get("/files").await.expect(200), json!([]));
    blobs.become_few(0).await;
}

async fn the_files_of_a_deleted_user_go(backend: Backend) {
    let (site, blobs) = Blobs::in_a_folder(backend).await;
    let server = site.serve().await;
    let (user, admin) = (server.user("user").await, server.admin().await);
    let me = user.get("/users/me").await.expect(200);
    let mut paths = Vec::new();
    for number in 0..3 {
        let file = uploaded(&user, "x", &[number; 10]).await;
        paths.push(format!("/files/{file}"));
    }
    let kept = uploaded(&admin, "x", b"kept").await;
    admin
        .delete(&format!("/users/{}", text(&me["id"])))
        .await
        .expect(204);
    for path in &paths {
        admin.get(path).await.problem(404, "entity_not_found");
        admin.delete(path).await.problem(404, "entity_not_found");
    }
    let files = admin.get("/files").await.expect(200);
    assert_eq!(files.as_array().unwrap().len(), 1);
    blobs.become_few(1).await;
    assert_eq!(&content(&admin, &kept).await.body[..], b"kept");
}

async fn a_download_is_right_or_cut_when_the_file_is_deleted(backend: Backend) {
    let server = Colloquy::start(backend).await;
    let user = server.user("user").await;
    let bytes: Vec<u8> = (0..8_000_000_u32).map(|n| (n % 251) as u8).collect();
    for _ in 0..3 {
        let file = uploaded(&user, "x", &bytes).await;
        let path = format!("/files/{file}");
        let downloads = (0..4).map(|_| {
            let request = user.request(Method::GET, &format!("{path}/content"));
            request.try_send()
        });
        let deletion = async {
            tokio::task::yield_now().await;
            user.delete(&path).await.expect(204);
        };
        let (answers, _) = tokio::join!(join_all(downloads), deletion);
        for answer in answers.into_iter().flatten() {
            match answer.status {
                200 => assert!(answer.body == bytes),
                _ => _ = answer.problem(404, "entity_not_found"),
            }
        }
    }
}
