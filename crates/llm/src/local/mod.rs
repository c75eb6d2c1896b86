//! Local embedding models.

mod bert;
mod sentence;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use colloquy_application::ports::{BoxError, Embedder, Embedding, PortError};
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

use self::sentence::SentenceModel;

/// A sentence-transformers model on the CPU.
///
/// Its directory contains `config.json` (of a BERT), `tokenizer.json`, `model.safetensors` and
/// optionally `sentence_bert_config.json` and `1_Pooling/config.json`.
pub struct LocalEmbedder {
    model: Arc<SentenceModel>,
    name: String,
    slots: Arc<Semaphore>,
}

/// Why a model cannot be loaded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LocalModelError {
    /// Missing or unreadable file.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
    /// Malformed file.
    #[error("{} is malformed", path.display())]
    Broken {
        /// The file.
        path: PathBuf,
        /// The cause.
        #[source]
        source: BoxError,
    },
    /// Not a BERT.
    #[error("the model type `{0}` is not supported, only `bert`")]
    Kind(String),
}

impl LocalEmbedder {
    /// Reads the model into memory; blocks.
    ///
    /// # Errors
    /// [`LocalModelError`].
    pub fn open(directory: &Path) -> Result<Self, LocalModelError> {
        let processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Ok(Self {
            model: Arc::new(SentenceModel::open(directory)?),
            name: directory.display().to_string(),
            slots: Arc::new(Semaphore::new(processors)),
        })
    }
}

#[async_trait]
impl Embedder for LocalEmbedder {
    fn model(&self) -> &str {
        &self.name
    }

    async fn embed(&self, text: &str) -> Result<Embedding, PortError> {
        let slot = Arc::clone(&self.slots).acquire_owned().await;
        let slot = slot.map_err(PortError::unavailable)?;
        let (model, text) = (Arc::clone(&self.model), text.to_owned());
        let embedding = spawn_blocking(move || {
            let embedding = model.embed(&text);
            drop(slot);
            embedding
        });
        let embedding = embedding.await.map_err(PortError::other)?;
        Embedding::new(embedding.map_err(PortError::other)?).map_err(PortError::other)
    }
}
