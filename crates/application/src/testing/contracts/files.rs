//! Contract of the file repository.

use chrono::{DateTime, Utc};
use colloquy_domain::{ContentHash, File, FileId, FileName, FilePurpose, User, UserId};

use super::{Stores, assert_conflict, assert_not_found, at_once, only_winner};
use crate::ports::{
    BlobKey, CompletedUpload, Constraint, FileQuery, FileQuota, FileScope, PortError, StoredFile,
    Upload, UploadedContent,
};
use crate::testing::samples::{Samples, second};

/// The time at which everything here is counted and read.
fn now() -> DateTime<Utc> {
    second(100)
}

fn quota(bytes: Option<u64>, files: Option<u64>) -> FileQuota {
    FileQuota {
        bytes,
        files,
        now: now(),
    }
}

fn unlimited() -> FileQuota {
    quota(None, None)
}

/// So many bytes, whose hash consists of that byte.
const fn content(bytes: u64, hash: u8) -> UploadedContent {
    UploadedContent {
        bytes,
        sha256: ContentHash([hash; 32]),
    }
}

fn all() -> FileQuery {
    FileQuery {
        scope: FileScope::All,
        purpose: None,
        after: None,
        limit: 100,
        now: now(),
    }
}

impl Stores {
    async fn has_upload(&self, make: &Samples, owner: UserId) -> Upload {
        let upload = make.upload(owner);
        self.files.begin(&upload, &unlimited()).await.unwrap();
        upload
    }

    async fn complete(
        &self,
        upload: FileId,
        content: UploadedContent,
    ) -> Result<CompletedUpload, PortError> {
        self.files.complete(upload, &content, &unlimited()).await
    }

    async fn completes(&self, upload: &Upload, content: UploadedContent) -> CompletedUpload {
        self.complete(upload.id, content).await.unwrap()
    }

    async fn has_file(&self, make: &Samples, owner: UserId, content: UploadedContent) -> File {
        let upload = self.has_upload(make, owner).await;
        self.completes(&upload, content).await.file
    }

    async fn stored(&self, id: FileId) -> Option<StoredFile> {
        self.files.get(id, &FileScope::All, now()).await.unwrap()
    }

    async fn listed(&self, query: &FileQuery) -> Vec<FileId> {
        let files = self.files.list(query).await.unwrap();
        files.iter().map(|file| file.id).collect()
    }

    async fn noted(&self) -> Vec<BlobKey> {
        let mut keys = self.files.removals(100).await.unwrap();
        keys.sort();
        keys
    }
}

async fn owner(stores: &Stores, make: &Samples) -> User {
    let email = format!("{}@example.org", make.user_id());
    stores.has_user(make, &email).await
}

pub async fn a_file_is_read_as_it_was_written(stores: &Stores) {
    let make = Samples::new();
    let owner = owner(stores, &make).await.id;
    for (number, purpose) in (1..).zip(FilePurpose::ALL) {
        let upload = Upload {
            name: FileName::parse("日本語 \u{1f600} \"quoted\" %_';.pdf").unwrap(),
            purpose: *purpose,
            expires_at: Some(second(101)),
            ..make.upload(owner)
        };
        let room = stores.files.begin(&upload, &unlimited()).await.unwrap();
        assert_eq!(room, None);
        let content = content(u64::MAX >> 2, number);
        let completed = stores.completes(&upload, content).await;
        assert_eq!(completed.surplus, None);
        let file = File {
            id: upload.id,
            owner_id: Some(owner),
            name: upload.name.clone(),
            purpose: *purpose,
            bytes: content.bytes,
            sha256: content.sha256,
            created_at: upload.created_at,
            expires_at: upload.expires_at,
        };
        assert_eq!(completed.file, file);
        let stored = stores.stored(file.id).await.unwrap();
        assert_eq!((stored.file, stored.key), (file, upload.key));
        stores.files.remove(upload.id).await.unwrap();
    }
}

