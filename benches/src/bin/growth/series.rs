//! What a series is: its work, its sizes, its law and its bound; and what came of it.

use crate::{messages, pool, queues, waiters};

/// How the cost of a unit may change with the size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Law {
    /// An operation costs the same among many as among few.
    Flat,
    /// The work grows with its size and no faster: a unit of it costs no more.
    Linear,
    /// An operation costs more among many, as the logarithm of their number: what is out of order is put into a tree or is searched.
    Logarithm,
}

impl Law {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Flat => "flat",
            Self::Linear => "linear",
            Self::Logarithm => "logarithm",
        }
    }

    /// How much more than by the law a unit may cost. Counts repeat to an instruction or so; what is left is chance: how full a map is,
    /// whether a list has just grown. Of what grows as the logarithm a part does not grow at all, which is room enough.
    const fn most(self) -> f64 {
        match self {
            Self::Flat | Self::Linear => 1.25,
            Self::Logarithm => 1.0,
        }
    }

    /// By what factor the law itself lets the cost of a unit grow.
    fn growth(self, from: usize, to: usize) -> f64 {
        match self {
            Self::Flat | Self::Linear => 1.0,
            Self::Logarithm => (to as f64).ln() / (from as f64).ln(),
        }
    }
}

/// What is done at one size, made ready, and how many units of work it is.
pub struct Work {
    pub units: usize,
    pub act: Box<dyn FnMut()>,
}

impl Work {
    pub fn new(units: usize, act: impl FnMut() + 'static) -> Self {
        Self { units, act: Box::new(act) }
    }
}

/// One kind of work at the sizes of its group.
pub struct Series {
    pub name: &'static str,
    pub unit: &'static str,
    pub law: Law,
    /// The bound holds for all sizes above this one, over the cost of a unit at this one. Below it what is done once outweighs the
    /// units.
    pub since: usize,
    /// How much more a unit may cost than by the law.
    pub most: f64,
    /// Why that is more than for others.
    pub why: Option<&'static str>,
    /// What the first size costs is taken off the others.
    pub beyond_first: bool,
    pub work: fn(usize) -> Work,
}

impl Series {
    pub const fn new(name: &'static str, unit: &'static str, law: Law, since: usize, work: fn(usize) -> Work) -> Self {
        Self { name, unit, law, since, most: law.most(), why: None, beyond_first: false, work }
    }

    pub const fn at_most(mut self, most: f64, why: &'static str) -> Self {
        (self.most, self.why) = (most, Some(why));
        self
    }

    pub const fn beyond_first(mut self) -> Self {
        self.beyond_first = true;
        self
    }
}

/// Series of the same sizes: one chart.
pub struct Group {
    pub name: &'static str,
    pub title: &'static str,
    /// What the sizes are.
    pub size: &'static str,
    pub sizes: &'static [usize],
    /// Those that take too long to be counted at every change.
    pub greatest: &'static [usize],
    pub series: &'static [Series],
}

impl Group {
    pub fn sizes(&self, all: bool) -> Vec<usize> {
        let more: &[usize] = if all { self.greatest } else { &[] };
        self.sizes.iter().chain(more).copied().collect()
    }
}

pub const GROUPS: [&Group; 9] = [
    &messages::OCTETS,
    &messages::FIELDS,
    &messages::SPLITS,
    &messages::PIPELINING,
    &messages::CHUNKS,
    &queues::DEADLINES,
    &queues::IDLE,
    &pool::POOL,
    &waiters::WAITERS,
];

/// What came of a series: instructions of a unit at each size.
pub struct Line {
    pub series: &'static Series,
    pub points: Vec<(usize, f64)>,
}

impl Line {
    /// Of counts of instructions and units, in the order of the sizes.
    pub fn new(series: &'static Series, sizes: &[usize], counts: &[(u64, u64)]) -> Self {
        let base = if series.beyond_first { counts[0] } else { (0, 0) };
        let each = |(count, units): (u64, u64)| count.saturating_sub(base.0) as f64 / (units - base.1) as f64;
        let points = sizes.iter().zip(counts).skip(series.beyond_first.into());
        Self { series, points: points.map(|(&size, &count)| (size, each(count))).collect() }
    }

    /// What a unit costs at the size since which the bound holds.
    pub fn reference(&self) -> f64 {
        let point = self.points.iter().find(|point| point.0 == self.series.since);
        point.expect("a size of the group").1
    }

    /// What a unit may cost at this size.
    pub fn bound(&self, size: usize) -> f64 {
        self.reference() * self.series.most * self.series.law.growth(self.series.since, size)
    }

    /// The points for which the bound holds.
    pub fn bounded(&self) -> impl Iterator<Item = &(usize, f64)> {
        self.points.iter().filter(|point| point.0 > self.series.since)
    }

    /// By how much a unit costs more than by the law, at the size where that is most.
    pub fn steepest(&self) -> f64 {
        let over = |&(size, each): &(usize, f64)| each / self.bound(size) * self.series.most;
        self.bounded().map(over).fold(0.0, f64::max)
    }

    /// What is to be said if it is over its bound.
    pub fn broken(&self, group: &Group) -> Option<String> {
        let Series { name, unit, law, since, most, .. } = self.series;
        let &(size, each) = self.bounded().find(|&&(size, each)| each > self.bound(size))?;
        let (law, reference) = (law.name(), self.reference());
        Some(format!(
            "{}, {name}: not {law}: {each:.1} instructions for {unit} at {size}, {reference:.1} at {since}, and {:.1} is the most ({most:.2})",
            group.title,
            self.bound(size)
        ))
    }
}
