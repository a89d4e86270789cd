//! What the driver needs of the system: threads that sleep in its seat, and a poller.

use std::sync::atomic::{AtomicBool, Ordering as Any};
use std::time::Duration;

use heist::model::{Chair, Parker, Sleeper};
use loom::sync::{Condvar, Mutex};

/// A thread that may come to sleep in the driver's seat.
#[derive(Default)]
pub struct Sitter {
    pub parker: Parker,
    /// Longer than this it sleeps until it is kicked. A shorter time is over at once, because nothing times out in a model. No time
    /// at all is no sleep.
    pub patience: Duration,
    /// Whether it has slept in the seat for the shorter time. A note orders nothing.
    drove: AtomicBool,
}

impl Sitter {
    /// One whose wait in the seat never ends by time.
    pub fn until_kicked() -> Chair<Self> {
        Chair(Self::default())
    }

    /// One that is content to sit down.
    pub fn content() -> Chair<Self> {
        Self::patient_for(Duration::MAX)
    }

    pub fn patient_for(patience: Duration) -> Chair<Self> {
        Chair(Self {
            patience,
            ..Self::default()
        })
    }

    pub fn has_driven(&self) -> bool {
        self.drove.load(Any::Relaxed)
    }
}

impl Sleeper for Sitter {
    fn park(&self, timeout: Option<Duration>) {
        if timeout.is_some_and(|timeout| timeout.is_zero()) {
            return;
        }
        if timeout.is_some_and(|timeout| timeout <= self.patience) {
            self.drove.store(true, Any::Relaxed);
        } else {
            self.parker.park(None);
        }
    }

    fn kick(&self) {
        self.parker.kick(|| ());
    }
}

/// A poller with one event to come.
#[derive(Default)]
pub struct Poller {
    state: Mutex<(bool, bool)>,
    changed: Condvar,
}

impl Poller {
    /// True: an event; false: a notification.
    pub fn wait(&self) -> bool {
        let mut state = self.state.lock().unwrap();
        loop {
            if std::mem::take(&mut state.1) {
                return std::mem::take(&mut state.0);
            }
            if std::mem::take(&mut state.0) {
                return true;
            }
            state = self.changed.wait(state).unwrap();
        }
    }

    /// Without waiting.
    pub fn look(&self) {
        *self.state.lock().unwrap() = (false, false);
    }

    pub fn happen(&self) {
        self.state.lock().unwrap().0 = true;
        self.changed.notify_one();
    }

    pub fn notify(&self) {
        self.state.lock().unwrap().1 = true;
        self.changed.notify_one();
    }
}