pub async fn an_upload_is_seen_by_nobody(stores: &Stores) {
    let make = Samples::new();
    let owner = owner(stores, &make).await.id;
    let upload = stores.has_upload(&make, owner).await;
    assert_eq!(stores.stored(upload.id).await, None);
    assert_eq!(stores.listed(&all()).await, []);
    assert_not_found(stores.files.rename(upload.id, &upload.name).await);
    assert_not_found(stores.files.remove(upload.id).await);
    assert_eq!(stores.noted().await, []);
    stores.completes(&upload, content(1, 1)).await;
    assert_eq!(stores.listed(&all()).await, [upload.id]);
}

pub async fn an_upload_and_its_completion_need_their_owner(stores: &Stores) {
    let make = Samples::new();
    let nobodys = make.upload(make.user_id());
    assert_not_found(stores.files.begin(&nobodys, &unlimited()).await);
    let owner = owner(stores, &make).await.id;
    let upload = stores.has_upload(&make, owner).await;
    stores.users.delete(owner).await.unwrap();
    assert_not_found(stores.complete(upload.id, content(1, 1)).await);
    assert_eq!(stores.stored(upload.id).await, None);
}

pub async fn an_upload_is_completed_once(stores: &Stores) {
    let make = Samples::new();
    let owner = owner(stores, &make).await.id;
    let upload = stores.has_upload(&make, owner).await;
    let complete = |hash| {
        let (stores, id) = (stores.clone(), upload.id);
        async move { stores.complete(id, content(1, hash)).await }
    };
    let mut answers = at_once((1..=4).map(complete).collect::<Vec<_>>()).await;
    answers.retain(Result::is_ok);
    assert_eq!(answers.len(), 1);
    assert_not_found(complete(5).await);
    let absent = make.upload(owner).id;
    assert_not_found(stores.complete(absent, content(1, 1)).await);
}

pub async fn a_file_out_of_scope_is_absent(stores: &Stores) {
    let make = Samples::new();
    let (one, other) = (owner(stores, &make).await.id, owner(stores, &make).await.id);
    let file = stores.has_file(&make, one, content(1, 1)).await;
    let others = stores.has_file(&make, other, content(1, 2)).await;
    for (users, ids) in [
        (vec![], vec![]),
        (vec![one], vec![file.id]),
        (vec![make.user_id()], vec![]),
        (vec![one, other], vec![others.id, file.id]),
    ] {
        let scope = FileScope::OwnedBy(users);
        let found = stores.files.get(file.id, &scope, now()).await.unwrap();
        assert_eq!(found.is_some(), ids.contains(&file.id));
        assert_eq!(stores.listed(&FileQuery { scope, ..all() }).await, ids);
    }
    assert_eq!(stores.stored(make.upload(one).id).await, None);
}

pub async fn files_are_listed_newest_first_in_pages(stores: &Stores) {
    let make = Samples::new();
    let owner = owner(stores, &make).await.id;
    let mut ids = Vec::new();
    for number in 0..6 {
        let purpose = FilePurpose::ALL[number % 2];
        let upload = Upload {
            purpose,
            ..make.upload(owner)
        };
        stores.files.begin(&upload, &unlimited()).await.unwrap();
        stores.completes(&upload, content(0, number as u8)).await;
        ids.insert(0, upload.id);
    }
    for scope in [FileScope::All, FileScope::OwnedBy(vec![owner])] {
        let query = FileQuery {
            scope,
            limit: 2,
            ..all()
        };
        assert_eq!(stores.listed(&query).await, ids[..2]);
        let behind = FileQuery {
            after: Some(ids[1]),
            limit: 100,
            ..query.clone()
        };
        assert_eq!(stores.listed(&behind).await, ids[2..]);
        let of_purpose = FileQuery {
            purpose: Some(FilePurpose::ALL[1]),
            ..query
        };
        assert_eq!(stores.listed(&of_purpose).await, [ids[0], ids[2]]);
    }
}

