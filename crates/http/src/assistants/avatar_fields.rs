//! Avatar colours and position of an assistant.

use colloquy_application::avatars::AvatarChanges;
use colloquy_domain::{AssistantId, Avatar, AvatarImage, Color, VerticalPosition};
use colloquy_web::input::{Fields, Kind, text, whole_number};
use colloquy_web::schema;

use crate::BASE;

/// Reads the avatar fields.
pub(super) fn read_avatar_changes(fields: &mut Fields<'_>) -> AvatarChanges {
    let background =
        color().describe("`#rgb`, `#rrggbb` or a CSS colour name; light grey by default.");
    let text = color()
        .describe("Like `avatar_bg_color`; `null` derives it from the background for contrast.");
    let position = || {
        schema::whole_number()
            .minimum(Some(0))
            .maximum(Some(VerticalPosition::MAX))
    };
    let position = whole_number(VerticalPosition::new, position)
        .describe("Vertical anchor when the avatar is cropped, from 0 (top) to 100 (bottom).");
    AvatarChanges {
        background: fields.optional("avatar_bg_color", background),
        text: fields.nullable("avatar_text_color", text),
        vertical_position: fields.optional("avatar_vertical_position", position),
    }
}

fn color() -> impl Kind<Value = Color> {
    let schema = || {
        schema::string()
            .pattern(Some("^(#[0-9a-fA-F]{3}|#[0-9a-fA-F]{6}|[a-zA-Z]+)$"))
            .examples([Avatar::DEFAULT_BACKGROUND])
    };
    text(Color::parse, schema)
}

/// Path of the avatar. It changes with the image, so that browsers do not show a cached one.
pub(super) fn address(assistant: AssistantId, image: &AvatarImage) -> String {
    let hash = image.hash.to_string();
    format!("{BASE}/assistants/{assistant}/avatar?v={}", &hash[..16])
}
