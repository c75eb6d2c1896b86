mod colour;
mod encode;
mod gif;
mod jpeg;
mod kind;
mod picture;
mod png;
mod png_colour;
mod shrink;
mod webp;

use colloquy_application::ports::{AvatarRenderer, ImageError, MAX_IMAGE_BYTES, RenderedAvatar};

use self::kind::FileKind;

/// How much memory reading one picture may take at the most, pixels included. It is enough for
/// 4096 x 4096 pixels in the forms that pictures usually have; leaner limits hold for those that
/// are kept several times while they are read, such as progressive JPEG.
const MEMORY: u64 = 80 * 1024 * 1024;

/// Makes avatars with the decoders and encoders of the `image` family, all of them in safe Rust.
#[derive(Debug, Clone, Copy, Default)]
pub struct ImageAvatarRenderer;

impl AvatarRenderer for ImageAvatarRenderer {
    fn render(&self, file: &[u8]) -> Result<RenderedAvatar, ImageError> {
        if file.len() > MAX_IMAGE_BYTES {
            return Err(ImageError::TooManyBytes);
        }
        let kind = FileKind::of(file)?;
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
