//! Detects image formats by content.

use colloquy_application::ports::ImageError;
use image::ImageFormat;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FileKind {
    Png,
    Jpeg,
    WebP,
    Gif,
}

/// Bytes searched for an SVG root element.
const PROLOGUE: usize = 4096;

impl FileKind {
    pub(super) fn detect(file: &[u8]) -> Result<Self, ImageError> {
        let unsupported = match image::guess_format(file) {
            Ok(ImageFormat::Png) => return Ok(Self::Png),
            Ok(ImageFormat::Jpeg) => return Ok(Self::Jpeg),
            Ok(ImageFormat::WebP) => return Ok(Self::WebP),
            Ok(ImageFormat::Gif) => return Ok(Self::Gif),
            Ok(format) => Some(name(format)),
            Err(_) if is_svg(file) => Some("SVG"),
            Err(_) if file.get(4..8) == Some(b"ftyp") => Some("HEIC or AVIF"),
            Err(_) if is_jpeg_xl(file) => Some("JPEG XL"),
            Err(_) => None,
        };
        Err(unsupported.map_or(ImageError::NotAnImage, ImageError::UnsupportedKind))
    }
}

fn name(format: ImageFormat) -> &'static str {
    match format {
        ImageFormat::Bmp => "BMP",
        ImageFormat::Tiff => "TIFF",
        ImageFormat::Ico => "ICO",
        ImageFormat::Avif => "AVIF",
        ImageFormat::Pnm => "PNM",
        _ => "another image format",
    }
}

/// XML with root element `svg`.
fn is_svg(file: &[u8]) -> bool {
    let head = &file[..file.len().min(PROLOGUE)];
    let head = String::from_utf8_lossy(head).to_ascii_lowercase();
    let head = head.trim_start_matches('\u{feff}').trim_start();
    let is_markup = ["<svg", "<?xml", "<!--", "<!doctype svg"]
        .iter()
        .any(|beginning| head.starts_with(beginning));
    is_markup && head.contains("<svg")
}

/// Bare codestream or container.
fn is_jpeg_xl(file: &[u8]) -> bool {
    file.starts_with(&[0xff, 0x0a]) || file.starts_with(b"\0\0\0\x0cJXL ")
}

#[cfg(test)]
mod tests {
    use colloquy_application::ports::ImageError;

    use super::FileKind;

    #[test]
    fn images_that_are_not_taken_are_named() {
        for (file, name) in [
            (&b"BM0123456789"[..], "BMP"),
            (b"II*\0\x08\0\0\0", "TIFF"),
            (b"MM\0*\0\0\0\x08", "TIFF"),
            (b"\0\0\x01\0\x01\0", "ICO"),
            (b"\0\0\0\x1cftypavif", "AVIF"),
            (b"\0\0\0\x1cftypheic", "HEIC or AVIF"),
            (b"\xff\x0a\0\0", "JPEG XL"),
            (b"P6\n1 1\n255\n", "PNM"),
            (b"<svg onload='alert(1)'>", "SVG"),
            (
                b"\xef\xbb\xbf \n<?xml version='1.0'?><!-- x --><SVG/>",
                "SVG",
            ),
            (b"<!-- <html> --><svg/>", "SVG"),
        ] {
            let error = FileKind::detect(file).unwrap_err();
            let is_named = matches!(error, ImageError::UnsupportedKind(kind) if kind == name);
            assert!(is_named, "{name}: {error:?}");
        }
    }

    #[test]
    fn what_only_mentions_an_image_is_none() {
        for file in [
            &b"<html><svg/></html>"[..],
            b"<?xml version='1.0'?><note/>",
            b"GIF",
            b"RIFF\0\0\0\0WAVE",
            b"%PDF-1.7",
            b"PK\x03\x04",
        ] {
            let error = FileKind::detect(file).unwrap_err();
            assert!(matches!(error, ImageError::NotAnImage), "{error:?}");
        }
    }
}
