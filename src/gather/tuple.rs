//! What [`gather!`](crate::gather!) expands to. Not public interface.

use std::fmt;
use std::panic::{Location, resume_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};

use super::wait_for_the_end;
use crate::runtime::NoRuntime;
use crate::scheduler::context;
use crate::task::{self, Origin, Spec};
use crate::util::contain::contain;
use crate::{JoinError, JoinHandle};

/// Runs futures of different types as tasks, in parallel: `gather!(a, b, c).await` gives a tuple of their outputs.
///
/// Anything that becomes a future may be given, one or more. The tasks start when the result is first polled; dropping it cancels them.
///
/// # Panics
///
/// As [`gather`](fn@crate::gather) does: a panic of one future cancels the others, and goes on in the awaiting task once they have been dropped.
///
/// # Cancel safety
///
/// As that of [`gather`](fn@crate::gather).
///
/// # Examples
///
/// ```
/// heist::run(async {
///     let (number, text) = heist::gather!(async { 1 }, async { "two" }).await;
///     assert_eq!((number, text), (1, "two"));
/// });
/// ```
#[macro_export]
macro_rules! gather {
    (@nest $children:expr, $pattern:pat, ($($value:ident)+);) => {{
        let children = $crate::__gather::Tuple::new($children);
        async move {
            let $pattern = children.await;
            ($($value,)+)
        }
    }};
    (@nest $children:expr, $pattern:pat, ($($value:ident)*); $future:expr $(, $more:expr)*) => {
        $crate::gather!(
            @nest ($children, $crate::__gather::Child::new($future)), ($pattern, value), ($($value)* value); $($more),*
        )
    };
    ($($future:expr),+ $(,)?) => {
        $crate::gather!(@nest (), (), (); $($future),+)
    };
}

/// One of the futures. Dropping it cancels its task.
pub struct Child<F: Future>(Stage<F>);

enum Stage<F: Future> {
    Future(F, &'static Location<'static>),
    Task(JoinHandle<F::Output>),
    Over(Option<F::Output>),
}

impl<F> Child<F>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    #[track_caller]
    pub fn new(future: impl IntoFuture<IntoFuture = F, Output = F::Output>) -> Self {
        Self(Stage::Future(future.into_future(), Location::caller()))
    }

    fn start(&mut self) {
        let Stage::Future(future, location) = std::mem::replace(&mut self.0, Stage::Over(None))
        else {
            unreachable!("started once")
        };
        let spec = Spec {
            origin: Origin::new(location, None),
            parent: task::id(),
        };
        match context::with_engine(|engine| Some(engine?.spawn(spec, future))) {
            Some(handle) => self.0 = Stage::Task(handle),
            None => panic!(
                "heist::gather!, called at {location}, must be awaited inside a runtime: {NoRuntime}"
            ),
        }
    }
}

impl<F: Future> Child<F> {
    fn abort(&self) {
        if let Stage::Task(handle) = &self.0 {
            handle.abort();
        }
    }

    /// Ready when the task has ended, with what went wrong.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<JoinError>> {
        let Stage::Task(handle) = &mut self.0 else {
            return Poll::Ready(None);
        };
        let Poll::Ready(result) = Pin::new(handle).poll(cx) else {
            return Poll::Pending;
        };
        match result {
            Ok(output) => {
                self.0 = Stage::Over(Some(output));
                Poll::Ready(None)
            }
            Err(error) => {
                self.0 = Stage::Over(None);
                Poll::Ready(Some(error))
            }
        }
    }
}

impl<F: Future> Drop for Child<F> {
    fn drop(&mut self) {
        self.abort();
    }
}

/// Nested pairs of children: `(((), a), b)`.
pub trait Children {
    /// Nested pairs of outputs.
    type Outputs;
    #[doc(hidden)]
    fn start(&mut self);
    #[doc(hidden)]
    fn abort(&self);
    /// Drops every output.
    #[doc(hidden)]
    fn clear(&mut self);
    /// Polls every child. True: all have ended.
    #[doc(hidden)]
    fn poll(&mut self, cx: &mut Context<'_>, failed: &mut dyn FnMut(JoinError)) -> bool;
    #[doc(hidden)]
    fn take(&mut self) -> Self::Outputs;
}

impl Children for () {
    type Outputs = ();

    fn start(&mut self) {}

    fn abort(&self) {}

    fn clear(&mut self) {}

    fn poll(&mut self, _: &mut Context<'_>, _: &mut dyn FnMut(JoinError)) -> bool {
        true
    }

    fn take(&mut self) {}
}

impl<L, F> Children for (L, Child<F>)
where
    L: Children,
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    type Outputs = (L::Outputs, F::Output);

    fn start(&mut self) {
        self.0.start();
        self.1.start();
    }

    fn abort(&self) {
        self.0.abort();
        self.1.abort();
    }

    fn clear(&mut self) {
        self.0.clear();
        let output = std::mem::replace(&mut self.1.0, Stage::Over(None));
        contain(|| drop(output));
    }

    fn poll(&mut self, cx: &mut Context<'_>, failed: &mut dyn FnMut(JoinError)) -> bool {
        let before = self.0.poll(cx, failed);
        let Poll::Ready(error) = self.1.poll(cx) else {
            return false;
        };
        error.into_iter().for_each(failed);
        before
    }

    fn take(&mut self) -> Self::Outputs {
        let before = self.0.take();
        match &mut self.1.0 {
            Stage::Over(output) => (before, output.take().expect("every child gave an output")),
            _ => unreachable!("every child has ended"),
        }
    }
}

/// The future inside of `gather!`.
pub struct Tuple<C> {
    children: C,
    started: bool,
    failure: Option<JoinError>,
}

// No child is pinned: each becomes a task.
impl<C> Unpin for Tuple<C> {}

impl<C: Children> Tuple<C> {
    pub fn new(children: C) -> Self {
        Self {
            children,
            started: false,
            failure: None,
        }
    }
}

impl<C: Children> Future for Tuple<C> {
    type Output = C::Outputs;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<C::Outputs> {
        let this = self.get_mut();
        if !this.started {
            this.started = true;
            this.children.start();
        }
        let failure = &mut this.failure;
        let failed_before = failure.is_some();
        let all_ended = this.children.poll(cx, &mut |error| {
            // A panic goes before the cancelling of the others by the runtime's end.
            if failure.as_ref().is_none_or(|known| !known.is_panic()) {
                *failure = Some(error);
            }
        });
        if !failed_before && this.failure.is_some() {
            this.children.abort();
        }
        if !all_ended {
            return Poll::Pending;
        }
        let Some(error) = this.failure.take() else {
            return Poll::Ready(this.children.take());
        };
        // The outputs of the others go before the panic does.
        this.children.clear();
        if error.is_panic() {
            resume_unwind(error.into_panic());
        }
        this.failure = Some(error);
        wait_for_the_end("gather!");
        Poll::Pending
    }
}

impl<C> fmt::Debug for Tuple<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tuple")
            .field("started", &self.started)
            .finish_non_exhaustive()
    }
}

impl<F: Future> fmt::Debug for Child<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Stage::Future(..) => "a future",
            Stage::Task(_) => "a task",
            Stage::Over(_) => "over",
        })
    }
}
