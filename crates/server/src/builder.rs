//! Extension points for embedding programs.

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::Arc;

use colloquy_application::assistants::{CodeAssistant, CodeAssistantError};
use colloquy_application::knowledge_permissions::KnowledgePolicy;
use colloquy_application::permissions::{DefaultPolicy, PermissionPolicy};
use colloquy_application::ports::{ChatModel, HealthCheck};
use colloquy_application::tools::Tool;
use colloquy_application::{Ports, Settings, Stores, UseCases};
use colloquy_web::authenticator::Authenticator;

/// A server without extensions.
pub fn builder() -> Builder {
    Builder(Extensions {
        policy: Arc::new(DefaultPolicy),
        knowledge_policy: Arc::new(DefaultPolicy),
        tools: Vec::new(),
        models: BTreeMap::new(),
        assistants: Vec::new(),
        stores: None,
        health: Vec::new(),
        ports: None,
        sign_in: SignIn::TokensOnly,
        routes: None,
    })
}

/// Collects extensions, then runs the server.
#[must_use = "does nothing until `run` is called"]
pub struct Builder(Extensions);

type AddAssistant = Box<dyn FnOnce(&mut Settings) -> Result<(), CodeAssistantError> + Send>;
type MakeRoutes = Box<dyn FnOnce(&UseCases) -> axum::Router + Send>;
type ChangePorts = Box<dyn FnOnce(Ports) -> Ports + Send>;

pub(crate) struct Extensions {
    pub(crate) policy: Arc<dyn PermissionPolicy>,
    pub(crate) knowledge_policy: Arc<dyn KnowledgePolicy>,
    pub(crate) tools: Vec<Arc<dyn Tool>>,
    /// By provider.
    pub(crate) models: BTreeMap<String, Arc<dyn ChatModel>>,
    pub(crate) assistants: Vec<AddAssistant>,
    pub(crate) stores: Option<Stores>,
    pub(crate) health: Vec<Arc<dyn HealthCheck>>,
    pub(crate) ports: Option<ChangePorts>,
    pub(crate) sign_in: SignIn,
    pub(crate) routes: Option<MakeRoutes>,
}

pub(crate) enum SignIn {
    TokensOnly,
    /// Sent by trusted proxies.
    Header(String),
    Authenticator(Arc<dyn Authenticator>),
}

impl Builder {
    /// Authorizes actions; defaults to [`DefaultPolicy`].
    pub fn policy(mut self, policy: impl PermissionPolicy + 'static) -> Self {
        self.0.policy = Arc::new(policy);
        self
    }

    /// Decides who may do what with files; [`DefaultPolicy`] unless set.
    pub fn knowledge_policy(mut self, policy: impl KnowledgePolicy + 'static) -> Self {
        self.0.knowledge_policy = Arc::new(policy);
        self
    }

    /// Adds a tool for assistants.
    pub fn tool(mut self, tool: impl Tool + 'static) -> Self {
        self.0.tools.push(Arc::new(tool));
        self
    }

    /// Serves every model named `<provider>::...`, instead of a configured provider of that name.
    pub fn model(mut self, provider: impl Into<String>, model: impl ChatModel + 'static) -> Self {
        self.0.models.insert(provider.into(), Arc::new(model));
        self
    }

    /// Defines an assistant in code. Assistants used as tools must be added first.
    pub fn assistant(mut self, assistant: impl CodeAssistant + 'static) -> Self {
        let add = |settings: &mut Settings| settings.add_assistant(assistant);
        self.0.assistants.push(Box::new(add));
        self
    }

    /// Uses these stores; the configured database is neither opened nor migrated.
    pub fn stores(mut self, stores: Stores) -> Self {
        self.0.stores = Some(stores);
        self
    }

    /// Adds a readiness check.
    pub fn health_check(mut self, check: impl HealthCheck + 'static) -> Self {
        self.0.health.push(Arc::new(check));
        self
    }

    /// Replaces ports of the composed service before it serves.
    pub fn ports(mut self, change: impl FnOnce(Ports) -> Ports + Send + 'static) -> Self {
        self.0.ports = Some(Box::new(change));
        self
    }

    /// Identifies callers besides bearer tokens, for example by the program's own sessions.
    pub fn authenticator(mut self, authenticator: impl Authenticator + 'static) -> Self {
        self.0.sign_in = SignIn::Authenticator(Arc::new(authenticator));
        self
    }

    /// Signs in the user whose email `http.trusted_proxies` send in this header. The proxies must
    /// remove it from clients' requests.
    pub fn trusted_header(mut self, name: impl Into<String>) -> Self {
        self.0.sign_in = SignIn::Header(name.into());
        self
    }

    /// Adds routes behind the API's middleware. Paths must differ from the API's.
    pub fn routes(
        mut self,
        routes: impl FnOnce(&UseCases) -> axum::Router + Send + 'static,
    ) -> Self {
        self.0.routes = Some(Box::new(routes));
        self
    }

    /// Runs the command line of `colloquy`; returns when the command is done, for `serve` after a
    /// stop signal.
    #[must_use]
    pub fn run(self) -> ExitCode {
        crate::run(self.0)
    }
}
