//! What becomes of a load that several callers wait for.

use std::sync::Arc;

use colloquy_application::ports::PortError;

/// Why there is nothing to remember. Every caller of a shared lookup is told.
pub(crate) enum Missing {
    Absent,
    Failed(Arc<PortError>),
}

/// An error of the same meaning, with the shared one as its cause.
pub(crate) fn same_error(error: &Arc<PortError>) -> PortError {
    let cause = Arc::clone(error);
    match &**error {
        PortError::NotFound => PortError::NotFound,
        PortError::Conflict(constraint) => PortError::Conflict(*constraint),
        PortError::Unavailable(_) => PortError::unavailable(cause),
        PortError::Corrupt {
            table, column, row, ..
        } => PortError::Corrupt {
            table,
            column,
            row: row.clone(),
            source: cause.into(),
        },
        _ => PortError::other(cause),
    }
}
