//! The avatar renderer: decode within limits, orient, convert to sRGB, shrink, re-encode.

mod colour;
mod encode;
mod gif;
mod jpeg;
mod kind;
mod picture;
mod png;
mod png_chunks;
mod png_colour;
mod shrink;
mod webp;

use colloquy_application::ports::{AvatarRenderer, ImageError, MAX_IMAGE_BYTES, RenderedAvatar};

use self::kind::FileKind;

/// Memory to decode one image, pixels included: 4096 x 4096 pixels in common formats, less in those
/// decoded in several copies, such as progressive JPEG.
const MEMORY: u64 = 80 * 1024 * 1024;

/// Renders avatars with the `image` crates, all in safe Rust.
#[derive(Debug, Clone, Copy, Default)]
pub struct ImageAvatarRenderer;

impl AvatarRenderer for ImageAvatarRenderer {
    fn render(&self, file: &[u8]) -> Result<RenderedAvatar, ImageError> {
        if file.len() > MAX_IMAGE_BYTES {
            return Err(ImageError::TooManyBytes);
        }
        let kind = FileKind::detect(file)?;
        let mut picture = match kind {
            FileKind::Png => png::read(file),
            FileKind::Jpeg => jpeg::read(file),
            FileKind::WebP => webp::read(file),
            FileKind::Gif => gif::read(file),
        }?;
        let profile = picture.profile.take();
        let mut pixels = shrink::shrink(picture);
        if let Some(profile) = profile {
            colour::to_srgb(&mut pixels, &profile);
        }
        encode::encode(pixels, kind)
    }
}
