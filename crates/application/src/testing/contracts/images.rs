//! Contract of [`AvatarRenderer`].

use std::sync::Arc;

use super::super::samples::{GIF, PNG};
use crate::ports::{AvatarRenderer, ImageError, MAX_IMAGE_BYTES};

type Renderer = Arc<dyn AvatarRenderer>;

pub async fn a_picture_is_rendered_whatever_its_kind(renderer: &Renderer) {
    for file in [&PNG[..], &GIF[..]] {
        let rendered = renderer.render(file).unwrap();
        assert!(!rendered.bytes.is_empty());
    }
}

pub async fn the_same_file_gives_the_same_picture(renderer: &Renderer) {
    let first = renderer.render(&PNG).unwrap();
    assert_eq!(renderer.render(&PNG).unwrap(), first);
}

pub async fn what_stands_behind_the_picture_is_lost(renderer: &Renderer) {
    let marker = b"<script>alert(1)</script>";
    let file = [&PNG[..], marker].concat();
    let rendered = renderer.render(&file).unwrap().bytes;
    let mut windows = rendered.windows(marker.len());
    assert!(!windows.any(|window| window == marker));
}

pub async fn what_is_no_image_is_refused(renderer: &Renderer) {
    let files: [&[u8]; 5] = [
        b"",
        b"G",
        b"hello",
        b"<!DOCTYPE html><html></html>",
        &[0; 64],
    ];
    for file in files {
        let error = renderer.render(file).unwrap_err();
        assert!(matches!(error, ImageError::NotAnImage), "{error:?}");
        assert_eq!(error.violation().unwrap().code, "not_an_image");
    }
}

pub async fn an_image_of_another_kind_is_named(renderer: &Renderer) {
    let bitmap = [b"BM", &[0; 64][..]].concat();
    let drawing = b"<svg xmlns=\"http://www.w3.org/2000/svg\"/>";
    for (file, name) in [(&bitmap[..], "BMP"), (&drawing[..], "SVG")] {
        let error = renderer.render(file).unwrap_err();
        let is_named = matches!(error, ImageError::UnsupportedKind(kind) if kind == name);
        assert!(is_named, "{name}: {error:?}");
    }
}

pub async fn a_file_of_too_many_bytes_is_refused(renderer: &Renderer) {
    let mut file = PNG.to_vec();
    file.resize(MAX_IMAGE_BYTES, 0);
    renderer.render(&file).unwrap();
    file.push(0);
    let error = renderer.render(&file).unwrap_err();
    assert!(matches!(error, ImageError::TooManyBytes), "{error:?}");
}
