//! `GET /files`.

use std::sync::Arc;

use axum::extract::{RawQuery, State};
use axum::response::Response;
use colloquy_application::files::{FileFilter, Files};
use colloquy_domain::FilePurpose;
use colloquy_web::input::{Fields, Input, Kind as _, Query};
use colloquy_web::paging::{Keyset, stretch};
use colloquy_web::problem::Problem;
use colloquy_web::sign_in::SignedIn;

use super::purpose;
use super::view::FileView;
use crate::BASE;
use crate::cursor::Cursor;

pub(super) struct ListFiles {
    purpose: Option<FilePurpose>,
    keyset: Keyset<Cursor>,
}

impl Input for ListFiles {
    type Value = Self;

    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let purpose = purpose().describe("Only files for this.");
        let purpose = fields.optional("purpose", purpose);
        Some(Self {
            purpose,
            keyset: Keyset::read(fields)?,
        })
    }
}

/// List the files that the caller may see, newest first: their own; administrators, everybody's.
#[utoipa::path(
    get,
    path = "/files",
    tag = "files",
    security(("bearer" = [])),
    params(Query<ListFiles>),
    responses((status = 200, description = "A page of files", body = Vec<FileView>, headers(
        ("Link" = String, description = "The next page, if there is one"),
    ))),
)]
pub(crate) async fn list_files(
    caller: SignedIn,
    State(files): State<Arc<Files>>,
    Query(asked): Query<ListFiles>,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let after = asked.keyset.after(|cursor| match cursor {
        Cursor::Files(after) => Some(after),
        _ => None,
    })?;
    let filter = FileFilter {
        purpose: asked.purpose,
        after,
        limit: asked.keyset.limit,
    };
    let slice = files.list(&caller.actor, filter).await?;
    Ok(stretch(
        slice,
        &format!("{BASE}/files"),
        query.as_deref(),
        |file| Cursor::Files(file.id),
        FileView::from,
    ))
}
