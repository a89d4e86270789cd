//! Small things that know nothing of tasks.

pub(crate) mod apart;
pub(crate) mod asymmetric;
pub(crate) mod berth;
pub(crate) mod biased;
pub(crate) mod budget;
pub(crate) mod clock;
pub(crate) mod contain;
pub(crate) mod countdown;
pub(crate) mod ones;
pub(crate) mod punctual;
pub(crate) mod report;
