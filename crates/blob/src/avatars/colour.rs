//! Converts colours to sRGB: stored avatars carry no profile.

use image::DynamicImage;
use moxcms::{ColorProfile, DataColorSpace, ParsingOptions, ToneReprCurve, Xyzd};

/// Display and camera profiles take a few kilobytes; larger ones mostly hold unused lookup tables.
pub(super) const MAX_PROFILE_BYTES: usize = 1024 * 1024;
const MAX_CURVE_POINTS: usize = 40_000;

/// From D50 CIE XYZ, the profile connection space.
const XYZ_TO_SRGB: [[f64; 3]; 3] = [
    [3.133_856_1, -1.616_866_7, -0.490_614_6],
    [-0.978_768_4, 1.916_141_5, 0.033_454_0],
    [0.071_945_3, -0.228_991_4, 1.405_242_7],
];

pub(super) fn read_profile(icc: &[u8]) -> Option<ColorProfile> {
    let options = ParsingOptions {
        max_profile_size: MAX_PROFILE_BYTES,
        max_allowed_clut_size: MAX_PROFILE_BYTES,
        max_allowed_trc_size: MAX_CURVE_POINTS,
    };
    ColorProfile::new_from_slice_with_options(icc, options).ok()
}

/// Ignores profiles for other colour models, or without curves and primaries: sRGB is assumed.
pub(super) fn to_srgb(pixels: &mut DynamicImage, profile: &ColorProfile) {
    match pixels {
        DynamicImage::ImageLuma8(pixels) => grey_to_srgb(pixels, 1, profile),
        DynamicImage::ImageLumaA8(pixels) => grey_to_srgb(pixels, 2, profile),
        DynamicImage::ImageRgb8(pixels) => rgb_to_srgb(pixels, 3, profile),
        DynamicImage::ImageRgba8(pixels) => rgb_to_srgb(pixels, 4, profile),
        _ => None,
    };
}

fn grey_to_srgb(samples: &mut [u8], channels: usize, profile: &ColorProfile) -> Option<()> {
    let curve = match profile.color_space {
        DataColorSpace::Gray => &profile.gray_trc,
        DataColorSpace::Rgb => &profile.red_trc,
        _ => return None,
    };
    let linear = linear_values(curve.as_ref()?)?;
    for pixel in samples.chunks_exact_mut(channels) {
        pixel[0] = encode(linear[usize::from(pixel[0])]);
    }
    Some(())
}

fn rgb_to_srgb(samples: &mut [u8], channels: usize, profile: &ColorProfile) -> Option<()> {
    if profile.color_space != DataColorSpace::Rgb || profile.pcs != DataColorSpace::Xyz {
        return None;
    }
    let red = linear_values(profile.red_trc.as_ref()?)?;
    let green = linear_values(profile.green_trc.as_ref()?)?;
    let blue = linear_values(profile.blue_trc.as_ref()?)?;
    let matrix = matrix_to_srgb(profile)?;
    for pixel in samples.chunks_exact_mut(channels) {
        let [r, g, b, ..] = pixel else { continue };
        let light = [
            red[usize::from(*r)],
            green[usize::from(*g)],
            blue[usize::from(*b)],
        ];
        [*r, *g, *b] = matrix.map(|row| encode(dot(row, light)));
    }
    Some(())
}

/// Defines RGB colours by curves and primaries.
pub(super) fn is_usable(profile: &ColorProfile) -> bool {
    let curves = [&profile.red_trc, &profile.green_trc, &profile.blue_trc];
    curves.iter().all(|curve| curve.is_some()) && matrix_to_srgb(profile).is_some()
}

/// From linear values with the profile's primaries to linear sRGB.
fn matrix_to_srgb(profile: &ColorProfile) -> Option<[[f64; 3]; 3]> {
    let primaries = [
        profile.red_colorant,
        profile.green_colorant,
        profile.blue_colorant,
    ];
    let is_usable = |it: &Xyzd| [it.x, it.y, it.z].iter().all(|value| value.is_finite());
    let is_empty = |it: &Xyzd| it.y == 0.0;
    if !primaries.iter().all(is_usable) || primaries.iter().all(is_empty) {
        return None;
    }
    let [r, g, b] = primaries;
    Some(XYZ_TO_SRGB.map(|row| [r, g, b].map(|it| dot(row, [it.x, it.y, it.z]))))
}

fn dot(row: [f64; 3], column: [f64; 3]) -> f64 {
    row.iter().zip(column).map(|(one, other)| one * other).sum()
}

fn linear_values(curve: &ToneReprCurve) -> Option<[f64; 256]> {
    let evaluator = curve.make_linear_evaluator().ok()?;
    let mut values = [0.0; 256];
    for (number, value) in (0u8..=u8::MAX).zip(&mut values) {
        let linear = evaluator.evaluate_value(f32::from(number) / 255.0);
        *value = f64::from(linear).clamp(0.0, 1.0);
        if value.is_nan() {
            return None;
        }
    }
    Some(values)
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "from 0 to 255"
)]
fn encode(linear: f64) -> u8 {
    let linear = linear.clamp(0.0, 1.0);
    let written = if linear <= 0.003_130_8 {
        12.92 * linear
    } else {
        1.055f64.mul_add(linear.powf(1.0 / 2.4), -0.055)
    };
    (written * 255.0).round() as u8
}
