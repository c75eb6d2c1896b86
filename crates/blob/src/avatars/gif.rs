//! Decodes GIF files.

use std::io::Cursor;

use colloquy_application::ports::ImageError;
use image::codecs::gif::GifDecoder;

use super::picture::{Picture, read as read_picture, refused};

/// First frame only.
pub(super) fn read(file: &[u8]) -> Result<Picture, ImageError> {
    let decoder = GifDecoder::new(Cursor::new(file)).map_err(refused)?;
    read_picture(decoder, 0)
}
