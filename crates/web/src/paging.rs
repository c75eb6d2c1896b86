//! Pagination: `skip`, `limit` and a total, or `limit`, `cursor` and a `Link` header.

use std::num::IntErrorKind;

use axum::http::HeaderName;
use axum::http::header::LINK;
use axum::response::{AppendHeaders, IntoResponse, Response};
use axum::{Extension, Json};
use colloquy_application::Slice;
use colloquy_application::ports::{OffsetList, OffsetPage};
use colloquy_domain::Violation;
use serde::Serialize;

use crate::compression::Compressible;
use crate::input::{Fields, Input, Kind, text};
use crate::problem::Problem;
use crate::schema;

/// Total number of items.
pub const X_TOTAL_COUNT: HeaderName = HeaderName::from_static("x-total-count");
const DEFAULT_LIMIT: u32 = 100;
const MAX_LIMIT: u32 = 1_000;

impl Input for OffsetPage {
    type Value = Self;

    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        Some(Self {
            skip: fields.optional("skip", skip()).unwrap_or(0),
            limit: read_limit(fields),
        })
    }
}

/// A list position, opaque to clients.
pub trait Cursor: Copy {
    /// As clients see it.
    fn encode(self) -> String;

    /// Inverse of [`Cursor::encode`].
    fn decode(text: &str) -> Option<Self>;
}

/// `limit` and `cursor` of a keyset-paginated list.
pub struct Keyset<C> {
    /// Maximum items.
    pub limit: u32,
    cursor: Option<C>,
}

impl<C: Cursor> Input for Keyset<C> {
    type Value = Self;

    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        Some(Self {
            limit: read_limit(fields),
            cursor: fields.optional("cursor", cursor()),
        })
    }
}

impl<C: Cursor> Keyset<C> {
    /// The item to continue after; `item` accepts only cursors of this list.
    pub fn after<T>(&self, item: impl FnOnce(C) -> Option<T>) -> Result<Option<T>, Problem> {
        match self.cursor {
            None => Ok(None),
            Some(cursor) => match item(cursor) {
                None => Err(Problem::invalid(not_of_this_list().at("cursor").into())),
                found => Ok(found),
            },
        }
    }
}

fn read_limit(fields: &mut Fields<'_>) -> u32 {
    let schema = || {
        schema::whole_number()
            .minimum(Some(1))
            .maximum(Some(MAX_LIMIT))
            .default(Some(DEFAULT_LIMIT.into()))
    };
    let limit = text(|text| limit(&text), schema).describe("Maximum number of items.");
    fields.optional("limit", limit).unwrap_or(DEFAULT_LIMIT)
}

fn skip() -> impl Kind<Value = u64> {
    number().default_is(0).describe("Number of items to skip.")
}

fn cursor<C: Cursor>() -> impl Kind<Value = C> {
    let decode = |text: String| C::decode(&text).ok_or_else(not_of_this_list);
    let schema = || schema::string().pattern(Some("^[A-Za-z0-9_-]{23,44}$"));
    text(decode, schema).describe("Cursor from the `Link` header of the previous page.")
}

/// A number as text.
pub fn number() -> impl Kind<Value = u64> {
    text(
        |text| count(&text),
        || schema::whole_number().minimum(Some(0)),
    )
}

fn not_of_this_list() -> Violation {
    Violation::new("invalid_format", "must be a cursor of this list")
}

fn limit(text: &str) -> Result<u32, Violation> {
    u32::try_from(whole_number(text)?)
        .ok()
        .filter(|number| (1..=MAX_LIMIT).contains(number))
        .ok_or_else(|| Violation::new("out_of_range", format!("must be from 1 to {MAX_LIMIT}")))
}

fn count(text: &str) -> Result<u64, Violation> {
    u64::try_from(whole_number(text)?)
        .map_err(|_| Violation::new("out_of_range", "must not be negative"))
}

/// Clamped to 64 bits: no list is that long.
fn whole_number(text: &str) -> Result<i64, Violation> {
    match text.parse::<i64>().map_err(|error| *error.kind()) {
        Ok(number) => Ok(number),
        Err(IntErrorKind::PosOverflow) => Ok(i64::MAX),
        Err(IntErrorKind::NegOverflow) => Ok(i64::MIN),
        Err(_) => Err(Violation::new("wrong_type", "must be a whole number")),
    }
}

/// A page with the total in a header.
pub fn counted<T, V: Serialize>(list: OffsetList<T>, view: impl Fn(T) -> V) -> Response {
    let items: Vec<V> = list.items.into_iter().map(view).collect();
    let count = [(X_TOTAL_COUNT, list.total)];
    (Extension(Compressible), count, Json(items)).into_response()
}

/// Link to the next page after one of `had` items, if there is one.
pub fn next_counted(
    path: &str,
    page: OffsetPage,
    had: usize,
    total: u64,
) -> AppendHeaders<Option<(HeaderName, String)>> {
    let skip = page.skip.saturating_add(had as u64);
    let link = || format!("<{path}?skip={skip}&limit={}>; rel=\"next\"", page.limit);
    AppendHeaders((had > 0 && skip < total).then(|| (LINK, link())))
}

/// A page of the list at `path`, linked to the next with the request's other parameters.
pub fn stretch<T, V: Serialize, C: Cursor>(
    slice: Slice<T>,
    path: &str,
    query: Option<&str>,
    cursor: impl Fn(&T) -> C,
    view: impl FnMut(T) -> V,
) -> Response {
    let last = slice.items.last().filter(|_| slice.has_more);
    let neighbours = Neighbours {
        next: last.map(cursor),
        prev: None,
    };
    page(slice.items.into_iter().map(view), path, query, neighbours)
}

/// Neighbouring pages.
#[derive(Clone, Copy)]
pub struct Neighbours<C> {
    /// Next page.
    pub next: Option<C>,
    /// Previous page.
    pub prev: Option<C>,
}

/// A page of the list at `path`, linked to its neighbours with the request's other parameters.
pub fn page<V: Serialize, C: Cursor>(
    items: impl Iterator<Item = V>,
    path: &str,
    query: Option<&str>,
    neighbours: Neighbours<C>,
) -> Response {
    let links = [("next", neighbours.next), ("prev", neighbours.prev)];
    let links = links
        .into_iter()
        .filter_map(|(relation, cursor)| Some((LINK, link(path, query, cursor?, relation))));
    // At once, so that the size limit covers stalled clients.
    let items: Vec<V> = items.collect();
    (Extension(Compressible), AppendHeaders(links), Json(items)).into_response()
}

fn link(path: &str, query: Option<&str>, cursor: impl Cursor, relation: &str) -> String {
    let asked = form_urlencoded::parse(query.unwrap_or_default().as_bytes());
    let query = form_urlencoded::Serializer::new(String::new())
        .extend_pairs(asked.filter(|(name, _)| name != "cursor"))
        .append_pair("cursor", &cursor.encode())
        .finish();
    format!("<{path}?{query}>; rel=\"{relation}\"")
}
