//! Avatar colours of files that are not sRGB.

#![expect(clippy::unwrap_used, reason = "tests may panic")]

use std::io::Cursor;

use colloquy_application::ports::{AvatarRenderer as _, RenderedAvatar};
use colloquy_blob::ImageAvatarRenderer;
use image::codecs::jpeg::JpegEncoder;
use image::codecs::png::PngEncoder;
use image::codecs::webp::WebPEncoder;
use image::{
    DynamicImage, GenericImageView as _, GrayImage, ImageEncoder, Luma, Rgb, RgbImage, Rgba,
    RgbaImage,
};
use moxcms::{ColorProfile, DataColorSpace};
use png::{BitDepth, ColorType, Encoder, ScaledFloat};

/// Display P3, and its sRGB value computed by hand.
const P3: [u8; 3] = [200, 100, 50];
const P3_IN_SRGB: [u8; 3] = [215, 93, 31];
/// The same with a gamma of 1.8, in sRGB.
const GAMMA_18_IN_SRGB: [u8; 3] = [210, 119, 65];
const WIDTH: u32 = 16;

fn render(file: &[u8]) -> RenderedAvatar {
    ImageAvatarRenderer.render(file).unwrap()
}

fn middle(file: &[u8]) -> [u8; 4] {
    let rendered = render(file);
    let picture = image::load_from_memory(&rendered.bytes).unwrap();
    picture.get_pixel(WIDTH / 2, WIDTH / 2).0
}

#[track_caller]
fn assert_colour(file: &[u8], expected: [u8; 3]) {
    let [r, g, b, _] = middle(file);
    let pairs = [r, g, b].into_iter().zip(expected);
    let is_near = pairs.clone().all(|(one, other)| one.abs_diff(other) <= 3);
    assert!(is_near, "{:?} instead of {expected:?}", [r, g, b]);
}

fn picture() -> RgbImage {
    RgbImage::from_pixel(WIDTH, WIDTH, Rgb(P3))
}

fn encoded(
    pixels: &DynamicImage,
    mut encoder: impl ImageEncoder,
    profile: Option<Vec<u8>>,
) -> Result<(), image::ImageError> {
    if let Some(profile) = profile {
        encoder.set_icc_profile(profile).unwrap();
    }
    pixels.write_with_encoder(encoder)
}

/// In every format that carries a profile.
fn files(pixels: &DynamicImage, profile: Option<&[u8]>) -> [Vec<u8>; 3] {
    let profile = || profile.map(<[u8]>::to_vec);
    let [mut png, mut jpeg, mut webp] = [const { Vec::new() }; 3];
    encoded(pixels, PngEncoder::new(&mut png), profile()).unwrap();
    let quality = JpegEncoder::new_with_quality(&mut jpeg, 100);
    encoded(pixels, quality, profile()).unwrap();
    encoded(pixels, WebPEncoder::new_lossless(&mut webp), profile()).unwrap();
    [png, jpeg, webp]
}

fn display_p3() -> Vec<u8> {
    ColorProfile::new_display_p3().encode().unwrap()
}

