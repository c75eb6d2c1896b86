//! Uploads that are cut, wrong, slow, large or many.

use std::time::Duration;

use colloquy_tests::client::{Client, Response, text};
use colloquy_tests::database::Backend;
use colloquy_tests::measure::memory::{peak, reset_peak, resident};
use colloquy_tests::on_both_backends;
use colloquy_tests::server::Colloquy;
use futures_util::future::join_all;
use hyper::Method;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::files::{Blobs, content, upload, uploaded};

on_both_backends![
    a_form_that_is_not_right_leaves_nothing,
    names_are_refused_that_could_mislead,
    uploads_survive_a_kill,
    uploads_on_s3_survive_a_kill,
    an_upload_whose_client_leaves_is_cleared_away,
    large_files_take_little_memory,
    large_files_on_s3_take_little_memory,
    uploads_that_stall_stop_nobody_else,
];

const KIND: &str = "multipart/form-data; boundary=b";

fn part(head: &str, content: &str) -> String {
    format!("--b\r\nContent-Disposition: form-data; {head}\r\n\r\n{content}\r\n")
}

async fn post(user: &Client, form: impl Into<Vec<u8>>) -> Response {
    let form: Vec<u8> = form.into();
    let request = user.request(Method::POST, "/files");
    request.body(KIND, form).send().await
}

async fn a_form_that_is_not_right_leaves_nothing(backend: Backend) {
    let (site, blobs) = Blobs::in_a_folder(backend).await;
    let server = site.serve().await;
    let user = server.user("user").await;
    let file = part("name=file; filename=a", "content");
    let field = |name: &str, value: &str| part(&format!("name=\"{name}\""), value);
    let purpose = field("purpose", "vision");
    let many = field("x", "").repeat(10_000);
    let long = field("purpose", &"x".repeat(20_000));
    for (form, fields) in [
        ("--b--".to_owned(), vec!["file"]),
        (format!("{purpose}--b--"), vec!["file"]),
        (format!("{file}{file}--b--"), vec!["file"]),
        (format!("{file}{purpose}--b--"), vec!["purpose"]),
        (format!("{purpose}{purpose}{file}--b--"), vec!["purpose"]),
        (
            format!("{}{file}--b--", field("purpose", "x")),
            vec!["purpose"],
        ),
        (format!("{}{file}--b--", field("other", "x")), vec!["other"]),
        (format!("{many}{file}--b--"), vec![""]),
        (format!("{file}{many}--b--"), vec!["x"]),
        (format!("{long}{file}--b--"), vec!["purpose"]),
        (
            format!("{}--b--", part("name=file", "no name")),
            vec!["file.name"],
        ),
    ] {
        let found = post(&user, form.clone()).await.invalid_fields();
        assert_eq!(found, fields, "{}", &form[..form.len().min(200)]);
    }
    for seconds in [
        "0",
        "-1",
        "x",
        "1.5",
        "",
        "31536001",
        "99999999999999999999",
    ] {
        let form = format!("{}{file}--b--", field("expires_in_seconds", seconds));
        let found = post(&user, form).await.invalid_fields();
        assert_eq!(found, ["expires_in_seconds"], "{seconds}");
    }
    for form in [
        String::new(),
        file.clone(),
        format!("{file}--b"),
        format!("{file}--c--"),
        "--b\r\n\r\nno head\r\n--b--".to_owned(),
        "--b\r\nContent-Disposition: attachment; name=file; filename=a\r\n\r\n\r\n--b--".to_owned(),
        format!("--b\r\nX: {}\r\n\r\n\r\n--b--", "x".repeat(10_000)),
    ] {
        post(&user, form).await.problem(400, "malformed_request");
    }
    let binary = b"--b\r\nContent-Disposition: form-data; name=purpose\r\n\r\n\xff\r\n";
    let binary = [&binary[..], file.as_bytes(), b"--b--"].concat();
    assert_eq!(post(&user, binary).await.invalid_fields(), ["purpose"]);
    let plain = user.request(Method::POST, "/files").json(&json!({}));
    plain.send().await.problem(415, "unsupported_media_type");
    let unbound = user.request(Method::POST, "/files");
    let unbound = unbound.body("multipart/form-data", "--b--").send().await;
    unbound.problem(400, "malformed_request");
    assert_eq!(user.get("/files").await.expect(200), json!([]));
    blobs.become_few(0).await;
    let rows = "SELECT count(*) FROM files";
    assert_eq!(server.installation().database().count(rows).await, 0);
    // What looks like a delimiter but is none is content.
    let odd = "\r\n--c\r\n--\r\n-b\0";
    let form = format!(
        "before\r\n{}--b--\r\nbehind",
        part("name=file; filename=a", odd)
    );
    let file = post(&user, form).await.expect(201);
    let found = content(&user, text(&file["id"])).await;
    assert_eq!(&found.body[..], odd.as_bytes());
}

