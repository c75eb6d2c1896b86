//! OpenAI embeddings.

use async_trait::async_trait;
use colloquy_application::ports::{Embedder, Embedding, ModelError, ModelErrorKind, PortError};
use colloquy_domain::ModelName;
use reqwest::Response;
use serde::{Deserialize, Serialize};

use super::ChatCompletions;
use crate::failure;

/// Of a response; the longest vector takes some 200 KiB.
const MAX_BYTES: usize = 1024 * 1024;

pub(crate) struct Embeddings {
    provider: ChatCompletions,
    model: ModelName,
}

#[derive(Serialize)]
struct Body<'a> {
    model: &'a str,
    input: &'a str,
    encoding_format: &'static str,
}

#[derive(Deserialize)]
struct Answer {
    data: Vec<Datum>,
}

#[derive(Deserialize)]
struct Datum {
    embedding: Vec<f32>,
}

impl ChatCompletions {
    pub(crate) fn embeddings(&self, model: &ModelName) -> Embeddings {
        Embeddings {
            provider: self.clone(),
            model: model.clone(),
        }
    }
}

impl Embeddings {
    async fn ask(&self, text: &str) -> Result<Embedding, ModelError> {
        let body = serde_json::to_vec(&Body {
            model: self.model.name(),
            input: text,
            encoding_format: "float",
        });
        let body = body.map_err(|error| ModelError::new(ModelErrorKind::Refused, error))?;
        let provider = &self.provider;
        let call = provider.post(&provider.embeddings_url);
        read(provider.endpoint.send(call, body).await?).await
    }
}

async fn read(mut response: Response) -> Result<Embedding, ModelError> {
    let mut body = Vec::new();
    loop {
        let chunk = response.chunk().await;
        match chunk.map_err(|error| failure::connection(error, true))? {
            Some(chunk) => body.extend_from_slice(&chunk),
            None => break,
        }
        if body.len() > MAX_BYTES {
            return Err(failure::broken(format!(
                "the embedding exceeds {MAX_BYTES} bytes"
            )));
        }
    }
    let answer: Result<Answer, _> = serde_json::from_slice(&body);
    let answer = answer.map_err(|_| failure::broken("the response is not an embedding"))?;
    match <[Datum; 1]>::try_from(answer.data) {
        Ok([Datum { embedding }]) => {
            Embedding::new(embedding).map_err(|error| failure::broken(error.to_string()))
        }
        Err(data) => Err(failure::broken(format!(
            "{} embeddings for one text",
            data.len()
        ))),
    }
}

#[async_trait]
impl Embedder for Embeddings {
    fn model(&self) -> &str {
        self.model.as_str()
    }

    async fn embed(&self, text: &str) -> Result<Embedding, PortError> {
        let answer = self.ask(text).await;
        answer.map_err(|error| match error.kind {
            ModelErrorKind::Broken | ModelErrorKind::Refused => PortError::other(error),
            _ => PortError::unavailable(error),
        })
    }
}
