//! Why a task has no output.

use std::any::Any;
use std::fmt;

use super::TaskId;

/// The task was cancelled, or it panicked.
///
/// # Examples
///
/// ```
/// heist::run(async {
///     let error = heist::spawn(async { panic!("no") }).await.unwrap_err();
///     assert!(error.is_panic());
///     assert_eq!(*error.into_panic().downcast_ref::<&str>().unwrap(), "no");
/// });
/// ```
pub struct JoinError(Box<Reason>);

/// Behind a pointer: the cell of each task has room for an error in place of its output.
struct Reason {
    id: TaskId,
    panic: Option<Box<dyn Any + Send>>,
}

// SAFETY: through a shared reference the payload is only asked for its type and, if it is a `&str` or a `String`, read:
// both are Sync. It is moved out by value only.
unsafe impl Sync for JoinError {}

impl JoinError {
    pub(crate) fn cancelled(id: TaskId) -> Self {
        Self(Box::new(Reason { id, panic: None }))
    }

    pub(crate) fn panicked(id: TaskId, payload: Box<dyn Any + Send>) -> Self {
        Self(Box::new(Reason {
            id,
            panic: Some(payload),
        }))
    }

    /// Whether the task was aborted, or cancelled because its runtime ended.
    pub fn is_cancelled(&self) -> bool {
        self.0.panic.is_none()
    }

    /// Whether the task panicked.
    pub fn is_panic(&self) -> bool {
        self.0.panic.is_some()
    }

    /// The task that has no output.
    pub fn id(&self) -> TaskId {
        self.0.id
    }

    /// What the task panicked with, for [`std::panic::resume_unwind`].
    ///
    /// # Panics
    ///
    /// If the task was cancelled: ask [`is_panic`](Self::is_panic) first, or use [`try_into_panic`](Self::try_into_panic).
    #[track_caller]
    pub fn into_panic(self) -> Box<dyn Any + Send> {
        match self.try_into_panic() {
            Ok(payload) => payload,
            Err(error) => panic!("JoinError::into_panic on a task that did not panic: {error}"),
        }
    }

    /// What the task panicked with.
    ///
    /// # Errors
    ///
    /// Gives the error back if the task was cancelled.
    pub fn try_into_panic(mut self) -> Result<Box<dyn Any + Send>, JoinError> {
        self.0.panic.take().ok_or(self)
    }

    fn message(&self) -> Option<&str> {
        let payload = self.0.panic.as_deref()?;
        payload
            .downcast_ref::<&'static str>()
            .copied()
            .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
    }
}

impl fmt::Display for JoinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let id = self.0.id;
        match (&self.0.panic, self.message()) {
            (None, _) => write!(f, "task {id} was cancelled"),
            (Some(_), Some(message)) => write!(f, "task {id} panicked: {message}"),
            (Some(_), None) => write!(f, "task {id} panicked"),
        }
    }
}

impl fmt::Debug for JoinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "JoinError({self})")
    }
}

impl std::error::Error for JoinError {}
