use bytes::Bytes;
use colloquy_domain::{AvatarKind, Violation};

use super::BoxError;

/// Makes, from a file that somebody has sent, the picture that everybody is shown.
///
/// # Obligations
/// - What comes out was encoded here, at most [`MAX_AVATAR_SIDE`] pixels each way: it has
///   nothing of the file but what one sees, neither metadata nor what stood behind the picture.
/// - The file alone says what it is; names and declared types play no part. Of an animation the
///   first frame counts.
/// - The same file gives the same bytes.
/// - A file of few bytes that would become large is refused before it has become so.
pub trait AvatarRenderer: Send + Sync {
    /// The picture in the file. Blocks for as long as that takes, which may be a second.
    ///
    /// # Errors
    /// See [`ImageError`].
    fn render(&self, file: &[u8]) -> Result<RenderedAvatar, ImageError>;
}

/// The most bytes that a file may have.
pub const MAX_IMAGE_BYTES: usize = 5 * 1024 * 1024;
/// The most pixels that the picture in a file may have each way.
pub const MAX_IMAGE_SIDE: u32 = 4096;
/// The most pixels that a rendered picture has each way.
pub const MAX_AVATAR_SIDE: u32 = 512;

/// A picture to show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RenderedAvatar {
    /// What the bytes are.
    pub kind: AvatarKind,
    /// The bytes.
    pub bytes: Bytes,
}

/// Why a file does not become an avatar.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImageError {
    /// It does not begin as any image does.
    #[error("must be an image: PNG, JPEG, WebP or GIF")]
    NotAnImage,
    /// An image, but none of those that are taken.
    #[error("must be PNG, JPEG, WebP or GIF, not {0}")]
    UnsupportedKind(&'static str),
    /// More than [`MAX_IMAGE_BYTES`].
    #[error("must have at most 5 MiB")]
    TooManyBytes,
    /// More than [`MAX_IMAGE_SIDE`] one way or the other.
    #[error("must have at most 4096 x 4096 pixels")]
    TooManyPixels,
    /// Within the limits of size, yet stored in a form that takes too much memory to read.
    #[error("takes too much memory to be read: save it with fewer pixels, or not as progressive")]
    TooCostly,
    /// It breaks off, or is not what its beginning promises.
    #[error("is damaged or breaks off")]
    Damaged(#[source] BoxError),
    /// The picture could not be written; a fault of ours.
    #[error("the picture could not be encoded")]
    Unencodable(#[source] BoxError),
}

impl ImageError {
    /// The rule that the file breaks; `None` for a fault of ours.
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
