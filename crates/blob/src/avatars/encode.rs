//! Encodes the finished avatar.

use std::io::Cursor;

use colloquy_application::ports::{ImageError, RenderedAvatar};
use colloquy_domain::AvatarKind;
use image::codecs::jpeg::JpegEncoder;
use image::{DynamicImage, ImageFormat};

use super::kind::FileKind;

/// Visually lossless at about a third of the bytes.
const JPEG_QUALITY: u8 = 88;

/// Opaque: JPEG. Otherwise lossless: WebP from WebP, else PNG.
pub(super) fn encode(pixels: DynamicImage, from: FileKind) -> Result<RenderedAvatar, ImageError> {
    let mut bytes = Cursor::new(Vec::new());
    let (kind, written) = if is_opaque(&pixels) {
        let encoder = JpegEncoder::new_with_quality(&mut bytes, JPEG_QUALITY);
        let pixels = pixels.into_rgb8();
        (AvatarKind::Jpeg, pixels.write_with_encoder(encoder))
    } else {
        let (kind, format) = match from {
            FileKind::WebP => (AvatarKind::WebP, ImageFormat::WebP),
            _ => (AvatarKind::Png, ImageFormat::Png),
        };
        (kind, pixels.into_rgba8().write_to(&mut bytes, format))
    };
    written.map_err(|error| ImageError::Unencodable(error.into()))?;
    Ok(RenderedAvatar {
        kind,
        bytes: bytes.into_inner().into(),
    })
}

fn is_opaque(pixels: &DynamicImage) -> bool {
    let is_full = |alpha: &u8| *alpha == u8::MAX;
    match pixels {
        DynamicImage::ImageRgba8(pixels) => pixels.iter().skip(3).step_by(4).all(is_full),
        DynamicImage::ImageLumaA8(pixels) => pixels.iter().skip(1).step_by(2).all(is_full),
        _ => true,
    }
}
