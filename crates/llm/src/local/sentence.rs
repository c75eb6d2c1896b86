//! Sentence embeddings from token vectors.

use std::fs;
use std::path::Path;

use candle_core::{DType, Device, Tensor};
use candle_nn::VarBuilder;
use colloquy_application::ports::BoxError;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokenizers::{Tokenizer, TruncationParams};

use super::LocalModelError;
use super::bert::{Bert, Config};

pub(super) struct SentenceModel {
    tokenizer: Tokenizer,
    bert: Bert,
    pooling: Pooling,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pooling {
    Mean,
    /// That of `[CLS]`.
    First,
}

#[derive(Deserialize)]
struct Kind {
    model_type: Option<String>,
}

#[derive(Deserialize)]
struct SentenceConfig {
    max_seq_length: Option<usize>,
}

#[derive(Default, Deserialize)]
struct PoolingConfig {
    #[serde(default)]
    pooling_mode_cls_token: bool,
}

/// After truncation, with first and last token.
const MIN_TOKENS: usize = 8;

impl SentenceModel {
    pub(super) fn open(directory: &Path) -> Result<Self, LocalModelError> {
        let Kind { model_type } = json(&directory.join("config.json"))?;
        match model_type {
            Some(kind) if kind != "bert" => return Err(LocalModelError::Kind(kind)),
            _ => {}
        }
        let config: Config = json(&directory.join("config.json"))?;
        let longest = optional_json(&directory.join("sentence_bert_config.json"))?
            .and_then(|config: SentenceConfig| config.max_seq_length)
            .unwrap_or(config.max_position_embeddings)
            .min(config.max_position_embeddings);
        let pooling: Option<PoolingConfig> =
            optional_json(&directory.join("1_Pooling/config.json"))?;
        let by_first = pooling.unwrap_or_default().pooling_mode_cls_token;
        Ok(Self {
            tokenizer: tokenizer(&directory.join("tokenizer.json"), longest.max(MIN_TOKENS))?,
            bert: bert(&directory.join("model.safetensors"), &config)?,
            pooling: if by_first {
                Pooling::First
            } else {
                Pooling::Mean
            },
        })
    }

    pub(super) fn embed(&self, text: &str) -> Result<Vec<f32>, BoxError> {
        let tokens = self.tokenizer.encode_fast(text, true)?;
        let ids = Tensor::new(tokens.get_ids(), &Device::Cpu)?;
        let types = Tensor::new(tokens.get_type_ids(), &Device::Cpu)?;
        let vectors = self.bert.vectors(&ids, &types)?;
        let vector = match self.pooling {
            Pooling::Mean => vectors.mean(0)?,
            Pooling::First => vectors.get(0)?,
        };
        Ok(vector.to_vec1()?)
    }
}

fn bert(path: &Path, config: &Config) -> Result<Bert, LocalModelError> {
    let weights = read(path)?;
    let weights = VarBuilder::from_buffered_safetensors(weights, DType::F32, &Device::Cpu);
    let model = weights.and_then(|weights| Bert::load(&weights, config));
    model.map_err(|error| broken(path, error))
}

fn tokenizer(path: &Path, longest: usize) -> Result<Tokenizer, LocalModelError> {
    let read = Tokenizer::from_bytes(read(path)?);
    let mut tokenizer = read.map_err(|error| broken(path, error))?;
    let cut = TruncationParams {
        max_length: longest,
        ..TruncationParams::default()
    };
    tokenizer.with_padding(None);
    let cut = tokenizer.with_truncation(Some(cut));
    cut.map_err(|error| broken(path, error))?;
    Ok(tokenizer)
}

fn json<T: DeserializeOwned>(path: &Path) -> Result<T, LocalModelError> {
    serde_json::from_slice(&read(path)?).map_err(|error| broken(path, error))
}

fn optional_json<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, LocalModelError> {
    if path.exists() {
        json(path).map(Some)
    } else {
        Ok(None)
    }
}

fn read(path: &Path) -> Result<Vec<u8>, LocalModelError> {
    fs::read(path).map_err(|source| LocalModelError::Read {
        path: path.to_owned(),
        source,
    })
}

fn broken(path: &Path, source: impl Into<BoxError>) -> LocalModelError {
    LocalModelError::Broken {
        path: path.to_owned(),
        source: source.into(),
    }
}
