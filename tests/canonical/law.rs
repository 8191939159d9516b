//! The two halves of the law: the same story told at another time comes to equal states, and equal states have the same future.

use std::collections::HashMap;
use std::fmt::Debug;

use http_keepalive::*;

use super::subject::{Call, Machine, Pause, Seen, Step, Subject};

/// What may be called, by what it is for: a walk that does as it is asked gets far.
pub struct Letters {
    /// What comes from the peer.
    pub messages: Vec<Call>,
    /// A client's requests.
    pub requests: Vec<Call>,
    /// A server's answers.
    pub answers: Vec<Call>,
    /// Content of ours, its end, and what else a message being sent needs.
    pub content: Vec<Call>,
    pub rest: Vec<Call>,
}

/// Numbers that look like chance and are the same every time.
#[derive(Clone, Copy, Debug)]
pub struct Chance(u64);

impl Chance {
    pub fn new(seed: u64) -> Self {
        Self(seed ^ 0x9E37_79B9_7F4A_7C15)
    }

    pub fn below(&mut self, most: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) as usize % most
    }

    fn of<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }
}

const PAUSES: [Pause; 14] = [
    Pause::Millis(0),
    Pause::Millis(0),
    Pause::Millis(0),
    Pause::Millis(0),
    Pause::Millis(0),
    Pause::Millis(500),
    Pause::Millis(1000),
    Pause::Millis(3000),
    Pause::Millis(20_000),
    Pause::Due,
    Pause::Due,
    Pause::Late(1500),
    Pause::Late(400_000),
    Pause::Back(700),
];

/// The next step: as asked for, or any.
pub fn next<S: Subject>(machine: &Machine<S>, letters: &Letters, chance: &mut Chance) -> Step {
    let wants = machine.subject.lifecycle().wants();
    let all = [&letters.messages, &letters.requests, &letters.answers, &letters.content, &letters.rest];
    let pause = chance.of(&PAUSES);
    if matches!(pause, Pause::Due | Pause::Late(_)) && chance.below(3) > 0 {
        return (pause, chance.of(&[Call::Timeout, Call::TimeoutOnce]));
    }
    let asked = chance.below(4) > 0;
    let asks = !letters.requests.is_empty() && (machine.subject.lifecycle().is_idle() || chance.below(4) == 0);
    let call = match wants.application {
        _ if !asked => {
            let group = all[chance.below(all.len())];
            if group.is_empty() { chance.of(&letters.rest) } else { chance.of(group) }
        }
        _ if wants.shut.is_some() => Call::Shut,
        _ if wants.read == ReadWant::LookOnce && chance.below(3) > 0 => Call::NothingToRead,
        _ if wants.read == ReadWant::LookOnce => chance.of(&letters.messages),
        _ if wants.flush_once => chance.of(&[Call::Sent(0), Call::Sent(0), Call::Sent(1), Call::SentAll]),
        _ if wants.take_content && chance.below(2) == 0 => Call::Said(ContentUse::Reading),
        Some(Turn::Respond) => chance.of(&letters.answers),
        Some(Turn::Content) => chance.of(&letters.content),
        Some(Turn::Continue) => Call::Interim(100),
        Some(Turn::Refuse(_)) => Call::Refuse,
        None if wants.flush => Call::SentAll,
        None if asks => chance.of(&letters.requests),
        None => chance.of(&letters.messages),
    };
    (pause, call)
}

/// Begin of a story: the configuration and the seed of the connection.
#[derive(Clone, Copy, Debug)]
pub struct Begin<R: 'static> {
    pub config: &'static Config<R>,
    pub seed: Option<u64>,
}

pub const START: Instant = Instant::from_secs(1_000_000);

impl<R: 'static> Begin<R> {
    pub fn at<S: Subject<Role = R>>(self, now: Instant) -> Machine<S> {
        Machine::new(now, self.config, self.seed)
    }

    fn told<S: Subject<Role = R>>(self, story: &[Step]) -> Machine<S> {
        let mut machine = self.at(START);
        for &step in story {
            machine.step(step);
        }
        machine
    }
}

