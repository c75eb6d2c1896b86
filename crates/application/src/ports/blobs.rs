//! Port: blobs.

use async_trait::async_trait;
use bytes::Bytes;
use colloquy_domain::Violation;

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
