//! What the server of `examples/http.rs` answers. It knows no runtime, so that other runtimes can serve the same.

use http_body_util::{Either, Full};
use hyper::body::{Body, Bytes, Frame, Incoming, SizeHint};
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

/// A body is all there at once, or made piece by piece, or the request's own.
type Answer = Either<Full<Bytes>, Either<Pieces, Incoming>>;

/// Answers one request.
pub(crate) async fn answer(request: Request<Incoming>) -> Result<Response<Answer>, Infallible> {
    Ok(match (request.method(), request.uri().path()) {
        (&Method::GET, "/") => text("text/plain", "Hello, World!"),
        (&Method::GET, "/json") => text("application/json", r#"{"message":"Hello, World!"}"#),
        (&Method::GET, "/stream") => Response::new(Either::Right(Either::Left(Pieces::new()))),
        // Sent back while it still comes in: however long, no more than a piece of it is held here.
        (&Method::POST, "/echo") => {
            Response::new(Either::Right(Either::Right(request.into_body())))
        }
        _ => {
            let mut response = text("text/plain", "try /, /json, /stream, or POST to /echo\n");
            *response.status_mut() = StatusCode::NOT_FOUND;
            response
        }
    })
}

fn text(kind: &'static str, text: &'static str) -> Response<Answer> {
    let body = Full::from(Bytes::from_static(text.as_bytes()));
    let mut response = Response::new(Either::Left(body));
    let kind = HeaderValue::from_static(kind);
    response.headers_mut().insert(CONTENT_TYPE, kind);
    response
}

/// A body of 1 MB (2^20 bytes), made in pieces.
pub(crate) struct Pieces {
    left: u64,
}

static PIECE: [u8; 16 * 1024] = [b'.'; 16 * 1024];

impl Pieces {
    fn new() -> Self {
        Self { left: 1 << 20 }
    }
}

impl Body for Pieces {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        if self.left == 0 {
            return Poll::Ready(None);
        }
        self.left -= PIECE.len() as u64;
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(&PIECE)))))
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}
