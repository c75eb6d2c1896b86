//! JSON arrays that are written as the client takes them.

use axum::body::Body;
use axum::http::HeaderValue;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use futures_util::stream;
use serde::Serialize;

/// From how many bytes on a piece takes no more elements.
const PIECE_BYTES: usize = 64 * 1024;

/// The array of these elements. A short one is written at once; of a longer one each piece is
/// written when the client has taken those before it, so that a slow client holds the elements and
/// one piece, not a second copy of them all.
pub(crate) fn json_array<V: Serialize>(
    elements: impl Iterator<Item = V> + Send + 'static,
) -> Response {
    let mut pieces = Pieces {
        elements,
        has_begun: false,
        has_ended: false,
    };
    let first = pieces.piece();
    let body = match first {
        Ok(whole) if pieces.has_ended => Body::from(whole),
        first => Body::from_stream(stream::iter(std::iter::once(first).chain(pieces))),
    };
    let kind = HeaderValue::from_static("application/json");
    ([(CONTENT_TYPE, kind)], body).into_response()
}

struct Pieces<I> {
    elements: I,
    has_begun: bool,
    has_ended: bool,
}

impl<I: Iterator<Item: Serialize>> Pieces<I> {
    fn piece(&mut self) -> Result<Bytes, serde_json::Error> {
        let mut bytes = Vec::new();
        while bytes.len() < PIECE_BYTES && !self.has_ended {
            let element = self.elements.next();
            match (&element, self.has_begun) {
                (_, false) => bytes.push(b'['),
                (Some(_), true) => bytes.push(b','),
                (None, true) => {}
            }
            self.has_begun = true;
            match element {
                Some(element) => serde_json::to_writer(&mut bytes, &element)?,
                None => {
                    bytes.push(b']');
                    self.has_ended = true;
                }
            }
        }
        Ok(bytes.into())
    }
}

impl<I: Iterator<Item: Serialize>> Iterator for Pieces<I> {
    type Item = Result<Bytes, serde_json::Error>;

    fn next(&mut self) -> Option<Self::Item> {
        (!self.has_ended).then(|| self.piece())
    }
}

#[cfg(test)]
mod tests {
    use axum::body::to_bytes;
    use serde_json::Value;

    use super::{PIECE_BYTES, json_array};

    #[tokio::test]
    async fn an_array_is_the_same_in_one_piece_and_in_many() {
        let large = "x".repeat(PIECE_BYTES / 3);
        for count in [0, 1, 2, 3, 4, 30] {
            let elements: Vec<Value> = (0..count).map(|it| format!("{it}{large}").into()).collect();
            let response = json_array(elements.clone().into_iter());
            assert_eq!(response.headers()["content-type"], "application/json");
            let body = to_bytes(response.into_body(), usize::MAX).await.unwrap();
            let written: Vec<Value> = serde_json::from_slice(&body).unwrap();
            assert_eq!(written, elements);
        }
    }
}
