//! Opening a store, and the layout of its folder.

#![expect(clippy::unwrap_used, reason = "tests may panic")]

use std::fs;

use bytes::Bytes;
use colloquy_application::ports::{BlobKey, BlobStore as _, HealthCheck as _, PortError};
use colloquy_blob::{ObjectBlobStore, OpenError};
use colloquy_tests::s3_server::S3Server;
use tempfile::TempDir;

fn key(text: &str) -> BlobKey {
    BlobKey::parse(text).unwrap()
}

fn url_of(folder: &TempDir) -> String {
    format!("file://{}", folder.path().display())
}

#[tokio::test]
async fn a_folder_is_made_and_keeps_its_blobs_when_opened_again() {
    let folder = TempDir::new().unwrap();
    let url = format!("{}/new/blob%20store", url_of(&folder));
    let first = ObjectBlobStore::open(&url).unwrap();
    let bytes = Bytes::from_static(b"bytes");
    first.put(&key("avatars/a1"), bytes.clone()).await.unwrap();
    drop(first);
    let again = ObjectBlobStore::open(&url).unwrap();
    let found = again.get(&key("avatars/a1")).await.unwrap();
    assert_eq!(found, Some(bytes));
    let path = folder.path().join("new/blob store/avatars/a1");
    assert_eq!(fs::read(path).unwrap(), b"bytes");
}

#[tokio::test]
async fn strange_files_are_not_listed() {
    let folder = TempDir::new().unwrap();
    let store = ObjectBlobStore::open(&url_of(&folder)).unwrap();
    let one = key("avatars/one");
    store.put(&one, Bytes::from_static(b"1")).await.unwrap();
    for name in ["Thumbs.DB", "one#1", "ünï"] {
        fs::write(folder.path().join("avatars").join(name), "").unwrap();
    }
    assert_eq!(store.list(&key("avatars")).await.unwrap(), [one]);
}

#[tokio::test]
async fn what_cut_off_puts_have_left_goes_when_the_folder_is_opened() {
    let folder = TempDir::new().unwrap();
    let store = ObjectBlobStore::open(&url_of(&folder)).unwrap();
    let one = key("avatars/a1/one");
    store.put(&one, Bytes::from_static(b"1")).await.unwrap();
    let inside = folder.path().join("avatars/a1");
    for name in ["one#1", "two#27", "notes#", "Read me#1", "three#x"] {
        fs::write(inside.join(name), "half").unwrap();
    }
    let store = ObjectBlobStore::open(&url_of(&folder)).unwrap();
    let left = colloquy_tests::files::below(&inside);
    assert_eq!(left, ["Read me#1", "notes#", "one", "three#x"]);
    assert_eq!(store.list(&key("avatars")).await.unwrap(), [one]);
}

#[tokio::test]
async fn a_fresh_store_is_healthy() {
    let folder = TempDir::new().unwrap();
    for url in [&*url_of(&folder), "memory://"] {
        let store = ObjectBlobStore::open(url).unwrap();
        assert_eq!(store.name(), "blobs");
        store.check().await.unwrap();
    }
}

#[tokio::test]
async fn a_folder_that_takes_no_bytes_is_unavailable() {
    let folder = TempDir::new().unwrap();
    let store = ObjectBlobStore::open(&url_of(&folder)).unwrap();
    // A file where the folder should be.
    fs::write(folder.path().join("avatars"), "").unwrap();
    let answer = store.put(&key("avatars/one"), Bytes::new()).await;
    assert!(
        matches!(answer, Err(PortError::Unavailable(_))),
        "{answer:?}"
    );
}

#[test]
fn a_url_that_names_no_store_is_refused_in_one_line() {
    for (url, line) in [
        ("blobs", "the blob URL `blobs` is not a URL"),
        (
            "ftp://host/blobs",
            "unsupported blob store `ftp://`: use `file://`, `s3://` or `memory://`",
        ),
        (
            "file://host/blobs",
            "the blob URL `file://host/blobs` must name an absolute path, as in `file:///var/lib/blobs`",
        ),
        (
            "s3:///prefix",
            "the blob URL `s3:///prefix` must name a bucket, as in `s3://bucket/prefix`",
        ),
    ] {
        let error = ObjectBlobStore::open(url).unwrap_err();
        assert_eq!(error.to_string(), line);
    }
}

#[test]
fn a_bucket_is_opened_without_being_asked() {
    for url in ["s3://bucket", "s3://bucket/", "s3://bucket/some/prefix"] {
        ObjectBlobStore::open(url).unwrap();
    }
}

#[test]
fn a_folder_that_cannot_be_made_is_named() {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("file"), "").unwrap();
    let error = ObjectBlobStore::open(&format!("{}/file/blobs", url_of(&folder))).unwrap_err();
    assert!(matches!(&error, OpenError::Folder { path, .. } if path.ends_with("file/blobs")));
}

#[tokio::test]
async fn a_bucket_is_not_opened_with_another_key() {
    let server = S3Server::start().await;
    let blobs = |change: &'static str| {
        let settings = server.settings().into_iter();
        let settings = settings.map(move |(name, value)| {
            let value = if name == change {
                "other".to_owned()
            } else {
                value
            };
            (name, value)
        });
        ObjectBlobStore::open_with(&server.url(), settings).unwrap()
    };
    blobs("").check().await.unwrap();
    for change in ["AWS_SECRET_ACCESS_KEY", "AWS_ACCESS_KEY_ID"] {
        let refused = blobs(change);
        let bytes = Bytes::from_static(b"1");
        assert!(refused.put(&key("avatars/one"), bytes).await.is_err());
        assert!(refused.get(&key("avatars/one")).await.is_err());
        assert!(refused.check().await.is_err());
    }
    assert!(server.keys().is_empty());
}

#[tokio::test]
async fn a_bucket_that_is_not_there_is_unavailable() {
    let server = S3Server::start().await;
    let url = server.url().replacen("s3://", "s3://another-", 1);
    let blobs = ObjectBlobStore::open_with(&url, server.settings()).unwrap();
    let unhealthy = blobs.check().await;
    assert!(matches!(unhealthy, Err(PortError::Unavailable(_))));
}
