//! Decodes PNG files.

use std::io::Cursor;

use colloquy_application::ports::ImageError;
use image::metadata::Orientation;
use image::{DynamicImage, GrayAlphaImage, GrayImage, RgbImage, RgbaImage};
use png::{ColorType, Decoder, DecodingError, Limits, Transformations};

use super::MEMORY;
use super::picture::{Picture, check_sides, damaged};
use super::png_chunks::without_invalid_cicp;
use super::png_colour::profile;

/// Of an animation, the default image. Uses `png` directly: `image` would hold 16-bit images whole.
pub(super) fn read(file: &[u8]) -> Result<Picture, ImageError> {
    let file = &*without_invalid_cicp(file);
    let limits = Limits {
        bytes: usize::try_from(MEMORY).unwrap_or(usize::MAX),
    };
    let mut decoder = Decoder::new_with_limits(Cursor::new(file), limits);
    decoder.set_transformations(Transformations::normalize_to_color8());
    // Compressed, may expand without bound.
    decoder.set_ignore_text_chunk(true);
    decoder.set_ignore_iccp_chunk(true);
    let header = decoder.read_header_info().map_err(refused)?;
    check_sides(header.width, header.height)?;
    let mut reader = decoder.read_info().map_err(refused)?;
    let size = reader.output_buffer_size().ok_or(ImageError::TooCostly)?;
    let mut samples = vec![0; size];
    let frame = reader.next_frame(&mut samples).map_err(refused)?;
    // Metadata after the image data; its errors do not matter.
    let _ = reader.finish();
    let exif = reader.info().exif_metadata.as_deref();
    let orientation = exif.and_then(Orientation::from_exif_chunk);
    let (width, height) = (frame.width, frame.height);
    let pixels = match frame.color_type {
        ColorType::Grayscale => GrayImage::from_raw(width, height, samples).map(DynamicImage::from),
        ColorType::GrayscaleAlpha => {
            GrayAlphaImage::from_raw(width, height, samples).map(DynamicImage::from)
        }
        ColorType::Rgba => RgbaImage::from_raw(width, height, samples).map(DynamicImage::from),
        // Already expanded.
        ColorType::Rgb | ColorType::Indexed => {
            RgbImage::from_raw(width, height, samples).map(DynamicImage::from)
        }
    };
    Ok(Picture {
        pixels: pixels.ok_or_else(|| damaged("its frame has the wrong size"))?,
        orientation: orientation.unwrap_or(Orientation::NoTransforms),
        profile: profile(file).map(Box::new),
    })
}

fn refused(error: DecodingError) -> ImageError {
    match error {
        DecodingError::LimitsExceeded => ImageError::TooCostly,
        error => damaged(error),
    }
}
