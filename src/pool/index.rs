//! The numbers by which the parts of a pool refer to each other. Each kind has a type of its own, so that one cannot be taken for
//! another, and each kind of table can be asked only with its own kind of number. At run time they are plain numbers.

use core::marker::PhantomData;
use core::ops::{Index, IndexMut};
use std::collections::TryReserveError;
use std::vec::Vec;

use crate::config::nanos::Span;
use crate::time::Instant;

/// A number that finds something in a [`Table`].
pub(super) trait TableIndex: Copy {
    fn of(index: usize) -> Self;
    fn as_usize(self) -> usize;
}

macro_rules! table_indices {
    ($( $(#[$doc:meta])* $name:ident; )+) => {
        $(
            $(#[$doc])*
            #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
            pub(super) struct $name(u32);

            impl $name {
                /// Finds nothing.
                pub(super) const NONE: Self = Self(u32::MAX);
            }

            impl TableIndex for $name {
                #[inline]
                fn of(index: usize) -> Self {
                    Self(index as u32)
                }

                #[inline]
                fn as_usize(self) -> usize {
                    self.0 as usize
                }
            }
        )+
    };
}

table_indices! {
    /// A connection: where its [`Entry`](super::slots::Entry) is.
    Slot;
    /// A key: where its [`Origin`](super::origins::Origin) is.
    OriginIndex;
    /// A place in a [`Queue`](super::queue::Queue).
    Place;
    /// A chunk of a [`Calendar`](super::calendar::Calendar).
    ChunkIndex;
}

/// A list of `T` that is asked by `I` and by no other kind of number.
#[derive(Debug)]
pub(super) struct Table<I, T> {
    items: Vec<T>,
    index: PhantomData<I>,
}

impl<I: TableIndex, T> Table<I, T> {
    pub(super) const fn new() -> Self {
        Self { items: Vec::new(), index: PhantomData }
    }

    pub(super) fn len(&self) -> usize {
        self.items.len()
    }

    #[inline]
    pub(super) fn get(&self, index: I) -> Option<&T> {
        self.items.get(index.as_usize())
    }

    #[inline]
    pub(super) fn get_mut(&mut self, index: I) -> Option<&mut T> {
        self.items.get_mut(index.as_usize())
    }

    #[inline]
    pub(super) fn view(&mut self) -> TableView<'_, I, T> {
        TableView { items: &mut self.items, index: PhantomData }
    }

    /// Adds an item at the end.
    pub(super) fn push(&mut self, item: T) -> I {
        self.items.push(item);
        I::of(self.items.len() - 1)
    }

    /// Adds copies of `item` until there are `len`.
    pub(super) fn grow(&mut self, len: usize, item: T)
    where
        T: Copy,
    {
        if self.items.len() < len {
            self.items.resize(len, item);
        }
    }

    /// Makes room for this many more.
    pub(super) fn try_reserve_exact(&mut self, more: usize) -> Result<(), TryReserveError> {
        self.items.try_reserve_exact(more)
    }

    /// Every number that finds something. The table may change meanwhile.
    pub(super) fn indices(&self) -> impl Iterator<Item = I> + use<I, T> {
        (0..self.items.len()).map(I::of)
    }

    pub(super) fn items_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.items.iter_mut()
    }
}

/// A [`Table`] whose address and length are known: after a write to an item, they are not loaded again.
#[derive(Debug)]
pub(super) struct TableView<'t, I, T> {
    items: &'t mut [T],
    index: PhantomData<I>,
}

impl<I: TableIndex, T> TableView<'_, I, T> {
    #[inline]
    pub(super) fn get(&self, index: I) -> Option<&T> {
        self.items.get(index.as_usize())
    }

    #[inline]
    pub(super) fn get_mut(&mut self, index: I) -> Option<&mut T> {
        self.items.get_mut(index.as_usize())
    }
}

impl<I: TableIndex, T> Index<I> for Table<I, T> {
    type Output = T;

    #[inline]
    fn index(&self, index: I) -> &T {
        &self.items[index.as_usize()]
    }
}

impl<I: TableIndex, T> IndexMut<I> for Table<I, T> {
    #[inline]
    fn index_mut(&mut self, index: I) -> &mut T {
        &mut self.items[index.as_usize()]
    }
}

impl<I: TableIndex, T> Index<I> for TableView<'_, I, T> {
    type Output = T;

    #[inline]
    fn index(&self, index: I) -> &T {
        &self.items[index.as_usize()]
    }
}

impl<I: TableIndex, T> IndexMut<I> for TableView<'_, I, T> {
    #[inline]
    fn index_mut(&mut self, index: I) -> &mut T {
        &mut self.items[index.as_usize()]
    }
}

/// A stretch of a [`Calendar`](super::calendar::Calendar)'s time, counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Tick(u32);

impl Tick {
    /// Before the first tick.
    pub(super) const START: Self = Self(0);
    /// After every tick: what is here never comes up.
    pub(super) const NEVER: Self = Self(u32::MAX);

    /// The tick of this number; [`NEVER`](Self::NEVER) if the number is too great.
    #[inline]
    pub(super) const fn of(number: u64) -> Self {
        if number >= u32::MAX as u64 { Self::NEVER } else { Self(number as u32) }
    }

    pub(super) const fn number(self) -> u32 {
        self.0
    }

    /// This many ticks later.
    #[inline]
    pub(super) const fn later(self, ticks: u32) -> Self {
        Self(self.0.saturating_add(ticks))
    }
}

/// A second of the caller's clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Second(u32);

impl Second {
    /// After every second.
    pub(super) const NEVER: Self = Self(u32::MAX);

    /// The second in which this instant is; after 136 years always the same one.
    pub(super) const fn of(at: Instant) -> Self {
        let second = at.as_nanos() / NANOS;
        if second >= u32::MAX as u64 { Self(u32::MAX - 1) } else { Self(second as u32) }
    }

    /// The second in which this instant is; after 136 years [`NEVER`](Self::NEVER).
    pub(super) const fn or_never(at: Instant) -> Self {
        let second = at.as_nanos() / NANOS;
        if second >= u32::MAX as u64 { Self::NEVER } else { Self(second as u32) }
    }

    /// Its first instant.
    #[inline]
    pub(super) const fn start(self) -> Instant {
        Instant::from_nanos(self.0 as u64 * NANOS)
    }

    /// So much earlier, rounded up; [`NEVER`](Self::NEVER) stays.
    pub(super) const fn earlier(self, span: Span) -> Self {
        let seconds = span.as_nanos().div_ceil(NANOS);
        if self.0 == Self::NEVER.0 {
            self
        } else if seconds >= self.0 as u64 {
            Self(0)
        } else {
            Self(self.0 - seconds as u32)
        }
    }

    /// Seconds from `earlier` to this one.
    pub(super) const fn since(self, earlier: Self) -> u32 {
        self.0.saturating_sub(earlier.0)
    }
}

/// The time from `earlier` to `later`; nothing if it is not later.
#[inline]
pub(super) const fn elapsed(earlier: Instant, later: Instant) -> Span {
    Span::of_nanos(later.as_nanos().saturating_sub(earlier.as_nanos()))
}

/// Nanoseconds in a second.
pub(super) const NANOS: u64 = 1_000_000_000;
