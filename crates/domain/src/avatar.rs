//! Avatars.

use std::fmt;

use crate::{AvatarId, Color, Violation};

/// An assistant's avatar: an image, or initials on a background colour.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Avatar {
    /// The uploaded image.
    pub image: Option<AvatarImage>,
    /// Background colour.
    pub background: Color,
    /// Explicit text colour; see [`Avatar::text_color`].
    pub text: Option<Color>,
    /// The part that stays visible when cropped.
    pub vertical_position: VerticalPosition,
}

impl Avatar {
    /// Light grey.
    pub const DEFAULT_BACKGROUND: &str = "#e0e0e0";

    /// The explicit text colour, or the more readable one on the background.
    #[must_use]
    pub fn text_color(&self) -> Color {
        let chosen = self.text.clone();
        chosen.unwrap_or_else(|| self.background.readable_text())
    }
}

impl Default for Avatar {
    /// No image, light grey background, derived text colour, centred.
    fn default() -> Self {
        Self {
            image: None,
            background: Color::opaque(Self::DEFAULT_BACKGROUND, [0xe0; 3]),
            text: None,
            vertical_position: VerticalPosition::default(),
        }
    }
}

/// Refers to an image in the blob store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AvatarImage {
    /// Distinct per upload, so that uploads never share a blob key.
    pub id: AvatarId,
    /// Encoding.
    pub kind: AvatarKind,
    /// Hash of the bytes.
    pub hash: ContentHash,
}

/// Encoding of an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AvatarKind {
    /// PNG.
    Png,
    /// JPEG.
    Jpeg,
    /// WebP.
    WebP,
}

impl AvatarKind {
    /// All kinds.
    pub const ALL: &[Self] = &[Self::Png, Self::Jpeg, Self::WebP];

    /// Name in storage.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Png => "png",
            Self::Jpeg => "jpeg",
            Self::WebP => "webp",
        }
    }

    /// Media type.
    #[must_use]
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Png => "image/png",
            Self::Jpeg => "image/jpeg",
            Self::WebP => "image/webp",
        }
    }

    /// Inverse of [`as_str`](Self::as_str).
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.as_str() == name)
    }
}

/// A SHA-256 hash; displayed as 64 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ContentHash(pub [u8; 32]);

impl fmt::Display for ContentHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for ContentHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Vertical anchor of a cropped image, in percent: 0 is the top, 100 the bottom.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct VerticalPosition(u8);

impl VerticalPosition {
    /// The bottom.
    pub const MAX: u32 = 100;

    /// Accepts 0 to [`MAX`](Self::MAX).
    ///
    /// # Errors
    /// `out_of_range`.
    pub fn new(percent: u32) -> Result<Self, Violation> {
        match u8::try_from(percent) {
            Ok(value) if percent <= Self::MAX => Ok(Self(value)),
            _ => Err(Violation::new("out_of_range", "must be from 0 to 100")),
        }
    }

    /// The percentage.
    #[must_use]
    pub const fn get(self) -> u8 {
        self.0
    }
}

impl Default for VerticalPosition {
    /// Centred.
    fn default() -> Self {
        Self(50)
    }
}

#[cfg(test)]
mod tests {
    use super::{Avatar, AvatarKind, ContentHash, VerticalPosition};
    use crate::Color;

    #[test]
    fn the_default_background_is_the_colour_that_it_says() {
        let written = Color::parse(Avatar::DEFAULT_BACKGROUND).unwrap();
        assert_eq!(Avatar::default().background, written);
    }

    #[test]
    fn text_is_readable_unless_chosen() {
        let mut avatar = Avatar::default();
        assert_eq!(avatar.text_color().as_str(), "#000000");
        avatar.background = Color::parse("navy").unwrap();
        assert_eq!(avatar.text_color().as_str(), "#ffffff");
        avatar.text = Color::parse("Gold").ok();
        assert_eq!(avatar.text_color().as_str(), "Gold");
    }

    #[test]
    fn a_position_is_a_percentage() {
        assert_eq!(VerticalPosition::new(0).unwrap().get(), 0);
        assert_eq!(VerticalPosition::new(100).unwrap().get(), 100);
        for percent in [101, 256, u32::MAX] {
            let violation = VerticalPosition::new(percent).unwrap_err();
            assert_eq!(violation.code, "out_of_range");
        }
    }

    #[test]
    fn a_kind_is_found_by_its_name() {
        for kind in AvatarKind::ALL {
            assert_eq!(AvatarKind::from_name(kind.as_str()), Some(*kind));
        }
        assert_eq!(AvatarKind::from_name("gif"), None);
    }

    #[test]
    fn a_hash_is_shown_in_hexadecimal_digits() {
        let mut bytes = [0; 32];
        bytes[31] = 0xaf;
        let shown = ContentHash(bytes).to_string();
        assert_eq!(shown, format!("{}af", "0".repeat(62)));
    }
}
