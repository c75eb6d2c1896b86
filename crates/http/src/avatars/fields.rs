use colloquy_application::avatars::AvatarChanges;
use colloquy_domain::{Avatar, Color, VerticalPosition};
use colloquy_web::input::{Fields, text, whole_number};
use colloquy_web::schema::{self, BodySchema, nullable};
use utoipa::openapi::schema::ObjectBuilder;

/// The fields of an assistant that say how it looks, but for the picture.
pub(crate) fn read_avatar_changes(fields: &mut Fields<'_>) -> AvatarChanges {
    AvatarChanges {
        background: fields.optional("avatar_bg_color", text(Color::parse)),
        text: fields.nullable("avatar_text_color", text(Color::parse)),
        vertical_position: fields.optional(
            "avatar_vertical_position",
            whole_number(VerticalPosition::new),
        ),
    }
}

/// What [`read_avatar_changes`] reads.
pub(crate) fn avatar_fields(body: BodySchema) -> BodySchema {
    let background = color_schema().description(Some(
        "`#rgb`, `#rrggbb` or the name of a colour in CSS; a light grey unless given.",
    ));
    let text = nullable(color_schema()).description(Some(
        "As `avatar_bg_color`; `null` has it follow from that for contrast.",
    ));
    let position = schema::whole_number()
        .minimum(Some(0))
        .maximum(Some(VerticalPosition::MAX))
        .description(Some(
            "Which part of the picture shows where it is cut, from 0, the top, to 100.",
        ));
    body.optional("avatar_bg_color", background)
        .optional("avatar_text_color", text)
        .optional("avatar_vertical_position", position)
}

fn color_schema() -> ObjectBuilder {
    schema::string()
        .pattern(Some("^(#[0-9a-fA-F]{3}|#[0-9a-fA-F]{6}|[a-zA-Z]+)$"))
        .examples([Avatar::DEFAULT_BACKGROUND])
}
