//! Avatar rendering: time and memory.

use std::io::Cursor;
use std::time::Instant;

use colloquy_tests::database::Backend;
use colloquy_tests::server::Colloquy;
use hyper::Method;
use image::{DynamicImage, ImageFormat};
use tokio::task::JoinSet;

use colloquy_tests::measure::memory::{peak, resident};

/// Renders the largest images and rejects a larger one, alone and eight at once.
pub(crate) async fn avatars(backend: Backend) {
    let server = Colloquy::start(backend).await;
    let admin = server.admin().await;
    let assistant = server.assistant("Guide").await;
    let path = format!("/assistants/{assistant}/avatar");
    println!("before: {} KiB", resident(&server));
    let mut bomb = picture(8, ImageFormat::Gif);
    bomb[6..10].fill(0xff);
    for (name, file) in [
        ("GIF of 65535 x 65535", bomb),
        ("PNG of 4096 x 4096", picture(4096, ImageFormat::Png)),
        ("JPEG of 4096 x 4096", picture(4096, ImageFormat::Jpeg)),
        ("WebP of 2048 x 2048", picture(2048, ImageFormat::WebP)),
        (
            "the largest PNG file",
            padded(picture(4096, ImageFormat::Png)),
        ),
    ] {
        for count in [1, 8] {
            let began = Instant::now();
            let mut uploads = JoinSet::new();
            for _ in 0..count {
                let request = admin.request(Method::POST, &path).file("file", &file);
                uploads.spawn(async move { request.send().await.status });
            }
            let statuses = uploads.join_all().await;
            let (took, length) = (began.elapsed(), file.len());
            println!(
                "{count} x {name}, {length} bytes: {took:?}, {statuses:?}, peak {} KiB",
                peak(&server)
            );
        }
    }
}

fn padded(mut file: Vec<u8>) -> Vec<u8> {
    file.resize(5 * 1024 * 1024, 0);
    file
}

/// A varied image, partly transparent where possible.
fn picture(side: u32, format: ImageFormat) -> Vec<u8> {
    let pixel = |x: u32, y: u32| {
        let [red, green] = [x, y].map(|place| (place * 255 / side) as u8);
        image::Rgba([red, green, ((x ^ y) >> 4) as u8, 255 - red / 2])
    };
    let mut pixels = DynamicImage::from(image::RgbaImage::from_fn(side, side, pixel));
    if format == ImageFormat::Jpeg {
        pixels = pixels.into_rgb8().into();
    }
    let mut file = Cursor::new(Vec::new());
    pixels.write_to(&mut file, format).expect("a picture");
    file.into_inner()
}
