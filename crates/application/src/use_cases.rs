//! Composes the use cases.

use std::sync::Arc;

use chrono::TimeDelta;
use colloquy_domain::ModelName;

use crate::access::Access;
use crate::accounts::Accounts;
use crate::answers::{AnswerSources, Answers, Meaning};
use crate::assistants::{Assistants, CodeAssistant, CodeAssistantError, CodeAssistants};
use crate::avatars::{AvatarBlobs, Avatars};
use crate::composition::{Ports, Stores};
use crate::deletions::Deletions;
use crate::files::{FileLimits, Files};
use crate::knowledge_permissions::KnowledgePolicy;
use crate::messages::Messages;
use crate::models::Models;
use crate::page_turns::PageTurns;
use crate::password_check::PasswordCheck;
use crate::passwords::PasswordHasher;
use crate::permissions::PermissionPolicy;
use crate::ports::{InstanceId, Reading, Readings};
use crate::profile::Profile;
use crate::runs::{RunEngine, RunEnginePorts, RunLimits, Runs, tool_sources};
use crate::schemas::SchemaChecker;
use crate::sign_in_limits::{SignInGuard, SignInLimits};
use crate::system::{OsSecretGenerator, SystemClock, UuidV7Generator};
use crate::threads::Threads;
use crate::tokens::Tokens;
use crate::tools::Toolbox;
use crate::users::Users;

/// Settings of the use cases.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The holder of this process's leases.
    pub instance: InstanceId,
    /// Limits on runs.
    pub run_limits: RunLimits,
    /// Limits on files.
    pub file_limits: FileLimits,
    /// For assistants that name none.
    pub default_model: Option<ModelName>,
    /// Rate limits for wrong passwords.
    pub sign_in_limits: SignInLimits,
    /// Default lifetime of API keys; `None` for unlimited.
    pub api_key_lifetime: Option<TimeDelta>,
    /// Concurrent password hashes, each with 19 MiB and a thread.
    pub password_slots: usize,
    /// The tools that assistants can list.
    pub toolbox: Toolbox,
    /// Assistants defined in code.
    pub code_assistants: CodeAssistants,
}

impl Settings {
    /// Default limits, no tools, no default model, one password at a time.
    #[must_use]
    pub fn new(instance: InstanceId) -> Self {
        Self {
            instance,
            run_limits: RunLimits::default(),
            file_limits: FileLimits::default(),
            default_model: None,
            sign_in_limits: SignInLimits::default(),
            api_key_lifetime: None,
            password_slots: 1,
            toolbox: Toolbox::new(),
            code_assistants: CodeAssistants::default(),
        }
    }

    /// Defines an assistant in code and registers its tools. Assistants that others use as tools
    /// are added first.
    ///
    /// # Errors
    /// The definition is invalid, the slug is taken, or a tool is refused.
    pub fn add_assistant(
        &mut self,
        assistant: impl CodeAssistant + 'static,
    ) -> Result<(), CodeAssistantError> {
        self.code_assistants.add(assistant, &mut self.toolbox)
    }
}

/// All use cases, composed over the same ports and policy.
#[derive(Clone)]
pub struct UseCases {
    /// Assistants.
    pub assistants: Assistants,
    /// The models that they may use.
    pub models: Models,
    /// Pictures of assistants.
    pub avatars: Avatars,
    /// Threads.
    pub threads: Threads,
    /// Messages.
    pub messages: Messages,
    /// Runs.
    pub runs: Runs,
    /// Accounts, over the API.
    pub users: Users,
    /// Sign-in and tokens.
    pub profile: Profile,
    /// Sign-in and tokens.
    pub tokens: Tokens,
    /// Accounts without permission checks, for the operator.
    pub accounts: Accounts,
    /// Carries out runs. The server starts and stops it.
    pub engine: RunEngine,
    /// Finishes deletions in the background.
    pub deletions: Deletions,
    /// Files.
    pub files: Files,
}

