//! Contract of [`BlobStore`].

use std::ops::Range;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use futures_util::TryStreamExt as _;

use super::at_once;
use crate::ports::{BlobKey, BlobStore};

type Blobs = Arc<dyn BlobStore>;

fn key(text: &str) -> BlobKey {
    BlobKey::parse(text).unwrap()
}

async fn get(blobs: &Blobs, text: &str) -> Option<Bytes> {
    blobs.get(&key(text)).await.unwrap()
}

async fn put(blobs: &Blobs, text: &str, bytes: impl Into<Bytes>) {
    blobs.put(&key(text), bytes.into()).await.unwrap();
}

async fn list(blobs: &Blobs, prefix: &str) -> Vec<String> {
    let keys = blobs.list(&key(prefix)).await.unwrap();
    let mut keys: Vec<_> = keys.iter().map(|key| key.as_str().to_owned()).collect();
    keys.sort();
    keys
}

async fn read(blobs: &Blobs, text: &str, range: Option<Range<u64>>) -> Option<Bytes> {
    let stream = blobs.read(&key(text), range).await.unwrap()?;
    let pieces: Vec<Bytes> = stream.try_collect().await.unwrap();
    Some(pieces.concat().into())
}

/// Uploads the bytes in pieces of this length.
async fn upload(blobs: &Blobs, text: &str, bytes: &Bytes, piece: usize) {
    let mut upload = blobs.upload(&key(text)).await.unwrap();
    for piece in bytes.chunks(piece) {
        upload.write(bytes.slice_ref(piece)).await.unwrap();
    }
    upload.finish().await.unwrap();
}

fn pattern(length: u32) -> Bytes {
    (0..length).map(|n| (n % 251) as u8).collect()
}

pub async fn a_blob_is_read_as_it_was_put(blobs: &Blobs) {
    let every_byte: Vec<u8> = (0..=255).collect();
    put(blobs, "avatars/a1/every-byte", every_byte.clone()).await;
    put(blobs, "avatars/a1/other", "other").await;
    let found = get(blobs, "avatars/a1/every-byte").await;
    assert_eq!(found, Some(every_byte.into()));
}

pub async fn an_absent_blob_is_none(blobs: &Blobs) {
    put(blobs, "avatars/a1/one", "one").await;
    for absent in [
        "avatars/a1/on",
        "avatars/a1/one.",
        "avatars/a1",
        "avatars",
        "avatars/a1/one/two",
        "other",
    ] {
        assert_eq!(get(blobs, absent).await, None, "{absent}");
    }
}

pub async fn an_empty_blob_is_not_absent(blobs: &Blobs) {
    put(blobs, "avatars/empty", "").await;
    assert_eq!(get(blobs, "avatars/empty").await, Some(Bytes::new()));
    assert_eq!(list(blobs, "avatars").await, ["avatars/empty"]);
}

pub async fn a_large_blob_is_kept_whole(blobs: &Blobs) {
    let large: Bytes = (0..5 * 1024 * 1024).map(|n: u32| (n % 251) as u8).collect();
    put(blobs, "avatars/large", large.clone()).await;
    let found = get(blobs, "avatars/large").await.unwrap();
    assert!(found == large, "5 MiB are returned unchanged");
}

pub async fn every_form_of_key_names_a_blob_of_its_own(blobs: &Blobs) {
    let longest = ["a"; 256].join("/");
    let forms = ["a.b", ".a", "a..b", "b-c_d", "0", "x/a.", "x/-", &longest];
    let keys = forms.map(key);
    for key in &keys {
        let bytes = key.as_str().to_owned().into();
        blobs.put(key, bytes).await.unwrap();
    }
    for key in &keys {
        let found = blobs.get(key).await.unwrap();
        assert_eq!(found.unwrap(), key.as_str(), "{key:?}");
    }
}

