//! Avatar rendering of valid, damaged and hostile files.

#![expect(clippy::unwrap_used, reason = "tests may panic")]

use std::io::Cursor;

use colloquy_application::ports::{AvatarRenderer as _, ImageError, RenderedAvatar};
use colloquy_blob::ImageAvatarRenderer;
use colloquy_domain::AvatarKind;
use image::codecs::gif::GifEncoder;
use image::{
    DynamicImage, Frame, GenericImageView as _, ImageFormat, Luma, LumaA, Rgb, Rgba, RgbaImage,
};
use png::{BitDepth, ColorType, Encoder};

const RED: Rgb<u8> = Rgb([220, 20, 20]);
const BLUE: Rgb<u8> = Rgb([20, 20, 220]);

/// CMYK, 16 x 12 pixels: left half red, right half blue.
const CMYK_JPEG: &[u8] = include_bytes!("pictures/cmyk.jpg");
/// The same image as progressive RGB.
const PROGRESSIVE_JPEG: &[u8] = include_bytes!("pictures/progressive.jpg");

fn render(file: &[u8]) -> Result<RenderedAvatar, ImageError> {
    ImageAvatarRenderer.render(file)
}

/// Checks that the kind matches the bytes.
fn shown(file: &[u8]) -> (AvatarKind, DynamicImage) {
    let rendered = render(file).unwrap();
    let format = match rendered.kind {
        AvatarKind::Png => ImageFormat::Png,
        AvatarKind::Jpeg => ImageFormat::Jpeg,
        AvatarKind::WebP => ImageFormat::WebP,
    };
    assert_eq!(image::guess_format(&rendered.bytes).unwrap(), format);
    let picture = image::load_from_memory(&rendered.bytes).unwrap();
    (rendered.kind, picture)
}

fn file(picture: &DynamicImage, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    picture.write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

/// Left half red, right half blue.
fn halves(width: u32, height: u32) -> DynamicImage {
    let half = |x, _| if x < width / 2 { RED } else { BLUE };
    image::RgbImage::from_fn(width, height, half).into()
}

fn is_near(picture: &DynamicImage, x: u32, y: u32, colour: Rgb<u8>) -> bool {
    let Rgba([r, g, b, _]) = picture.get_pixel(x, y);
    let pairs = [r, g, b].into_iter().zip(colour.0);
    pairs.into_iter().all(|(a, b)| a.abs_diff(b) < 45)
}

#[track_caller]
fn assert_halves(picture: &DynamicImage) {
    let (width, height) = picture.dimensions();
    let y = height / 2;
    assert!(is_near(picture, width / 8, y, RED), "the left is red");
    assert!(
        is_near(picture, width * 7 / 8, y, BLUE),
        "the right is blue"
    );
}

#[test]
fn every_kind_is_taken_and_an_opaque_picture_becomes_a_jpeg() {
    let picture = halves(64, 32);
    for format in [
        ImageFormat::Png,
        ImageFormat::Jpeg,
        ImageFormat::WebP,
        ImageFormat::Gif,
    ] {
        let (kind, shown) = shown(&file(&picture, format));
        assert_eq!(kind, AvatarKind::Jpeg, "{format:?}");
        assert_eq!(shown.dimensions(), (64, 32), "{format:?}");
        assert_halves(&shown);
    }
}

#[test]
fn what_shows_through_stays_so() {
    let pixel = |x, _| match x {
        0..20 => Rgba([220, 20, 20, 255]),
        20..40 => Rgba([20, 20, 220, 128]),
        _ => Rgba([0, 255, 0, 0]),
    };
    let picture = RgbaImage::from_fn(60, 10, pixel).into();
    for (format, expected) in [
        (ImageFormat::Png, AvatarKind::Png),
        (ImageFormat::WebP, AvatarKind::WebP),
    ] {
        let (kind, shown) = shown(&file(&picture, format));
        assert_eq!(kind, expected);
        assert_eq!(shown.to_rgba8(), *picture.as_rgba8().unwrap());
    }
}

#[test]
fn a_large_picture_is_brought_down_to_512_in_its_proportions() {
    for ((width, height), small) in [
        ((4096, 4096), (512, 512)),
        ((4096, 1024), (512, 128)),
        ((600, 1200), (256, 512)),
        ((4096, 1), (512, 1)),
        ((513, 513), (512, 512)),
        ((512, 512), (512, 512)),
        ((1, 1), (1, 1)),
    ] {
        let (_, shown) = shown(&file(&halves(width, height), ImageFormat::Png));
        assert_eq!(shown.dimensions(), small, "{width} x {height}");
        if small.0 > 1 && small.1 > 1 {
            assert_halves(&shown);
        }
    }
}

#[test]
fn what_cannot_be_seen_does_not_colour_what_can() {
    // A red disc on fully transparent green.
    let pixel = |x: u32, y: u32| {
        let (x, y) = (x.abs_diff(1000), y.abs_diff(1000));
        let is_inside = x * x + y * y < 900 * 900;
        Rgba(if is_inside {
            [220, 20, 20, 255]
        } else {
            [0, 255, 0, 0]
        })
    };
    let picture = RgbaImage::from_fn(2000, 2000, pixel).into();
    let (kind, shown) = shown(&file(&picture, ImageFormat::Png));
    assert_eq!(kind, AvatarKind::Png);
    let visible = shown.to_rgba8();
    let visible = visible.pixels().filter(|Rgba([.., alpha])| *alpha > 16);
    let mut edges = 0;
    for Rgba([r, g, _, alpha]) in visible {
        assert!(*g < 60 && *r > 180, "{r} {g} at {alpha}");
        edges += u32::from(*alpha < 240);
    }
    assert!(edges > 100, "the disc has an edge");
}

/// Every sample is `byte`.
fn png(colour: ColorType, depth: BitDepth, side: u32, byte: u8) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = Encoder::new(&mut bytes, side, side);
    encoder.set_color(colour);
    encoder.set_depth(depth);
    if colour == ColorType::Indexed {
        encoder.set_palette(vec![20, 20, 220, 220, 20, 20]);
    }
    let mut writer = encoder.write_header().unwrap();
    let bits = side as usize * colour.samples() * depth as usize;
    let samples = vec![byte; bits.div_ceil(8) * side as usize];
    writer.write_image_data(&samples).unwrap();
    writer.finish().unwrap();
    bytes
}

