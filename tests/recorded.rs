//! A hundred thousand stories, seeded, and what the machines said of them: the verdicts are kept as digests, one for a thousand stories,
//! so that a change that moves code and is to change nothing shows that it changed nothing.
//!
//! What is told is text of our own, not the names of types: tokens, clauses, numbers and octets. Where a change is meant to change a
//! verdict, the file is written anew: `RECORD=1 cargo test --test recorded`; the diff of the digests says in which blocks, and
//! `STORY=n cargo test --test recorded -- --nocapture` prints one story, before and after. By default every tenth block is told,
//! with `BLOCKS=all` each.

#[path = "recorded/sayings.rs"]
mod sayings;
#[path = "recorded/story.rs"]
mod story;

use story::{BLOCK, STORIES, digest};

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/recorded/digests.txt");

#[test]
fn verdicts_are_those_that_were_recorded() {
    if let Ok(number) = std::env::var("STORY") {
        let number = number.parse().expect("the number of a story");
        return story::tell(number).iter().for_each(|line| println!("{line}"));
    }
    let records = std::env::var_os("RECORD").is_some();
    let step = if records || std::env::var_os("BLOCKS").is_some() { 1 } else { 25 };
    let told: Vec<String> = std::thread::scope(|scope| {
        let halves = [0, step].map(|first| {
            let blocks = (first..STORIES / BLOCK).step_by(2 * step as usize);
            scope.spawn(move || blocks.map(|block| (block, digest(block))).collect::<Vec<_>>())
        });
        let mut told: Vec<_> = halves.into_iter().flat_map(|half| half.join().expect("no panic")).collect();
        told.sort_unstable();
        told.iter().map(|(block, digest)| format!("{block:03} {digest:016x}")).collect()
    });
    if records {
        std::fs::write(FILE, told.join("\n") + "\n").expect("the file can be written");
        return;
    }
    let recorded = std::fs::read_to_string(FILE).expect("the file is there");
    let recorded: Vec<_> = recorded.lines().step_by(step as usize).collect();
    let changed: Vec<_> = recorded.iter().zip(&told).filter(|(before, now)| before != now).collect();
    assert!(changed.is_empty() && recorded.len() == told.len(), "blocks of {BLOCK} stories: {changed:?}");
}
