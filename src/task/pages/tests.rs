use super::local::SCATTERED;
use super::trim::KEPT;
use super::*;
use std::collections::HashSet;
use std::ptr;
use std::rc::Rc;

/// The cells that the owner of a set has, and gives back: no cell twice.
struct Owner {
    set: Rc<PageSet>,
    class: usize,
    out: Vec<NonNull<Header>>,
    is_out: HashSet<NonNull<Header>>,
}

impl Owner {
    fn new(class: usize) -> Self {
        Self::of(Rc::new(PageSet::new(ptr::null())), class)
    }

    fn of(set: Rc<PageSet>, class: usize) -> Self {
        Self {
            set,
            class,
            out: Vec::new(),
            is_out: HashSet::new(),
        }
    }

    fn take(&mut self, count: usize) {
        for _ in 0..count {
            // SAFETY: the test is the owner.
            let cell = unsafe { self.set.take(self.class) };
            assert!(self.is_out.insert(cell), "free");
            self.out.push(cell);
        }
    }

    fn put_back(&mut self, count: usize, is_remote: bool) {
        for cell in self.out.split_off(self.out.len() - count) {
            self.is_out.remove(&cell);
            if is_remote {
                // SAFETY: taken from this set, and not used.
                assert!(unsafe { PageSet::put_back_remote(NonNull::from(&*self.set), cell) });
            } else {
                // SAFETY: as above, and the test is the owner.
                unsafe { self.set.put_back(cell, self.class) };
            }
        }
    }

    fn trim(&self) {
        // SAFETY: the test is the owner.
        unsafe { self.set.trim() };
        // SAFETY: as above.
        assert_eq!(unsafe { self.set.cells_out() }, self.out.len());
    }

    /// Those that are free, too.
    fn cells(&self) -> usize {
        self.set.blocks.lock().iter().map(Block::len).sum()
    }

    fn pages(&self) -> usize {
        self.set
            .blocks
            .lock()
            .iter()
            .map(|block| block.free().count())
            .sum()
    }

    /// How many steps from one to the next of those that are out lead to another page.
    fn steps(&self) -> usize {
        let page = |cell: &NonNull<Header>| cell.addr().get() / page::PAGE;
        self.out
            .windows(2)
            .filter(|two| page(&two[0]) != page(&two[1]))
            .count()
    }
}

#[test]
fn what_was_freed_last_is_taken_first() {
    let mut owner = Owner::new(1);
    owner.take(1_000);
    let mut last: Vec<_> = owner.out[900..].to_vec();
    last.reverse();
    owner.put_back(100, false);
    owner.take(100);
    assert_eq!(owner.out[900..], last);
}

#[test]
fn cells_that_came_back_in_any_order_are_given_out_page_by_page() {
    for is_remote in [false, true] {
        let mut owner = Owner::new(1);
        let cells = 2_000.max(20 * usize::from(SCATTERED));
        owner.take(cells);
        assert!(owner.steps() <= owner.pages());
        fastrand::Rng::with_seed(1).shuffle(&mut owner.out);
        assert!(owner.steps() > cells / 2);
        let pages = owner.pages();
        owner.put_back(cells, is_remote);
        owner.take(cells);
        assert_eq!(owner.pages(), pages, "no more were needed");
        assert!(owner.steps() < cells / 8, "{} steps", owner.steps());
    }
}

/// For each class a few hundred rounds, less where everything is slow.
const ROUNDS: usize = if cfg!(miri) { 8 } else { 200 };

#[test]
fn whatever_comes_back_is_free_once_and_its_pages_go() {
    let mut rng = fastrand::Rng::with_seed(7);
    for class in [0, 1, 5, CLASSES - 1] {
        let mut owner = Owner::new(class);
        for round in 0..ROUNDS {
            owner.take(rng.usize(..KEPT / 4));
            if rng.bool() {
                rng.shuffle(&mut owner.out);
            }
            let count = rng.usize(..=owner.out.len());
            owner.put_back(count, rng.bool());
            if round % 16 == 0 {
                owner.trim();
            }
        }
        owner.take(4 * KEPT);
        rng.shuffle(&mut owner.out);
        owner.put_back(3 * KEPT, false);
        owner.trim();
        owner.put_back(owner.out.len(), false);
        assert!(owner.cells() >= 4 * KEPT);
        owner.trim();
        let cells = owner.cells();
        let block = owner.set.blocks.lock()[0].len();
        assert!((KEPT..KEPT + 4 * block).contains(&cells), "{cells} cells");
        owner.take(cells);
        assert_eq!(owner.cells(), cells, "no more were made");
    }
}

#[test]
fn what_others_free_of_one_size_is_no_cell_of_another() {
    let mut small = Owner::new(0);
    let mut large = Owner::of(Rc::clone(&small.set), 3);
    let ends = |owner: &Owner| {
        let size = CELL * (owner.class + 1);
        let cells = owner.out.iter().map(|cell| cell.addr().get());
        cells.map(|at| (at, at + size)).collect::<Vec<_>>()
    };
    for count in [100, 3_000, 500].map(|count| if cfg!(miri) { count / 25 } else { count }) {
        large.take(count);
        // Taken over when none of the small ones is left.
        large.put_back(count, true);
        small.take(2 * count);
        large.take(count);
        let mut cells = [ends(&small), ends(&large)].concat();
        cells.sort_unstable();
        assert!(cells.windows(2).all(|two| two[0].1 <= two[1].0));
        small.put_back(2 * count, false);
    }
}
