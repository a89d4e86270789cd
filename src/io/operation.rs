//! The futures of [`Async`].

use std::fmt;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use super::Async;
use crate::reactor::readiness::Direction;
use crate::reactor::waiters::Ticket;

/// A future's interest in one direction of a source, given up when dropped.
struct Waiter<'a, T> {
    io: &'a Async<T>,
    direction: Direction,
    ticket: Ticket,
}

impl<'a, T> Waiter<'a, T> {
    fn new(io: &'a Async<T>, direction: Direction) -> Self {
        Self {
            io,
            direction,
            ticket: Ticket::default(),
        }
    }

    fn poll_with<R>(
        &mut self,
        cx: &mut Context<'_>,
        op: impl FnMut(&T) -> io::Result<R>,
    ) -> Poll<io::Result<R>> {
        self.io
            .poll_with(self.direction, cx, Some(&mut self.ticket), op, |_| false)
    }
}

impl<T> Drop for Waiter<'_, T> {
    fn drop(&mut self) {
        self.io.leave(self.direction, &mut self.ticket);
    }
}

/// Waits for the system to say that the source is ready.
struct Readiness<'a, T> {
    waiter: Waiter<'a, T>,
    asked: bool,
}

impl<'a, T> Readiness<'a, T> {
    fn new(io: &'a Async<T>, direction: Direction) -> Self {
        Self {
            waiter: Waiter::new(io, direction),
            asked: false,
        }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Waiter {
            io,
            direction,
            ticket,
        } = &mut self.waiter;
        let anew = !core::mem::replace(&mut self.asked, true);
        io.poll_ready(*direction, cx, ticket, anew)
    }
}

/// The future of [`Async::readable`].
#[must_use = "futures do nothing unless awaited"]
pub struct Readable<'a, T>(Readiness<'a, T>);

/// The future of [`Async::writable`].
#[must_use = "futures do nothing unless awaited"]
pub struct Writable<'a, T>(Readiness<'a, T>);

/// The future of [`Async::read_with`].
#[must_use = "futures do nothing unless awaited"]
pub struct ReadWith<'a, T, F> {
    waiter: Waiter<'a, T>,
    op: F,
}

/// The future of [`Async::write_with`].
#[must_use = "futures do nothing unless awaited"]
pub struct WriteWith<'a, T, F> {
    waiter: Waiter<'a, T>,
    op: F,
}

/// What the two directions have in common.
macro_rules! futures {
    ($direction:ident, $ready:ident, $with:ident) => {
        impl<'a, T> $ready<'a, T> {
            pub(super) fn new(io: &'a Async<T>) -> Self {
                Self(Readiness::new(io, Direction::$direction))
            }
        }

        impl<T> Future for $ready<'_, T> {
            type Output = io::Result<()>;

            fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
                self.0.poll(cx)
            }
        }

        impl<T> fmt::Debug for $ready<'_, T> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($ready)).finish_non_exhaustive()
            }
        }

        impl<'a, T, F> $with<'a, T, F> {
            pub(super) fn new(io: &'a Async<T>, op: F) -> Self {
                let waiter = Waiter::new(io, Direction::$direction);
                Self { waiter, op }
            }
        }

        // The operation is called by reference and never pinned.
        impl<T, F> Unpin for $with<'_, T, F> {}

        impl<T, F, R> Future for $with<'_, T, F>
        where
            F: FnMut(&T) -> io::Result<R>,
        {
            type Output = io::Result<R>;

            fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
                let Self { waiter, op } = &mut *self;
                waiter.poll_with(cx, op)
            }
        }

        impl<T, F> fmt::Debug for $with<'_, T, F> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($with)).finish_non_exhaustive()
            }
        }
    };
}

futures!(Read, Readable, ReadWith);
futures!(Write, Writable, WriteWith);
