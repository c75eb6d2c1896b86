//! The registered tools.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use colloquy_domain::{ToolName, Violation};

use super::{Calculator, CurrentTime, Tool};
use crate::ports::{Clock, ToolDefinition};
use crate::schemas::Schema;

/// The tools of a service, by name.
#[derive(Clone, Default)]
pub struct Toolbox {
    tools: BTreeMap<ToolName, Arc<Registered>>,
}

pub(crate) struct Registered {
    pub(crate) tool: Arc<dyn Tool>,
    pub(crate) definition: ToolDefinition,
    pub(crate) arguments: Schema,
    pub(crate) is_assistant: bool,
}

/// Why a tool cannot be registered.
#[derive(Debug, thiserror::Error)]
pub enum ToolboxError {
    /// Another tool has the name.
    #[error("there are two tools named {0}")]
    DuplicateName(ToolName),
    /// The schema of its arguments is invalid.
    #[error("the arguments of the tool {name}: {violation}")]
    InvalidSchema {
        /// The tool.
        name: ToolName,
        /// The violation.
        violation: Violation,
    },
}

impl Toolbox {
    /// No tools.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The built-in tools: [`CurrentTime`] and [`Calculator`].
    ///
    /// # Errors
    /// None in practice.
    pub fn built_in(clock: Arc<dyn Clock>) -> Result<Self, ToolboxError> {
        Self::new().with(CurrentTime::new(clock))?.with(Calculator)
    }

    /// Adds a tool.
    ///
    /// # Errors
    /// See [`add`](Self::add).
    pub fn with(mut self, tool: impl Tool + 'static) -> Result<Self, ToolboxError> {
        self.add(Arc::new(tool))?;
        Ok(self)
    }

    /// Adds a tool.
    ///
    /// # Errors
    /// Its name is taken, or the schema of its arguments is invalid.
    pub fn add(&mut self, tool: Arc<dyn Tool>) -> Result<(), ToolboxError> {
        let definition = tool.definition();
        let name = definition.name.clone();
        if self.tools.contains_key(&name) {
            return Err(ToolboxError::DuplicateName(name));
        }
        let arguments = match Schema::compile(&definition.parameters) {
            Ok(schema) => schema,
            Err(violation) => return Err(ToolboxError::InvalidSchema { name, violation }),
        };
        let registered = Registered {
            tool,
            definition,
            arguments,
            is_assistant: false,
        };
        self.tools.insert(name, Arc::new(registered));
        Ok(())
    }

    /// The names of all tools, sorted.
    pub fn names(&self) -> impl Iterator<Item = &ToolName> {
        self.tools.keys()
    }

    /// All tools as shown to models, by name.
    pub fn definitions(&self) -> impl ExactSizeIterator<Item = &ToolDefinition> {
        self.tools.values().map(|tool| &tool.definition)
    }

    pub(crate) fn get(&self, name: &ToolName) -> Option<Arc<Registered>> {
        self.tools.get(name).cloned()
    }
}

impl fmt::Debug for Toolbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.tools.keys()).finish()
    }
}
