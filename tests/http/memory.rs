//! Heads of `http` made with memory of those before: the same as without it, whatever came before.

use bytes::Bytes;
use http_keepalive::*;
use proptest::collection::vec;
use proptest::prelude::*;

fn head(lines: &[(String, String)]) -> Bytes {
    let mut octets = b"GET / HTTP/1.1\r\nHost: a\r\n".to_vec();
    for (name, value) in lines {
        octets.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
    }
    octets.extend_from_slice(b"\r\n");
    octets.into()
}

fn agrees(memory: &mut HttpMemory, octets: &Bytes, keeps: bool) {
    let mut head = RequestHead::new();
    head.parse(octets, &Limits::DEFAULT, &Policy::DEFAULT).expect("a request").expect("all of it");
    let map = memory.map_of(&head.fields, octets).expect("lines");
    assert_eq!(map, head.fields.to_http(octets).expect("lines"));
    if keeps {
        memory.give_back(map);
    }
}

/// RFC 9110 5.1: names are the same in any case of their letters.
#[test]
fn a_name_that_came_before_in_other_letters_is_the_same() {
    let mut memory = HttpMemory::new();
    for name in ["sec-fetch-mode", "Sec-Fetch-Mode", "SEC-FETCH-MODE", "User-Agent", "user-agent"] {
        agrees(&mut memory, &head(&[(name.into(), "a".into())]), true);
    }
}

#[test]
fn names_of_one_place_take_it_from_each_other() {
    let mut memory = HttpMemory::new();
    // of the same length, and alike at both ends and in the middle
    let names = ["x-a1b-z", "x-c1d-z", "x-e1f-z"];
    for _ in 0..3 {
        for name in names {
            agrees(&mut memory, &head(&[(name.into(), "a".into()), (name.to_uppercase(), "b".into())]), true);
        }
    }
    let long = "x".repeat(200);
    for _ in 0..3 {
        agrees(&mut memory, &head(&[(long.clone(), "a".into())]), false);
    }
}

proptest! {
    #[test]
    fn heads_are_the_same_whatever_came_before(
        heads in vec((vec(("[a-cA-C][-a-z0-9A-Z_!~]{0,5}", "[a-z]{0,4}"), 0..6), any::<bool>()), 1..40),
    ) {
        let mut memory = HttpMemory::new();
        let known = ["connection", "host", "te", "expect", "upgrade", "trailer"];
        for (lines, keeps) in heads {
            let lines: Vec<_> = lines.into_iter().filter(|(name, _)| !known.contains(&&*name.to_ascii_lowercase())).collect();
            agrees(&mut memory, &head(&lines), keeps);
        }
    }
}
