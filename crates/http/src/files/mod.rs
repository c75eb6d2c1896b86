//! Routes of files.

mod content;
mod create;
mod delete;
mod disposition;
mod get;
mod list;
mod update;
mod view;

use colloquy_domain::{FileName, FilePurpose};
use colloquy_web::input::{Kind, choice, text};
use colloquy_web::schema;
use utoipa_axum::routes;

use crate::routes::Routes;

pub(crate) fn routes() -> Routes {
    vec![
        routes!(list::list_files, create::create_file),
        routes!(get::get_file, update::update_file, delete::delete_file),
        routes!(content::get_file_content),
    ]
}

/// Read-only fields, accepted and ignored.
const READ_ONLY: [&str; 8] = [
    "id",
    "owner_id",
    "purpose",
    "bytes",
    "sha256",
    "status",
    "created_at",
    "expires_at",
];

fn name() -> impl Kind<Value = FileName> {
    let schema = || schema::text(FileName::MAX_CHARS).pattern(Some(NAME));
    text(FileName::parse, schema)
}

/// Not only dots and blanks; without control characters, marks of direction and slashes.
const NAME: &str = concat!(
    r"^[^\u0000-\u001f\u007f-\u009f/\\\u2028-\u202e\u2066-\u2069]*",
    r"[^\u0000-\u001f\u007f-\u009f/\\\u2028-\u202e\u2066-\u2069\s.]",
    r"[^\u0000-\u001f\u007f-\u009f/\\\u2028-\u202e\u2066-\u2069]*$",
);

fn purpose() -> impl Kind<Value = FilePurpose> {
    let names = || FilePurpose::ALL.iter().map(|it| it.as_str()).collect();
    choice(FilePurpose::from_name, names)
}
