use colloquy_application::ports::MAX_AVATAR_SIDE;
use image::DynamicImage;
use image::imageops::FilterType;

use super::picture::Picture;

/// Brings a picture to the size in which it is shown, the right way up. A small one stays small.
pub(super) fn shrink(picture: Picture) -> DynamicImage {
    let mut pixels = picture.pixels;
    let is_large = pixels.width().max(pixels.height()) > MAX_AVATAR_SIDE;
    if is_large {
        each_alpha(&mut pixels, |sample, alpha| divided(sample * alpha, 255));
        pixels = resized(&pixels);
        each_alpha(&mut pixels, |sample, alpha| divided(sample * 255, alpha));
    }
    pixels.apply_orientation(picture.orientation);
    pixels
}

fn resized(pixels: &DynamicImage) -> DynamicImage {
    // By plain averages first: the finer filter takes 16 bytes for each pixel of a row, of which
    // a large picture has many.
    let roughly = 2 * MAX_AVATAR_SIDE;
    let averaged =
        (pixels.width().max(pixels.height()) > roughly).then(|| pixels.thumbnail(roughly, roughly));
    let pixels = averaged.as_ref().unwrap_or(pixels);
    pixels.resize(MAX_AVATAR_SIDE, MAX_AVATAR_SIDE, FilterType::Lanczos3)
}

/// Changes every sample by its pixel's alpha. Pixels are mixed weighted by their alpha: otherwise
/// the colour of what cannot be seen would bleed into what can.
fn each_alpha(pixels: &mut DynamicImage, change: impl Fn(u32, u32) -> u8) {
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

/// Rounded, at most 255; nothing where there is nothing to see.
fn divided(product: u32, divisor: u32) -> u8 {
    let quotient = (product + divisor / 2).checked_div(divisor).unwrap_or(0);
    u8::try_from(quotient).unwrap_or(u8::MAX)
}
