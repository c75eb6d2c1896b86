//! Files of the in-memory store.

use std::cmp::Reverse;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use colloquy_domain::{File, FileId, FileName, UserId};

use super::memory::{Memory, Records, StoredUpload};
use crate::ports::{
    BlobKey, CompletedUpload, Constraint, FileQuery, FileQuota, FileRepository, FileScope,
    PortError, StoredFile, Upload, UploadedContent,
};

#[async_trait]
impl FileRepository for Memory {
    async fn begin(&self, upload: &Upload, quota: &FileQuota) -> Result<Option<u64>, PortError> {
        self.with(|records| {
            records.check_user_exists(upload.owner_id)?;
            let (count, used) = records.usage(upload.owner_id, quota.now);
            if quota.files.is_some_and(|most| count >= most) {
                return Err(PortError::Conflict(Constraint::FilesPerUser));
            }
            let room = quota.bytes.map(|most| most.saturating_sub(used));
            if room == Some(0) {
                return Err(PortError::Conflict(Constraint::FileBytesPerUser));
            }
            let stored = StoredUpload {
                upload: upload.clone(),
                content: None,
                key: upload.key.clone(),
            };
            records.files.insert(upload.id, stored);
            Ok(room)
        })
    }

    async fn complete(
        &self,
        id: FileId,
        content: &UploadedContent,
        quota: &FileQuota,
    ) -> Result<CompletedUpload, PortError> {
        self.with(|records| {
            let pending = records.files.get(&id).filter(|it| it.content.is_none());
            let owner = pending.ok_or(PortError::NotFound)?.upload.owner_id;
            records.check_user_exists(owner)?;
            let (_, used) = records.usage(owner, quota.now);
            if quota.bytes.is_some_and(|most| used + content.bytes > most) {
                return Err(PortError::Conflict(Constraint::FileBytesPerUser));
            }
            let mut files = records.files.values();
            let same = files.find(|it| it.upload.owner_id == owner && it.content == Some(*content));
            let shared = same.map(|it| it.key.clone());
            let stored = records.files.get_mut(&id).ok_or(PortError::NotFound)?;
            stored.content = Some(*content);
            let surplus = shared.map(|key| std::mem::replace(&mut stored.key, key));
            let file = stored.file().ok_or(PortError::NotFound)?;
            records.removals.extend(surplus.clone());
            Ok(CompletedUpload { file, surplus })
        })
    }

    async fn abandon(&self, id: FileId) -> Result<bool, PortError> {
        self.with(|records| {
            let is_pending = |it: &StoredUpload| it.content.is_none();
            let was_there = records.files.get(&id).is_some_and(is_pending);
            if was_there {
                records.remove_files(|it| it.upload.id == id);
            }
            Ok(was_there)
        })
    }

    async fn get(
        &self,
        id: FileId,
        scope: &FileScope,
        now: DateTime<Utc>,
    ) -> Result<Option<StoredFile>, PortError> {
        self.with(|records| {
            let Some(stored) = records.files.get(&id) else {
                return Ok(None);
            };
            let file = stored.file().filter(|file| is_seen(file, scope, now));
            let key = stored.key.clone();
            Ok(file.map(|file| StoredFile { file, key }))
        })
    }

    async fn list(&self, query: &FileQuery) -> Result<Vec<File>, PortError> {
        self.with(|records| {
            let files = records.files.values().filter_map(StoredUpload::file);
            let mut files: Vec<_> = files
                .filter(|file| is_seen(file, &query.scope, query.now))
                .filter(|file| query.purpose.is_none_or(|it| file.purpose == it))
                .filter(|file| query.after.is_none_or(|after| file.id < after))
                .collect();
            files.sort_by_key(|file| Reverse(file.id));
            files.truncate(query.limit as usize);
            Ok(files)
        })
    }

    async fn rename(&self, id: FileId, name: &FileName) -> Result<File, PortError> {
        self.with(|records| {
            let stored = records.files.get_mut(&id).ok_or(PortError::NotFound)?;
            let mut file = stored.file().ok_or(PortError::NotFound)?;
            stored.upload.name = name.clone();
            file.name = name.clone();
            Ok(file)
        })
    }

    async fn remove(&self, id: FileId) -> Result<Option<BlobKey>, PortError> {
        self.with(|records| {
            let stored = records.files.get(&id).and_then(StoredUpload::file);
            stored.ok_or(PortError::NotFound)?;
            Ok(records.remove_files(|it| it.upload.id == id).pop())
        })
    }

    async fn remove_outdated(
        &self,
        now: DateTime<Utc>,
        abandoned: DateTime<Utc>,
        max: u32,
    ) -> Result<u64, PortError> {
        self.with(|records| {
            let is_outdated = |it: &&StoredUpload| match it.content {
                Some(_) => it.upload.expires_at.is_some_and(|end| end <= now),
                None => it.upload.created_at < abandoned,
            };
            let outdated = records.files.values().filter(is_outdated);
            let ids: Vec<_> = outdated.map(|it| it.upload.id).take(max as usize).collect();
            records.remove_files(|it| ids.contains(&it.upload.id));
            Ok(ids.len() as u64)
        })
    }

    async fn removals(&self, max: u32) -> Result<Vec<BlobKey>, PortError> {
        self.with(|records| {
            let keys = records.removals.iter().take(max as usize);
            Ok(keys.cloned().collect())
        })
    }

    async fn note_removed(&self, keys: &[BlobKey]) -> Result<(), PortError> {
        self.with(|records| {
            records.removals.retain(|key| !keys.contains(key));
            Ok(())
        })
    }
}

fn is_seen(file: &File, scope: &FileScope, now: DateTime<Utc>) -> bool {
    scope.contains(file) && file.expires_at.is_none_or(|end| end > now)
}

impl StoredUpload {
    fn file(&self) -> Option<File> {
        let content = self.content?;
        let upload = self.upload.clone();
        Some(File {
            id: upload.id,
            owner_id: Some(upload.owner_id),
            name: upload.name,
            purpose: upload.purpose,
            bytes: content.bytes,
            sha256: content.sha256,
            created_at: upload.created_at,
            expires_at: upload.expires_at,
        })
    }
}

impl Records {
    fn check_user_exists(&self, user: UserId) -> Result<(), PortError> {
        let is_there = self.users.contains_key(&user);
        is_there.then_some(()).ok_or(PortError::NotFound)
    }

    /// How many files and uploads the user has, and how many bytes.
    fn usage(&self, user: UserId, now: DateTime<Utc>) -> (u64, u64) {
        let counts = |it: &&StoredUpload| {
            it.upload.owner_id == user && it.upload.expires_at.is_none_or(|end| end > now)
        };
        self.files.values().filter(counts).fold((0, 0), |sum, it| {
            let bytes = it.content.map_or(0, |content| content.bytes);
            (sum.0 + 1, sum.1 + bytes)
        })
    }

    /// Removes files and uploads; the keys that are noted.
    pub(super) fn remove_files(&mut self, which: impl Fn(&StoredUpload) -> bool) -> Vec<BlobKey> {
        let (gone, kept): (Vec<_>, Vec<_>) = std::mem::take(&mut self.files)
            .into_iter()
            .partition(|(_, stored)| which(stored));
        self.files = kept.into_iter().collect();
        let is_named = |key: &BlobKey| self.files.values().any(|it| it.key == *key);
        let keys = gone.into_iter().map(|(_, stored)| stored.key);
        let keys: Vec<_> = keys.filter(|key| !is_named(key)).collect();
        self.removals.extend(keys.clone());
        keys
    }
}
