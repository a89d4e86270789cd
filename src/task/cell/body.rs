//! What lies behind a header: a future, then its output.

use std::future::Future;
use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::pin::Pin;

use crate::task::JoinError;

/// How a future and its output are kept: in the cell where they fit, boxed where not.
pub(super) trait Body: 'static {
    type T;
    type Future: Future<Output = Self::T>;
    type Output;
    fn pack(output: Result<Self::T, JoinError>) -> Self::Output;
    fn unpack(output: Self::Output) -> Result<Self::T, JoinError>;
}

pub(super) struct Inline<F>(PhantomData<F>);

impl<F: Future + 'static> Body for Inline<F> {
    type T = F::Output;
    type Future = F;
    type Output = Result<F::Output, JoinError>;

    fn pack(output: Self::Output) -> Self::Output {
        output
    }

    fn unpack(output: Self::Output) -> Self::Output {
        output
    }
}

/// The box of the future is freed with the future, when the task completes, not with the cell.
pub(super) struct Boxed<F>(PhantomData<F>);

impl<F: Future + 'static> Body for Boxed<F> {
    type T = F::Output;
    type Future = Pin<Box<F>>;
    type Output = Box<Result<F::Output, JoinError>>;

    fn pack(output: Result<F::Output, JoinError>) -> Self::Output {
        Box::new(output)
    }

    fn unpack(output: Self::Output) -> Result<F::Output, JoinError> {
        *output
    }
}

/// Which of the two is there follows from the state word: the future until the turn that completes, then the output.
pub(super) union Slot<B: Body> {
    pub(super) future: ManuallyDrop<B::Future>,
    pub(super) output: ManuallyDrop<B::Output>,
}
