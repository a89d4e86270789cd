//! Spawning with more to say.

/// Spawns a task with a name, which debug output shows beside its id and spawn location.
///
/// # Examples
///
/// ```
/// heist::run(async {
///     let handle = heist::task::Builder::new().name("answer").spawn(async { 42 });
///     assert_eq!(handle.await.unwrap(), 42);
/// });
/// ```
#[derive(Debug, Default)]
#[must_use = "a builder spawns nothing until `spawn` is called"]
pub struct Builder {
    pub(crate) name: Option<String>,
}

impl Builder {
    /// A builder without a name.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the name.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }
}