pub async fn a_renamed_file_keeps_the_rest(stores: &Stores) {
    let make = Samples::new();
    let owner = owner(stores, &make).await.id;
    let file = stores.has_file(&make, owner, content(1, 1)).await;
    let name = FileName::parse("another name").unwrap();
    let renamed = stores.files.rename(file.id, &name).await.unwrap();
    assert_eq!(renamed, File { name, ..file });
    let stored = stores.stored(renamed.id).await.unwrap();
    assert_eq!(stored.file, renamed);
    let absent = make.upload(owner).id;
    assert_not_found(stores.files.rename(absent, &renamed.name).await);
}

pub async fn an_expired_file_is_absent(stores: &Stores) {
    let make = Samples::new();
    let owner = owner(stores, &make).await.id;
    for (end, is_there) in [(second(100), false), (second(101), true)] {
        let upload = Upload {
            expires_at: Some(end),
            ..make.upload(owner)
        };
        stores.files.begin(&upload, &unlimited()).await.unwrap();
        stores.completes(&upload, content(1, 1)).await;
        assert_eq!(stores.stored(upload.id).await.is_some(), is_there);
        let listed = stores.listed(&all()).await;
        assert_eq!(listed.contains(&upload.id), is_there);
    }
}

pub async fn files_of_an_owner_share_the_same_bytes(stores: &Stores) {
    let make = Samples::new();
    let owner = owner(stores, &make).await.id;
    let first = stores.has_upload(&make, owner).await;
    stores.completes(&first, content(7, 1)).await;
    let second = stores.has_upload(&make, owner).await;
    let completed = stores.completes(&second, content(7, 1)).await;
    assert_eq!(completed.surplus.as_ref(), Some(&second.key));
    assert_eq!(stores.noted().await, [second.key]);
    let stored = stores.stored(second.id).await.unwrap();
    assert_eq!(stored.key, first.key);
    assert_eq!(stored.file.name, second.name);
    let other = stores.has_upload(&make, owner).await;
    let completed = stores.completes(&other, content(7, 2)).await;
    assert_eq!(completed.surplus, None);
}

pub async fn owners_share_no_bytes(stores: &Stores) {
    let make = Samples::new();
    for _ in 0..2 {
        let owner = owner(stores, &make).await.id;
        let upload = stores.has_upload(&make, owner).await;
        let completed = stores.completes(&upload, content(7, 1)).await;
        assert_eq!(completed.surplus, None);
        assert_eq!(stores.stored(upload.id).await.unwrap().key, upload.key);
    }
}

pub async fn a_removed_file_notes_its_key_when_no_other_has_it(stores: &Stores) {
    let make = Samples::new();
    let owner = owner(stores, &make).await.id;
    let first = stores.has_upload(&make, owner).await;
    stores.completes(&first, content(7, 1)).await;
    let second = stores.has_file(&make, owner, content(7, 1)).await;
    stores
        .files
        .note_removed(&stores.noted().await)
        .await
        .unwrap();
    assert_eq!(stores.files.remove(first.id).await.unwrap(), None);
    assert_eq!(stores.noted().await, []);
    assert_not_found(stores.files.remove(first.id).await);
    let removed = stores.files.remove(second.id).await.unwrap();
    assert_eq!(removed.as_ref(), Some(&first.key));
    assert_eq!(stores.noted().await, [first.key]);
    assert_eq!(stores.stored(second.id).await, None);
}

pub async fn an_abandoned_upload_notes_its_key(stores: &Stores) {
    let make = Samples::new();
    let owner = owner(stores, &make).await.id;
    let upload = stores.has_upload(&make, owner).await;
    assert!(stores.files.abandon(upload.id).await.unwrap());
    assert_eq!(stores.noted().await, [upload.key]);
    assert!(!stores.files.abandon(upload.id).await.unwrap());
    assert_not_found(stores.complete(upload.id, content(1, 1)).await);
    let file = stores.has_file(&make, owner, content(1, 1)).await;
    assert!(!stores.files.abandon(file.id).await.unwrap());
    assert!(stores.stored(file.id).await.is_some());
}

