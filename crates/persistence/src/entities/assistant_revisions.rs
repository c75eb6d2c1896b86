//! Rows of `assistant_revisions`.

use colloquy_application::ports::PortError;
use colloquy_domain::{Assistant, Avatar};
use sea_orm::Iterable as _;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{ExprTrait as _, InsertStatement, Query};

use super::{assistants, runs};

#[sea_orm::model]
#[derive(Clone, Debug, DeriveEntityModel)]
#[sea_orm(table_name = "assistant_revisions")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub assistant_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub revision: i64,
    pub slug: String,
    pub name: String,
    pub description: Option<String>,
    pub instructions: String,
    pub model: String,
    #[sea_orm(column_type = "JsonBinary")]
    pub configuration: Json,
    pub tools: String,
    pub functions: String,
    pub requires_approval: String,
    pub tool_max_concurrency: i64,
    pub max_tool_rounds: i64,
    pub max_model_calls: Option<i64>,
    pub max_tool_calls: Option<i64>,
    pub max_run_tokens: Option<i64>,
    pub output_schema: Option<String>,
    pub user_authentication: bool,
    #[sea_orm(column_type = "JsonBinary")]
    pub caching: Json,
    pub is_enabled: bool,
    pub created_at: DateTimeUtc,
    pub updated_at: DateTimeUtc,
    pub replaced_at: Option<DateTimeUtc>,
}

impl ActiveModelBehavior for ActiveModel {}

/// Copies the assistant's row; the columns have the same names.
pub(crate) fn insertion(assistant: Uuid) -> Result<InsertStatement, PortError> {
    let columns = || Column::iter().filter(|column| !matches!(column, Column::ReplacedAt));
    let mut source = Query::select();
    source
        .from(assistants::Entity)
        .and_where(assistants::COLUMN.id.eq(assistant));
    for column in columns() {
        match column {
            Column::AssistantId => source.column(assistants::Column::Id),
            column => source.column(column.as_str()),
        };
    }
    let mut insertion = Query::insert();
    insertion
        .into_table(Entity)
        .columns(columns())
        .select_from(source)
        .map_err(PortError::other)?;
    Ok(insertion)
}

/// Whether no run refers to the revision.
pub(crate) fn is_unnamed() -> Expr {
    let runs = Query::select()
        .expr(Expr::val(1))
        .from(runs::Entity)
        .and_where(
            Expr::col((runs::Entity, runs::Column::AssistantId))
                .eq(Expr::col((Entity, Column::AssistantId))),
        )
        .and_where(
            Expr::col((runs::Entity, runs::Column::AssistantRevision))
                .eq(Expr::col((Entity, Column::Revision))),
        )
        .take();
    Expr::exists(runs).not()
}

impl TryFrom<Model> for Assistant {
    type Error = PortError;

    fn try_from(model: Model) -> Result<Self, PortError> {
        let avatar = Avatar::default();
        Self::try_from(assistants::Model {
            id: model.assistant_id,
            slug: model.slug,
            name: model.name,
            description: model.description,
            instructions: model.instructions,
            model: model.model,
            configuration: model.configuration,
            tools: model.tools,
            functions: model.functions,
            requires_approval: model.requires_approval,
            tool_max_concurrency: model.tool_max_concurrency,
            max_tool_rounds: model.max_tool_rounds,
            max_model_calls: model.max_model_calls,
            max_tool_calls: model.max_tool_calls,
            max_run_tokens: model.max_run_tokens,
            output_schema: model.output_schema,
            user_authentication: model.user_authentication,
            caching: model.caching,
            answer_generation: 0,
            is_enabled: model.is_enabled,
            avatar_id: None,
            avatar_kind: None,
            avatar_hash: None,
            avatar_background: avatar.background.as_str().to_owned(),
            avatar_text: None,
            avatar_vertical_position: avatar.vertical_position.get().into(),
            revision: model.revision,
            created_at: model.created_at,
            updated_at: model.updated_at,
        })
    }
}
