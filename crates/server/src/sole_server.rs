//! One server per SQLite database: a second one would bypass its caches and execute the same runs.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use chrono::{DateTime, SecondsFormat, Utc};

use crate::terminal::visible;

/// The right to serve a SQLite database, until dropped or the process ends.
#[derive(Debug)]
pub(crate) struct SoleServer {
    _file: File,
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum SoleServerError {
    #[error(
        "{} is served by another colloquy already ({holder}); stop that one, serve other data \
         (--data-dir), or use PostgreSQL for several servers",
        database.display()
    )]
    Served { database: PathBuf, holder: String },
    #[error("cannot lock {}", path.display())]
    File {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
}

impl SoleServer {
    /// Locks the database and records process, start time and address for the error of others.
    pub(crate) fn take(
        database: &Path,
        since: DateTime<Utc>,
        address: SocketAddr,
    ) -> Result<Self, SoleServerError> {
        let (path, locked) = open(database).map_err(|source| SoleServerError::File {
            path: lock_path(database),
            source,
        })?;
        let failed = |source| SoleServerError::File {
            path: path.clone(),
            source,
        };
        match locked {
            Locked::Ours(file) => {
                sign(&file, since, address).map_err(failed)?;
                Ok(Self { _file: file })
            }
            Locked::Theirs(file) => Err(SoleServerError::Served {
                database: database.to_owned(),
                holder: signature(file).map_err(failed)?,
            }),
        }
    }
}

enum Locked {
    Ours(File),
    Theirs(File),
}

fn open(database: &Path) -> io::Result<(PathBuf, Locked)> {
    if let Some(folder) = database.parent() {
        fs::create_dir_all(folder)?;
    }
    let path = lock_path(&real_path(database)?);
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(&path)?;
    let locked = match file.try_lock() {
        Ok(()) => Locked::Ours(file),
        Err(TryLockError::WouldBlock) => Locked::Theirs(file),
        Err(TryLockError::Error(error)) => return Err(error),
    };
    Ok((path, locked))
}

/// Independent of the name by which the database is opened. The file need not exist.
fn real_path(database: &Path) -> io::Result<PathBuf> {
    match database.canonicalize() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        result => return result,
    }
    let folder = database.parent().filter(|folder| *folder != Path::new(""));
    let folder = folder.unwrap_or(Path::new(".")).canonicalize()?;
    Ok(folder.join(database.file_name().unwrap_or_default()))
}

fn lock_path(database: &Path) -> PathBuf {
    let mut path = database.as_os_str().to_owned();
    path.push(".lock");
    path.into()
}

fn sign(mut file: &File, since: DateTime<Utc>, address: SocketAddr) -> io::Result<()> {
    let process = std::process::id();
    let since = since.to_rfc3339_opts(SecondsFormat::Secs, true);
    file.set_len(0)?;
    file.rewind()?;
    writeln!(file, "process {process}, since {since}, at {address}")
}

const MAX_SIGNATURE: u64 = 200;

fn signature(file: File) -> io::Result<String> {
    let mut text = String::new();
    file.take(MAX_SIGNATURE).read_to_string(&mut text)?;
    match text.lines().next() {
        Some(line) => Ok(visible(line)),
        // Not signed yet.
        None => Ok("just started".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{SoleServer, SoleServerError};

    #[test]
    fn a_new_database_has_one_server_too() {
        let data = tempfile::tempdir().unwrap();
        let (folder, link) = (data.path().join("data"), data.path().join("link"));
        std::fs::create_dir(&folder).unwrap();
        std::os::unix::fs::symlink(&folder, &link).unwrap();
        let since = "2026-11-26T11:36:03Z".parse().unwrap();
        let take = |path: &Path| SoleServer::take(path, since, ([127, 0, 0, 1], 8080).into());
        let _first = take(&folder.join("x.db")).unwrap();
        assert!(take(&link.join("x.db")).is_err());
    }

    #[test]
    fn a_database_has_one_server_under_whatever_name_it_is_reached() {
        let data = tempfile::tempdir().unwrap();
        let (file, link) = (data.path().join("x.db"), data.path().join("link.db"));
        std::fs::write(&file, "").unwrap();
        std::os::unix::fs::symlink(&file, &link).unwrap();
        let since = "2026-11-26T11:36:03Z".parse().unwrap();
        let take = |path: &Path| SoleServer::take(path, since, ([127, 0, 0, 1], 8080).into());
        let first = take(&file).unwrap();
        for name in [&file, &link] {
            let Err(SoleServerError::Served { holder, .. }) = take(name) else {
                panic!("served twice");
            };
            let process = std::process::id();
            let expected =
                format!("process {process}, since 2026-11-26T11:36:03Z, at 127.0.0.1:8080");
            assert_eq!(holder, expected);
        }
        drop(first);
        take(&link).unwrap();
    }
}
