use super::*;

fn full(count: u32) -> Slots<u32> {
    let mut slots = Slots::new();
    for value in 0..count {
        assert_eq!(slots.insert(value), value);
    }
    slots
}

#[test]
fn a_slot_is_used_again_and_what_was_there_is_gone() {
    let mut slots = full(4);
    assert_eq!(slots.remove_if(1, |&value| value == 1), Some(1));
    assert_eq!(slots.remove_if(3, |_| true), Some(3));
    assert_eq!((slots.get(1), slots.get(3)), (None, None));
    assert_eq!(slots.get_mut(3), None);
    assert_eq!(slots.remove_if(1, |_| true), None);
    assert_eq!(slots.len(), 2);
    assert_eq!([10, 11, 12].map(|value| slots.insert(value)), [3, 1, 4]);
    assert_eq!(slots.get(1), Some(&11));
    assert_eq!(Vec::from_iter(slots.into_values()), [0, 11, 2, 10, 12]);
}

#[test]
fn a_value_that_is_not_meant_stays() {
    let mut slots = full(2);
    assert_eq!(slots.remove_if(1, |&value| value == 0), None);
    assert_eq!((slots.get(1), slots.get(2)), (Some(&1), None));
    assert_eq!(slots.len(), 2);
}

#[test]
fn memory_goes_back_as_far_as_the_last_value() {
    let mut slots = full(100);
    for slot in (0..100).filter(|slot| ![2, 5].contains(slot)) {
        assert_eq!(slots.remove_if(slot, |_| true), Some(slot));
    }
    slots.shrink_to_fit();
    assert!(slots.capacity() < 100);
    assert_eq!(slots.len(), 2);
    let mut again = [0; 6].map(|value| slots.insert(value));
    again.sort_unstable();
    assert_eq!(again, [0, 1, 3, 4, 6, 7]);
    assert_eq!((slots.get(2), slots.get(5)), (Some(&2), Some(&5)));
}
