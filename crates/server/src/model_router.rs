//! Routes to chat models of an embedding program or the configured providers.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use colloquy_application::ports::{ChatModel, ChatRequest, ChatStream, ModelError, ModelProvider};
use colloquy_domain::{ModelName, Violation};

pub(crate) struct ModelRouter {
    pub(crate) registered: BTreeMap<String, Arc<dyn ChatModel>>,
    pub(crate) configured: Arc<dyn ChatModel>,
}

impl ModelRouter {
    fn of(&self, model: &ModelName) -> &dyn ChatModel {
        let registered = self.registered.get(model.provider());
        &**registered.unwrap_or(&self.configured)
    }
}

#[async_trait]
impl ChatModel for ModelRouter {
    fn check(&self, model: &ModelName) -> Result<(), Violation> {
        self.of(model).check(model)
    }

    fn providers(&self) -> Vec<ModelProvider> {
        let mut providers: BTreeMap<_, _> = self
            .configured
            .providers()
            .into_iter()
            .map(|provider| (provider.name.clone(), provider))
            .collect();
        for (name, model) in &self.registered {
            let provider = model
                .providers()
                .into_iter()
                .find(|provider| provider.name == *name)
                .unwrap_or_else(|| ModelProvider {
                    name: name.clone(),
                    violation: None,
                    models: Vec::new(),
                });
            providers.insert(name.clone(), provider);
        }
        providers.into_values().collect()
    }

    async fn stream(&self, request: &ChatRequest) -> Result<ChatStream, ModelError> {
        self.of(&request.model).stream(request).await
    }
}
