//! How many files and sockets the process may have open.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// What is kept for the database, the files and the log.
const RESERVED: u64 = 256;

/// Raises the limit as far as it goes without special rights: many systems begin with 1,024, for
/// the sake of old programs, and let every process have more.
pub(crate) fn raise() {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    let highest = Rlimit {
        current: maximum,
        maximum,
    };
    if let Err(error) = setrlimit(Resource::Nofile, highest) {
        tracing::debug!(%error, "the limit of open files stays as it is");
    }
}

/// As many connections of clients as wanted, if there is room for them: each may need another one
/// to a model's provider.
pub(crate) fn connections(wanted: usize) -> usize {
    let Some(limit) = getrlimit(Resource::Nofile).current else {
        return wanted;
    };
    let room = limit.saturating_sub(RESERVED) / 2;
    let room = usize::try_from(room).unwrap_or(usize::MAX).max(1);
    if room < wanted {
        tracing::warn!(
            limit,
            room,
            wanted,
            "too few open files are allowed for all connections"
        );
    }
    wanted.min(room)
}

#[cfg(test)]
mod tests {
    use super::{connections, raise};

    #[test]
    fn a_process_that_has_raised_its_limit_has_room_for_connections() {
        raise();
        assert_eq!(connections(1), 1);
        assert!(connections(usize::MAX) > 100);
    }
}
