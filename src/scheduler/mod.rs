//! Workers, the threads that sit at them, and how they find work, sleep and wake. The README beside this file has the protocols.

#[cfg(not(heist_loom))]
mod blocking;
#[cfg(not(heist_loom))]
pub(crate) mod cache;
#[cfg(not(heist_loom))]
pub(crate) mod caller;
#[cfg(not(heist_loom))]
mod closing;
#[cfg(not(heist_loom))]
mod company;
#[cfg(not(heist_loom))]
pub(crate) mod config;
#[cfg(not(heist_loom))]
pub(crate) mod context;
#[cfg(not(heist_loom))]
pub(crate) mod ending;
#[cfg(not(heist_loom))]
pub(crate) mod engine;
mod foreign;
pub(crate) mod guests;
#[cfg(not(heist_loom))]
pub(crate) mod hold;
pub(crate) mod idle;
#[cfg(not(heist_loom))]
mod monitor;
#[cfg(not(heist_loom))]
mod occupant;
pub(crate) mod parker;
#[cfg(not(heist_loom))]
mod push;
#[cfg(not(heist_loom))]
mod rescue;
#[cfg(not(heist_loom))]
mod root;
#[cfg(not(heist_loom))]
pub(crate) mod schedule;
#[cfg(not(heist_loom))]
pub(crate) mod sharing;
#[cfg(not(heist_loom))]
pub(crate) mod threads;
#[cfg(not(heist_loom))]
pub(crate) mod worker;

#[cfg(not(heist_loom))]
pub(crate) use engine::Engine;
