//! Loom models of the protocols in heist.
