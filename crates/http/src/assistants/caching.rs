use colloquy_application::assistants::CachingChanges;
use colloquy_domain::{AnswerLifetime, CacheScope, SimilarityThreshold};
use colloquy_web::input::{Fields, boolean, choice, decimal, whole_number};
use colloquy_web::schema::{self, BodySchema};

/// Reads how an assistant shares its answers: members of the assistant itself.
pub(super) fn read(fields: &mut Fields<'_>) -> CachingChanges {
    let threshold = decimal(SimilarityThreshold::new);
    let lifetime = whole_number(AnswerLifetime::from_seconds);
    let scope = choice(CacheScope::from_name, "auto, user or shared");
    CachingChanges {
        is_on: fields.optional("use_semantic_cache", boolean),
        threshold: fields.optional("cache_similarity_threshold", threshold),
        lifetime: fields.optional("cache_ttl_seconds", lifetime),
        scope: fields.optional("cache_scope", scope),
    }
}

/// The members that [`read`] asks for.
pub(super) fn described(body: BodySchema) -> BodySchema {
    let (min, max) = (SimilarityThreshold::MIN, SimilarityThreshold::MAX);
    body.optional(
        "use_semantic_cache",
        schema::boolean().description(Some("Whether answers are kept and given again.")),
    )
    .optional(
        "cache_similarity_threshold",
        schema::between(min, max).description(Some(
            "How similar a question must be to share an answer; 0.9 at first.",
        )),
    )
    .optional(
        "cache_ttl_seconds",
        schema::up_to(AnswerLifetime::MAX)
            .description(Some("How old an answer may get; 3600 at first.")),
    )
    .optional("cache_scope", scopes())
}

/// Whom answers are shared with.
pub(super) fn scopes() -> utoipa::openapi::schema::ObjectBuilder {
    schema::one_of(CacheScope::ALL.iter().map(|scope| scope.as_str())).description(Some(
        "`auto` shares the answers of a public assistant with everybody and those of a private \
         one with nobody, `user` with nobody, `shared` with all who may use the assistant.",
    ))
}
