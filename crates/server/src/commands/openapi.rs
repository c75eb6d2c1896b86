//! `colloquy openapi`.

use std::io;

use colloquy_http::DocumentVersion;

use crate::fatal_error::FatalError;
use crate::terminal::print;

/// In the version that the server serves by default.
pub(crate) fn openapi() -> Result<(), FatalError> {
    let document = colloquy_http::openapi_json(DocumentVersion::default());
    print(&document.map_err(io::Error::from)?)?;
    Ok(())
}
