//! Decodes WebP files.

use std::io::Cursor;

use colloquy_application::ports::ImageError;
use image::ImageDecoder as _;
use image::codecs::webp::WebPDecoder;

use super::picture::{Picture, read as read_picture, refused};

/// Of an animation, the first frame.
pub(super) fn read(file: &[u8]) -> Result<Picture, ImageError> {
    let decoder = WebPDecoder::new(Cursor::new(file)).map_err(refused)?;
    let (width, height) = decoder.dimensions();
    let pixels = u64::from(width) * u64::from(height);
    let bytes_per_pixel = if decoder.has_animation() {
        // Frame, planes, alpha and canvas.
        14
    } else if has_chunk(file, b"ALPH") {
        // Planes, alpha twice.
        7
    } else if has_chunk(file, b"VP8L") && !decoder.color_type().has_alpha() {
        // Decoded with alpha, then dropped.
        4
    } else {
        2
    };
    read_picture(decoder, pixels * bytes_per_pixel)
}

fn has_chunk(file: &[u8], name: &[u8; 4]) -> bool {
    let mut rest = file.get(12..).unwrap_or_default();
    while let Some((head, body)) = rest.split_at_checked(8) {
        if head.starts_with(name) {
            return true;
        }
        let length = u32::from_le_bytes([head[4], head[5], head[6], head[7]]);
        // Padded to even offsets.
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        let next = length.saturating_add(length % 2);
        rest = body.get(next..).unwrap_or_default();
    }
    false
}
