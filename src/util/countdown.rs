//! What several threads have to give back: who gives back the last of it is told so.

use crate::sync::{AtomicUsize, Ordering};

/// How much is out.
#[derive(Debug)]
pub(crate) struct Countdown(AtomicUsize);

impl Countdown {
    pub(crate) fn new(out: usize) -> Self {
        Self(AtomicUsize::new(out))
    }

    /// One more, from somebody who has some.
    pub(crate) fn add_one(&self) {
        // Relaxed: it tells nobody anything. Who gets it comes after this anyway.
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// Gives back so much, which the caller has. True: it was the last, and the caller comes after all that others did before they gave back theirs.
    ///
    /// Who has all that is out is alone, as only who has some writes here, and so needs no read-modify-write.
    #[inline]
    pub(crate) fn give_back(&self, count: usize) -> bool {
        // Acquire: pairs with the Release below.
        if self.0.load(Ordering::Acquire) == count {
            // Relaxed: for debug output.
            self.0.store(0, Ordering::Relaxed);
            return true;
        }
        // Release: what was done before comes before what the last one does. Acquire: with itself, for that one.
        self.0.fetch_sub(count, Ordering::AcqRel) == count
    }

    /// For debug output.
    pub(crate) fn out(&self) -> usize {
        // Relaxed: as above.
        self.0.load(Ordering::Relaxed)
    }
}

#[cfg(all(test, not(heist_loom)))]
mod tests {
    use super::Countdown;

    #[test]
    fn the_last_is_told_however_much_it_gives_back() {
        let countdown = Countdown::new(3);
        assert!(!countdown.give_back(1));
        countdown.add_one();
        assert!(!countdown.give_back(2));
        assert_eq!(countdown.out(), 1);
        assert!(countdown.give_back(1));
        assert_eq!(countdown.out(), 0);
        let whole = Countdown::new(1_000);
        assert!(whole.give_back(1_000));
        assert_eq!(whole.out(), 0);
    }
}
