//! Port: rendering avatars.

use bytes::Bytes;
use colloquy_domain::{AvatarKind, Violation};

use super::BoxError;

/// Renders uploaded files as avatars.
///
/// # Obligations
/// - The result is re-encoded, at most [`MAX_AVATAR_SIDE`] pixels each way, and contains visible
///   pixels only: no metadata, no appended data.
/// - The format is detected from the content. Animations give their first frame.
/// - The same file gives the same bytes.
/// - A small file that would expand to a large image is refused before it is decoded.
pub trait AvatarRenderer: Send + Sync {
    /// Renders the file. Blocks, up to a second.
    ///
    /// # Errors
    /// See [`ImageError`].
    fn render(&self, file: &[u8]) -> Result<RenderedAvatar, ImageError>;
}

/// Maximum size of a file.
pub const MAX_IMAGE_BYTES: usize = 5 * 1024 * 1024;
/// Maximum pixels of a file's picture each way.
pub const MAX_IMAGE_SIDE: u32 = 4096;
/// Maximum pixels of a rendered avatar each way.
pub const MAX_AVATAR_SIDE: u32 = 512;

/// A rendered avatar.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RenderedAvatar {
    /// The format.
    pub kind: AvatarKind,
    /// The encoded picture.
    pub bytes: Bytes,
}

/// Why a file cannot be rendered.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImageError {
    /// No image signature.
    #[error("must be an image: PNG, JPEG, WebP or GIF")]
    NotAnImage,
    /// An image of an unsupported format.
    #[error("must be PNG, JPEG, WebP or GIF, not {0}")]
    UnsupportedKind(&'static str),
    /// More than [`MAX_IMAGE_BYTES`].
    #[error("must have at most 5 MiB")]
    TooManyBytes,
    /// More than [`MAX_IMAGE_SIDE`] in one direction.
    #[error("must have at most 4096 x 4096 pixels")]
    TooManyPixels,
    /// Within the size limits, but too expensive to decode.
    #[error("needs too much memory to decode: save it with fewer pixels, or as non-progressive")]
    TooCostly,
    /// Truncated or malformed.
    #[error("is damaged or incomplete")]
    Damaged(#[source] BoxError),
    /// Encoding failed; a bug.
    #[error("the picture could not be encoded")]
    Unencodable(#[source] BoxError),
}

impl ImageError {
    /// The rule that the file breaks; `None` for a bug.
    #[must_use]
    pub fn violation(&self) -> Option<Violation> {
        let code = match self {
            Self::NotAnImage => "not_an_image",
            Self::UnsupportedKind(_) => "unsupported_image",
            Self::TooManyBytes => "too_large",
            Self::TooManyPixels => "too_many_pixels",
            Self::TooCostly => "too_costly",
            Self::Damaged(_) => "damaged_image",
            Self::Unencodable(_) => return None,
        };
        Some(Violation::new(code, self.to_string()))
    }
}
