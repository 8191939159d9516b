//! A copy of the library in which all mutants are, each under its number: `if crate::mutant::is_on(7) { theirs } else { ours }`.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::find::{Change, Mutant};

/// Which mutant is on is read when the program begins, and which were passed is written when it ends. At compile time none is on.
const SWITCH: &str = include_str!("switch.rs.txt");

/// A mutant with its number, from 1, and its file.
#[derive(Clone, Debug)]
pub struct Placed {
    pub number: usize,
    pub file: String,
    pub mutant: Mutant,
    /// What stands there, as written.
    pub original: String,
}

impl Placed {
    /// Its name in the table of survivors: nothing in it moves with the lines around.
    pub fn name(&self) -> String {
        let is = match &self.mutant.change {
            Change::Expression(text) => format!("{} => {}", one_line(&self.original), one_line(text)),
            Change::Nothing => format!("{} => nothing", one_line(&self.original)),
            Change::Arm => format!("arm {} => passed over", one_line(&self.original)),
            Change::Return(value) if value.is_empty() => "returns at once".into(),
            Change::Return(value) => format!("returns {value} at once"),
        };
        format!("{} {}: {is}", self.file, self.mutant.function)
    }
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The files of the library's tree, as Git has them.
///
/// # Errors
///
/// Git is not there, or does not know this folder.
pub fn tracked(root: &Path) -> io::Result<Vec<String>> {
    let of = [
        "Cargo.toml",
        "Cargo.lock",
        "src",
        "tests",
        "docs",
        "fuzz/seeds",
        "fuzz/fuzz_targets",
        "examples",
        "README.md",
        "proptest-regressions",
    ];
    let listed = Command::new("git").current_dir(root).args(["ls-files", "-z", "--"]).args(of).output()?;
    let names = String::from_utf8_lossy(&listed.stdout).into_owned();
    Ok(names.split('\0').filter(|name| !name.is_empty() && root.join(name).is_file()).map(str::to_string).collect())
}

/// `text` with all of these mutants in it.
pub fn switched(text: &str, mutants: &[Placed]) -> String {
    let mut places: Vec<_> = mutants.iter().collect();
    // what holds others comes before them; at one place, by number
    places.sort_by_key(|placed| {
        let range = &placed.mutant.range;
        (range.start, usize::MAX - range.end, matches!(placed.mutant.change, Change::Expression(_)), placed.number)
    });
    let (mut out, mut at) = (String::new(), 0);
    render(text, 0..text.len(), &places, &mut at, &mut out);
    out
}

/// Writes `range` of `text`, with those of the mutants from `at` on that lie in it.
fn render(text: &str, range: std::ops::Range<usize>, places: &[&Placed], at: &mut usize, out: &mut String) {
    let mut from = range.start;
    while let Some(first) =
        places.get(*at).filter(|placed| placed.mutant.range.end <= range.end && placed.mutant.range.start >= from)
    {
        let here = first.mutant.range.clone();
        let kind = std::mem::discriminant(&first.mutant.change);
        let same =
            |placed: &&&Placed| placed.mutant.range == here && std::mem::discriminant(&placed.mutant.change) == kind;
        let together: Vec<_> = places[*at..].iter().take_while(same).collect();
        *at += together.len();
        out.push_str(&text[from..here.start]);
        let on = |placed: &Placed| format!("crate::mutant::is_on({})", placed.number);
        match &first.mutant.change {
            Change::Expression(_) => {
                out.push('(');
                for placed in &together {
                    let Change::Expression(other) = &placed.mutant.change else { continue };
                    out.push_str(&format!("if {} {{ {other} }} else ", on(placed)));
                }
                out.push_str("{ ");
                render(text, here.clone(), places, at, out);
                out.push_str(" })");
            }
            Change::Nothing => {
                out.push_str(&format!("if !{} {{ ", on(first)));
                render(text, here.clone(), places, at, out);
                out.push_str(" }");
            }
            Change::Arm => out.push_str(&format!(" if !{}", on(first))),
            Change::Return(_) => {
                for placed in &together {
                    let Change::Return(value) = &placed.mutant.change else { continue };
                    out.push_str(&format!(" if {} {{ return {value}; }}", on(placed)));
                }
            }
        }
        from = here.end;
    }
    out.push_str(&text[from..range.end]);
}

/// Writes the copy: what differs alone, so that nothing is built again without need.
///
/// # Errors
///
/// A file can not be read or written.
pub fn write(root: &Path, copy: &Path, mutants: &[Placed]) -> io::Result<()> {
    for name in tracked(root)? {
        let mut octets = fs::read(root.join(&name))?;
        let of_file: Vec<_> = mutants.iter().filter(|placed| placed.file == name).cloned().collect();
        if !of_file.is_empty() {
            octets = switched(&String::from_utf8_lossy(&octets), &of_file).into_bytes();
        }
        if name == "src/lib.rs" {
            let text = String::from_utf8_lossy(&octets).replacen(
                "#![forbid(unsafe_code)]",
                "#![allow(internal_features, warnings, arithmetic_overflow, unconditional_panic)]\n#![feature(core_intrinsics, const_eval_select)]",
                1,
            );
            octets = format!("{text}\npub(crate) mod mutant;\n").into_bytes();
        }
        put(&copy.join(&name), &octets)?;
    }
    let most = mutants.iter().map(|placed| placed.number).max().unwrap_or(0);
    put(&copy.join("src/mutant.rs"), SWITCH.replace("MOST", &(most + 1).to_string()).as_bytes())
}

fn put(path: &PathBuf, octets: &[u8]) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    if fs::read(path).is_ok_and(|before| before == octets) {
        return Ok(());
    }
    fs::write(path, octets)
}