pub async fn what_is_outdated_goes_in_batches(stores: &Stores) {
    let make = Samples::new();
    let owner = owner(stores, &make).await.id;
    let mut outdated = Vec::new();
    for (number, (begun, ends, is_complete)) in (1..).zip([
        (second(9), None, false),
        (second(10), None, false),
        (second(9), None, true),
        (second(50), Some(second(100)), true),
        (second(50), Some(second(101)), true),
        (second(50), Some(second(60)), true),
        (second(50), Some(second(60)), false),
    ]) {
        let upload = Upload {
            created_at: begun,
            expires_at: ends,
            ..make.upload(owner)
        };
        stores.files.begin(&upload, &unlimited()).await.unwrap();
        if is_complete {
            stores.completes(&upload, content(1, number)).await;
        }
        if [1, 4, 6].contains(&number) {
            outdated.push(upload.key);
        }
    }
    let remove = || stores.files.remove_outdated(now(), second(10), 2);
    assert_eq!(remove().await.unwrap(), 2);
    assert_eq!(remove().await.unwrap(), 1);
    assert_eq!(remove().await.unwrap(), 0);
    assert_eq!(stores.noted().await, outdated);
    assert_eq!(stores.listed(&all()).await.len(), 2);
}

pub async fn a_removal_is_noted_until_it_is_done(stores: &Stores) {
    let make = Samples::new();
    let owner = owner(stores, &make).await.id;
    for _ in 0..3 {
        let upload = stores.has_upload(&make, owner).await;
        stores.files.abandon(upload.id).await.unwrap();
    }
    let keys = stores.noted().await;
    assert_eq!(keys.len(), 3);
    assert_eq!(stores.files.removals(2).await.unwrap().len(), 2);
    stores.files.note_removed(&keys[..2]).await.unwrap();
    stores.files.note_removed(&keys[..1]).await.unwrap();
    stores.files.note_removed(&[]).await.unwrap();
    assert_eq!(stores.noted().await, keys[2..]);
}

pub async fn files_and_bytes_of_a_user_are_limited(stores: &Stores) {
    let make = Samples::new();
    let (one, other) = (owner(stores, &make).await.id, owner(stores, &make).await.id);
    stores.has_file(&make, other, content(50, 1)).await;
    let quota = quota(Some(10), Some(3));
    let begin = async |quota| stores.files.begin(&make.upload(one), &quota).await;
    let complete = async |upload: &Upload, bytes| {
        let content = content(bytes, bytes as u8);
        stores.files.complete(upload.id, &content, &quota).await
    };
    let upload = stores.has_upload(&make, one).await;
    assert_conflict(complete(&upload, 11).await, Constraint::FileBytesPerUser);
    complete(&upload, 4).await.unwrap();
    assert_eq!(begin(quota).await.unwrap(), Some(6));
    let upload = stores.has_upload(&make, one).await;
    assert_conflict(begin(quota).await, Constraint::FilesPerUser);
    assert_conflict(complete(&upload, 7).await, Constraint::FileBytesPerUser);
    complete(&upload, 6).await.unwrap();
    let more = FileQuota {
        files: Some(4),
        ..quota
    };
    assert_conflict(begin(more).await, Constraint::FileBytesPerUser);
    begin(FileQuota {
        bytes: None,
        ..more
    })
    .await
    .unwrap();
}

pub async fn what_has_expired_takes_no_room(stores: &Stores) {
    let make = Samples::new();
    let owner = owner(stores, &make).await.id;
    let upload = Upload {
        expires_at: Some(now()),
        ..make.upload(owner)
    };
    stores.files.begin(&upload, &unlimited()).await.unwrap();
    stores.completes(&upload, content(10, 1)).await;
    let next = make.upload(owner);
    let room = stores.files.begin(&next, &quota(Some(10), Some(1))).await;
    assert_eq!(room.unwrap(), Some(10));
}