pub async fn a_put_replaces_what_the_key_held(blobs: &Blobs) {
    for bytes in ["a longer text", "short", "", "again"] {
        put(blobs, "avatars/a1", bytes).await;
        assert_eq!(get(blobs, "avatars/a1").await, Some(bytes.into()));
    }
    assert_eq!(list(blobs, "avatars").await, ["avatars/a1"]);
}

pub async fn a_reader_sees_old_bytes_or_new_ones(blobs: &Blobs) {
    const LENGTH: usize = 256 * 1024;
    put(blobs, "avatars/a1", vec![0; LENGTH]).await;
    let writers = at_once((1..=4).map(|byte| {
        let blobs = blobs.clone();
        async move {
            for _ in 0..8 {
                put(&blobs, "avatars/a1", vec![byte; LENGTH]).await;
            }
        }
    }));
    let readers = at_once((0..4).map(|_| {
        let blobs = blobs.clone();
        async move {
            for _ in 0..32 {
                let bytes = get(&blobs, "avatars/a1").await.unwrap();
                assert_eq!(bytes.len(), LENGTH);
                assert!(bytes.iter().all(|byte| *byte == bytes[0]), "mixed");
            }
        }
    }));
    tokio::join!(writers, readers);
    assert_eq!(list(blobs, "avatars").await, ["avatars/a1"]);
}

pub async fn a_deleted_blob_is_absent(blobs: &Blobs) {
    put(blobs, "avatars/a1", "one").await;
    put(blobs, "avatars/a2", "two").await;
    for _ in 0..2 {
        // Idempotent: absent is Ok.
        blobs.delete(&key("avatars/a1")).await.unwrap();
    }
    assert_eq!(get(blobs, "avatars/a1").await, None);
    assert_eq!(list(blobs, "avatars").await, ["avatars/a2"]);
    put(blobs, "avatars/a1", "again").await;
    assert_eq!(get(blobs, "avatars/a1").await, Some("again".into()));
}

pub async fn deleting_what_was_never_there_is_no_error(blobs: &Blobs) {
    put(blobs, "avatars/a1/one", "one").await;
    for absent in ["avatars/a1/two", "avatars/a2/one", "other"] {
        blobs.delete(&key(absent)).await.unwrap();
    }
    assert_eq!(list(blobs, "avatars").await, ["avatars/a1/one"]);
}

pub async fn a_list_holds_what_lies_under_the_prefix(blobs: &Blobs) {
    let keys = [
        "avatars/a1/one",
        "avatars/a1/two",
        "avatars/a10/three",
        "avatars/a1.d/four",
        "other/avatars/five",
    ];
    for key in keys {
        put(blobs, key, key).await;
    }
    assert_eq!(list(blobs, "avatars/a1").await, keys[..2]);
    let mut avatars = keys[..4].to_vec();
    avatars.sort_unstable();
    assert_eq!(list(blobs, "avatars").await, avatars);
    for empty in ["avatars/a1/one", "avatars/a", "avatar", "five"] {
        assert!(list(blobs, empty).await.is_empty(), "{empty}");
    }
}

pub async fn an_empty_store_lists_nothing(blobs: &Blobs) {
    assert!(list(blobs, "avatars").await.is_empty());
    blobs.delete(&key("avatars/a1")).await.unwrap();
    assert_eq!(get(blobs, "avatars/a1").await, None);
}

pub async fn an_upload_is_read_as_it_was_written(blobs: &Blobs) {
    const MIB: u32 = 1024 * 1024;
    for (name, length, piece) in [
        ("files/none", 0, 1),
        ("files/one", 1, 1),
        ("files/some", 100_000, 8_191),
        ("files/part", 5 * MIB, 64 * 1024),
        ("files/more", 13 * MIB + 7, 100_003),
        ("files/at-once", 12 * MIB, 12 * 1024 * 1024),
    ] {
        let bytes = pattern(length);
        upload(blobs, name, &bytes, piece).await;
        assert!(get(blobs, name).await.unwrap() == bytes, "{name}");
        assert!(read(blobs, name, None).await.unwrap() == bytes, "{name}");
    }
    assert_eq!(list(blobs, "files").await.len(), 6);
}

