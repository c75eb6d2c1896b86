/// How many bytes of text a page of messages or assistants has at the most, unless its first item
/// alone has more.
pub const MAX_PAGE_BYTES: u64 = 4 * 1024 * 1024;

/// A stretch of an ordered list by numbers, as the catalogue's `skip` and `limit` ask for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct OffsetPage {
    /// How many items to pass over.
    pub skip: u64,
    /// How many items to return at the most.
    pub limit: u32,
}

/// A page and how long the whole list is, both seen at one moment.
#[derive(Debug, Clone, PartialEq)]
pub struct OffsetList<T> {
    /// The page.
    pub items: Vec<T>,
    /// How many items the list has in all.
    pub total: u64,
}
