//! Sends requests to a provider and classifies responses.

use std::sync::Arc;
use std::time::Duration;

use colloquy_application::ports::{Clock, ModelError};
use reqwest::header::CONTENT_TYPE;
use reqwest::{RequestBuilder, Response};

use crate::failure::{self, StatusError};
use crate::redaction::Redaction;

const MAX_ERROR_BYTES: usize = 64 * 1024;

#[derive(Clone)]
pub(crate) struct Endpoint {
    pub(crate) redaction: Redaction,
    pub(crate) clock: Arc<dyn Clock>,
    /// For token counts and end mark after the last text: not every server sends them.
    pub(crate) trailer_timeout: Duration,
}

impl Endpoint {
    /// Sends a JSON body. Any status but success is an error.
    pub(crate) async fn send(
        &self,
        request: RequestBuilder,
        json: Vec<u8>,
    ) -> Result<Response, ModelError> {
        let request = request.header(CONTENT_TYPE, "application/json");
        let sent = request.body(json).send().await;
        let response = sent.map_err(|error| failure::connection(error, false))?;
        if response.status().is_success() {
            return Ok(response);
        }
        Err(self.status_error(response).await)
    }

    async fn status_error(&self, mut response: Response) -> ModelError {
        let mut body = Vec::new();
        while let Ok(Some(chunk)) = response.chunk().await
            && body.len() < MAX_ERROR_BYTES
        {
            body.extend_from_slice(&chunk);
        }
        body.truncate(MAX_ERROR_BYTES);
        let error = StatusError {
            status: response.status(),
            body: self.redaction.apply(&String::from_utf8_lossy(&body)),
        };
        error.into_error(response.headers(), self.clock.now())
    }
}
