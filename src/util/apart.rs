//! Room around what several threads write, so that it shares no cache line with what others read.

use std::mem::MaybeUninit;
use std::ops::Deref;

/// Two cache lines, which is what processors prefetch together.
type Room = MaybeUninit<[u8; 128]>;

/// As `crossbeam_utils::CachePadded`, by distance instead of alignment: memory that is aligned to more than what an
/// allocator gives by itself takes several times as long to get.
#[repr(C)]
pub(crate) struct Apart<T> {
    _before: Room,
    value: T,
    _after: Room,
}

impl<T> Apart<T> {
    pub(crate) fn new(value: T) -> Self {
        Self {
            _before: Room::uninit(),
            value,
            _after: Room::uninit(),
        }
    }
}

impl<T> Deref for Apart<T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        &self.value
    }
}
