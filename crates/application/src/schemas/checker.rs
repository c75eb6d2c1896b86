use std::sync::Arc;

use colloquy_domain::Violation;
use serde_json::Value;
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

use super::Schema;

/// Reads schemas and checks values on threads of their own, some at once.
#[derive(Debug, Clone)]
pub(crate) struct SchemaChecker {
    slots: Arc<Semaphore>,
}

/// How many schemas and values are worked on at once.
const SLOTS: usize = 2;
/// What a model is told when its answer cannot be checked.
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

    /// Reads the text as JSON with `read` and checks the value; gives the value.
    ///
    /// # Errors
    /// What is wrong, for a model to read.
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

    /// The permit travels with the job: whoever stops waiting lets no other one in. Nothing when
    /// the job panicked.
    async fn work<T: Send + 'static>(&self, job: impl FnOnce() -> T + Send + 'static) -> Option<T> {
        let permit = Arc::clone(&self.slots).acquire_owned().await.ok()?;
        let work = spawn_blocking(move || {
            let _permit = permit;
            job()
        });
        work.await.ok()
    }
}