pub async fn a_range_is_read_without_the_rest(blobs: &Blobs) {
    let bytes = pattern(100_000);
    put(blobs, "files/one", bytes.clone()).await;
    let ends = bytes.len() as u64;
    for range in [0..1, 0..ends, 1..2, 8_000..90_001, ends - 1..ends] {
        let [start, end] = [range.start, range.end].map(|it| usize::try_from(it).unwrap());
        let found = read(blobs, "files/one", Some(range.clone())).await.unwrap();
        assert!(found == bytes.slice(start..end), "{range:?}");
    }
    assert_eq!(read(blobs, "files/two", Some(0..1)).await, None);
    assert_eq!(read(blobs, "files/two", None).await, None);
}

pub async fn an_upload_is_missing_until_it_is_finished(blobs: &Blobs) {
    let bytes = pattern(11 * 1024 * 1024);
    for length in [100, bytes.len()] {
        let mut upload = blobs.upload(&key("files/one")).await.unwrap();
        upload.write(bytes.slice(..length)).await.unwrap();
        assert_eq!(get(blobs, "files/one").await, None);
        assert!(list(blobs, "files").await.is_empty());
        upload.finish().await.unwrap();
        assert_eq!(get(blobs, "files/one").await.unwrap().len(), length);
        blobs.discard(&key("files/one")).await.unwrap();
    }
}

pub async fn an_upload_that_is_aborted_or_dropped_leaves_nothing(blobs: &Blobs) {
    let bytes = pattern(11 * 1024 * 1024);
    for length in [0, 100, bytes.len()] {
        let mut aborted = blobs.upload(&key("files/aborted")).await.unwrap();
        aborted.write(bytes.slice(..length)).await.unwrap();
        aborted.abort().await.unwrap();
        let mut dropped = blobs.upload(&key("files/dropped")).await.unwrap();
        dropped.write(bytes.slice(..length)).await.unwrap();
        drop(dropped);
    }
    for name in ["files/aborted", "files/dropped"] {
        blobs.discard(&key(name)).await.unwrap();
        assert_eq!(get(blobs, name).await, None);
    }
    assert!(list(blobs, "files").await.is_empty());
}

pub async fn uploads_at_once_do_not_mix(blobs: &Blobs) {
    let uploads = (0..4_u8).map(|number| {
        let blobs = blobs.clone();
        async move {
            let name = format!("files/{number}");
            let bytes = Bytes::from(vec![number; 6 * 1024 * 1024]);
            upload(&blobs, &name, &bytes, 512 * 1024).await;
            assert!(get(&blobs, &name).await.unwrap() == bytes);
        }
    });
    at_once(uploads.collect::<Vec<_>>()).await;
}

pub async fn a_discarded_blob_is_absent(blobs: &Blobs) {
    put(blobs, "files/one", "one").await;
    put(blobs, "files/two", "two").await;
    for _ in 0..2 {
        blobs.discard(&key("files/one")).await.unwrap();
    }
    assert_eq!(get(blobs, "files/one").await, None);
    assert_eq!(list(blobs, "files").await, ["files/two"]);
}

pub async fn a_reader_of_a_blob_that_is_deleted_has_no_other_bytes(blobs: &Blobs) {
    let bytes = pattern(3 * 1024 * 1024);
    put(blobs, "files/one", bytes.clone()).await;
    let mut stream = blobs.read(&key("files/one"), None).await.unwrap().unwrap();
    let mut found = BytesMut::new();
    found.extend(stream.try_next().await.unwrap().unwrap());
    blobs.discard(&key("files/one")).await.unwrap();
    while let Ok(Some(piece)) = stream.try_next().await {
        found.extend(piece);
    }
    assert!(bytes.starts_with(&found));
}
