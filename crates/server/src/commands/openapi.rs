use std::io;

use colloquy_http::DocumentVersion;

use crate::failure::Failure;
use crate::terminal::print;

/// Prints the document that the server serves unless asked for another version.
pub(crate) fn openapi() -> Result<(), Failure> {
    let document = colloquy_http::openapi_json(DocumentVersion::default());
    print(&document.map_err(io::Error::from)?)?;
    Ok(())
}
