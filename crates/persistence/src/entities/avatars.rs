//! Avatar columns of `assistants`.

use colloquy_application::ports::PortError;
use colloquy_domain::{
    Avatar, AvatarId, AvatarImage, AvatarKind, Color, ContentHash, VerticalPosition,
};
use sea_orm::entity::prelude::Uuid;

use super::assistants::Model;
use crate::error::Row;

/// ID, kind and hash of the image; all null without one.
type ImageColumns = (Option<Uuid>, Option<String>, Option<Vec<u8>>);

pub(super) fn avatar(row: &Row, model: &Model) -> Result<Avatar, PortError> {
    let background = Color::parse(model.avatar_background.clone());
    let text = model.avatar_text.clone().map(Color::parse).transpose();
    let position = u32::try_from(model.avatar_vertical_position).unwrap_or(u32::MAX);
    let columns = (
        model.avatar_id,
        model.avatar_kind.clone(),
        model.avatar_hash.clone(),
    );
    Ok(Avatar {
        image: image(row, columns)?,
        background: row.column("avatar_background", background)?,
        text: row.column("avatar_text", text)?,
        vertical_position: row
            .column("avatar_vertical_position", VerticalPosition::new(position))?,
    })
}

pub(crate) fn image(row: &Row, columns: ImageColumns) -> Result<Option<AvatarImage>, PortError> {
    let (Some(id), kind, hash) = columns else {
        return Ok(None);
    };
    let hash = hash.unwrap_or_default();
    Ok(Some(AvatarImage {
        id: AvatarId::from_uuid(id),
        kind: row.named(
            "avatar_kind",
            &kind.unwrap_or_default(),
            AvatarKind::from_name,
        )?,
        hash: ContentHash(row.column("avatar_hash", <[u8; 32]>::try_from(&*hash))?),
    }))
}
