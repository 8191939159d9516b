//! A search over all sequences of calls up to a length: every state that they reach, breadth first, so that what is found is
//! shown by a sequence than which none is shorter.

pub mod doors;
pub mod planted;
pub mod subject;
pub mod world;

use std::collections::HashSet;
use std::hash::{Hash, Hasher};
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::laws::Law;
use subject::{Letter, Subject};
use world::World;

/// A hash that costs little in a debug build, over many small numbers.
#[derive(Default)]
struct Mixer(u64);

impl Hasher for Mixer {
    fn write(&mut self, octets: &[u8]) {
        for chunk in octets.chunks(8) {
            let mut number = [0; 8];
            number[..chunk.len()].copy_from_slice(chunk);
            self.write_u64(u64::from_le_bytes(number));
        }
    }
    fn write_u64(&mut self, number: u64) {
        let mixed = u128::from(self.0 ^ number).wrapping_mul(0x9E37_79B9_7F4A_7C15_F39C_C060_5CED_C835);
        self.0 = (mixed >> 64) as u64 ^ mixed as u64;
    }
    fn write_u8(&mut self, number: u8) {
        self.write_u64(number.into());
    }
    fn write_u16(&mut self, number: u16) {
        self.write_u64(number.into());
    }
    fn write_u32(&mut self, number: u32) {
        self.write_u64(number.into());
    }
    fn write_usize(&mut self, number: usize) {
        self.write_u64(number as u64);
    }
    fn write_isize(&mut self, number: isize) {
        self.write_u64(number as u64);
    }
    fn finish(&self) -> u64 {
        self.0
    }
}

/// The same for worlds with the same future.
fn value<S: Subject>(world: &World<S>) -> u64 {
    let mut mixer = Mixer::default();
    world.hash(&mut mixer);
    mixer.finish()
}

/// What a search came to.
#[derive(Debug)]
pub struct Report {
    pub states: usize,
    pub transitions: usize,
}

/// A law that is broken, and how.
#[derive(Debug)]
pub struct Violation {
    pub letters: Vec<Letter>,
    pub says: String,
}

/// Steps within which a driver that does as asked comes to an end, the peer being silent.
const STEPS: usize = 40;

/// Walks from `start` by all sequences of at most `length` of these letters.
pub fn search<S: Subject>(start: S, letters: &[Letter], length: usize) -> Result<Report, Violation> {
    // of each state: the one before it, and the letter between
    let mut path: Vec<(usize, usize)> = vec![(0, 0)];
    let mut report = Report { states: 1, transitions: 0 };
    let (mut seen, mut lawful) = (HashSet::new(), HashSet::new());
    let mut frontier = vec![(World::new(start), 0)];
    seen.insert(value(&frontier[0].0));
    for depth in 0..length {
        let mut next = Vec::new();
        for (world, place) in &frontier {
            for (number, &letter) in letters.iter().enumerate() {
                let mut reached = world.clone();
                let mut found = guarded(|| reached.apply(letter));
                let is_new = found.is_err() || seen.insert(value(&reached));
                report.transitions += 1;
                if !is_new {
                    continue;
                }
                if found.is_ok() {
                    found = guarded(|| ends(&reached, &mut lawful));
                }
                if let Err(says) = found {
                    let mut letters: Vec<_> = trail(&path, *place).map(|number| letters[number]).collect();
                    letters.push(letter);
                    return Err(Violation { letters, says });
                }
                report.states += 1;
                if depth + 1 < length {
                    path.push((*place, number));
                    next.push((reached, path.len() - 1));
                }
            }
        }
        frontier = next;
    }
    Ok(report)
}

/// These letters alone, one after the other; whoever does as asked after them comes to an end.
pub fn walk<S: Subject>(start: S, letters: &[Letter]) -> Law {
    let mut world = World::new(start);
    for &letter in letters {
        guarded(|| world.apply(letter))?;
    }
    guarded(|| ends(&world, &mut HashSet::new()))
}

/// A panic breaks a law, too.
fn guarded(step: impl FnOnce() -> Law) -> Law {
    catch_unwind(AssertUnwindSafe(step)).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        Err(text.or(panic.downcast_ref::<&str>().copied()).unwrap_or("a panic").into())
    })
}

/// The letters that lead to a place, in order.
fn trail(path: &[(usize, usize)], mut place: usize) -> impl Iterator<Item = usize> {
    let mut back = Vec::new();
    while place != 0 {
        back.push(path[place].1);
        place = path[place].0;
    }
    back.into_iter().rev()
}

/// Whoever does as asked from here on comes to an end. What leads into a state from which that is known does.
fn ends<S: Subject>(from: &World<S>, lawful: &mut HashSet<u64>) -> Law {
    let (mut world, mut passed) = (from.clone(), Vec::new());
    for _ in 0..STEPS {
        let state = value(&world);
        if lawful.contains(&state) {
            lawful.extend(passed);
            return Ok(());
        }
        passed.push(state);
        let wanted = world.subject.wants();
        if !world.obey().map_err(|says| format!("{says}; when it is obeyed from here on, after {wanted:?}"))? {
            lawful.extend(passed);
            return Ok(());
        }
    }
    Err(format!("it does not end within {STEPS} steps: {:?}", world.subject.wants()))
}