#[test]
fn every_form_of_png_is_read() {
    let white = Rgb([255, 255, 255]);
    let grey = Rgb([0x80; 3]);
    for (colour, depth, byte, expected) in [
        (ColorType::Grayscale, BitDepth::One, 0xff, white),
        (ColorType::Grayscale, BitDepth::Two, 0xff, white),
        (ColorType::Grayscale, BitDepth::Four, 0xff, white),
        (ColorType::Grayscale, BitDepth::Eight, 0x80, grey),
        (ColorType::Grayscale, BitDepth::Sixteen, 0x80, grey),
        (ColorType::Rgb, BitDepth::Eight, 0x80, grey),
        (ColorType::Rgb, BitDepth::Sixteen, 0x80, grey),
        (ColorType::Indexed, BitDepth::One, 0xff, RED),
        (ColorType::Indexed, BitDepth::Eight, 0, BLUE),
        (ColorType::GrayscaleAlpha, BitDepth::Eight, 0xff, white),
        (ColorType::GrayscaleAlpha, BitDepth::Sixteen, 0xff, white),
        (ColorType::Rgba, BitDepth::Eight, 0xff, white),
        (ColorType::Rgba, BitDepth::Sixteen, 0xff, white),
    ] {
        for side in [20, 1500] {
            let (_, shown) = shown(&png(colour, depth, side, byte));
            assert!(is_near(&shown, 10, 10, expected), "{colour:?} {depth:?}");
        }
    }
}

#[test]
fn the_largest_picture_of_the_costliest_form_is_read() {
    let (_, shown) = shown(&png(ColorType::Rgba, BitDepth::Sixteen, 4096, 0xff));
    assert_eq!(shown.dimensions(), (512, 512));
}

