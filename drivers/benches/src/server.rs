//! A server in a process of its own, and what the system says of it.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// A server that runs, until it is dropped.
#[derive(Debug)]
pub struct Server {
    child: Child,
    /// Where it listens.
    pub address: String,
}

/// A program of this package, beside the one that runs.
pub fn program(name: &str) -> PathBuf {
    let own = std::env::current_exe().unwrap_or_default();
    own.parent().unwrap_or(Path::new(".")).join(name)
}

/// A command that runs on this core alone, where there is more than one.
pub fn on_core(core: usize, program: &Path) -> Command {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let can = core < cores
        && Command::new("taskset").arg("-V").stdout(Stdio::null()).status().is_ok_and(|status| status.success());
    if !can {
        return Command::new(program);
    }
    let mut command = Command::new("taskset");
    command.args(["-c", &core.to_string()]).arg(program);
    command
}

/// Time that a process has had of a core, in microseconds, and whether it has ended and was not waited for.
pub fn cpu_of(process: u32) -> (u64, bool) {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    let fields: Vec<&str> = stat.rsplit(") ").next().unwrap_or_default().split(' ').collect();
    let ticks = |at: usize| fields.get(at).and_then(|field| field.parse::<u64>().ok()).unwrap_or(0);
    ((ticks(11) + ticks(12)) * 10_000, fields.first() == Some(&"Z"))
}

impl Server {
    /// Starts one of this kind.
    ///
    /// # Errors
    ///
    /// It could not be started, or did not say where it listens.
    pub fn start(kind: &str) -> std::io::Result<Self> {
        Self::of(on_core(0, &program("server")), kind)
    }

    /// Starts one by this command, which may be another program's with the server as its argument.
    ///
    /// # Errors
    ///
    /// It could not be started, or did not say where it listens.
    pub fn of(mut command: Command, kind: &str) -> std::io::Result<Self> {
        let mut child = command.args([kind, "127.0.0.1:0"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let mut address = String::new();
        if let Some(output) = child.stdout.take() {
            BufReader::new(output).read_line(&mut address)?;
        }
        if address.is_empty() {
            return Err(std::io::Error::other(format!("the server {kind} did not start")));
        }
        Ok(Self { child, address: address.trim().to_owned() })
    }

    /// Time that it has had of a core, in microseconds; the system counts in hundredths of a second.
    pub fn cpu(&self) -> u64 {
        cpu_of(self.child.id()).0
    }

    /// Octets of memory that are its own.
    pub fn memory(&self) -> u64 {
        let maps = std::fs::read_to_string(format!("/proc/{}/smaps_rollup", self.child.id())).unwrap_or_default();
        let line = maps.lines().find_map(|line| line.strip_prefix("Private_Dirty:"));
        line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok()).unwrap_or(0) * 1024
    }

    /// Has it end, and waits for it.
    pub fn end(mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
