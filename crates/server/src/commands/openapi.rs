use std::io;

use crate::failure::Failure;
use crate::terminal::print;

/// Prints the document that the server serves.
pub(crate) fn openapi() -> Result<(), Failure> {
    let document = colloquy_http::openapi();
    print(&document.to_pretty_json().map_err(io::Error::from)?)?;
    Ok(())
}
