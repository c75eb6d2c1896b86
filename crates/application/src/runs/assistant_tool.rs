//! Assistants as tools of others, and their tool source.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use colloquy_domain::{
    Assistant, AssistantRef, RunErrorCode, RunSettings, Slug, ToolName, ToolRef,
};
use tokio::time::Instant;
use tracing::Instrument as _;

use super::agent_loop;
use super::answer::Answer;
use super::budget::Budget;
use super::engine::Inner;
use super::failure::Failure;
use super::log::RunLog;
use super::meter::Meter;
use super::talk::Talk;
use super::tool_calls;
use super::tool_set::{OfferedTool, ToolSource, left_out};
use crate::Error;
use crate::access::AssistantAction;
use crate::ports::ChatMessage;
use crate::schemas::Schema;
use crate::spans;
use crate::tools::assistant::{Question, description};
use crate::tools::{Registered, Tool as _, ToolContext, ToolError, TypedTool};

/// Maximum depth of assistants calling assistants; the user's is at 0.
const MAX_DEPTH: u32 = 3;

/// The listed assistants that the user may run.
pub(super) struct AssistantTools;

#[async_trait]
impl ToolSource for AssistantTools {
    async fn tools(&self, talk: &Talk<'_>) -> Result<Vec<OfferedTool>, Failure> {
        let mut tools = Vec::new();
        for reference in &talk.assistant.tools {
            let ToolRef::Assistant(slug) = reference else {
                continue;
            };
            match find(talk, slug).await? {
                Some(tool) => tools.push(OfferedTool::Service(tool)),
                None => left_out(reference),
            }
        }
        Ok(tools)
    }
}

async fn find(talk: &Talk<'_>, slug: &Slug) -> Result<Option<Arc<Registered>>, Failure> {
    if talk.depth >= MAX_DEPTH {
        return Ok(None);
    }
    let reference = AssistantRef::Slug(slug.clone());
    let access = &talk.engine.access;
    let actor = &talk.context.actor;
    match access
        .assistant(actor, &reference, AssistantAction::Run)
        .await
    {
        Ok(assistant) => Ok(as_tool(talk, assistant)),
        Err(Error::Port(error)) => Err(error.into()),
        Err(_refused) => Ok(None),
    }
}

fn as_tool(talk: &Talk<'_>, assistant: Arc<Assistant>) -> Option<Arc<Registered>> {
    let tool = AssistantTool::new(talk, assistant);
    let definition = tool.definition();
    let arguments = Schema::compile(&definition.parameters).ok()?;
    Some(Arc::new(Registered {
        tool: Arc::new(tool),
        definition,
        arguments,
        is_assistant: true,
    }))
}

/// Calls another assistant, in its own conversation but within the run's limits and the user's
/// rights.
struct AssistantTool {
    engine: Arc<Inner>,
    assistant: Arc<Assistant>,
    meter: Arc<Meter>,
    budget: Arc<Budget>,
    depth: u32,
    deadline: Instant,
}

impl AssistantTool {
    fn new(talk: &Talk<'_>, assistant: Arc<Assistant>) -> Self {
        Self {
            engine: Arc::clone(talk.engine),
            assistant,
            meter: Arc::clone(talk.meter),
            budget: Arc::clone(talk.budget),
            depth: talk.depth + 1,
            deadline: talk.deadline,
        }
    }
}

#[async_trait]
impl TypedTool for AssistantTool {
    type Arguments = Question;

    fn name(&self) -> ToolName {
        ToolName::from(&self.assistant.slug)
    }

    fn description(&self) -> String {
        description(&self.assistant)
    }

    fn time_limit(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }

    async fn call(&self, context: &ToolContext, asked: Question) -> Result<String, ToolError> {
        // Checked at each use: rights may have changed since the run began.
        let reference = AssistantRef::Id(self.assistant.id);
        let access = &self.engine.access;
        let assistant = access
            .assistant(&context.actor, &reference, AssistantAction::Run)
            .await
            .map_err(|_| ToolError::new("The assistant is unavailable."))?;
        let (assistant, _) = access
            .instructed(assistant, &context.actor, context.thread_id)
            .await
            .map_err(|error| {
                let error = &error as &dyn std::error::Error;
                tracing::warn!(error, "instructions failed");
                ToolError::new("The assistant is unavailable.")
            })?;
        let talk = Talk {
            engine: &self.engine,
            assistant: &assistant,
            settings: &RunSettings::default(),
            context,
            meter: &self.meter,
            budget: &Arc::new(Budget::within(&self.budget, assistant.budget)),
            depth: self.depth,
            deadline: self.deadline,
        };
        let log = RunLog::new();
        let max_bytes = self.engine.limits.max_answer_bytes;
        let ids = &*self.engine.ports.ids;
        let mut answer = Answer::new(max_bytes, &log, ids);
        let question = vec![ChatMessage::User(asked.message)];
        let span = spans::invoke_agent(&assistant, context.thread_id);
        let talking = agent_loop::run(&talk, question, &mut answer);
        match talking.instrument(span.clone()).await {
            Ok(_) => {
                spans::answered(&span, answer.finish_reason, None);
                Ok(answer.text())
            }
            Err(failure) => {
                spans::failed(&span, failure.code.as_str());
                Err(ToolError::new(match failure.code {
                    RunErrorCode::BudgetExhausted => tool_calls::USED_UP,
                    _ => "The assistant could not answer.",
                }))
            }
        }
    }
}