#[test]
fn jpegs_of_every_form_are_read() {
    for whole in [CMYK_JPEG, PROGRESSIVE_JPEG] {
        let (kind, shown) = shown(whole);
        assert_eq!((kind, shown.dimensions()), (AvatarKind::Jpeg, (16, 12)));
        assert_halves(&shown);
    }
    let grey = image::GrayImage::from_pixel(9, 9, Luma([128])).into();
    let (_, shown) = shown(&file(&grey, ImageFormat::Jpeg));
    assert!(is_near(&shown, 4, 4, Rgb([128; 3])));
}

#[test]
fn of_an_animation_the_first_frame_is_shown() {
    let mut bytes = Vec::new();
    let mut encoder = GifEncoder::new(&mut bytes);
    for colour in [RED, BLUE] {
        let Rgb([r, g, b]) = colour;
        let frame = RgbaImage::from_pixel(30, 20, Rgba([r, g, b, 255]));
        encoder.encode_frame(Frame::new(frame)).unwrap();
    }
    drop(encoder);
    let (_, shown) = shown(&bytes);
    assert_eq!(shown.dimensions(), (30, 20));
    assert!(is_near(&shown, 15, 10, RED));
}

/// Orientation and a GPS position.
fn exif(orientation: u16) -> Vec<u8> {
    let mut exif = b"Exif\0\0MM\0*\0\0\0\x08\0\x02".to_vec();
    exif.extend([0x01, 0x12, 0, 3, 0, 0, 0, 1]);
    exif.extend(orientation.to_be_bytes());
    exif.extend([0, 0]);
    // GPS directory; the following text stands in for its content.
    exif.extend([0x88, 0x25, 0, 4, 0, 0, 0, 1, 0, 0, 0, 38]);
    exif.extend([0; 4]);
    exif.extend(b"GPS 52.5200 N 13.4050 E");
    exif
}

/// Inserts it after the start marker.
fn with_segment(jpeg: &[u8], marker: u8, segment: &[u8]) -> Vec<u8> {
    let length = u16::try_from(segment.len() + 2).unwrap().to_be_bytes();
    let head = [0xff, 0xd8, 0xff, marker];
    [&head, &length[..], segment, &jpeg[2..]].concat()
}

#[test]
fn a_picture_is_turned_the_right_way_up() {
    let jpeg = file(&halves(64, 32), ImageFormat::Jpeg);
    // Where the red half ends up.
    for (orientation, size, red, blue) in [
        (1, (64, 32), (8, 16), (56, 16)),
        (2, (64, 32), (56, 16), (8, 16)),
        (3, (64, 32), (56, 16), (8, 16)),
        (4, (64, 32), (8, 16), (56, 16)),
        (5, (32, 64), (16, 8), (16, 56)),
        (6, (32, 64), (16, 8), (16, 56)),
        (7, (32, 64), (16, 56), (16, 8)),
        (8, (32, 64), (16, 56), (16, 8)),
        (9, (64, 32), (8, 16), (56, 16)),
    ] {
        let turned = with_segment(&jpeg, 0xe1, &exif(orientation));
        let (_, shown) = shown(&turned);
        assert_eq!(shown.dimensions(), size, "{orientation}");
        assert!(is_near(&shown, red.0, red.1, RED), "{orientation}");
        assert!(is_near(&shown, blue.0, blue.1, BLUE), "{orientation}");
    }
}

#[test]
fn a_png_is_turned_by_its_metadata_too() {
    let plain = file(&halves(64, 32), ImageFormat::Png);
    let end = plain.len() - 12;
    let body = &exif(6)[6..];
    let length = u32::try_from(body.len()).unwrap().to_be_bytes();
    let chunk = [b"eXIf", body].concat();
    let sum = checksum(&chunk).to_be_bytes();
    // After the image data, where EXIF is also allowed.
    let file = [&plain[..end], &length, &chunk, &sum, &plain[end..]].concat();
    let (_, shown) = shown(&file);
    assert_eq!(shown.dimensions(), (32, 64));
    assert!(is_near(&shown, 16, 8, RED));
}

