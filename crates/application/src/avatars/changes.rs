//! Changes to an assistant's looks.

use colloquy_domain::{Avatar, Color, VerticalPosition};

/// Changes to an assistant's looks, except the picture; `None` keeps the value.
#[derive(Debug, Clone, Default)]
pub struct AvatarChanges {
    /// Background colour.
    pub background: Option<Color>,
    /// Text colour; `Some(None)` derives it from the background.
    pub text: Option<Option<Color>>,
    /// Vertical position of the picture.
    pub vertical_position: Option<VerticalPosition>,
}

impl AvatarChanges {
    /// The avatar with these changes applied.
    #[must_use]
    pub fn applied_to(self, old: Avatar) -> Avatar {
        Avatar {
            image: old.image,
            background: self.background.unwrap_or(old.background),
            text: self.text.unwrap_or(old.text),
            vertical_position: self.vertical_position.unwrap_or(old.vertical_position),
        }
    }
}
