//! How heist says something to whoever runs the program.

use std::fmt;

use log::{Level, LevelFilter};

/// Through the `log` crate, or to standard error where no logger is installed.
pub(crate) fn report(level: Level, what: fmt::Arguments<'_>) {
    if log::max_level() == LevelFilter::Off {
        eprintln!("heist: {what}");
    } else {
        log::log!(level, "{what}");
    }
}

/// Something went on that should not, or debug mode has something to say.
macro_rules! warning {
    ($($what:tt)*) => {
        $crate::util::report::report(log::Level::Warn, format_args!($($what)*))
    };
}

/// Something failed that heist could not do without.
macro_rules! failure {
    ($($what:tt)*) => {
        $crate::util::report::report(log::Level::Error, format_args!($($what)*))
    };
}

pub(crate) use {failure, warning};
