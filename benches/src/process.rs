//! What Linux says of a running process: the processor time that it used and the memory that it takes.

use std::{fs, io, time::Duration};

/// Linux counts processor time for people in hundredths of a second (`USER_HZ`), whatever its own clock does.
const TICKS_PER_SECOND: u64 = 100;

/// A process by its id, or this one.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Process {
    /// Another.
    Other(u32),
    /// The benchmark itself.
    This,
}

/// Memory in KiB.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Memory {
    /// Resident at most so far (`VmHWM`).
    pub(crate) peak_kib: u64,
    /// Resident now (`VmRSS`).
    pub(crate) now_kib: u64,
}

impl Process {
    /// Processor time used by all its threads until now.
    pub(crate) fn cpu_time(self) -> io::Result<Duration> {
        parse_cpu_time(&self.read("stat")?).ok_or_else(|| unreadable("stat"))
    }

    pub(crate) fn memory(self) -> io::Result<Memory> {
        parse_memory(&self.read("status")?).ok_or_else(|| unreadable("status"))
    }

    fn read(self, file: &str) -> io::Result<String> {
        match self {
            Self::Other(id) => fs::read_to_string(format!("/proc/{id}/{file}")),
            Self::This => fs::read_to_string(format!("/proc/self/{file}")),
        }
    }
}

/// `utime` and `stime`, the 14th and 15th field; the second is the program's name, which may hold spaces and brackets.
fn parse_cpu_time(stat: &str) -> Option<Duration> {
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_whitespace().skip(11);
    let (user, system): (u64, u64) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
    Some(Duration::from_millis((user + system) * 1000 / TICKS_PER_SECOND))
}

fn parse_memory(status: &str) -> Option<Memory> {
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        line.trim_start_matches(':').trim().trim_end_matches("kB").trim().parse().ok()
    };
    Some(Memory { peak_kib: field("VmHWM")?, now_kib: field("VmRSS")? })
}

fn unreadable(file: &str) -> io::Error {
    io::Error::other(format!("/proc has an unknown form of {file}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_brackets_moves_no_field() {
        let stat = "42 (a) b) S 1 2 3 4 5 6 7 8 9 10 150 50 0 0 20 0 1 0";
        assert_eq!(parse_cpu_time(stat), Some(Duration::from_secs(2)));
    }

    #[test]
    fn peak_and_present_are_told_apart() {
        let status = "Name:\tx\nVmPeak:\t 9 kB\nVmHWM:\t   1200 kB\nVmRSS:\t    800 kB\n";
        assert_eq!(parse_memory(status), Some(Memory { peak_kib: 1200, now_kib: 800 }));
    }
}
