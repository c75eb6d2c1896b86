//! Port: blobs.

use std::ops::Range;

use async_trait::async_trait;
use bytes::Bytes;
use colloquy_domain::Violation;
use futures_core::stream::BoxStream;

use super::PortError;

/// Stores bytes by key.
#[async_trait]
pub trait BlobStore: Send + Sync {
    /// Stores the bytes, replacing those of the key. Durable on return, atomic for readers.
    async fn put(&self, key: &BlobKey, bytes: Bytes) -> Result<(), PortError>;

    /// The bytes of the key; `None` if missing.
    async fn get(&self, key: &BlobKey) -> Result<Option<Bytes>, PortError>;

    /// Deletes the key. Idempotent: absent is Ok.
    async fn delete(&self, key: &BlobKey) -> Result<(), PortError>;

    /// The keys that begin with `prefix` and a slash, in any order.
    async fn list(&self, prefix: &BlobKey) -> Result<Vec<BlobKey>, PortError>;

    /// Begins to store bytes that come piece by piece. Nobody else writes to the key meanwhile.
    async fn upload(&self, key: &BlobKey) -> Result<Box<dyn BlobUpload>, PortError>;

    /// The bytes of the key in this range, or all; `None` if missing. The range is neither empty nor
    /// beyond the end. The stream reads on only as it is polled; it may fail if the key is deleted
    /// meanwhile, but never has other bytes.
    async fn read(
        &self,
        key: &BlobKey,
        range: Option<Range<u64>>,
    ) -> Result<Option<BlobStream>, PortError>;

    /// Deletes the key, and what is left of an upload to it that was neither finished nor aborted,
    /// in whichever process. A missing key is no error.
    async fn discard(&self, key: &BlobKey) -> Result<(), PortError>;
}

/// Bytes of a blob in order, in pieces.
pub type BlobStream = BoxStream<'static, Result<Bytes, PortError>>;

/// An upload in progress. It holds few megabytes in memory, however much is written. When it is
/// dropped, the key stays missing; [`BlobStore::discard`] removes what that leaves.
#[async_trait]
pub trait BlobUpload: Send {
    /// Adds bytes at the end. After an error the upload can only be aborted.
    async fn write(&mut self, bytes: Bytes) -> Result<(), PortError>;

    /// Stores all under the key. Durable on return; until then the key is missing.
    async fn finish(&mut self) -> Result<(), PortError>;

    /// Removes what was written.
    async fn abort(&mut self) -> Result<(), PortError>;
}

/// A key: segments of lower-case ASCII letters, digits, hyphens, underscores and dots (not dots
/// only), joined by slashes, at most 512 bytes. Made from IDs and hashes, never from user input.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BlobKey(String);

impl BlobKey {
    /// Checks the format.
    ///
    /// # Errors
    /// `invalid_format`.
    pub fn parse(text: impl Into<String>) -> Result<Self, Violation> {
        let text = text.into();
        let fits = text.len() <= 512 && text.split('/').all(is_segment);
        if fits {
            Ok(Self(text))
        } else {
            Err(Violation::new("invalid_format", "must be a blob key"))
        }
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn is_segment(text: &str) -> bool {
    let allowed =
        |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_' | b'.');
    text.bytes().all(allowed) && text.bytes().any(|b| b != b'.')
}
