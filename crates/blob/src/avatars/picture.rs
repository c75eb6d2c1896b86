//! A decoded image and its display metadata.

use colloquy_application::ports::{ImageError, MAX_IMAGE_SIDE};
use image::error::ImageError as DecodeError;
use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, Limits};
use moxcms::ColorProfile;

use super::MEMORY;
use super::colour::read_profile;

/// Grey or RGB, 8 bits per channel, with or without alpha.
pub(super) struct Picture {
    pub(super) pixels: DynamicImage,
    pub(super) orientation: Orientation,
    pub(super) profile: Option<Box<ColorProfile>>,
}

/// `cost`: bytes the decoder needs beyond the pixels.
pub(super) fn read(mut decoder: impl ImageDecoder, cost: u64) -> Result<Picture, ImageError> {
    let (width, height) = decoder.dimensions();
    check_sides(width, height)?;
    let left = MEMORY.checked_sub(decoder.total_bytes().saturating_add(cost));
    let mut limits = Limits::no_limits();
    limits.max_alloc = Some(left.ok_or(ImageError::TooCostly)?);
    decoder.set_limits(limits).map_err(refused)?;
    // Unreadable metadata means no rotation.
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let profile = decoder.icc_profile().ok().flatten();
    let profile = profile.and_then(|icc| read_profile(&icc));
    Ok(Picture {
        profile: profile.map(Box::new),
        pixels: DynamicImage::from_decoder(decoder).map_err(refused)?,
        orientation,
    })
}

pub(super) fn check_sides(width: u32, height: u32) -> Result<(), ImageError> {
    match width.max(height) {
        0 => Err(damaged("it has no pixels")),
        1..=MAX_IMAGE_SIDE => Ok(()),
        _ => Err(ImageError::TooManyPixels),
    }
}

pub(super) fn refused(error: DecodeError) -> ImageError {
    match error {
        DecodeError::Limits(_) => ImageError::TooCostly,
        error => damaged(error),
    }
}

pub(super) fn damaged(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> ImageError {
    ImageError::Damaged(cause.into())
}
