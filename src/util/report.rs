//! How heist says something to whoever runs the program.

use std::fmt;

use log::{Level, LevelFilter};

use crate::util::contain::contain;

/// Through the `log` crate, or to standard error where no logger is installed. Not under a lock that others take: the logger may use heist.
pub(crate) fn report(level: Level, what: fmt::Arguments<'_>) {
    // A logger may panic, and so does writing to a standard error that nobody reads any more.
    contain(|| {
        if log::max_level() == LevelFilter::Off {
            eprintln!("heist: {what}");
        } else {
            log::log!(level, "{what}");
        }
    });
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
