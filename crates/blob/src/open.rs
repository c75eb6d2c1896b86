use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use object_store::ObjectStore;
use object_store::local::LocalFileSystem;
use object_store::memory::InMemory;
use url::Url;

/// Why there is no store at a URL; each is one line for the operator.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The text is no URL.
    #[error("the blob URL `{url}` is not a URL")]
    Malformed {
        /// What was given.
        url: String,
        /// What is wrong with it.
        #[source]
        source: url::ParseError,
    },
    /// The scheme is none of ours.
    #[error("blobs cannot be kept at `{scheme}://`: use `file://` or `memory://`")]
    UnknownScheme {
        /// The scheme that was given.
        scheme: String,
    },
    /// A `file` URL that does not name an absolute path on this machine.
    #[error("the blob URL `{url}` must name an absolute path, as in `file:///var/lib/blobs`")]
    NotAbsolute {
        /// What was given.
        url: String,
    },
    /// The folder is not there and cannot be made.
    #[error("the blob folder `{}` cannot be made", path.display())]
    Folder {
        /// Which folder.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// The store refuses the settings.
    #[error("the blob store at `{url}` cannot be opened")]
    Refused {
        /// What was given.
        url: String,
        /// Why not.
        #[source]
        source: object_store::Error,
    },
}

pub(crate) fn open(text: &str) -> Result<Arc<dyn ObjectStore>, OpenError> {
    let url = Url::parse(text).map_err(|source| OpenError::Malformed {
        url: text.to_owned(),
        source,
    })?;
    match url.scheme() {
        "file" => open_folder(&url),
        "memory" => Ok(Arc::new(InMemory::new())),
        scheme => Err(OpenError::UnknownScheme {
            scheme: scheme.to_owned(),
        }),
    }
}

fn open_folder(url: &Url) -> Result<Arc<dyn ObjectStore>, OpenError> {
    let path = url.to_file_path().map_err(|()| OpenError::NotAbsolute {
        url: url.to_string(),
    })?;
    if let Err(source) = make_folder(&path) {
        return Err(OpenError::Folder { path, source });
    }
    let folder = LocalFileSystem::new_with_prefix(path).map_err(|source| OpenError::Refused {
        url: url.to_string(),
        source,
    })?;
    Ok(Arc::new(folder.with_fsync(true)))
}

/// Makes the folder and those around it, and flushes their entries: otherwise a power cut could
/// take the folder away with blobs in it that were flushed.
fn make_folder(path: &Path) -> io::Result<()> {
    let Some(parent) = path.parent().filter(|_| !path.is_dir()) else {
        return Ok(());
    };
    make_folder(parent)?;
    fs::create_dir_all(path)?;
    if cfg!(unix) {
        File::open(parent)?.sync_all()?;
    }
    Ok(())
}