fn png(pixels: &RgbImage, say: impl FnOnce(&mut png::Info<'_>)) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut info = png::Info::with_size(pixels.width(), pixels.height());
    info.color_type = ColorType::Rgb;
    info.bit_depth = BitDepth::Eight;
    say(&mut info);
    let encoder = Encoder::with_info(Cursor::new(&mut bytes), info).unwrap();
    let mut writer = encoder.write_header().unwrap();
    writer.write_image_data(pixels).unwrap();
    writer.finish().unwrap();
    bytes
}

/// With a `cICP` chunk before the others.
fn png_of_code_points(points: [u8; 4], say: impl FnOnce(&mut png::Info<'_>)) -> Vec<u8> {
    let file = png(&picture(), say);
    let chunk = [b"cICP", points.as_slice()].concat();
    let sum = crc32(&chunk).to_be_bytes();
    // After signature and header.
    let (before, behind) = file.split_at(8 + 25);
    [before, &4u32.to_be_bytes(), &chunk, &sum, behind].concat()
}

fn crc32(bytes: &[u8]) -> u32 {
    let step = |crc: u32, _| (crc >> 1) ^ (0xedb8_8320 * (crc & 1));
    let add = |crc: u32, byte: &u8| (0..8).fold(crc ^ u32::from(*byte), step);
    !bytes.iter().fold(u32::MAX, add)
}

#[test]
fn a_picture_in_display_p3_has_the_same_colours_in_srgb() {
    let pixels = DynamicImage::from(picture());
    for file in files(&pixels, Some(&display_p3())) {
        assert_colour(&file, P3_IN_SRGB);
    }
    for file in files(&pixels, None) {
        assert_colour(&file, P3);
    }
    let srgb = ColorProfile::new_srgb().encode().unwrap();
    for file in files(&pixels, Some(&srgb)) {
        assert_colour(&file, P3);
    }
}

#[test]
fn the_profile_is_not_stored() {
    for file in files(&picture().into(), Some(&display_p3())) {
        let rendered = render(&file);
        for mark in [&b"ICC_PROFILE"[..], b"iCCP", b"ICCP", b"acsp"] {
            let mut windows = rendered.bytes.windows(mark.len());
            assert!(!windows.any(|window| window == mark));
        }
    }
}

#[test]
fn what_shows_through_keeps_its_alpha_and_gets_its_colour() {
    let [r, g, b] = P3;
    let pixels = RgbaImage::from_pixel(WIDTH, WIDTH, Rgba([r, g, b, 128]));
    let mut file = Vec::new();
    let encoder = PngEncoder::new(&mut file);
    encoded(&pixels.into(), encoder, Some(display_p3())).unwrap();
    assert_colour(&file, P3_IN_SRGB);
    assert_eq!(middle(&file)[3], 128);
}

#[test]
fn a_large_picture_is_converted_too() {
    let pixels = RgbImage::from_pixel(1500, 1000, Rgb(P3));
    for file in files(&pixels.into(), Some(&display_p3())) {
        assert_colour(&file, P3_IN_SRGB);
    }
}

#[test]
fn grey_has_a_curve_of_its_own() {
    let pixels = GrayImage::from_pixel(WIDTH, WIDTH, Luma([100]));
    let profile = ColorProfile::new_gray_with_gamma(1.8).encode().unwrap();
    let mut file = Vec::new();
    let encoder = PngEncoder::new(&mut file);
    encoded(&pixels.into(), encoder, Some(profile)).unwrap();
    assert_colour(&file, [119; 3]);
}

#[test]
fn a_png_says_its_colours_in_other_ways_too() {
    let pixels = picture();
    let gamma = |value| Some(ScaledFloat::new(value));
    let plain = png(&pixels, |info| info.source_gamma = gamma(1.0 / 1.8));
    assert_colour(&plain, GAMMA_18_IN_SRGB);
    let usual = png(&pixels, |info| info.source_gamma = gamma(0.454_55));
    assert_colour(&usual, P3);
    let p3 = png::SourceChromaticities::new(
        (0.3127, 0.3290),
        (0.680, 0.320),
        (0.265, 0.690),
        (0.150, 0.060),
    );
    let primaries = png(&pixels, |info| {
        info.source_gamma = gamma(0.454_55);
        info.source_chromaticities = Some(p3);
    });
    assert_colour(&primaries, P3_IN_SRGB);
    let points = png_of_code_points([12, 13, 0, 1], |_| {});
    assert_colour(&points, P3_IN_SRGB);
}

#[test]
fn of_several_the_one_counts_that_counts_most() {
    let pixels = picture();
    let both = png_of_code_points([1, 13, 0, 1], |info| {
        info.icc_profile = Some(display_p3().into());
    });
    assert_colour(&both, P3);
    let profile = png(&pixels, |info| {
        info.icc_profile = Some(display_p3().into());
        info.source_gamma = Some(ScaledFloat::new(1.0));
    });
    assert_colour(&profile, P3_IN_SRGB);
}

#[test]
fn what_cannot_be_used_is_passed_over() {
    let pixels = picture();
    for points in [
        [0, 13, 0, 1],
        [2, 2, 0, 1],
        [255, 255, 0, 1],
        [9, 16, 0, 1],
        [9, 18, 0, 1],
        [12, 13, 0, 0],
        [12, 13, 1, 1],
        [12, 13, 0, 7],
    ] {
        assert_colour(&png_of_code_points(points, |_| {}), P3);
    }
    for gamma in [0.0, 0.000_01, 0.1, 1.8, 2.2, 21_000.0] {
        let file = png(&pixels, |info| {
            info.source_gamma = Some(ScaledFloat::new(gamma));
        });
        assert_colour(&file, P3);
    }

    let mut cmyk = ColorProfile::new_display_p3();
    cmyk.color_space = DataColorSpace::Cmyk;
    let mut lab = ColorProfile::new_display_p3();
    lab.color_space = DataColorSpace::Lab;
    let grey = ColorProfile::new_gray_with_gamma(1.8);
    let mut profiles: Vec<_> = [cmyk, lab, grey]
        .map(|profile| profile.encode().unwrap())
        .into();
    let mut long = display_p3();
    long.resize(2 * 1024 * 1024, 0);
    let length = u32::try_from(long.len()).unwrap();
    long[..4].copy_from_slice(&length.to_be_bytes());
    profiles.extend([Vec::new(), vec![0; 200], b"not a profile".to_vec(), long]);
    for profile in &profiles {
        let [png, _, webp] = files(&pixels.clone().into(), Some(profile));
        for file in [png, webp] {
            assert_colour(&file, P3);
        }
    }
}

#[test]
fn an_unusable_chunk_leaves_the_others_in_force() {
    for points in [[12, 13, 1, 1], [9, 16, 0, 1], [255, 255, 0, 1]] {
        let file = png_of_code_points(points, |info| {
            info.icc_profile = Some(display_p3().into());
        });
        assert_colour(&file, P3_IN_SRGB);
    }
    for [white, red, green, blue] in UNUSABLE_PRIMARIES {
        let file = png(&picture(), |info| {
            info.source_gamma = Some(ScaledFloat::new(1.0 / 1.8));
            info.source_chromaticities =
                Some(png::SourceChromaticities::new(white, red, green, blue));
        });
        assert_colour(&file, GAMMA_18_IN_SRGB);
    }
}

type Point = (f32, f32);

/// White, red, green and blue.
const UNUSABLE_PRIMARIES: [[Point; 4]; 5] = [
    [(0.0, 0.0); 4],
    [(0.3127, 0.3290); 4],
    // No colour: x + y > 1.
    [(0.3127, 0.3290), (0.9, 0.9), (0.30, 0.60), (0.15, 0.06)],
    // Red and green swapped.
    [(0.3127, 0.3290), (0.30, 0.60), (0.64, 0.33), (0.15, 0.06)],
    // The white point is outside.
    [(0.64, 0.33), (0.3127, 0.3290), (0.30, 0.60), (0.15, 0.06)],
];

#[test]
fn a_profile_that_unpacks_to_a_gigabyte_is_passed_over() {
    let file = png(&picture(), |info| {
        info.icc_profile = Some(vec![0; 64 * 1024 * 1024].into());
    });
    assert!(file.len() < 1024 * 1024, "{}", file.len());
    assert_colour(&file, P3);
}

#[test]
fn a_broken_profile_breaks_nothing() {
    let whole = display_p3();
    let pixels = DynamicImage::from(RgbImage::from_pixel(2, 2, Rgb(P3)));
    let try_out = |profile: &[u8]| {
        let [png, jpeg, webp] = files(&pixels, Some(profile));
        for file in [png, jpeg, webp] {
            render(&file);
        }
    };
    for length in (0..whole.len()).step_by(7) {
        try_out(&whole[..length]);
    }
    for place in 0..whole.len() {
        for value in [0, 0x7f, 0xff] {
            let mut broken = whole.clone();
            broken[place] = value;
            try_out(&broken);
        }
    }
}
