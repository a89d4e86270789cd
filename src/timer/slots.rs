//! A place for each of many values, to be found by its number.
//!
//! What `slab` does, but a value is written where it belongs, and not copied there: a copy of what was written a moment before waits until that has got
//! to memory.

use std::mem;

/// Free slots are a list, whose last one leads to where the next slot will be.
#[derive(Debug)]
pub(super) struct Slots<T> {
    slots: Vec<Slot<T>>,
    /// The first one that is free.
    free: u32,
    /// Of values.
    len: usize,
}

#[derive(Debug)]
enum Slot<T> {
    Taken(T),
    /// The next one that is free.
    Free(u32),
}

impl<T> Slots<T> {
    pub(super) const fn new() -> Self {
        Self {
            slots: Vec::new(),
            free: 0,
            len: 0,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn capacity(&self) -> usize {
        self.slots.capacity()
    }

    pub(super) fn get(&self, slot: u32) -> Option<&T> {
        match self.slots.get(slot as usize)? {
            Slot::Taken(value) => Some(value),
            Slot::Free(_) => None,
        }
    }

    pub(super) fn get_mut(&mut self, slot: u32) -> Option<&mut T> {
        match self.slots.get_mut(slot as usize)? {
            Slot::Taken(value) => Some(value),
            Slot::Free(_) => None,
        }
    }

    // Inlined: see the module's page.
    #[inline(always)]
    pub(super) fn insert(&mut self, value: T) -> u32 {
        let slot = self.free;
        match self.slots.get_mut(slot as usize) {
            Some(place) => {
                let Slot::Free(next) = *place else {
                    unreachable!("the list of free slots leads to one that is taken")
                };
                *place = Slot::Taken(value);
                self.free = next;
            }
            None => {
                self.free = slot.checked_add(1).expect("less than four billion timers");
                self.slots.push(Slot::Taken(value));
            }
        }
        self.len += 1;
        slot
    }

    /// Takes a value out, if it is the one that is meant.
    pub(super) fn remove_if(&mut self, slot: u32, is_meant: impl FnOnce(&T) -> bool) -> Option<T> {
        let place = self.slots.get_mut(slot as usize)?;
        match place {
            Slot::Taken(value) if is_meant(value) => {}
            _ => return None,
        }
        let taken = mem::replace(place, Slot::Free(self.free));
        self.free = slot;
        self.len -= 1;
        match taken {
            Slot::Taken(value) => Some(value),
            Slot::Free(_) => None,
        }
    }

    /// Gives memory back, as far as the last value.
    pub(super) fn shrink_to_fit(&mut self) {
        while let Some(Slot::Free(_)) = self.slots.last() {
            self.slots.pop();
        }
        self.slots.shrink_to_fit();
        let mut free = self.slots.len() as u32;
        for (slot, place) in self.slots.iter_mut().enumerate() {
            if let Slot::Free(next) = place {
                *next = mem::replace(&mut free, slot as u32);
            }
        }
        self.free = free;
    }

    pub(super) fn into_values(self) -> impl Iterator<Item = T> {
        self.slots.into_iter().filter_map(|slot| match slot {
            Slot::Taken(value) => Some(value),
            Slot::Free(_) => None,
        })
    }
}

#[cfg(test)]
mod tests;
