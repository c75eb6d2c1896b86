//! Errors of a load shared by several callers.

use std::sync::Arc;

use colloquy_application::ports::PortError;

/// Nothing to cache; shared by every caller of the load.
pub(crate) enum Missing {
    Absent,
    Failed(Arc<PortError>),
}

/// An equivalent error with the shared one as source.
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