fn checksum(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |sum, byte| {
        (0..8).fold(sum ^ u32::from(*byte), |sum, _| {
            (sum >> 1) ^ (0xedb8_8320 & (sum & 1).wrapping_neg())
        })
    })
}

#[test]
fn nothing_but_the_picture_is_kept() {
    let secrets: [&[u8]; 4] = [
        b"GPS 52.5200 N",
        b"<script>alert(1)</script>",
        b"PK\x03\x04",
        b"a comment",
    ];
    let jpeg = file(&halves(64, 32), ImageFormat::Jpeg);
    let jpeg = with_segment(&jpeg, 0xe1, &exif(1));
    let jpeg = with_segment(&jpeg, 0xfe, b"a comment");
    let behind = [secrets[1], secrets[2]].concat();
    let mut png_with_text = Vec::new();
    let mut encoder = Encoder::new(&mut png_with_text, 1, 1);
    encoder.set_color(ColorType::GrayscaleAlpha);
    let text = "a comment <script>alert(1)</script>".to_owned();
    encoder.add_text_chunk("Comment".to_owned(), text).unwrap();
    let mut writer = encoder.write_header().unwrap();
    writer.write_image_data(&[100, 100]).unwrap();
    writer.finish().unwrap();
    let gif = file(&halves(8, 8), ImageFormat::Gif);
    let see_through = image::GrayAlphaImage::from_pixel(3, 3, LumaA([1, 2]));
    let webp = DynamicImage::from(see_through).to_rgba8().into();
    let webp = file(&webp, ImageFormat::WebP);
    for file in [jpeg, png_with_text, gif, webp] {
        let polyglot = [&file[..], &behind].concat();
        let rendered = render(&polyglot).unwrap();
        assert_eq!(
            render(&file).unwrap(),
            rendered,
            "trailing bytes are ignored"
        );
        for secret in secrets {
            let mut windows = rendered.bytes.windows(secret.len());
            assert!(!windows.any(|window| window == secret), "{secret:?}");
        }
        for metadata in [&b"Exif"[..], b"eXIf", b"tEXt", b"GIF8"] {
            let mut windows = rendered.bytes.windows(metadata.len());
            assert!(!windows.any(|window| window == metadata), "{metadata:?}");
        }
    }
}

#[test]
fn a_file_that_breaks_off_is_refused_wherever_it_does() {
    let picture = halves(64, 48);
    let noise = RgbaImage::from_fn(64, 48, |x, y| {
        let n = (x * 7919 + y * 104_729) as u8;
        Rgba([n, n.wrapping_mul(31), n.wrapping_mul(17), n | 1])
    });
    let noise = noise.into();
    let files = [
        (file(&picture, ImageFormat::Jpeg), 0),
        (PROGRESSIVE_JPEG.to_vec(), 0),
        // Harmless after a PNG's data or a GIF's first frame.
        (file(&noise, ImageFormat::Png), 16),
        (file(&noise, ImageFormat::WebP), 2),
        (file(&picture, ImageFormat::Gif), 8),
    ];
    for (file, spare) in files {
        render(&file).unwrap();
        for percent in [25, 50, 75, 90, 97] {
            let cut = &file[..file.len() * percent / 100];
            let error = render(cut).err();
            let is_damaged = matches!(error, Some(ImageError::Damaged(_)));
            assert!(is_damaged, "{percent} % of {:?}: {error:?}", &file[..4]);
        }
        let nearly = &file[..file.len() - spare - 1];
        assert!(render(nearly).is_err(), "{:?}", &file[..4]);
    }
}

#[test]
fn what_only_begins_like_an_image_is_damaged() {
    let files: [&[u8]; 6] = [
        b"\x89PNG\r\n\x1a\n",
        b"\x89PNG\r\n\x1a\n<html><script>alert(1)</script></html>",
        b"\xff\xd8\xff\xe0\0\x10JFIF",
        b"\xff\xd8\xff\xd9",
        b"GIF89a\x01\0\x01\0<script>alert(1)</script>",
        b"RIFF\x04\0\0\0WEBPVP8 ",
    ];
    for file in files {
        let error = render(file).unwrap_err();
        assert!(matches!(error, ImageError::Damaged(_)), "{error:?}");
    }
}

