//! Models and providers in responses.

use colloquy_application::models::ModelCatalogue;
use colloquy_application::ports::ModelProvider;
use colloquy_domain::{ModelName, Violation};
use serde::Serialize;
use utoipa::ToSchema;

/// The available models.
#[derive(Serialize, ToSchema)]
#[schema(as = Models)]
pub(super) struct ModelsView {
    /// Default model of assistants.
    #[schema(required = true)]
    default_model: Option<String>,
    /// Providers by name: the part of a model name before `::`.
    providers: Vec<ProviderView>,
    /// Models by name: those known for the providers, and those that assistants use. There may be
    /// others.
    models: Vec<ModelView>,
}

/// A model provider.
#[derive(Serialize, ToSchema)]
#[schema(as = ModelProvider)]
struct ProviderView {
    /// Its name.
    #[schema(example = "openai")]
    name: String,
    /// Whether its models can be called, as far as is known without calling one.
    is_usable: bool,
    /// Reason if not; else `null`.
    #[schema(required = true)]
    error: Option<ModelErrorView>,
}

/// A model.
#[derive(Serialize, ToSchema)]
#[schema(as = Model)]
pub(super) struct ModelView {
    /// Name, including the provider.
    #[schema(example = "echo::echo")]
    name: String,
    /// Its provider.
    #[schema(example = "echo")]
    provider: String,
    /// Whether it can be called.
    is_usable: bool,
    /// Reason if not; else `null`.
    #[schema(required = true)]
    error: Option<ModelErrorView>,
}

/// Why a model cannot be called.
#[derive(Serialize, ToSchema)]
#[schema(as = ModelError)]
struct ModelErrorView {
    /// A stable code.
    #[schema(example = "provider_not_configured")]
    code: &'static str,
    /// Description.
    message: String,
}

impl ModelView {
    pub(super) fn new(name: &ModelName, violation: Option<Violation>) -> Self {
        Self {
            name: name.as_str().to_owned(),
            provider: name.provider().to_owned(),
            is_usable: violation.is_none(),
            error: violation.map(ModelErrorView::from),
        }
    }
}

impl From<ModelCatalogue> for ModelsView {
    fn from(catalogue: ModelCatalogue) -> Self {
        let models = catalogue.models.into_iter();
        Self {
            default_model: catalogue.default_model.map(|name| name.as_str().to_owned()),
            providers: catalogue
                .providers
                .into_iter()
                .map(ProviderView::from)
                .collect(),
            models: models
                .map(|model| ModelView::new(&model.name, model.violation))
                .collect(),
        }
    }
}

impl From<ModelProvider> for ProviderView {
    fn from(provider: ModelProvider) -> Self {
        Self {
            name: provider.name,
            is_usable: provider.violation.is_none(),
            error: provider.violation.map(ModelErrorView::from),
        }
    }
}

impl From<Violation> for ModelErrorView {
    fn from(violation: Violation) -> Self {
        Self {
            code: violation.code,
            message: violation.message,
        }
    }
}
