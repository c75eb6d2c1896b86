//! What an embedding program adds to the server.

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::Arc;

use colloquy_application::assistants::{CodeAssistant, CodeAssistantError};
use colloquy_application::permissions::{DefaultPolicy, PermissionPolicy};
use colloquy_application::ports::{ChatModel, HealthCheck};
use colloquy_application::tools::Tool;
use colloquy_application::{Ports, Settings, Stores, UseCases};
use colloquy_web::authenticator::Authenticator;

/// A server without extensions.
pub fn builder() -> Builder {
    Builder(Extensions {
        policy: Arc::new(DefaultPolicy),
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

/// Adds to the server, then runs it.
#[must_use = "nothing happens until it runs"]
pub struct Builder(Extensions);

type AddAssistant = Box<dyn FnOnce(&mut Settings) -> Result<(), CodeAssistantError> + Send>;
type MakeRoutes = Box<dyn FnOnce(&UseCases) -> axum::Router + Send>;
type ChangePorts = Box<dyn FnOnce(Ports) -> Ports + Send>;

pub(crate) struct Extensions {
    pub(crate) policy: Arc<dyn PermissionPolicy>,
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

/// How senders are identified beside bearer tokens.
pub(crate) enum SignIn {
    TokensOnly,
    /// By a header of the trusted proxies.
    Header(String),
    Authenticator(Arc<dyn Authenticator>),
}

impl Builder {
    /// Decides who may do what; [`DefaultPolicy`] unless set.
    pub fn policy(mut self, policy: impl PermissionPolicy + 'static) -> Self {
        self.0.policy = Arc::new(policy);
        self
    }

    /// Adds a tool that assistants can list, beside the built-in ones.
    pub fn tool(mut self, tool: impl Tool + 'static) -> Self {
        self.0.tools.push(Arc::new(tool));
        self
    }

    /// Answers for every model named `<provider>::...`, in place of a configured provider of that
    /// name.
    pub fn model(mut self, provider: impl Into<String>, model: impl ChatModel + 'static) -> Self {
        self.0.models.insert(provider.into(), Arc::new(model));
        self
    }

    /// Defines an assistant in code. One that others use as a tool is added before them.
    pub fn assistant(mut self, assistant: impl CodeAssistant + 'static) -> Self {
        let add = |settings: &mut Settings| settings.add_assistant(assistant);
        self.0.assistants.push(Box::new(add));
        self
    }

    /// Keeps everything in these stores: the configured database is neither opened nor migrated.
    pub fn stores(mut self, stores: Stores) -> Self {
        self.0.stores = Some(stores);
        self
    }

    /// Makes the service ready only while this check passes, beside the built-in checks.
    pub fn health_check(mut self, check: impl HealthCheck + 'static) -> Self {
        self.0.health.push(Arc::new(check));
        self
    }

    /// Replaces single ports of the composed service, when it is about to serve.
    pub fn ports(mut self, change: impl FnOnce(Ports) -> Ports + Send + 'static) -> Self {
        self.0.ports = Some(Box::new(change));
        self
    }

    /// Identifies senders of requests beside bearer tokens, for example by a session of the
    /// embedding program.
    pub fn authenticator(mut self, authenticator: impl Authenticator + 'static) -> Self {
        self.0.sign_in = SignIn::Authenticator(Arc::new(authenticator));
        self
    }

    /// Signs in the user whose email the proxies in `http.trusted_proxies` send in this header.
    /// They must remove it from clients' requests.
    pub fn trusted_header(mut self, name: impl Into<String>) -> Self {
        self.0.sign_in = SignIn::Header(name.into());
        self
    }

    /// Serves further routes behind the API's middleware. Their paths must differ from the API's.
    pub fn routes(
        mut self,
        routes: impl FnOnce(&UseCases) -> axum::Router + Send + 'static,
    ) -> Self {
        self.0.routes = Some(Box::new(routes));
        self
    }

    /// Runs the command line of `colloquy`: `serve`, `user create` and so on. Returns when the
    /// command is done; `serve` is done after a stop signal.
    #[must_use]
    pub fn run(self) -> ExitCode {
        crate::run(self.0)
    }
}
