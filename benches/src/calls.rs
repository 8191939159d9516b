//! The program runs itself under callgrind, and the instructions of each call of one of its functions are counted apart.

use std::path::Path;
use std::process::{Command, Stdio};

/// What the program that was counted said on its output, and the instructions of each of its calls of `function`, in order.
pub fn counted(function: &str, arguments: &[&str], folder: &Path) -> Result<(String, Vec<u64>), String> {
    let program = std::env::current_exe().map_err(|error| error.to_string())?;
    let out = folder.join(arguments.join("-"));
    let output = Command::new("valgrind")
        .args(["-q", "--tool=callgrind"])
        .args(["--toggle-collect=", "--dump-after="].map(|option| format!("{option}{function}")))
        .arg(format!("--callgrind-out-file={}", out.display()))
        .arg(program)
        .args(arguments)
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| format!("cannot run valgrind: {error}"))?;
    if !output.status.success() {
        return Err("its work could not be done".into());
    }
    let mut counts = Vec::new();
    loop {
        let path = format!("{}.{}", out.display(), counts.len() + 1);
        let Ok(text) = std::fs::read_to_string(&path) else { break };
        let total = text.lines().find_map(|line| line.strip_prefix("totals:").or(line.strip_prefix("summary:")));
        counts.push(total.and_then(|total| total.trim().parse().ok()).ok_or_else(|| format!("{path}: no count"))?);
    }
    Ok((String::from_utf8_lossy(&output.stdout).into_owned(), counts))
}