/// The same story, told from two instants, comes to the same at each step.
pub fn shifted<S: Subject>(
    begin: Begin<S::Role>,
    letters: &Letters,
    start: Instant,
    choices: &[u64],
) -> Result<(), String>
where
    S::Role: Copy,
{
    let (mut early, mut late) = (begin.at::<S>(START), begin.at::<S>(start));
    let mut story = Vec::new();
    for &choice in choices {
        let step = next(&early, letters, &mut Chance::new(choice));
        story.push(step);
        let (one, other) = (early.step(step), late.step(step));
        same(&one, &other).map_err(|says| format!("{says}\nafter {story:?}"))?;
        let (one, other) = (early.canonical(), late.canonical());
        if one != other {
            return Err(format!("{}\nafter {story:?}", differences(&one, &other)));
        }
        if let Some(parked) = early.subject.parked(early.now) {
            let parked = parked.canonical(early.now);
            if S::PARKS_ALL && parked != one {
                return Err(format!("parked: {}\nafter {story:?}", differences(&parked, &one)));
            }
        }
    }
    Ok(())
}

/// The lines in which they differ.
fn differences(one: &impl Debug, other: &impl Debug) -> String {
    let (one, other) = (format!("{one:#?}"), format!("{other:#?}"));
    let pairs = one.lines().zip(other.lines()).filter(|(one, other)| one != other);
    pairs.map(|(one, other)| format!("\n    {}   is not   {}", one.trim(), other.trim())).collect()
}

fn same(one: &Seen, other: &Seen) -> Result<(), String> {
    if one == other { Ok(()) } else { Err(differences(one, other)) }
}

/// A state that was reached, and by which story.
struct Sample<S: Subject> {
    begin: Begin<S::Role>,
    story: Vec<Step>,
    machine: Machine<S>,
}

/// Many states that were reached, by their canonical values.
pub struct Reached<S: Subject> {
    buckets: HashMap<S::Key, Vec<Sample<S>>>,
    /// In the order in which they were found.
    order: Vec<S::Key>,
    chance: Chance,
    pub samples: usize,
}

/// So many states of one value are kept.
const KEPT: usize = 6;

#[derive(Debug)]
pub struct Report {
    pub samples: usize,
    pub values: usize,
    pub pairs: usize,
}

