//! The identity of this instance.
//!
//! Runs are leased to an instance. A restarted process takes its predecessor's identity, so that it
//! can end that one's runs without waiting for their leases. The identity is a locked file in the
//! data directory; processes that share the directory use one file each.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};

use colloquy_application::ports::{IdGenerator, InstanceId};
use uuid::Uuid;

/// An identity that no other living process holds.
#[derive(Debug)]
pub(crate) struct InstanceSlot {
    id: InstanceId,
    _file: File,
}

#[derive(Debug, thiserror::Error)]
#[error("cannot use {}", path.display())]
pub(crate) struct InstanceError {
    path: PathBuf,
    #[source]
    source: io::Error,
}

impl InstanceSlot {
    /// Takes the first free slot.
    pub(crate) fn take(data_dir: &Path, ids: &dyn IdGenerator) -> Result<Self, InstanceError> {
        let folder = data_dir.join("instances");
        fs::create_dir_all(&folder).map_err(|source| failed(&folder, source))?;
        let mut number = 1;
        loop {
            let path = folder.join(format!("{number}.lock"));
            if let Some(slot) =
                Self::try_take(&path, ids).map_err(|source| failed(&path, source))?
            {
                return Ok(slot);
            }
            number += 1;
        }
    }

    /// Holder of this process's leases.
    pub(crate) const fn id(&self) -> InstanceId {
        self.id
    }

    fn try_take(path: &Path, ids: &dyn IdGenerator) -> io::Result<Option<Self>> {
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)?;
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => return Ok(None),
            Err(TryLockError::Error(error)) => return Err(error),
            Ok(()) => {}
        }
        let id = match read_id(&mut file)? {
            Some(id) => id,
            None => write_id(&mut file, ids.next_id())?,
        };
        Ok(Some(Self {
            id: InstanceId(id),
            _file: file,
        }))
    }
}

/// The predecessor's ID. `None` in a new file, or if its writer died before the ID was complete and
/// hence before leasing anything.
fn read_id(file: &mut File) -> io::Result<Option<Uuid>> {
    let mut text = Vec::new();
    file.read_to_end(&mut text)?;
    Ok(Uuid::try_parse_ascii(text.trim_ascii()).ok())
}

fn write_id(file: &mut File, id: Uuid) -> io::Result<Uuid> {
    file.set_len(0)?;
    file.rewind()?;
    writeln!(file, "{id}")?;
    file.sync_all()?;
    Ok(id)
}

fn failed(path: &Path, source: io::Error) -> InstanceError {
    let path = path.to_owned();
    InstanceError { path, source }
}

#[cfg(test)]
mod tests {
    use colloquy_application::system::UuidV7Generator;

    use super::InstanceSlot;

    #[test]
    fn a_successor_takes_the_identity_over_and_a_neighbour_does_not() {
        let data = tempfile::tempdir().unwrap();
        let take = || InstanceSlot::take(data.path(), &UuidV7Generator).unwrap();
        let (first, second) = (take(), take());
        let (first_id, second_id) = (first.id(), second.id());
        assert_ne!(first_id, second_id);
        drop(first);
        assert_eq!(take().id(), first_id);
        drop(second);
        let (one, other) = (take(), take());
        assert_eq!((one.id(), other.id()), (first_id, second_id));
    }

    #[test]
    fn a_file_whose_maker_died_early_is_filled() {
        let data = tempfile::tempdir().unwrap();
        let folder = data.path().join("instances");
        std::fs::create_dir(&folder).unwrap();
        std::fs::write(folder.join("1.lock"), "0193").unwrap();
        let id = InstanceSlot::take(data.path(), &UuidV7Generator)
            .unwrap()
            .id();
        let stored = std::fs::read_to_string(folder.join("1.lock")).unwrap();
        assert_eq!(stored.trim_end(), id.0.to_string());
    }
}
