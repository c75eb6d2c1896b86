//! The fields of an assistant that say how it looks, but for the picture.

use colloquy_application::avatars::AvatarChanges;
use colloquy_domain::{AssistantId, Avatar, AvatarImage, Color, VerticalPosition};
use colloquy_web::input::{Fields, Kind, text, whole_number};
use colloquy_web::schema;

use crate::BASE;

/// Reads them.
pub(super) fn read_avatar_changes(fields: &mut Fields<'_>) -> AvatarChanges {
    let background = color()
        .describe("`#rgb`, `#rrggbb` or the name of a colour in CSS; a light grey unless given.");
    let text =
        color().describe("As `avatar_bg_color`; `null` has it follow from that for contrast.");
    let position = || {
        schema::whole_number()
            .minimum(Some(0))
            .maximum(Some(VerticalPosition::MAX))
    };
    let position = whole_number(VerticalPosition::new, position)
        .describe("Which part of the picture shows where it is cut, from 0, the top, to 100.");
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

/// Where the picture is. The address differs from picture to picture, so that a page shows a new
/// one at once, whatever its browser has kept.
pub(super) fn address(assistant: AssistantId, image: &AvatarImage) -> String {
    let hash = image.hash.to_string();
    format!("{BASE}/assistants/{assistant}/avatar?v={}", &hash[..16])
}
