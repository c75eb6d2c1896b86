//! Which responses are compressed, and for whom.

use std::io::Read as _;

use axum::http::Method;
use flate2::read::GzDecoder;
use serde_json::json;

use crate::support::{Answer, Api, Call};

async fn gzipped(call: Call) -> Answer {
    call.header("accept-encoding", "br, gzip;q=0.5")
        .send()
        .await
}

fn decoded(answer: &Answer) -> Vec<u8> {
    assert_eq!(answer.header("content-encoding"), Some("gzip"));
    let mut plain = Vec::new();
    let mut decoder = GzDecoder::new(answer.body.as_slice());
    decoder.read_to_end(&mut plain).unwrap();
    plain
}

#[tokio::test]
async fn a_list_is_compressed_for_clients_that_accept_it() {
    let api = Api::new();
    let user = api.user("ada@example.org").await;
    let small = gzipped(api.get("/threads").by(&user)).await;
    assert_eq!(small.header("content-encoding"), None);
    for number in 0..20 {
        let body = json!({"name": format!("thread {number}")});
        api.post("/threads")
            .by(&user)
            .json(&body)
            .send()
            .await
            .ok(201);
    }
    let plain = api.get("/threads").by(&user).send().await;
    assert_eq!(plain.header("content-encoding"), None);
    assert_eq!(plain.header("vary"), Some("accept-encoding"));
    let compressed = gzipped(api.get("/threads").by(&user)).await;
    assert_eq!(compressed.header("vary"), Some("accept-encoding"));
    assert!(compressed.body.len() * 2 < plain.body.len());
    assert_eq!(decoded(&compressed), plain.body);
    for refused in ["", "br", "gzip;q=0", "identity"] {
        let call = api
            .get("/threads")
            .by(&user)
            .header("accept-encoding", refused);
        assert_eq!(call.send().await.body, plain.body, "{refused}");
    }
}

#[tokio::test]
async fn a_single_record_is_never_compressed() {
    let api = Api::new();
    let admin = api.admin().await;
    let body = json!({
        "name": "Guide",
        "slug": "guide",
        "model": "fake::m",
        "instructions": "x".repeat(10_000),
    });
    api.assistant_with(&admin, body).await;
    let single = gzipped(api.get("/assistants/guide").by(&admin)).await;
    assert_eq!(single.header("content-encoding"), None);
}

#[tokio::test]
async fn the_document_is_compressed_under_a_tag_of_its_own() {
    let api = Api::new();
    let document = || api.raw(Method::GET, "/openapi.json");
    let plain = document().send().await;
    let compressed = gzipped(document()).await;
    assert_eq!(decoded(&compressed), plain.body);
    assert_ne!(compressed.header("etag"), plain.header("etag"));
    for (answer, accepted) in [(&plain, "identity"), (&compressed, "gzip")] {
        let tag = answer.header("etag").unwrap();
        let call = document().header("accept-encoding", accepted);
        let again = call.header("if-none-match", tag).send().await;
        assert_eq!(again.status, 304, "{accepted}");
    }
}
