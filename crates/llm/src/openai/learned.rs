//! What a server refuses of a request, and is not asked again.

use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::{Mutex, MutexGuard, PoisonError};

use colloquy_application::ports::ChatRequest;

use crate::ProviderKind;
use crate::refusals::{is_about_schema, is_unknown};

/// The host that wants the limit of an answer under its newer name.
const OPENAI_HOST: &str = "api.openai.com";
/// How many models and schemas are remembered.
const MAX_REMEMBERED: usize = 1_000;

/// What is asked for beyond an answer, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Wishes {
    /// Whether tokens shall be counted.
    pub(super) usage: bool,
    /// Whether the server shall hold the model to the output schema.
    pub(super) schema: bool,
    /// By which name the limit of the answer goes, where there is one.
    pub(super) limit: Option<LimitName>,
    /// Whether the limit's other name was refused a moment ago.
    is_renamed: bool,
}

/// The two names of an answer's limit.
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

impl Wishes {
    /// What is left of them after this refusal; none when it is not about a wish.
    pub(super) fn without_refused(self, said: &str) -> Option<Self> {
        if self.usage && said.contains("stream_options") {
            return Some(Self {
                usage: false,
                ..self
            });
        }
        if let Some(name) = self.limit.filter(|_| !self.is_renamed)
            && is_unknown(said, name.as_str())
        {
            return Some(Self {
                limit: Some(name.other()),
                is_renamed: true,
                ..self
            });
        }
        (self.schema && is_about_schema(said)).then_some(Self {
            schema: false,
            ..self
        })
    }
}

/// What a server has refused before.
pub(super) struct Learned(Mutex<State>);

struct State {
    usage: bool,
    /// By which name the limit of an answer was taken last.
    limit: LimitName,
    /// By which name a model took it last.
    limits: HashMap<String, LimitName>,
    /// Hashes of a model and a schema that it is not held to.
    schemas: HashSet<u64>,
}

impl Learned {
    pub(super) fn new(kind: ProviderKind, host: Option<&str>) -> Self {
        Self(Mutex::new(State {
            // Mistral counts unasked and refuses wishes it does not know.
            usage: kind != ProviderKind::Mistral,
            limit: match host {
                Some(OPENAI_HOST) => LimitName::MaxCompletionTokens,
                _ => LimitName::MaxTokens,
            },
            limits: HashMap::new(),
            schemas: HashSet::new(),
        }))
    }

    /// What to ask for.
    pub(super) fn wishes(&self, request: &ChatRequest) -> Wishes {
        let state = self.state();
        let limit = state.limits.get(request.model.name());
        let limit = limit.copied().unwrap_or(state.limit);
        let has_limit = request.configuration.max_output_tokens.is_some();
        Wishes {
            usage: state.usage,
            schema: schema_of(request).is_some_and(|schema| !state.schemas.contains(&schema)),
            limit: has_limit.then_some(limit),
            is_renamed: false,
        }
    }

    /// Notes what the server refused: a limit's name only counts when it takes the other.
    pub(super) fn note_refused(&self, request: &ChatRequest, asked: Wishes, fewer: Wishes) {
        let mut state = self.state();
        state.usage &= fewer.usage || !asked.usage;
        if asked.schema && !fewer.schema {
            if state.schemas.len() >= MAX_REMEMBERED {
                state.schemas.clear();
            }
            state.schemas.extend(schema_of(request));
        }
    }

    /// Notes that the server took the request.
    pub(super) fn note_taken(&self, request: &ChatRequest, wishes: Wishes) {
        let Some(limit) = wishes.limit.filter(|_| wishes.is_renamed) else {
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
