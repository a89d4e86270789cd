//! The bits of a word that are set.

/// Their numbers, the least first.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ones(pub(crate) u64);

impl Iterator for Ones {
    type Item = usize;

    #[inline]
    fn next(&mut self) -> Option<usize> {
        let bits = self.0;
        self.0 &= bits.wrapping_sub(1);
        (bits != 0).then_some(bits.trailing_zeros() as usize)
    }
}

#[cfg(all(test, not(heist_loom)))]
mod tests {
    use super::Ones;

    #[test]
    fn each_bit_once() {
        let ones = |word| Ones(word).collect::<Vec<_>>();
        assert_eq!(ones(0), []);
        assert_eq!(ones(1 | 1 << 7 | 1 << 63), [0, 7, 63]);
        assert_eq!(ones(!0), (0..64).collect::<Vec<_>>());
    }
}
