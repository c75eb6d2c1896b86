//! Replays recorded responses from memory.

use axum::Router;
use axum::body::Bytes;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::routing::get;
use colloquy_tests::client::Response;
use serde::{Deserialize, Serialize};

/// Added by the connection itself.
const OF_THE_CONNECTION: [&str; 3] = ["connection", "content-length", "date"];

#[derive(Serialize, Deserialize)]
pub(crate) struct Answer {
    status: u16,
    headers: Vec<(String, Vec<u8>)>,
    body: Vec<u8>,
}

impl From<&Response> for Answer {
    fn from(response: &Response) -> Self {
        let headers = response.headers.iter();
        let headers = headers.filter(|(name, _)| !OF_THE_CONNECTION.contains(&name.as_str()));
        Self {
            status: response.status,
            headers: headers
                .map(|(name, value)| (name.to_string(), value.as_bytes().to_vec()))
                .collect(),
            body: response.body.to_vec(),
        }
    }
}

pub(super) fn path(row: usize) -> String {
    format!("/memory/{row}")
}

/// Serves each response under its index.
pub(super) fn routes(answers: Vec<Answer>) -> Router {
    let answers = answers.into_iter().enumerate();
    answers.fold(Router::new(), |router, (row, answer)| {
        let status = StatusCode::from_u16(answer.status).expect("a status");
        let headers: HeaderMap = answer.headers.iter().map(header).collect();
        let body = Bytes::from(answer.body);
        let handler = async move || (status, headers.clone(), body.clone());
        router.route(&path(row), get(handler))
    })
}

fn header((name, value): &(String, Vec<u8>)) -> (HeaderName, HeaderValue) {
    let name = name.parse().expect("a header name");
    (
        name,
        HeaderValue::from_bytes(value).expect("a header value"),
    )
}
