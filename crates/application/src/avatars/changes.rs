use colloquy_domain::{Avatar, Color, VerticalPosition};

/// What to change of how an assistant looks, but for the picture; `None` stays.
#[derive(Debug, Clone, Default)]
pub struct AvatarChanges {
    /// Another background.
    pub background: Option<Color>,
    /// Another colour of text; `Some(None)` has it follow from the background.
    pub text: Option<Option<Color>>,
    /// Another part of the picture.
    pub vertical_position: Option<VerticalPosition>,
}

impl AvatarChanges {
    /// The avatar with these changes.
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