impl UseCases {
    /// Composes the use cases.
    #[must_use]
    pub fn new(ports: Ports, policy: Arc<dyn PermissionPolicy>, settings: Settings) -> Self {
        let access = Access::new(
            Arc::clone(&policy),
            Arc::clone(&ports.stores.assistants),
            Arc::clone(&ports.stores.threads),
            settings.code_assistants.clone(),
            Arc::clone(&ports.clock),
        );
        let hasher = PasswordHasher::new(settings.password_slots, Arc::clone(&ports.secrets));
        let accounts = Accounts::new(
            Arc::clone(&ports.stores.users),
            hasher.clone(),
            Arc::clone(&ports.clock),
            Arc::clone(&ports.ids),
        );
        let engine = engine(&ports, &access, &settings);
        let check = password_check(&ports, hasher, &settings);
        let models = Models::new(
            access.clone(),
            Arc::clone(&ports.model),
            Arc::clone(&ports.stores.assistants),
            settings.default_model.clone(),
            Arc::clone(&ports.clock),
        );
        let assistants = Assistants {
            access: access.clone(),
            assistants: Arc::clone(&ports.stores.assistants),
            avatars: AvatarBlobs::new(Arc::clone(&ports.blobs)),
            answers: Arc::clone(&ports.answers),
            models: Arc::clone(&ports.model),
            default_model: settings.default_model,
            toolbox: settings.toolbox,
            schemas: SchemaChecker::default(),
            clock: Arc::clone(&ports.clock),
            ids: Arc::clone(&ports.ids),
        };
        let avatars = avatars(&ports, &assistants);
        let tokens = Tokens::new(check.clone(), ports.stores.tokens, ports.secrets)
            .with_key_lifetime(settings.api_key_lifetime);
        Self {
            models,
            avatars,
            assistants,
            threads: Threads {
                access: access.clone(),
                threads: Arc::clone(&ports.stores.threads),
                answers: Arc::clone(&ports.answers),
                clock: Arc::clone(&ports.clock),
                ids: Arc::clone(&ports.ids),
            },
            messages: Messages {
                access: access.clone(),
                messages: Arc::clone(&ports.stores.messages),
                answers: Arc::clone(&ports.answers),
                engine: engine.clone(),
                page_turns: PageTurns::default(),
            },
            runs: Runs {
                access,
                users: Arc::clone(&ports.stores.users),
                runs: Arc::clone(&ports.stores.runs),
                engine: engine.clone(),
            },
            deletions: Deletions {
                deletions: Arc::clone(&ports.stores.deletions),
            },
            files: Files::new(
                ports.stores.files,
                ports.blobs,
                settings.file_limits,
                ports.clock,
                ports.ids,
            ),
            users: Users::new(
                accounts.clone(),
                tokens.clone(),
                Arc::clone(&ports.answers),
                policy,
                engine.clone(),
            ),
            profile: Profile::new(check),
            tokens,
            accounts,
            engine,
        }
    }

    /// Replaces the default policy of files.
    #[must_use]
    pub fn with_knowledge_policy(mut self, policy: Arc<dyn KnowledgePolicy>) -> Self {
        self.files.set_policy(policy);
        self
    }
}

impl Readings for UseCases {
    fn readings(&self) -> Vec<Reading> {
        let mut readings = vec![Reading::level(
            "colloquy_runs_in_progress",
            "Active runs of this process",
            self.engine.in_progress(),
        )];
        readings.extend(self.accounts.hasher.readings());
        readings
    }
}

/// Accounts and tokens without permission checks, for the operator's command line.
#[derive(Clone)]
pub struct Operator {
    /// Accounts.
    pub accounts: Accounts,
    /// Tokens.
    pub tokens: Tokens,
}

impl Operator {
    /// Works on these stores, with the system's clock, IDs and secrets.
    #[must_use]
    pub fn new(stores: Stores) -> Self {
        let (clock, ids) = (Arc::new(SystemClock), Arc::new(UuidV7Generator));
        let secrets = Arc::new(OsSecretGenerator);
        let hasher = PasswordHasher::new(1, secrets.clone());
        let check = PasswordCheck {
            users: Arc::clone(&stores.users),
            guard: SignInGuard::new(stores.sign_ins, SignInLimits::default(), 1),
            hasher: hasher.clone(),
            clock: clock.clone(),
            ids: ids.clone(),
        };
        Self {
            accounts: Accounts::new(stores.users, hasher, clock, ids),
            tokens: Tokens::new(check, stores.tokens, secrets),
        }
    }
}

fn engine(ports: &Ports, access: &Access, settings: &Settings) -> RunEngine {
    let alike = ports.embedder.clone().zip(ports.matcher.clone());
    let answers = Answers::new(
        Arc::clone(&ports.answers),
        alike.map(|(embedder, matcher)| Meaning { embedder, matcher }),
        AnswerSources {
            threads: Arc::clone(&ports.stores.threads),
            messages: Arc::clone(&ports.stores.messages),
            users: Arc::clone(&ports.stores.users),
        },
        Arc::clone(&ports.clock),
    );
    let ports = RunEnginePorts {
        runs: Arc::clone(&ports.stores.runs),
        events: Arc::clone(&ports.stores.events),
        users: Arc::clone(&ports.stores.users),
        messages: Arc::clone(&ports.stores.messages),
        model: Arc::clone(&ports.model),
        observer: Arc::clone(&ports.observer),
        clock: Arc::clone(&ports.clock),
        ids: Arc::clone(&ports.ids),
    };
    RunEngine::new(
        ports,
        answers,
        access.clone(),
        tool_sources(settings.toolbox.clone()),
        settings.instance,
        settings.run_limits,
    )
}

fn avatars(ports: &Ports, assistants: &Assistants) -> Avatars {
    Avatars::new(
        assistants.clone(),
        assistants.avatars.clone(),
        Arc::clone(&ports.renderer),
        Arc::clone(&ports.ids),
    )
}

fn password_check(ports: &Ports, hasher: PasswordHasher, settings: &Settings) -> PasswordCheck {
    PasswordCheck {
        users: Arc::clone(&ports.stores.users),
        guard: SignInGuard::new(
            Arc::clone(&ports.stores.sign_ins),
            settings.sign_in_limits,
            settings.password_slots,
        ),
        hasher,
        clock: Arc::clone(&ports.clock),
        ids: Arc::clone(&ports.ids),
    }
}
