//! Lists in stretches: by `skip` and `limit` with the total in a header, or by `limit` and
//! `cursor` with the way on in a `Link` header.

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

/// How long the whole list is.
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

/// Where a list goes on. Clients see opaque text.
pub trait Cursor: Copy {
    /// The cursor as clients see it.
    fn encode(self) -> String;

    /// Reads what [`Cursor::encode`] wrote; anything else is `None`.
    fn decode(text: &str) -> Option<Self>;
}

/// `limit` and `cursor` of a list that is read from one end to the other.
pub struct Keyset<C> {
    /// The most items to return.
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
    /// Behind which item to begin, where `item` knows the cursors of the list at hand.
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
    let limit = text(|text| limit(&text), schema).describe("How many items at the most.");
    fields.optional("limit", limit).unwrap_or(DEFAULT_LIMIT)
}

fn skip() -> impl Kind<Value = u64> {
    number()
        .default_is(0)
        .describe("How many items to pass over.")
}

fn cursor<C: Cursor>() -> impl Kind<Value = C> {
    let decode = |text: String| C::decode(&text).ok_or_else(not_of_this_list);
    let schema = || schema::string().pattern(Some("^[A-Za-z0-9_-]{23,44}$"));
    text(decode, schema).describe("Where to go on; from the `Link` header of the stretch before.")
}

/// A number of items or events, as text.
pub fn number() -> impl Kind<Value = u64> {
    text(
        |text| count(&text),
        || schema::whole_number().minimum(Some(0)),
    )
}

fn not_of_this_list() -> Violation {
    Violation::new(
        "invalid_format",
        "must be a cursor that this list has given",
    )
}

fn limit(text: &str) -> Result<u32, Violation> {
    u32::try_from(whole_number(text)?)
        .ok()
        .filter(|number| (1..=MAX_LIMIT).contains(number))
        .ok_or_else(|| Violation::new("out_of_range", format!("must be from 1 to {MAX_LIMIT}")))
}

/// A number of items.
fn count(text: &str) -> Result<u64, Violation> {
    u64::try_from(whole_number(text)?)
        .map_err(|_| Violation::new("out_of_range", "must not be negative"))
}

/// A number of any size; one beyond 64 bits becomes the nearest within: no list is as long.
fn whole_number(text: &str) -> Result<i64, Violation> {
    match text.parse::<i64>().map_err(|error| *error.kind()) {
        Ok(number) => Ok(number),
        Err(IntErrorKind::PosOverflow) => Ok(i64::MAX),
        Err(IntErrorKind::NegOverflow) => Ok(i64::MIN),
        Err(_) => Err(Violation::new("wrong_type", "must be a whole number")),
    }
}

/// A page and the number of all items.
pub fn counted<T, V: Serialize>(list: OffsetList<T>, view: impl Fn(T) -> V) -> Response {
    let items: Vec<V> = list.items.into_iter().map(view).collect();
    let count = [(X_TOTAL_COUNT, list.total)];
    (Extension(Compressible), count, Json(items)).into_response()
}

/// A stretch of the list at `path`, and the way to the next while there is one, with the request's
/// other parameters.
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

/// Where a list goes on behind a page and before it.
#[derive(Clone, Copy)]
pub struct Neighbours<C> {
    /// The start of the page behind it.
    pub next: Option<C>,
    /// The start of the page before it.
    pub prev: Option<C>,
}

/// A page of the list at `path`, and the ways to its neighbours, with the request's other parameters.
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
    // Written at once: what a client that takes nothing holds is then counted.
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
