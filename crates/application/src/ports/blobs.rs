use async_trait::async_trait;
use bytes::Bytes;
use colloquy_domain::Violation;

use super::PortError;

/// Keeps byte strings by key, such as avatars.
#[async_trait]
pub trait BlobStore: Send + Sync {
    /// Stores the bytes, in place of what the key held. Durable when answered; a reader sees the
    /// old bytes or the new ones, never a part.
    async fn put(&self, key: &BlobKey, bytes: Bytes) -> Result<(), PortError>;

    /// The bytes of that key; absent is `None`.
    async fn get(&self, key: &BlobKey) -> Result<Option<Bytes>, PortError>;

    /// Removes the key; one that is absent already is no error.
    async fn delete(&self, key: &BlobKey) -> Result<(), PortError>;

    /// The keys that begin with `prefix` and a slash, in no certain order.
    async fn list(&self, prefix: &BlobKey) -> Result<Vec<BlobKey>, PortError>;
}

/// Where a blob lies: segments of lower-case ASCII letters, digits, hyphens, underscores and dots
/// (never only dots), joined by slashes, 512 bytes at the most. Made from ids and hashes, never
/// from names that people gave.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BlobKey(String);

impl BlobKey {
    /// Checks the form.
    ///
    /// # Errors
    /// A `Violation` with the code `invalid_format`.
    pub fn parse(text: impl Into<String>) -> Result<Self, Violation> {
        let text = text.into();
        let fits = text.len() <= 512 && text.split('/').all(is_segment);
        if fits {
            Ok(Self(text))
        } else {
            Err(Violation::new("invalid_format", "must be a blob key"))
        }
    }

    /// The key's text.
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