impl<S: Subject> Reached<S>
where
    S::Role: Copy,
{
    pub fn new(seed: u64) -> Self {
        Self { buckets: HashMap::new(), order: Vec::new(), chance: Chance::new(seed), samples: 0 }
    }

    /// Whether its value is new.
    fn add(&mut self, begin: Begin<S::Role>, story: &[Step], machine: &Machine<S>) -> bool {
        self.samples += 1;
        let key = machine.canonical();
        let Some(bucket) = self.buckets.get_mut(&key) else {
            self.order.push(key.clone());
            let sample = Sample { begin, story: story.to_vec(), machine: machine.clone() };
            self.buckets.insert(key, vec![sample]);
            return true;
        };
        if bucket.iter().any(|sample| sample.machine.subject == machine.subject) {
            return false;
        }
        let sample = Sample { begin, story: story.to_vec(), machine: machine.clone() };
        if bucket.len() < KEPT {
            bucket.push(sample);
        } else if self.chance.below(4) == 0 {
            // the first are the shortest
            let place = 2 + self.chance.below(KEPT - 2);
            bucket[place] = sample;
        }
        false
    }

    /// All sequences of so many calls, at once and when something is due.
    pub fn all_of(&mut self, begin: Begin<S::Role>, letters: &[Call], length: usize) {
        let start = begin.at(START);
        self.add(begin, &[], &start);
        let mut frontier = vec![(Vec::new(), start)];
        for _ in 0..length {
            let mut after = Vec::new();
            for (story, machine) in &frontier {
                for &call in letters {
                    for pause in [Pause::Millis(0), Pause::Millis(2500), Pause::Due] {
                        let mut reached: Machine<S> = machine.clone();
                        reached.step((pause, call));
                        let mut told: Vec<Step> = story.clone();
                        told.push((pause, call));
                        if self.add(begin, &told, &reached) {
                            after.push((told, reached));
                        }
                    }
                }
            }
            frontier = after;
        }
    }

    /// So many walks of so many steps, and what is nearly the same as each: such stories often come to one value.
    pub fn walks(&mut self, begin: Begin<S::Role>, letters: &Letters, walks: usize, length: usize) {
        for _ in 0..walks {
            let (mut story, mut machine) = (Vec::new(), begin.at::<S>(START));
            for _ in 0..length {
                let step = next(&machine, letters, &mut self.chance);
                story.push(step);
                machine.step(step);
                self.add_with_parked(begin, &story, &machine);
                if machine.subject.lifecycle().is_closed() && self.chance.below(3) == 0 {
                    break;
                }
            }
            if story.len() < 2 {
                continue;
            }
            for _ in 0..3 {
                let nearly = self.nearly(&story);
                let mut machine = begin.at::<S>(START);
                for (place, &step) in nearly.iter().enumerate() {
                    machine.step(step);
                    self.add_with_parked(begin, &nearly[..=place], &machine);
                }
            }
        }
    }

    fn add_with_parked(&mut self, begin: Begin<S::Role>, story: &[Step], machine: &Machine<S>) {
        self.add(begin, story, machine);
        if let Some(parked) = machine.subject.parked(machine.now) {
            let parked = Machine { subject: parked, ..machine.clone() };
            let story = [story, &[(Pause::Millis(0), Call::Park)]].concat();
            self.add(begin, &story, &parked);
        }
    }

    /// The same story, but for one step or two.
    fn nearly(&mut self, story: &[Step]) -> Vec<Step> {
        let mut story = story.to_vec();
        let place = self.chance.below(story.len() - 1);
        match self.chance.below(4) {
            0 => drop(story.remove(place)),
            1 => story.swap(place, place + 1),
            _ => {
                // a pause comes before another step
                let pause = story[place].0;
                story[place].0 = story[place + 1].0;
                story[place + 1].0 = pause;
            }
        }
        story
    }

    /// States of one value have the same future, as far as these walks see.
    pub fn have_one_future(mut self, letters: &Letters, walks: usize, length: usize) -> Result<Report, String> {
        let mut report = Report { samples: self.samples, values: self.order.len(), pairs: 0 };
        for key in &self.order {
            let bucket = &self.buckets[key];
            let Some((first, others)) = bucket.split_first() else { continue };
            if others.is_empty() {
                continue;
            }
            report.pairs += others.len();
            for _ in 0..walks {
                let (mut told, mut machine) = (Vec::new(), first.machine.clone().starts_now());
                let seen: Vec<(Seen, S::Key)> = (0..length)
                    .map(|_| {
                        // what an exchange is given later is not foreseen
                        let step = loop {
                            let step = next(&machine, letters, &mut self.chance);
                            if step.1 != Call::OwnTimeouts {
                                break step;
                            }
                        };
                        told.push(step);
                        (machine.step(step), machine.canonical())
                    })
                    .collect();
                for other in others {
                    let mut machine = other.machine.clone().starts_now();
                    let differs = told
                        .iter()
                        .zip(&seen)
                        .position(|(&step, (seen, key))| machine.step(step) != *seen || machine.canonical() != *key);
                    if let Some(place) = differs {
                        return Err(shortest(first, other, &told[..=place]));
                    }
                }
            }
        }
        Ok(report)
    }

    /// States that many walks do not tell apart, and whose values differ: how many, and one of each kind.
    pub fn alike(mut self, letters: &Letters, walks: usize, length: usize) -> Vec<String> {
        let mut futures: HashMap<String, Vec<&S::Key>> = HashMap::new();
        let seed = self.chance.below(1 << 30) as u64;
        for key in &self.order {
            let sample = &self.buckets[key][0];
            let mut future = String::new();
            for walk in 0..walks {
                let mut chance = Chance::new(seed + walk as u64);
                let mut machine = sample.machine.clone();
                for _ in 0..length {
                    let step = next(&machine, letters, &mut chance);
                    future.push_str(&format!("{step:?}{:?}", machine.step(step)));
                }
            }
            futures.entry(future).or_default().push(key);
        }
        let mut kinds: HashMap<String, usize> = HashMap::new();
        for keys in futures.values() {
            for key in &keys[1..] {
                let (one, other) = (format!("{:#?}", keys[0]), format!("{key:#?}"));
                let lines = one.lines().zip(other.lines()).filter(|(one, other)| one != other);
                let what: Vec<_> = lines.map(|(one, other)| format!("{} | {}", one.trim(), other.trim())).collect();
                let names: Vec<_> = what.iter().map(|line| line.split(':').next().unwrap_or_default()).collect();
                let phase = self.buckets[*key][0].machine.subject.lifecycle().phase();
                *kinds.entry(format!("{phase}: {names:?}")).or_default() += 1;
                if kinds.values().sum::<usize>() < 12 {
                    println!(
                        "{phase} {what:#?}\n{:?}\n{:?}",
                        self.buckets[keys[0]][0].story, self.buckets[*key][0].story
                    );
                }
            }
        }
        let mut kinds: Vec<_> = kinds.into_iter().collect();
        kinds.sort_by_key(|kind| std::cmp::Reverse(kind.1));
        kinds.into_iter().map(|(kind, times)| format!("{times} {kind}")).collect()
    }
}