fn patched(file: &[u8], at: usize, bytes: &[u8]) -> Vec<u8> {
    let mut file = file.to_vec();
    file[at..at + bytes.len()].copy_from_slice(bytes);
    file
}

#[test]
fn a_picture_of_too_many_pixels_is_refused_before_it_is_read() {
    let plain = file(&halves(8, 8), ImageFormat::Png);
    for (width, height) in [(4097, 1), (1, 4097), (65_535, 65_535), (0x7fff_ffff, 1)] {
        let sides = [u32::to_be_bytes(width), u32::to_be_bytes(height)].concat();
        let mut bomb = patched(&plain, 16, &sides);
        let sum = checksum(&bomb[12..29]).to_be_bytes();
        bomb[29..33].copy_from_slice(&sum);
        assert_too_many_pixels(&bomb);
    }
    let jpeg = file(&halves(8, 8), ImageFormat::Jpeg);
    let frame = jpeg.windows(2).position(|it| it == [0xff, 0xc0]).unwrap();
    assert_too_many_pixels(&patched(&jpeg, frame + 5, &[0xff; 4]));
    let gif = file(&halves(8, 8), ImageFormat::Gif);
    assert_too_many_pixels(&patched(&gif, 6, &[0xff; 4]));
    // Lossless WebP stores side - 1 in 14 bits.
    let webp = file(&halves(8, 8), ImageFormat::WebP);
    let head = webp.windows(4).position(|it| it == b"VP8L").unwrap();
    assert_too_many_pixels(&patched(&webp, head + 9, &[0xfe, 0xbf, 0xff, 0x0f]));
}

#[track_caller]
fn assert_too_many_pixels(file: &[u8]) {
    let error = render(file).unwrap_err();
    assert!(matches!(error, ImageError::TooManyPixels), "{error:?}");
}

#[test]
fn a_form_that_takes_too_much_memory_is_refused_before_it_is_read() {
    // Three full-size components, held until the last scan.
    let frame = PROGRESSIVE_JPEG
        .windows(2)
        .position(|it| it == [0xff, 0xc2]);
    let sides = [0x10, 0, 0x10, 0];
    let costly = patched(PROGRESSIVE_JPEG, frame.unwrap() + 5, &sides);
    // First frame larger than the canvas.
    let gif = file(&halves(8, 8), ImageFormat::Gif);
    let frame = gif.iter().rposition(|byte| *byte == 0x2c).unwrap();
    let outsized = patched(&gif, frame + 5, &[0xff; 4]);
    for file in [costly, outsized] {
        let error = render(&file).unwrap_err();
        let is_refused = matches!(error, ImageError::TooCostly | ImageError::Damaged(_));
        assert!(is_refused, "{error:?}");
    }
}

#[test]
fn text_that_would_grow_is_not_unpacked() {
    let mut bytes = Vec::new();
    let mut encoder = Encoder::new(&mut bytes, 1, 1);
    let text = "a".repeat(64 * 1024 * 1024);
    encoder.add_ztxt_chunk("bomb".to_owned(), text).unwrap();
    let mut writer = encoder.write_header().unwrap();
    writer.write_image_data(&[1]).unwrap();
    writer.finish().unwrap();
    assert!(bytes.len() < 1024 * 1024);
    render(&bytes).unwrap();
}

#[test]
fn files_with_flipped_bits_never_panic() {
    let noise: DynamicImage =
        image::RgbImage::from_fn(40, 30, |x, y| Rgb([(x * 6) as u8, (y * 8) as u8, 99])).into();
    let formats = [
        ImageFormat::Png,
        ImageFormat::Jpeg,
        ImageFormat::WebP,
        ImageFormat::Gif,
    ];
    for format in formats {
        let whole = file(&noise, format);
        for at in 0..whole.len() {
            for bit in [0x01, 0x80] {
                let mut file = whole.clone();
                file[at] ^= bit;
                if let Err(error @ ImageError::Unencodable(_)) = render(&file) {
                    panic!("{format:?}, byte {at}: {error:?}");
                }
            }
        }
    }
}
