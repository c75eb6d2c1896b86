//! Decodes JPEG files.

use std::io::Cursor;

use colloquy_application::ports::ImageError;
use image::codecs::jpeg::JpegDecoder;

use super::picture::{Picture, damaged, read as read_picture, refused};

/// Truncated files are detected first: the decoder would fill missing data with grey.
pub(super) fn read(file: &[u8]) -> Result<Picture, ImageError> {
    let outline = Outline::parse(file).ok_or_else(|| damaged("it is truncated"))?;
    let decoder = JpegDecoder::new(Cursor::new(file)).map_err(refused)?;
    // The decoder copies the file.
    let cost = outline.coefficient_bytes() + file.len() as u64;
    read_picture(decoder, cost)
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Outline {
    is_progressive: bool,
    scans: u32,
    /// In all components, rounded up to whole blocks.
    samples: u64,
}

impl Outline {
    /// `None` without an end marker.
    fn parse(file: &[u8]) -> Option<Self> {
        let mut outline = Self::default();
        let mut rest = file.get(2..)?;
        loop {
            let (marker, behind) = next_marker(rest)?;
            rest = behind;
            match marker {
                END => return Some(outline),
                0x01 | 0xd0..=0xd8 => {}
                _ => {
                    let length = usize::from(u16::from_be_bytes([*rest.first()?, *rest.get(1)?]));
                    let segment = rest.get(2..length)?;
                    rest = &rest[length..];
                    outline.note(marker, segment);
                }
            }
        }
    }

    fn note(&mut self, marker: u8, segment: &[u8]) {
        match marker {
            0xc4 | 0xc8 | 0xcc => {}
            0xc0..=0xcf => {
                self.is_progressive |= marker == PROGRESSIVE;
                self.samples = samples(segment).unwrap_or(u64::MAX / 4);
            }
            SCAN => self.scans += 1,
            _ => {}
        }
    }

    /// Memory for the coefficients of a multi-scan file.
    fn coefficient_bytes(&self) -> u64 {
        if self.is_progressive || self.scans > 1 {
            self.samples * 2
        } else {
            0
        }
    }
}

const END: u8 = 0xd9;
const SCAN: u8 = 0xda;
const PROGRESSIVE: u8 = 0xc2;

/// The next marker and the data after it. In entropy-coded data `FF 00` is data, and `FF D0` to
/// `FF D7` start no segment.
fn next_marker(mut rest: &[u8]) -> Option<(u8, &[u8])> {
    loop {
        let at = rest.iter().position(|byte| *byte == 0xff)?;
        rest = &rest[at + 1..];
        match rest.split_first()? {
            (0x00 | 0xd0..=0xd7, behind) => rest = behind,
            // Padding: the second byte may start a marker.
            (0xff, _) => {}
            (marker, behind) => return Some((*marker, behind)),
        }
    }
}

fn samples(frame: &[u8]) -> Option<u64> {
    let [_, h1, h2, w1, w2, count, components @ ..] = frame else {
        return None;
    };
    let height = u64::from(u16::from_be_bytes([*h1, *h2]));
    let width = u64::from(u16::from_be_bytes([*w1, *w2]));
    let components = components.chunks_exact(3).take(usize::from(*count));
    let factors: Vec<(u64, u64)> = components
        .map(|it| (u64::from(it[1] >> 4), u64::from(it[1] & 0xf)))
        .collect();
    let across = factors.iter().map(|it| it.0).max().filter(|max| *max > 0)?;
    let down = factors.iter().map(|it| it.1).max().filter(|max| *max > 0)?;
    let units = width.div_ceil(8 * across) * height.div_ceil(8 * down);
    Some(factors.iter().map(|(h, v)| units * h * v * 64).sum())
}

#[cfg(test)]
mod tests {
    use super::Outline;

    /// 17 x 9 pixels; second and third component at half size.
    const FRAME: [u8; 19] = [
        0xff, 0xc2, 0, 17, 8, 0, 9, 0, 17, 3, 1, 0x22, 0, 2, 0x11, 0, 3, 0x11, 0,
    ];
    const SCAN: [u8; 10] = [0xff, 0xda, 0, 3, 1, 0x12, 0xff, 0, 0xff, 0xd0];

    fn file(parts: &[&[u8]]) -> Vec<u8> {
        [&[&[0xff, 0xd8][..]], parts].concat().concat()
    }

    #[test]
    fn a_whole_file_has_an_outline() {
        let whole = file(&[&FRAME, &SCAN, &SCAN, &[0xff, 0xff, 0xd9], b"behind"]);
        let outline = Outline::parse(&whole).unwrap();
        let expected = Outline {
            is_progressive: true,
            scans: 2,
            // Two units of 16 x 16 pixels, six blocks each.
            samples: 2 * 6 * 64,
        };
        assert_eq!(outline, expected);
        assert_eq!(outline.coefficient_bytes(), 2 * 2 * 6 * 64);
    }

    #[test]
    fn a_file_without_its_end_mark_has_none() {
        let whole = file(&[&FRAME, &SCAN, &[0xff, 0xd9]]);
        for length in 0..whole.len() {
            assert_eq!(Outline::parse(&whole[..length]), None, "{length}");
        }
        // An end marker inside a segment, as in a thumbnail.
        let preview = [0xff, 0xe1, 0, 4, 0xff, 0xd9];
        assert_eq!(Outline::parse(&file(&[&preview, &FRAME, &SCAN])), None);
    }
}
