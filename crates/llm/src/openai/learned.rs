//! Optional parts of a request, and which of them a server refuses.

use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::{Mutex, MutexGuard, PoisonError};

use colloquy_application::ports::ChatRequest;

use super::extras::Extras;
use super::signature;
use crate::ProviderKind;
use crate::options::RequestOptions;
use crate::refusals::{is_about_schema, is_unknown};

/// Requires `max_completion_tokens`.
const OPENAI_HOST: &str = "api.openai.com";
/// Models and schemas.
const MAX_REMEMBERED: usize = 1_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Options {
    /// Request token counts.
    pub(super) usage: bool,
    /// Have the server enforce the output schema.
    pub(super) schema: bool,
    /// Send signature members back.
    pub(super) signatures: bool,
    /// What not every server or model takes.
    pub(super) extras: Extras,
    /// Name of the token limit, if there is one.
    pub(super) limit: Option<LimitName>,
    /// The server has just refused the other name.
    is_renamed: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LimitName {
    MaxTokens,
    MaxCompletionTokens,
}

impl LimitName {
    const fn as_str(self) -> &'static str {
        match self {
            Self::MaxTokens => "max_tokens",
            Self::MaxCompletionTokens => "max_completion_tokens",
        }
    }

    const fn other(self) -> Self {
        match self {
            Self::MaxTokens => Self::MaxCompletionTokens,
            Self::MaxCompletionTokens => Self::MaxTokens,
        }
    }
}

impl RequestOptions for Options {
    fn without_refused(self, message: &str) -> Option<Self> {
        if self.signatures && signature::MEMBERS.iter().any(|it| message.contains(it)) {
            return Some(Self {
                signatures: false,
                ..self
            });
        }
        if self.usage && message.contains("stream_options") {
            return Some(Self {
                usage: false,
                ..self
            });
        }
        if let Some(name) = self.limit.filter(|_| !self.is_renamed)
            && is_unknown(message, name.as_str())
        {
            return Some(Self {
                limit: Some(name.other()),
                is_renamed: true,
                ..self
            });
        }
        if let Some(extras) = self.extras.without_refused(message) {
            return Some(Self { extras, ..self });
        }
        (self.schema && is_about_schema(message)).then_some(Self {
            schema: false,
            ..self
        })
    }
}

pub(super) struct Learned(Mutex<State>);

struct State {
    usage: bool,
    signatures: bool,
    /// The name accepted last.
    limit: LimitName,
    limits: HashMap<String, LimitName>,
    /// Hashes of models with schemas that are not enforced.
    schemas: HashSet<u64>,
}

impl Learned {
    pub(super) fn new(kind: ProviderKind, host: Option<&str>) -> Self {
        Self(Mutex::new(State {
            // Mistral always counts, and rejects unknown members.
            usage: kind != ProviderKind::Mistral,
            signatures: kind != ProviderKind::Mistral,
            limit: match host {
                Some(OPENAI_HOST) => LimitName::MaxCompletionTokens,
                _ => LimitName::MaxTokens,
            },
            limits: HashMap::new(),
            schemas: HashSet::new(),
        }))
    }

    pub(super) fn options(&self, request: &ChatRequest) -> Options {
        let state = self.state();
        let limit = state.limits.get(request.model.name());
        let limit = limit.copied().unwrap_or(state.limit);
        let has_limit = request.configuration.max_output_tokens.is_some();
        Options {
            usage: state.usage,
            signatures: state.signatures,
            extras: Extras::of(request),
            schema: schema_of(request).is_some_and(|schema| !state.schemas.contains(&schema)),
            limit: has_limit.then_some(limit),
            is_renamed: false,
        }
    }

    /// The limit's name is noted once the server accepts the other.
    pub(super) fn note_refused(&self, request: &ChatRequest, sent: Options, reduced: Options) {
        let mut state = self.state();
        state.usage &= reduced.usage || !sent.usage;
        state.signatures &= reduced.signatures || !sent.signatures;
        if sent.schema && !reduced.schema {
            if state.schemas.len() >= MAX_REMEMBERED {
                state.schemas.clear();
            }
            state.schemas.extend(schema_of(request));
        }
    }

    pub(super) fn note_accepted(&self, request: &ChatRequest, options: Options) {
        let Some(limit) = options.limit.filter(|_| options.is_renamed) else {
            return;
        };
        let mut state = self.state();
        if state.limits.len() >= MAX_REMEMBERED {
            state.limits.clear();
        }
        state.limit = limit;
        state.limits.insert(request.model.name().to_owned(), limit);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn schema_of(request: &ChatRequest) -> Option<u64> {
    let schema = request.output_schema.as_ref()?;
    let mut hasher = DefaultHasher::new();
    request.model.name().hash(&mut hasher);
    schema.to_string().hash(&mut hasher);
    Some(hasher.finish())
}
