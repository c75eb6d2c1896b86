//! Opens the blob store that a URL names.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use colloquy_application::ports::BlobKey;
use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
use object_store::local::LocalFileSystem;
use object_store::memory::InMemory;
use object_store::path::Path as ObjectPath;
use object_store::prefix::PrefixStore;
use object_store::{ObjectStore, RetryConfig};
use rustls::crypto::ring;
use url::Url;

use crate::upload::Parts;

/// Why a store cannot be opened. Each displays as one line.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// Not a URL.
    #[error("the blob URL `{url}` is not a URL")]
    Malformed {
        /// The text given.
        url: String,
        /// The parse error.
        #[source]
        source: url::ParseError,
    },
    /// Unsupported scheme.
    #[error("unsupported blob store `{scheme}://`: use `file://`, `s3://` or `memory://`")]
    UnknownScheme {
        /// The scheme given.
        scheme: String,
    },
    /// A `file` URL without an absolute local path.
    #[error("the blob URL `{url}` must name an absolute path, as in `file:///var/lib/blobs`")]
    NotAbsolute {
        /// The URL given.
        url: String,
    },
    /// An `s3` URL without a bucket, or with an invalid prefix.
    #[error("the blob URL `{url}` must name a bucket, as in `s3://bucket/prefix`")]
    NoBucket {
        /// The URL given.
        url: String,
    },
    /// The folder cannot be created or read.
    #[error("cannot create or read the blob directory `{}`", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// The I/O error.
        #[source]
        source: io::Error,
    },
    /// The store rejected its settings.
    #[error("the blob store at `{url}` cannot be opened")]
    Refused {
        /// The URL given.
        url: String,
        /// The store's error.
        #[source]
        source: object_store::Error,
    },
}

pub(crate) fn environment_settings() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
}

/// A store, and how it keeps parts of uploads.
type Opened = (Arc<dyn ObjectStore>, Parts);

pub(crate) fn open(
    text: &str,
    settings: impl IntoIterator<Item = (String, String)>,
) -> Result<Opened, OpenError> {
    let url = Url::parse(text).map_err(|source| OpenError::Malformed {
        url: text.to_owned(),
        source,
    })?;
    match url.scheme() {
        "file" => open_folder(&url),
        "s3" => open_bucket(&url, settings),
        "memory" => Ok((Arc::new(InMemory::new()), Parts::Memory)),
        scheme => Err(OpenError::UnknownScheme {
            scheme: scheme.to_owned(),
        }),
    }
}

fn open_folder(url: &Url) -> Result<Opened, OpenError> {
    let path = url.to_file_path().map_err(|()| OpenError::NotAbsolute {
        url: url.to_string(),
    })?;
    if let Err(source) = make_folder(&path) {
        return Err(OpenError::Folder { path, source });
    }
    if let Err(source) = remove_unfinished(&path) {
        return Err(OpenError::Folder { path, source });
    }
    let parts = Parts::Folder(path.clone());
    let folder = LocalFileSystem::new_with_prefix(path).map_err(|source| OpenError::Refused {
        url: url.to_string(),
        source,
    })?;
    Ok((Arc::new(folder.with_fsync(true)), parts))
}

/// Flushes directory entries too: a power cut could otherwise lose the folder with flushed blobs.
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

/// Interrupted puts leave files named after the blob plus `#` and a number, which listings omit. A
/// concurrent put of another process fails and can be retried.
fn remove_unfinished(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            remove_unfinished(&entry.path())?;
        } else if entry.file_name().to_str().is_some_and(is_unfinished) {
            match fs::remove_file(entry.path()) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
    }
    Ok(())
}

fn is_unfinished(name: &str) -> bool {
    name.rsplit_once('#').is_some_and(|(blob, number)| {
        let is_number = !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit());
        is_number && BlobKey::parse(blob).is_ok()
    })
}

fn open_bucket(
    url: &Url,
    settings: impl IntoIterator<Item = (String, String)>,
) -> Result<Opened, OpenError> {
    let prefix = ObjectPath::from_url_path(url.path()).ok();
    let (Some(bucket), Some(prefix)) = (url.host_str(), prefix) else {
        return Err(OpenError::NoBucket {
            url: url.to_string(),
        });
    };
    choose_tls_provider();
    let bucket = settings
        .into_iter()
        .filter_map(|(name, value)| Some((setting(&name)?, value)))
        .fold(AmazonS3Builder::new(), |bucket, (name, value)| {
            bucket.with_config(name, value)
        })
        .with_bucket_name(bucket)
        .with_retry(RetryConfig {
            max_retries: 3,
            retry_timeout: Duration::from_secs(10),
            ..RetryConfig::default()
        })
        .build()
        .map_err(|source| OpenError::Refused {
            url: url.to_string(),
            source,
        })?;
    let bucket = Arc::new(PrefixStore::new(bucket, prefix));
    Ok((Arc::clone(&bucket) as _, Parts::Bucket(bucket)))
}

fn setting(variable: &str) -> Option<AmazonS3ConfigKey> {
    let is_ours = variable.starts_with("AWS_");
    is_ours.then(|| variable.to_ascii_lowercase().parse().ok())?
}

/// Installs ring as the process-wide TLS provider unless the program has chosen one.
fn choose_tls_provider() {
    let _ = ring::default_provider().install_default();
}