async fn names_are_refused_that_could_mislead(backend: Backend) {
    let server = Colloquy::start(backend).await;
    let user = server.user("user").await;
    let long = "x".repeat(256);
    for name in [
        "",
        " ",
        ".",
        "..",
        "a/b",
        "/etc/passwd",
        "..\\\\a",
        "a\0b",
        "a\tb",
        "a\u{7f}",
        "a\u{202e}txt.exe",
        &long,
    ] {
        let answer = upload(&user, name, b"x").await;
        assert_eq!(answer.invalid_fields(), ["file.name"], "{name:?}");
    }
    for (name, kept) in [
        ("a;b='c", "a;b='c"),
        ("cafe\u{301}", "caf\u{e9}"),
        ("\\\"quoted\\\"", "\"quoted\""),
        ("<script>", "<script>"),
        (&long[1..], &long[1..]),
    ] {
        let file = upload(&user, name, b"x").await.expect(201);
        assert_eq!(file["name"], kept);
        let found = content(&user, text(&file["id"])).await;
        assert!(
            found
                .header("content-disposition")
                .unwrap()
                .starts_with("attachment; filename=")
        );
    }
}

/// Begins an upload of which it sends only the first bytes.
async fn begun(server: &Colloquy, user: &Client, bytes: usize) -> TcpStream {
    let mut stream = TcpStream::connect(server.address()).await.unwrap();
    let head = format!(
        "POST /api/v1/files HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\n\
         content-type: {KIND}\r\ncontent-length: 60000000\r\n\r\n",
        user.token()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let form = "--b\r\nContent-Disposition: form-data; name=file; filename=a\r\n\r\n";
    stream.write_all(form.as_bytes()).await.unwrap();
    stream.write_all(&vec![b'x'; bytes]).await.unwrap();
    stream
}

async fn rows(server: &Colloquy, condition: &str) -> i64 {
    let query = format!("SELECT count(*) FROM files WHERE {condition}");
    server.installation().database().count(&query).await
}

async fn until_begun(server: &Colloquy, count: i64) {
    while rows(server, "sha256 IS NULL").await != count {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

async fn uploads_survive_a_kill(backend: Backend) {
    let (site, blobs) = Blobs::in_a_folder(backend).await;
    survive_kills(site.serve().await, blobs).await;
}

async fn uploads_on_s3_survive_a_kill(backend: Backend) {
    let (site, blobs) = Blobs::on_s3(backend).await;
    survive_kills(site.serve().await, blobs).await;
}

async fn survive_kills(mut server: Colloquy, blobs: Blobs) {
    let mut user = server.user("user").await;
    let mut kept: Vec<(String, Vec<u8>)> = Vec::new();
    for round in 0..3_u8 {
        let begun: Vec<_> =
            join_all([10, 1_000_000, 12_000_000].map(|bytes| begun(&server, &user, bytes))).await;
        until_begun(&server, 3).await;
        let mut clients = JoinSet::new();
        for number in 0..4_u8 {
            let user = user.clone();
            clients.spawn(async move {
                let mut stored = Vec::new();
                for count in 0..=u8::MAX {
                    let bytes = [&[round, number, count][..], &vec![0; 100_000]].concat();
                    let request = user.request(Method::POST, "/files");
                    let request = request.upload(&[], "x", &bytes);
                    let Ok(answer) = request.try_send().await else {
                        break;
                    };
                    let file = answer.expect(201);
                    stored.push((text(&file["id"]).to_owned(), bytes));
                }
                stored
            });
        }
        let deleted = kept.pop();
        if let Some((file, _)) = &deleted {
            user.delete(&format!("/files/{file}")).await.expect(204);
        }
        tokio::time::sleep(Duration::from_millis(300 + 70 * u64::from(round))).await;
        server.kill9().await;
        drop(begun);
        kept.extend(clients.join_all().await.into_iter().flatten());
        assert!(rows(&server, "sha256 IS NULL").await >= 3);
        // An hour goes by.
        let past = "UPDATE files SET created_at = '2020-01-01 00:00:00+00:00' WHERE sha256 IS NULL";
        server.installation().database().execute(past).await;
        server.restart().await;
        user = user.at(server.origin());
        server.installation().database().check_integrity().await;
        for (file, bytes) in &kept {
            assert!(content(&user, file).await.body == *bytes);
        }
    }
    // Those whose answer was lost are there too.
    let stored = rows(&server, "sha256 IS NOT NULL").await;
    assert!(stored >= i64::try_from(kept.len()).unwrap());
    blobs.become_few(usize::try_from(stored).unwrap()).await;
    assert_eq!(rows(&server, "sha256 IS NULL").await, 0);
    let notes = "SELECT count(*) FROM blob_removals";
    while server.installation().database().count(notes).await > 0 {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let files = user.get("/files?limit=1000").await.expect(200);
    for file in files.as_array().unwrap() {
        let found = content(&user, text(&file["id"])).await;
        assert_eq!(found.body.len() as u64, file["bytes"].as_u64().unwrap());
    }
}

async fn an_upload_whose_client_leaves_is_cleared_away(backend: Backend) {
    let (site, blobs) = Blobs::in_a_folder(backend).await;
    let server = site.serve().await;
    let user = server.user("user").await;
    for bytes in [0, 10, 6_000_000] {
        let upload = begun(&server, &user, bytes).await;
        until_begun(&server, 1).await;
        drop(upload);
        until_begun(&server, 0).await;
        blobs.become_few(0).await;
    }
}

const MIB: usize = 1024 * 1024;

async fn large_files_take_little_memory(backend: Backend) {
    let (site, blobs) = Blobs::in_a_folder(backend).await;
    large_files(site.serve().await, blobs).await;
}

async fn large_files_on_s3_take_little_memory(backend: Backend) {
    let (site, blobs) = Blobs::on_s3(backend).await;
    large_files(site.serve().await, blobs).await;
}

#[expect(clippy::print_stdout, reason = "for whoever reads the test's output")]
async fn large_files(server: Colloquy, blobs: Blobs) {
    let user = server.user("user").await;
    uploaded(&user, "warm-up", &vec![1; 6 * MIB]).await;
    let large = vec![7; 64 * MIB];
    let before = resident(&server);
    reset_peak(&server);
    let uploads = (0..8).map(|_| uploaded(&user, "large", &large));
    let files = join_all(uploads).await;
    let uploading = peak(&server).saturating_sub(before) / 1024;
    reset_peak(&server);
    let downloads = files.iter().map(async |file| {
        let found = content(&user, file).await;
        assert!(found.body == large);
    });
    join_all(downloads).await;
    let downloading = peak(&server).saturating_sub(before) / 1024;
    println!("8 uploads of 64 MiB: {uploading} MiB more; downloads: {downloading} MiB");
    // A part of 5 MiB each, and buffers.
    assert!(uploading <= 80, "{uploading} MiB");
    assert!(downloading <= 80, "{downloading} MiB");
    // The same bytes, once.
    blobs.become_few(2).await;
    let refused = upload(&user, "larger", &vec![7; 64 * MIB + 1]).await;
    refused.problem(413, "payload_too_large");
}

async fn uploads_that_stall_stop_nobody_else(backend: Backend) {
    let server = Colloquy::start(backend).await;
    let (slow, user) = (server.user("slow").await, server.user("user").await);
    let mut stalled = join_all((0..8).map(|_| begun(&server, &slow, 10))).await;
    until_begun(&server, 8).await;
    let waiting = join_all((0..4).map(|_| begun(&server, &slow, 10))).await;
    for _ in 0..20 {
        user.get("/threads").await.expect(200);
    }
    // Has its turn as soon as one of them is cut.
    uploaded(&user, "x", b"x").await;
    let mut answer = Vec::new();
    stalled[0].read_to_end(&mut answer).await.unwrap();
    let answer = String::from_utf8_lossy(&answer);
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
    drop((stalled, waiting));
    until_begun(&server, 0).await;
}
