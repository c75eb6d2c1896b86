//! Pages of lists.

/// Maximum bytes of text in a page of messages or assistants, unless its first item is larger.
pub const MAX_PAGE_BYTES: u64 = 4 * 1024 * 1024;

/// A page by offset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct OffsetPage {
    /// Items to skip.
    pub skip: u64,
    /// Maximum number of items.
    pub limit: u32,
}

/// A page and the length of the whole list, read at the same time.
#[derive(Debug, Clone, PartialEq)]
pub struct OffsetList<T> {
    /// The page.
    pub items: Vec<T>,
    /// Length of the whole list.
    pub total: u64,
}
