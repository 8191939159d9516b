//! Every state that a world can come to, breadth first: what is broken is shown by a story than which none is shorter. The search ends
//! because states that behave alike are one.

use std::collections::HashMap;
use std::collections::VecDeque;
use std::collections::hash_map::Entry;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::world::{Rules, Step, World};

/// What a search came to.
#[derive(Debug, PartialEq, Eq)]
pub struct Report {
    pub states: usize,
    pub steps: usize,
    pub ends: usize,
}

/// A law that is broken, and the steps that lead there.
pub struct Violation {
    pub story: Vec<Step>,
    pub says: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.says)?;
        self.story.iter().enumerate().try_for_each(|(number, step)| writeln!(f, "{:3} {step:?}", number + 1))
    }
}

/// The states found, by their numbers.
#[derive(Default)]
struct Graph {
    /// The state before, and the step between.
    from: Vec<(u32, Option<Step>)>,
    /// What can be seen of each, as a hash.
    seen: Vec<u64>,
    edges: Vec<(u32, u32)>,
    ends: Vec<u32>,
}

impl Graph {
    fn story(&self, mut state: u32) -> Vec<Step> {
        let mut story = Vec::new();
        while let (before, Some(step)) = self.from[state as usize] {
            story.push(step);
            state = before;
        }
        story.reverse();
        story
    }

    fn violation(&self, state: u32, step: Option<Step>, says: String) -> Violation {
        let mut story = self.story(state);
        story.extend(step);
        Violation { story, says }
    }

    /// A state from which no end can be reached, the first of them.
    fn trap(&self) -> Option<u32> {
        let mut before = vec![Vec::new(); self.from.len()];
        for &(from, to) in &self.edges {
            before[to as usize].push(from);
        }
        let mut ends = vec![false; self.from.len()];
        let mut reached = self.ends.clone();
        reached.iter().for_each(|&end| ends[end as usize] = true);
        while let Some(state) = reached.pop() {
            for &earlier in &before[state as usize] {
                if !std::mem::replace(&mut ends[earlier as usize], true) {
                    reached.push(earlier);
                }
            }
        }
        ends.iter().position(|ends| !ends).map(|state| state as u32)
    }
}

/// All of a world, or the first law that is broken in it. More states than `most` are a fault, too.
pub fn search(rules: Rules, most: usize) -> Result<Report, Violation> {
    let start = World::new(rules);
    let mut graph = Graph { from: vec![(0, None)], seen: vec![start.seen()], ..Graph::default() };
    let mut known = HashMap::from([(start.print(), 0_u32)]);
    let mut queue = VecDeque::from([(0_u32, start)]);
    while let Some((state, world)) = queue.pop_front() {
        let steps = world.steps();
        if world.has_ended() {
            graph.ends.push(state);
        } else if steps.is_empty() {
            return Err(graph.violation(state, None, "nothing can happen any more, and it has not ended".into()));
        }
        for step in steps {
            let mut reached = world.clone();
            let taken = catch_unwind(AssertUnwindSafe(|| reached.take(step)));
            let taken = taken.unwrap_or_else(|panic| {
                let says = panic.downcast_ref::<String>().cloned();
                Err(says.or_else(|| panic.downcast_ref::<&str>().map(|it| (*it).to_owned())).unwrap_or_default())
            });
            if let Err(says) = taken {
                return Err(graph.violation(state, Some(step), says));
            }
            let number = graph.from.len() as u32;
            match known.entry(reached.print()) {
                Entry::Occupied(entry) => {
                    let alike = *entry.get();
                    graph.edges.push((state, alike));
                    if graph.seen[alike as usize] != reached.seen() {
                        let story = graph.story(alike);
                        let says = format!("another state of the same value does not look the same: {story:?}");
                        return Err(graph.violation(state, Some(step), says));
                    }
                }
                Entry::Vacant(entry) => {
                    entry.insert(number);
                    graph.edges.push((state, number));
                    graph.from.push((state, Some(step)));
                    graph.seen.push(reached.seen());
                    queue.push_back((number, reached));
                    if graph.from.len() > most {
                        return Err(graph.violation(number, None, "it does not close".into()));
                    }
                }
            }
        }
    }
    if let Some(state) = graph.trap() {
        return Err(graph.violation(state, None, "no end can be reached from here".into()));
    }
    Ok(Report { states: graph.from.len(), steps: graph.edges.len(), ends: graph.ends.len() })
}
