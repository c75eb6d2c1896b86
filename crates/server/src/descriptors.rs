//! The open file limit.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// For the database, files and the log.
const RESERVED: u64 = 256;

/// Raises the soft limit, often 1,024, to the hard one.
pub(crate) fn raise() {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    let highest = Rlimit {
        current: maximum,
        maximum,
    };
    if let Err(error) = setrlimit(Resource::Nofile, highest) {
        tracing::debug!(%error, "open file limit not raised");
    }
}

/// Caps client connections by the limit: each may need a second one, to a provider.
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
            "open file limit too low for http.max_connections"
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
