//! Many futures as tasks, awaited together.

use std::convert::Infallible;
use std::fmt;
use std::marker::PhantomData;
use std::mem;
use std::panic::{Location, resume_unwind};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use crate::runtime::NoRuntime;
use crate::scheduler::schedule::Scheduler;
use crate::scheduler::{Engine, context};
use crate::task::batch::{self, Gathering, Kind, Stop, Unstarted};
use crate::task::{self, Origin, Spec};
use crate::util::budget;

#[doc(hidden)]
pub mod tuple;

/// Runs futures as tasks, in parallel, and gives their outputs in the order of the input.
///
/// The futures are collected by this call; their tasks start when the [`Gather`] is first polled. Each is a full task, with an id of its own and the awaiting task for its
/// [parent](crate::task::parent). **Dropping the `Gather` cancels those that have not ended.** An empty input gives an empty `Vec` at once.
///
/// See [`try_gather`] for futures that may fail, [`gather!`](crate::gather!) for futures of different types, and
/// [`JoinSet`](crate::JoinSet) for tasks that come and go.
///
/// # Panics
///
/// When a future panics, the others are cancelled, and the panic goes on in the task that awaits the `Gather`, once all of them have been dropped.
///
/// When it is awaited outside of a runtime, or its runtime ends while another one awaits it; when it is polled again after it gave its output. `gather` itself
/// panics if the iterator does, or gives more than 2,147,483,647 futures.
///
/// # Cancel safety
///
/// A `Gather` can be awaited by reference, given up, and awaited again. Dropped, it cancels its tasks, and what had been achieved is lost.
///
/// # Examples
///
/// ```
/// heist::run(async {
///     let squares = heist::gather((1..=4).map(|n| async move { n * n })).await;
///     assert_eq!(squares, [1, 4, 9, 16]);
/// });
/// ```
///
/// Elements are tasks, which nothing can make end before what they would borrow, so they borrow nothing:
///
/// ```compile_fail,E0597
/// heist::run(async {
///     let text = String::from("borrowed");
///     let borrowed = &text;
///     heist::gather([async move { borrowed.len() }]).await
/// });
/// ```
#[doc(alias = "join_all")]
#[track_caller]
pub fn gather<I>(futures: I) -> Gather<<I::Item as IntoFuture>::IntoFuture>
where
    I: IntoIterator,
    I::Item: IntoFuture,
    <I::Item as IntoFuture>::IntoFuture: Send + 'static,
    <I::Item as IntoFuture>::Output: Send + 'static,
{
    Gather(Stage::new(futures, Location::caller()))
}

/// Runs futures as tasks, in parallel, and gives their values in the order of the input, or the first error as soon as it happens.
///
/// After an error the tasks that have not ended are cancelled, and dropped before the error is given. Otherwise as [`gather`], which
/// gives the results one by one instead.
///
/// # Errors
///
/// That of the future that failed first.
///
/// # Panics
///
/// As [`gather`] does.
///
/// # Cancel safety
///
/// As that of [`gather`].
///
/// # Examples
///
/// ```
/// heist::run(async {
///     let parse = |text: &'static str| async move { text.parse::<u8>() };
///     assert_eq!(heist::try_gather(["1", "2"].map(parse)).await, Ok(vec![1, 2]));
///     assert!(heist::try_gather(["1", "two"].map(parse)).await.is_err());
/// });
/// ```
#[doc(alias = "try_join_all")]
#[track_caller]
pub fn try_gather<I, T, E>(futures: I) -> TryGather<<I::Item as IntoFuture>::IntoFuture>
where
    I: IntoIterator,
    I::Item: IntoFuture<Output = Result<T, E>>,
    <I::Item as IntoFuture>::IntoFuture: Send + 'static,
    T: Send + 'static,
    E: Send + 'static,
{
    TryGather(Stage::new(futures, Location::caller()))
}

/// The future of [`gather`].
#[must_use = "futures do nothing unless awaited: the tasks of a gather start when it is first polled"]
pub struct Gather<F: Future>(Stage<All<F>>);

/// The future of [`try_gather`].
#[must_use = "futures do nothing unless awaited: the tasks of a gather start when it is first polled"]
pub struct TryGather<F: Future<Output: Fallible>>(Stage<Try<F>>);

impl<F: Future> Future for Gather<F> {
    type Output = Vec<F::Output>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Ok(values) = ready!(self.0.poll(cx, "gather"));
        Poll::Ready(values)
    }
}

impl<F: Future<Output = Result<T, E>>, T, E> Future for TryGather<F> {
    type Output = Result<Vec<T>, E>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.poll(cx, "try_gather")
    }
}

/// Outputs that may be errors: `Result`, and nothing else.
pub trait Fallible {
    /// What there is if there is no error.
    type Value;
    /// The error.
    type Error;
    #[doc(hidden)]
    fn into_result(self) -> Result<Self::Value, Self::Error>;
}

