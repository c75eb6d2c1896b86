//! An avatar renderer that decodes nothing.

use bytes::Bytes;
use colloquy_domain::{AvatarKind, ContentHash};
use sha2::{Digest as _, Sha256};

use crate::ports::{AvatarRenderer, ImageError, MAX_IMAGE_BYTES, RenderedAvatar};

/// Checks a file's signature only, and renders a line of text.
#[derive(Debug, Clone, Copy, Default)]
pub struct PretendedAvatars;

impl AvatarRenderer for PretendedAvatars {
    fn render(&self, file: &[u8]) -> Result<RenderedAvatar, ImageError> {
        if file.len() > MAX_IMAGE_BYTES {
            return Err(ImageError::TooManyBytes);
        }
        let kind = match file {
            [0x89, b'P', b'N', b'G', ..] | [b'G', b'I', b'F', b'8', ..] => AvatarKind::Png,
            [0xff, 0xd8, 0xff, ..] => AvatarKind::Jpeg,
            [b'R', b'I', b'F', b'F', ..] => AvatarKind::WebP,
            [b'<', b's', b'v', b'g', ..] => return Err(ImageError::UnsupportedKind("SVG")),
            [b'B', b'M', ..] => return Err(ImageError::UnsupportedKind("BMP")),
            _ => return Err(ImageError::NotAnImage),
        };
        let hash = ContentHash(Sha256::digest(file).into());
        let bytes = Bytes::from(format!("the picture of {hash}"));
        Ok(RenderedAvatar { kind, bytes })
    }
}
