//! Opening a store, and what its folder looks like.

#![expect(clippy::unwrap_used, reason = "a test ends where something is wrong")]

use std::fs;

use bytes::Bytes;
use colloquy_application::ports::{BlobKey, BlobStore as _, HealthCheck as _, PortError};
use colloquy_blob::{ObjectBlobStore, OpenError};
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
    // A file where the folder of the blob should be.
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
            "blobs cannot be kept at `ftp://`: use `file://`, `s3://` or `memory://`",
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
