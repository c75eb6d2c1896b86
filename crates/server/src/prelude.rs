//! Imports for policies, tools and assistants in code.

pub use async_trait::async_trait;
pub use colloquy_application::assistants::{CodeAssistant, NewAssistant, RequestContext};
pub use colloquy_application::knowledge_permissions::KnowledgePolicy;
pub use colloquy_application::permissions::{Decision, DefaultPolicy, PermissionPolicy};
pub use colloquy_application::ports::BoxError;
pub use colloquy_application::tools::{Tool, ToolContext, ToolError, TypedTool};
pub use colloquy_domain::{
    Actor, Assistant, AssistantName, Description, File, Instructions, Message, ModelName, Slug,
    Thread, ToolName, ToolRef, tool_name,
};