/// Two stories with another future each: so their values differ, too.
pub fn have_two_values<S: Subject>(begin: Begin<S::Role>, one: &[Step], other: &[Step], told: &[Step])
where
    S::Role: Copy,
{
    let (mut first, mut second) = (begin.told::<S>(one), begin.told::<S>(other));
    assert_ne!(first.canonical(), second.canonical(), "after {one:?} and {other:?}");
    let parts = told.iter().any(|&step| first.step(step) != second.step(step));
    assert!(parts, "{told:?} tells no difference between {one:?} and {other:?}");
}

/// What is seen where two states of one value part.
fn parts<S: Subject>(one: (Begin<S::Role>, &[Step]), other: (Begin<S::Role>, &[Step]), told: &[Step]) -> Option<String>
where
    S::Role: Copy,
{
    let (mut first, mut second) = (one.0.told::<S>(one.1), other.0.told::<S>(other.1));
    if first.canonical() != second.canonical() {
        return None;
    }
    (first, second) = (first.starts_now(), second.starts_now());
    told.iter().find_map(|&step| {
        let (one, other) = (first.step(step), second.step(step));
        let says = same(&one, &other).err();
        let (one, other) = (first.canonical(), second.canonical());
        says.or_else(|| (one != other).then(|| differences(&one, &other)))
    })
}

/// The same with every step left out that can be.
fn shortest<S: Subject>(one: &Sample<S>, other: &Sample<S>, told: &[Step]) -> String
where
    S::Role: Copy,
{
    let begins = [one.begin, other.begin];
    let mut stories = [one.story.clone(), other.story.clone(), told.to_vec()];
    let parts = |stories: &[Vec<Step>; 3]| parts::<S>((begins[0], &stories[0]), (begins[1], &stories[1]), &stories[2]);
    let mut shorter = true;
    while shorter {
        shorter = false;
        for story in 0..3 {
            for place in (0..stories[story].len()).rev() {
                let mut tried = stories.clone();
                tried[story].remove(place);
                if parts(&tried).is_some() {
                    (stories, shorter) = (tried, true);
                }
            }
        }
    }
    let says = parts(&stories).unwrap_or_default();
    let [one, other, told] = stories;
    format!(
        "one value, and two futures: {says}\none {one:?}\nother {other:?}\nthen {told:?}\nseeds {:?}",
        begins.map(|b| b.seed)
    )
}
