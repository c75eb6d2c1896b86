//! Resizes and orients an image.

use colloquy_application::ports::MAX_AVATAR_SIDE;
use image::DynamicImage;
use image::imageops::FilterType;

use super::picture::Picture;

/// To avatar size; small images are not enlarged.
pub(super) fn shrink(picture: Picture) -> DynamicImage {
    let mut pixels = picture.pixels;
    let is_large = pixels.width().max(pixels.height()) > MAX_AVATAR_SIDE;
    if is_large {
        map_samples_with_alpha(&mut pixels, |sample, alpha| {
            rounded_quotient(sample * alpha, 255)
        });
        pixels = resized(&pixels);
        map_samples_with_alpha(&mut pixels, |sample, alpha| {
            rounded_quotient(sample * 255, alpha)
        });
    }
    pixels.apply_orientation(picture.orientation);
    pixels
}

fn resized(pixels: &DynamicImage) -> DynamicImage {
    // Average first: the finer filter needs 16 bytes per pixel of a row.
    let roughly = 2 * MAX_AVATAR_SIDE;
    let averaged =
        (pixels.width().max(pixels.height()) > roughly).then(|| pixels.thumbnail(roughly, roughly));
    let pixels = averaged.as_ref().unwrap_or(pixels);
    pixels.resize(MAX_AVATAR_SIDE, MAX_AVATAR_SIDE, FilterType::Lanczos3)
}

/// Maps each colour sample with its alpha. Filters need premultiplied alpha, or the colour of
/// transparent pixels bleeds.
fn map_samples_with_alpha(pixels: &mut DynamicImage, change: impl Fn(u32, u32) -> u8) {
    let (samples, channels) = match pixels {
        DynamicImage::ImageRgba8(pixels) => (&mut **pixels, 4),
        DynamicImage::ImageLumaA8(pixels) => (&mut **pixels, 2),
        _ => return,
    };
    for pixel in samples.chunks_exact_mut(channels) {
        let [colours @ .., alpha] = pixel else {
            continue;
        };
        for sample in colours {
            *sample = change(u32::from(*sample), u32::from(*alpha));
        }
    }
}

/// At most 255; 0 for a zero divisor.
fn rounded_quotient(product: u32, divisor: u32) -> u8 {
    let quotient = (product + divisor / 2).checked_div(divisor).unwrap_or(0);
    u8::try_from(quotient).unwrap_or(u8::MAX)
}
