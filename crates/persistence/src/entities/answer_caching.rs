//! Stored form of [`AnswerCaching`]: settings as JSON, the generation in its own column.

use colloquy_application::ports::PortError;
use colloquy_domain::{AnswerCaching, AnswerLifetime, CacheScope, SimilarityThreshold};
use sea_orm::entity::prelude::Json;
use serde::{Deserialize, Serialize};

use crate::error::Row;

/// JSON in `assistants.caching`; missing members have defaults.
#[derive(Serialize, Deserialize)]
#[serde(default)]
struct StoredCaching {
    is_on: bool,
    threshold: f64,
    lifetime_seconds: u32,
    scope: String,
}

impl Default for StoredCaching {
    fn default() -> Self {
        Self::from(&AnswerCaching::default())
    }
}

impl From<&AnswerCaching> for StoredCaching {
    fn from(caching: &AnswerCaching) -> Self {
        Self {
            is_on: caching.is_on,
            threshold: caching.threshold.get(),
            lifetime_seconds: caching.lifetime.as_seconds(),
            scope: caching.scope.as_str().to_owned(),
        }
    }
}

pub(super) fn stored_caching(caching: &AnswerCaching) -> Result<Json, PortError> {
    serde_json::to_value(StoredCaching::from(caching)).map_err(PortError::other)
}

/// Saturates, beyond any realistic number of purges.
pub(super) fn generation(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

pub(super) fn caching(
    row: &Row,
    settings: Json,
    generation: i64,
) -> Result<AnswerCaching, PortError> {
    let stored: StoredCaching = row.column("caching", serde_json::from_value(settings))?;
    let threshold = SimilarityThreshold::new(stored.threshold);
    let lifetime = AnswerLifetime::from_seconds(stored.lifetime_seconds);
    Ok(AnswerCaching {
        is_on: stored.is_on,
        threshold: row.column("caching", threshold)?,
        lifetime: row.column("caching", lifetime)?,
        scope: row.named("caching", &stored.scope, CacheScope::from_name)?,
        generation: row.column("answer_generation", u64::try_from(generation))?,
    })
}
