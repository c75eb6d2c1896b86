//! Settings from four sources, each overriding the one before: defaults, `colloquy.toml`,
//! environment variables, flags.
//!
//! [`setting`] is the table of settings: a row makes a key, a variable and a flag. The sources put
//! text with its origin into [`values`]; [`settings`] checks and types it. Each error is one line
//! that names the setting and its source.

mod environment;
mod error;
mod file;
mod flags;
mod parse;
mod repeat;
mod report;
mod secret;
mod setting;
mod settings;
mod units;
mod values;

#[cfg(test)]
mod reference;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use colloquy_application::ports::{ChatModel, Clock, Embedder};
use colloquy_domain::ModelName;
use colloquy_llm::{ModelProviders, SettingsError, Timeouts};

pub(crate) use environment::Environment;
pub(crate) use error::ConfigError;
pub(crate) use flags::{Flags, add_flags};
pub(crate) use repeat::SameData;
pub(crate) use settings::{
    EmbeddingModel, FirstAdministrator, LogFormat, Logging, Settings, TraceSettings,
};
use values::Values;

use crate::terminal::in_one_line;

#[derive(Debug)]
pub(crate) struct Configuration {
    pub(crate) settings: Settings,
    values: Values,
    file: Option<PathBuf>,
}

impl Configuration {
    pub(crate) fn load(environment: &Environment, flags: &Flags) -> Result<Self, ConfigError> {
        let mut values = Values::default();
        let named = flags.file.as_deref();
        let named = named.or(environment.file().map(Path::new));
        file::read(named, &mut values)?;
        environment.read(&mut values)?;
        flags.read(&mut values)?;
        let settings = Settings::read(&mut values)?;
        Ok(Self {
            settings,
            values,
            file: named.map(Path::to_owned),
        })
    }

    pub(crate) fn is_set(&self, key: &str) -> bool {
        self.values.is_set(key)
    }

    /// As TOML with secrets masked.
    pub(crate) fn report(&self) -> String {
        report::report(&self.values)
    }

    pub(crate) fn providers(&self, clock: &Arc<dyn Clock>) -> Result<ModelProviders, ConfigError> {
        let Settings {
            providers,
            connect_timeout,
            run_limits,
            ..
        } = &self.settings;
        let timeouts = Timeouts {
            connect: *connect_timeout,
            idle: run_limits.idle,
        };
        let models = ModelProviders::new(providers.clone(), timeouts, clock)
            .map_err(|error| self.wrong_provider(&error))?;
        for provider in providers {
            self.check_provider(&models, &provider.name)?;
        }
        Ok(models)
    }

    pub(crate) fn check_default_model(&self, models: &dyn ChatModel) -> Result<(), ConfigError> {
        let Some(model) = &self.settings.default_model else {
            return Ok(());
        };
        let refused = |why| self.values.wrong("default_model", format!("{why}"));
        models.check(model).map_err(refused)
    }

    /// The embedding model, if configured. Loading a local one blocks briefly.
    pub(crate) fn embedder(
        &self,
        models: &ModelProviders,
    ) -> Result<Option<Arc<dyn Embedder>>, ConfigError> {
        let embedder = match &self.settings.embedding {
            None => return Ok(None),
            Some(EmbeddingModel::Provider(model)) => {
                models.embedder(model).map_err(|why| why.message)
            }
            Some(EmbeddingModel::Local(directory)) => local_embedder(directory),
        };
        embedder
            .map(Some)
            .map_err(|why| self.values.wrong("embedding.model", why))
    }

    fn wrong_provider(&self, error: &SettingsError) -> ConfigError {
        let key = match error {
            SettingsError::Name(name) | SettingsError::BaseUrl(name) => {
                self.values.first_of_provider(name)
            }
            _ => "providers".to_owned(),
        };
        self.values.wrong(&key, in_one_line(error))
    }

    fn check_provider(&self, models: &ModelProviders, name: &str) -> Result<(), ConfigError> {
        let key = self.values.first_of_provider(name);
        // Only the provider is checked.
        let model = ModelName::parse(format!("{name}::any"));
        model
            .and_then(|model| models.check(&model))
            .map_err(|why| self.values.wrong(&key, why.message))
    }
}

#[cfg(feature = "local-embeddings")]
fn local_embedder(directory: &Path) -> Result<Arc<dyn Embedder>, String> {
    match colloquy_llm::LocalEmbedder::open(directory) {
        Ok(embedder) => Ok(Arc::new(embedder)),
        Err(error) => Err(in_one_line(&error)),
    }
}

#[cfg(not(feature = "local-embeddings"))]
fn local_embedder(_directory: &Path) -> Result<Arc<dyn Embedder>, String> {
    Err(
        "this program was built without local embedding models (feature local-embeddings)"
            .to_owned(),
    )
}