impl<T, E> Fallible for Result<T, E> {
    type Value = T;
    type Error = E;

    #[inline]
    fn into_result(self) -> Self {
        self
    }
}

/// Every output is a value.
struct All<F>(PhantomData<F>);

impl<F: Future> Kind for All<F> {
    type Future = F;
    type Output = F::Output;
    type Value = F::Output;
    type Error = Infallible;

    #[inline]
    fn judge(output: F::Output) -> Result<F::Output, Infallible> {
        Ok(output)
    }
}

/// An error ends the batch.
struct Try<F>(PhantomData<F>);

impl<F: Future<Output: Fallible>> Kind for Try<F> {
    type Future = F;
    type Output = F::Output;
    type Value = <F::Output as Fallible>::Value;
    type Error = <F::Output as Fallible>::Error;

    #[inline]
    fn judge(output: F::Output) -> Result<Self::Value, Self::Error> {
        output.into_result()
    }
}

/// How far a gather has come.
enum Stage<K: Kind> {
    Collected(Unstarted<K::Future>, &'static Location<'static>),
    Running(Gathering<K, Scheduler>),
    /// The runtime ended before the tasks did.
    Ended,
    Over,
}

impl<K: Kind> Stage<K> {
    fn new<I>(futures: I, location: &'static Location<'static>) -> Self
    where
        I: IntoIterator,
        I::Item: IntoFuture<IntoFuture = K::Future, Output = K::Output>,
        K::Future: Send + 'static,
        K::Output: Send + 'static,
    {
        Self::Collected(Unstarted::collect(futures), location)
    }

    fn poll(&mut self, cx: &mut Context<'_>, name: &str) -> Poll<Result<Vec<K::Value>, K::Error>> {
        ready!(budget::poll_has_budget(cx));
        if let Self::Running(gathering) = self {
            let result = ready!(gathering.poll(cx));
            *self = Self::Over;
            match result {
                Ok(values) => return spend(Ok(values)),
                Err(Stop::Error(error)) => return spend(Err(error)),
                Err(Stop::Panic(payload)) => resume_unwind(payload),
                Err(Stop::Lost) => *self = Self::Ended,
            }
        }
        match mem::replace(self, Self::Over) {
            Self::Collected(futures, _) if futures.len() == 0 => return spend(Ok(Vec::new())),
            Self::Collected(futures, location) => *self = start(futures, location, cx, name),
            Self::Ended => *self = Self::Ended,
            _ => panic!("a heist::{name} was polled after it gave its output"),
        }
        if matches!(self, Self::Ended) {
            wait_for_the_end(name);
        }
        Poll::Pending
    }
}

fn spend<T>(output: T) -> Poll<T> {
    budget::spend();
    Poll::Ready(output)
}

/// There will be no output. A task of that runtime is about to be dropped; anybody else would wait for ever.
pub(crate) fn wait_for_the_end(name: &str) {
    let is_ending =
        context::with_engine(|engine| engine.is_some_and(Engine::is_ending_current_task));
    assert!(
        is_ending,
        "heist::{name}: there is no output, because the runtime of its tasks has ended"
    );
}

fn start<K: Kind>(
    futures: Unstarted<K::Future>,
    location: &'static Location<'static>,
    cx: &Context<'_>,
    name: &str,
) -> Stage<K> {
    let spec = Spec {
        origin: Origin::new(location, None),
        parent: task::id(),
    };
    // Here: cloning may be the user's code, which must run neither under a foreign set's lock nor between finding the worker and using it.
    let waker = cx.waker().clone();
    let mut gathering = None;
    let launched = context::with_engine(|engine| {
        Some(engine?.launch(|home| {
            // SAFETY: `launch` owns the page set while it calls us; `Stage::new` demanded the rest.
            let (ticket, made) = unsafe { batch::create(home, &spec, futures, waker) };
            gathering = Some(made);
            ticket
        }))
    });
    if launched.is_none() {
        panic!(
            "heist::{name}, called at {location}, must be awaited inside a runtime: {NoRuntime}"
        );
    }
    gathering.map_or(Stage::Ended, Stage::Running)
}

impl<K: Kind> fmt::Debug for Stage<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Collected(futures, location) => {
                write!(f, "{} futures from {location}, not started", futures.len())
            }
            Self::Running(gathering) => gathering.fmt(f),
            Self::Ended => f.write_str("its runtime has ended"),
            Self::Over => f.write_str("over"),
        }
    }
}

impl<F: Future> fmt::Debug for Gather<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Gather({:?})", self.0)
    }
}

impl<F: Future<Output: Fallible>> fmt::Debug for TryGather<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TryGather({:?})", self.0)
    }
}
