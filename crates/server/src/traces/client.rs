//! HTTP client of the trace exporter.

use std::error::Error as StdError;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use colloquy_application::ports::BoxError;
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use tokio::runtime::Handle;

const MAX_ANSWER: usize = 64 * 1024;

/// Logs once when exporting starts to fail and once when it recovers.
#[derive(Debug)]
pub(super) struct Client {
    http: reqwest::Client,
    /// The exporter's thread has no runtime.
    runtime: Handle,
    time: Duration,
    is_failing: AtomicBool,
}

impl Client {
    pub(super) fn new(runtime: Handle, time: Duration) -> Result<Self, BoxError> {
        Ok(Self {
            http: colloquy_llm::http_client(time)?,
            runtime,
            time,
            is_failing: AtomicBool::new(false),
        })
    }

    fn tell(&self, answer: &Result<Response<Bytes>, reqwest::Error>) {
        let is_failing = !matches!(answer, Ok(answer) if answer.status().is_success());
        if self.is_failing.swap(is_failing, Ordering::Relaxed) == is_failing {
            return;
        }
        match answer {
            Err(error) => {
                let error: &dyn StdError = error;
                tracing::warn!(error, "traces not sent");
            }
            Ok(answer) if is_failing => {
                let status = answer.status().as_u16();
                tracing::warn!(status, "trace collector rejects traces");
            }
            Ok(_) => tracing::info!("traces sent again"),
        }
    }
}

#[async_trait]
impl HttpClient for Client {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let sending = send(self.http.clone(), request, self.time);
        let answer = self.runtime.spawn(sending).await?;
        self.tell(&answer);
        Ok(answer?)
    }
}

/// Errors omit the URL, which may contain credentials.
async fn send(
    http: reqwest::Client,
    request: Request<Bytes>,
    time: Duration,
) -> Result<Response<Bytes>, reqwest::Error> {
    let (head, body) = request.into_parts();
    let request = http
        .request(head.method, head.uri.to_string())
        .headers(head.headers)
        .body(body)
        .timeout(time);
    let answer = request.send().await.map_err(reqwest::Error::without_url)?;
    read(answer).await.map_err(reqwest::Error::without_url)
}

async fn read(mut answer: reqwest::Response) -> Result<Response<Bytes>, reqwest::Error> {
    let mut read = Response::default();
    *read.status_mut() = answer.status();
    *read.headers_mut() = std::mem::take(answer.headers_mut());
    let mut body = Vec::new();
    while body.len() < MAX_ANSWER
        && let Some(piece) = answer.chunk().await?
    {
        body.extend_from_slice(&piece);
    }
    *read.body_mut() = body.into();
    Ok(read)
}
