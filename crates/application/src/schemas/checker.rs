//! Compiles schemas and checks values off the async threads.

use std::sync::Arc;

use colloquy_domain::Violation;
use serde_json::Value;
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

use super::Schema;

/// Compiles schemas and checks values on blocking threads, a few at once.
#[derive(Debug, Clone)]
pub(crate) struct SchemaChecker {
    slots: Arc<Semaphore>,
}

/// Concurrent jobs.
const SLOTS: usize = 2;
/// Told to a model whose answer cannot be checked.
const UNCHECKED: &str = "It could not be checked.";

impl Default for SchemaChecker {
    fn default() -> Self {
        Self {
            slots: Arc::new(Semaphore::new(SLOTS)),
        }
    }
}

impl SchemaChecker {
    /// See [`Schema::compile`].
    ///
    /// # Errors
    /// Those of `Schema::compile`.
    pub(crate) async fn compile(&self, schema: Value) -> Result<Schema, Violation> {
        let read = self.work(move || Schema::compile(&schema)).await;
        read.unwrap_or_else(|| Err(Violation::new("invalid_schema", "could not be read")))
    }

    /// Parses JSON with `read`, checks it and returns the value.
    ///
    /// # Errors
    /// What is wrong, for the model.
    pub(crate) async fn check(
        &self,
        schema: &Schema,
        read: impl FnOnce() -> Result<Value, String> + Send + 'static,
    ) -> Result<Value, String> {
        let schema = schema.clone();
        let checked = self.work(move || {
            let value = read()?;
            schema.check(&value)?;
            Ok(value)
        });
        checked.await.unwrap_or_else(|| Err(UNCHECKED.to_owned()))
    }

    /// The permit moves into the job: a caller that leaves must not admit another. `None` if the
    /// job panicked.
    async fn work<T: Send + 'static>(&self, job: impl FnOnce() -> T + Send + 'static) -> Option<T> {
        let permit = Arc::clone(&self.slots).acquire_owned().await.ok()?;
        let work = spawn_blocking(move || {
            let _permit = permit;
            job()
        });
        work.await.ok()
    }
}
