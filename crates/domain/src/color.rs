//! CSS colours, and readable text on them.

use std::fmt;

use crate::Violation;
use crate::color_names::NAMED;

/// An opaque CSS colour: `#rgb`, `#rrggbb` or a name, case-insensitive. Keeps the original text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Color {
    written: String,
    rgb: [u8; 3],
}

impl Color {
    /// Parses a colour.
    ///
    /// # Errors
    /// `invalid_format`.
    pub fn parse(text: impl Into<String>) -> Result<Self, Violation> {
        let written = text.into();
        let value = match written.strip_prefix('#') {
            Some(digits) => from_digits(digits),
            None => from_name(&written),
        };
        let Some(value) = value else {
            return Err(Violation::new(
                "invalid_format",
                "must be `#rgb`, `#rrggbb` or a CSS colour name",
            ));
        };
        let [_, rgb @ ..] = value.to_be_bytes();
        Ok(Self { written, rgb })
    }

    /// From text and its known RGB value.
    pub(crate) fn opaque(written: &str, rgb: [u8; 3]) -> Self {
        Self {
            written: written.to_owned(),
            rgb,
        }
    }

    /// The original text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.written
    }

    /// Red, green and blue.
    #[must_use]
    pub const fn rgb(&self) -> [u8; 3] {
        self.rgb
    }

    /// Black or white, whichever has the higher WCAG 2 contrast ratio; black on a tie.
    #[must_use]
    pub fn readable_text(&self) -> Self {
        let luminance = self.luminance();
        let on_black = (luminance + 0.05) / 0.05;
        let on_white = 1.05 / (luminance + 0.05);
        if on_black >= on_white {
            Self::opaque("#000000", [0; 3])
        } else {
            Self::opaque("#ffffff", [255; 3])
        }
    }

    /// Relative luminance from 0 to 1, with sRGB weights.
    fn luminance(&self) -> f64 {
        let [red, green, blue] = self.rgb.map(linear);
        0.2126 * red + 0.7152 * green + 0.0722 * blue
    }
}

/// Decodes sRGB gamma.
fn linear(channel: u8) -> f64 {
    let share = f64::from(channel) / 255.0;
    if share <= 0.04045 {
        share / 12.92
    } else {
        ((share + 0.055) / 1.055).powf(2.4)
    }
}

fn from_digits(digits: &str) -> Option<u32> {
    // `from_str_radix` would accept a sign.
    if !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    let value = u32::from_str_radix(digits, 16).ok()?;
    match digits.len() {
        3 => {
            let doubled = |shift: u32| ((value >> shift) & 0xf) * 0x11;
            Some(doubled(8) << 16 | doubled(4) << 8 | doubled(0))
        }
        6 => Some(value),
        _ => None,
    }
}

fn from_name(text: &str) -> Option<u32> {
    let name = text.to_ascii_lowercase();
    let found = NAMED.binary_search_by_key(&name.as_str(), |(name, _)| name);
    found.ok().map(|index| NAMED[index].1)
}

impl fmt::Display for Color {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.written)
    }
}

#[cfg(test)]
mod tests {
    use super::Color;
    use crate::color_names::NAMED;

    fn color(text: &str) -> Color {
        Color::parse(text).unwrap()
    }

    #[test]
    fn a_colour_is_taken_in_three_forms_and_any_case() {
        for (text, rgb) in [
            ("#fff", [255, 255, 255]),
            ("#1aF", [0x11, 0xaa, 0xff]),
            ("#0010fE", [0, 0x10, 0xfe]),
            ("RebeccaPurple", [0x66, 0x33, 0x99]),
            ("aliceblue", [0xf0, 0xf8, 0xff]),
            ("YELLOWGREEN", [0x9a, 0xcd, 0x32]),
        ] {
            assert_eq!(color(text).rgb(), rgb, "{text}");
            assert_eq!(color(text).as_str(), text);
        }
    }

    #[test]
    fn what_is_no_opaque_colour_is_refused() {
        for text in [
            "",
            "#",
            "#ff",
            "#ffff",
            "#fffff",
            "#fffffff",
            "#ffffffff",
            "#ggg",
            "#+12",
            "fff",
            " red",
            "red ",
            "transparent",
            "currentcolor",
            "rgb(1,2,3)",
            "red;background:url(x)",
            "ｒｅｄ",
        ] {
            let violation = Color::parse(text).unwrap_err();
            assert_eq!(violation.code, "invalid_format", "{text}");
        }
    }

    #[test]
    fn every_name_is_found() {
        for (name, value) in NAMED {
            let [_, rgb @ ..] = u32::to_be_bytes(value);
            assert_eq!(color(name).rgb(), rgb, "{name}");
        }
    }

    #[test]
    fn text_has_the_higher_contrast() {
        // #757575 is the lightest grey on which white has the higher contrast: 4.61 to 4.56; for
        // #767676 it is 4.54 to 4.62.
        for (background, text) in [
            ("#000", "#ffffff"),
            ("#fff", "#000000"),
            ("navy", "#ffffff"),
            ("Yellow", "#000000"),
            ("#f00", "#000000"),
            ("#e00000", "#ffffff"),
            ("#757575", "#ffffff"),
            ("#767676", "#000000"),
            ("#00f", "#ffffff"),
            ("#0f0", "#000000"),
        ] {
            assert_eq!(
                color(background).readable_text(),
                color(text),
                "{background}"
            );
        }
    }
}
