//! `()` as an adapter of optional ports.

use std::ops::Range;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use colloquy_domain::AssistantId;

use super::{
    AnswerCache, AnswerOrigin, AnswerPartition, AvatarRenderer, BlobKey, BlobStore, BlobStream,
    BlobUpload, Embedding, ImageError, KeptAnswer, PortError, RenderedAvatar, SimilarAnswer,
};

#[async_trait]
impl AnswerCache for () {
    async fn find(
        &self,
        _partition: &AnswerPartition,
        _question: &str,
        _oldest: DateTime<Utc>,
    ) -> Result<Option<Arc<KeptAnswer>>, PortError> {
        Ok(None)
    }

    async fn find_similar(
        &self,
        _partition: &AnswerPartition,
        _vector: &Embedding,
        _threshold: f32,
        _oldest: DateTime<Utc>,
    ) -> Result<Vec<SimilarAnswer>, PortError> {
        Ok(Vec::new())
    }

    async fn put(
        &self,
        _partition: &AnswerPartition,
        _answer: KeptAnswer,
        _vector: Option<&Embedding>,
    ) -> Result<(), PortError> {
        Ok(())
    }

    async fn purge(&self, _assistant: AssistantId) -> Result<u64, PortError> {
        Ok(0)
    }

    async fn forget(&self, _origin: AnswerOrigin) -> Result<u64, PortError> {
        Ok(0)
    }
}

/// Holds no blobs and refuses new ones.
#[async_trait]
impl BlobStore for () {
    async fn put(&self, _key: &BlobKey, _bytes: Bytes) -> Result<(), PortError> {
        Err(PortError::other("no blob store is configured"))
    }

    async fn get(&self, _key: &BlobKey) -> Result<Option<Bytes>, PortError> {
        Ok(None)
    }

    async fn delete(&self, _key: &BlobKey) -> Result<(), PortError> {
        Ok(())
    }

    async fn list(&self, _prefix: &BlobKey) -> Result<Vec<BlobKey>, PortError> {
        Ok(Vec::new())
    }

    async fn upload(&self, _key: &BlobKey) -> Result<Box<dyn BlobUpload>, PortError> {
        Err(PortError::other("no blob store is configured"))
    }

    async fn read(
        &self,
        _key: &BlobKey,
        _range: Option<Range<u64>>,
    ) -> Result<Option<BlobStream>, PortError> {
        Ok(None)
    }

    async fn discard(&self, _key: &BlobKey) -> Result<(), PortError> {
        Ok(())
    }
}

impl AvatarRenderer for () {
    fn render(&self, _file: &[u8]) -> Result<RenderedAvatar, ImageError> {
        Err(ImageError::Unencodable("no renderer is configured".into()))
    }
}
