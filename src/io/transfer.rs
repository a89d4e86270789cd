//! Reads and writes of sockets that are streams, which may know their other end ([`loopback`](crate::reactor::loopback)).

use std::io;
use std::sync::Arc;
use std::task::{Context, Poll};

use super::Async;
use crate::reactor::readiness::Direction;
use crate::scheduler::context;
use crate::task::current;

impl<T> Async<T> {
    /// [`Async::poll_read_with`] for a TCP stream, into `room` bytes: if it brings fewer, nothing is left.
    ///
    /// That holds for no other kind of source: a read from a Unix stream stops where one message carries
    /// descriptors, say.
    pub(crate) fn poll_receive(
        &self,
        cx: &mut Context<'_>,
        room: usize,
        op: impl FnMut(&T) -> io::Result<usize>,
    ) -> Poll<io::Result<usize>> {
        if self.lets_peer_answer() {
            current::wake(cx);
            return Poll::Pending;
        }
        let drains = |&n: &usize| 0 < n && n < room;
        self.poll_with(Direction::Read, cx, None, op, drains)
    }

    /// Whether a read is to wait until those in line have had their turns, as it is likely to find nothing before the other end has had its own.
    #[inline]
    fn lets_peer_answer(&self) -> bool {
        // If nobody is in line, the other end comes next, and whoever lets it go first is stolen meanwhile.
        let has_line = || context::has_line(Arc::as_ptr(self.engine()));
        self.source().lets_peer_answer(has_line)
    }

    /// [`Async::poll_write_with`] for a stream.
    pub(crate) fn poll_send(
        &self,
        cx: &mut Context<'_>,
        op: impl FnMut(&T) -> io::Result<usize>,
    ) -> Poll<io::Result<usize>> {
        let result = self.poll_write_with(cx, op);
        if matches!(result, Poll::Ready(Ok(1..))) {
            self.source().wrote();
        }
        result
    }
}
