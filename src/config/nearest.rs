//! Which name was meant.

/// The name that is most like this one, if one is like it: for a message about a name that is not known.
pub fn nearest<'n>(name: &str, names: impl IntoIterator<Item = &'n str>) -> Option<&'n str> {
    let distances = names.into_iter().map(|known| (distance(name.as_bytes(), known.as_bytes()), known));
    let (distance, known) = distances.min_by_key(|(distance, _)| *distance)?;
    // half of it at most is different
    if distance * 2 <= name.len().max(known.len()) { Some(known) } else { None }
}

/// How many octets are put in, taken out or changed to turn one name into the other. Of long names the beginning counts.
fn distance(one: &[u8], other: &[u8]) -> usize {
    const MOST: usize = 32;
    let (one, other) = (&one[..one.len().min(MOST)], &other[..other.len().min(MOST)]);
    let mut row = [0; MOST + 1];
    for (at, cell) in row.iter_mut().enumerate() {
        *cell = at;
    }
    for (i, a) in one.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, b) in other.iter().enumerate() {
            let changed = diagonal + usize::from(!a.eq_ignore_ascii_case(b));
            diagonal = row[j + 1];
            row[j + 1] = changed.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[other.len()]
}
