//! The tools that assistants may list.

use colloquy_domain::{Actor, Assistant, ToolRef};

use super::Assistants;
use crate::Error;
use crate::ports::{OffsetList, OffsetPage, ToolDefinition};
use crate::tools::assistant;

/// A tool that an assistant may list.
#[derive(Debug, Clone, PartialEq)]
pub struct ListedTool {
    /// As named in an assistant's list.
    pub reference: ToolRef,
    /// As shown to the model.
    pub definition: ToolDefinition,
}

impl Assistants {
    /// A page of the tools: the service's own by name, then the assistants that the actor may see,
    /// in list order.
    ///
    /// # Errors
    /// The policy's refusal.
    pub async fn tools(
        &self,
        actor: &Actor,
        page: OffsetPage,
    ) -> Result<OffsetList<ListedTool>, Error> {
        self.require_manager(actor).await?;
        let registered = self.toolbox.definitions();
        let count = registered.len() as u64;
        let skip = usize::try_from(page.skip).unwrap_or(usize::MAX);
        let limit = usize::try_from(page.limit).unwrap_or(usize::MAX);
        let mut items: Vec<_> = registered.skip(skip).take(limit).map(of_toolbox).collect();
        // An empty page still reports the total.
        let rest = u32::try_from(limit - items.len()).unwrap_or(u32::MAX);
        let assistants = OffsetPage {
            skip: page.skip.saturating_sub(count),
            limit: rest.max(1),
        };
        let scope = self.access.policy().assistant_scope(actor).await;
        let assistants = self.assistants.list(&scope, assistants).await?;
        items.extend(assistants.items.iter().map(of_assistant));
        items.truncate(limit);
        Ok(OffsetList {
            items,
            total: count + assistants.total,
        })
    }
}

fn of_toolbox(definition: &ToolDefinition) -> ListedTool {
    ListedTool {
        reference: ToolRef::Registered(definition.name.clone()),
        definition: definition.clone(),
    }
}

fn of_assistant(assistant: &Assistant) -> ListedTool {
    ListedTool {
        reference: ToolRef::Assistant(assistant.slug.clone()),
        definition: assistant::definition(assistant),
    }
}