pub async fn uploads_at_once_keep_the_quota(stores: &Stores) {
    let make = Samples::new();
    let owner = owner(stores, &make).await.id;
    let begin = |upload: Upload| {
        let stores = stores.clone();
        async move { stores.files.begin(&upload, &quota(None, Some(1))).await }
    };
    let uploads: Vec<_> = (0..6).map(|_| begin(make.upload(owner))).collect();
    only_winner(at_once(uploads).await, Constraint::FilesPerUser);
    let mut completing = Vec::new();
    for number in 0..6 {
        let (stores, upload) = (stores.clone(), stores.has_upload(&make, owner).await);
        completing.push(async move {
            let quota = quota(Some(10), None);
            let content = content(6, number);
            stores.files.complete(upload.id, &content, &quota).await
        });
    }
    only_winner(at_once(completing).await, Constraint::FileBytesPerUser);
}

pub async fn the_same_bytes_at_once_have_one_blob(stores: &Stores) {
    let make = Samples::new();
    let owner = owner(stores, &make).await.id;
    let mut completing = Vec::new();
    for _ in 0..5 {
        let (stores, upload) = (stores.clone(), stores.has_upload(&make, owner).await);
        completing.push(async move {
            stores.completes(&upload, content(6, 1)).await;
            stores.stored(upload.id).await.unwrap().key
        });
    }
    let mut keys = at_once(completing).await;
    keys.dedup();
    assert_eq!(keys.len(), 1);
    let noted = stores.noted().await;
    assert_eq!(noted.len(), 4);
    assert!(!noted.contains(&keys[0]));
}

pub async fn removing_all_files_of_a_blob_at_once_notes_it(stores: &Stores) {
    let make = Samples::new();
    let owner = owner(stores, &make).await.id;
    let mut removing = Vec::new();
    for _ in 0..4 {
        let file = stores.has_file(&make, owner, content(6, 1)).await;
        let stores = stores.clone();
        removing.push(async move { stores.files.remove(file.id).await.unwrap() });
    }
    stores
        .files
        .note_removed(&stores.noted().await)
        .await
        .unwrap();
    let keys: Vec<_> = at_once(removing).await.into_iter().flatten().collect();
    assert_eq!(keys.len(), 1);
    assert_eq!(stores.noted().await, keys);
}

pub async fn a_deleted_users_files_are_gone_and_noted(stores: &Stores) {
    let make = Samples::new();
    let (gone, kept) = (owner(stores, &make).await.id, owner(stores, &make).await.id);
    let mut keys = Vec::new();
    let mut ids = Vec::new();
    for number in 0..3 {
        let upload = stores.has_upload(&make, gone).await;
        stores.completes(&upload, content(1, number)).await;
        keys.push(upload.key);
        ids.push(upload.id);
    }
    // Shares the last one's blob.
    ids.push(stores.has_file(&make, gone, content(1, 2)).await.id);
    stores
        .files
        .note_removed(&stores.noted().await)
        .await
        .unwrap();
    keys.push(stores.has_upload(&make, gone).await.key);
    let file = stores.has_file(&make, kept, content(1, 1)).await;
    stores.users.delete(gone).await.unwrap();
    for _ in 0..2 {
        for id in &ids {
            assert_eq!(stores.stored(*id).await, None);
            assert_not_found(stores.files.remove(*id).await);
            assert_not_found(stores.files.rename(*id, &file.name).await);
        }
        assert_eq!(stores.listed(&all()).await, [file.id]);
        let theirs = FileScope::OwnedBy(vec![gone, kept]);
        let query = FileQuery {
            scope: theirs,
            ..all()
        };
        assert_eq!(stores.listed(&query).await, [file.id]);
        while stores.deletions.remove_batch(2).await.unwrap() > 0 {}
    }
    assert_eq!(stores.noted().await, keys);
}
