//! A process and all that come from it.

use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::process::TICK;

/// A process as `/proc` tells it.
struct Entry {
    parent: u32,
    /// Its own time, and that of the children that it has waited for.
    cpu: Duration,
}

/// CPU time of a process, of its descendants, and of those of them that have ended and were waited
/// for.
pub(crate) fn cpu(root: u32) -> Result<Duration> {
    let all = entries()?;
    let ids = descent(root, &all);
    Ok(ids.iter().map(|id| all[id].cpu).sum())
}

/// Memory of a process and its descendants, in KiB: what they share is counted once.
pub(crate) fn pss_kib(root: u32) -> Result<u64> {
    let all = entries()?;
    let ids = descent(root, &all);
    Ok(ids.into_iter().map(pss_kib_of).sum())
}

/// The process that listens on this port of this machine.
pub(crate) fn listener(port: u16) -> Option<u32> {
    let sockets = ["/proc/net/tcp", "/proc/net/tcp6"];
    let sockets = sockets.map(|path| fs::read_to_string(path).unwrap_or_default());
    let inode = sockets.iter().find_map(|text| listening(text, port))?;
    let link = format!("socket:[{inode}]");
    let has_it = |id: &u32| {
        let files = fs::read_dir(format!("/proc/{id}/fd")).ok();
        let mut links = files.into_iter().flatten().flatten();
        links.any(|file| fs::read_link(file.path()).is_ok_and(|to| to == Path::new(&link)))
    };
    // Children may have inherited it: the eldest is asked.
    ids().ok()?.filter(has_it).min()
}

/// The inode of the socket that listens on a port.
fn listening(sockets: &str, port: u16) -> Option<&str> {
    /// What the kernel calls `TCP_LISTEN`.
    const LISTEN: &str = "0A";
    sockets.lines().skip(1).find_map(|line| {
        let mut fields = line.split_whitespace();
        let (local, state) = (fields.nth(1)?, fields.nth(1)?);
        let (_, its_port) = local.rsplit_once(':')?;
        let is_it = state == LISTEN && u16::from_str_radix(its_port, 16) == Ok(port);
        is_it.then(|| fields.nth(5)).flatten()
    })
}

fn ids() -> Result<impl Iterator<Item = u32>> {
    let folders = fs::read_dir("/proc").context("/proc is needed: measure on Linux")?;
    Ok(folders
        .filter_map(Result::ok)
        .filter_map(|folder| folder.file_name().to_str()?.parse().ok()))
}

fn entries() -> Result<HashMap<u32, Entry>> {
    // One that has ended meanwhile has no file any more.
    let entry = |id| {
        let stat = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
        Some((id, Entry::read(&stat)?))
    };
    Ok(ids()?.filter_map(entry).collect())
}

impl Entry {
    fn read(stat: &str) -> Option<Self> {
        // The name before it may hold blanks and brackets.
        let fields: Vec<_> = stat.rsplit_once(") ")?.1.split_whitespace().collect();
        let ticks = |place: usize| fields.get(place)?.parse::<u32>().ok();
        let ticks = ticks(11)? + ticks(12)? + ticks(13)? + ticks(14)?;
        Some(Self {
            parent: fields.get(1)?.parse().ok()?,
            cpu: TICK * ticks,
        })
    }
}

/// A process, if it is there, and its descendants.
fn descent(root: u32, all: &HashMap<u32, Entry>) -> Vec<u32> {
    let mut found: Vec<u32> = all
        .contains_key(&root)
        .then_some(root)
        .into_iter()
        .collect();
    let mut looked = 0;
    while let Some(parent) = found.get(looked).copied() {
        let children = all.iter().filter(|(_, entry)| entry.parent == parent);
        found.extend(children.map(|(id, _)| *id));
        looked += 1;
    }
    found
}

fn pss_kib_of(id: u32) -> u64 {
    let rollup = fs::read_to_string(format!("/proc/{id}/smaps_rollup")).unwrap_or_default();
    rollup
        .lines()
        .find_map(|line| line.strip_prefix("Pss:"))
        .and_then(|rest| rest.split_whitespace().next()?.parse().ok())
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_is_found_by_the_port_on_which_it_listens() {
        let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = socket.local_addr().unwrap().port();
        assert_eq!(listener(port), Some(std::process::id()));
    }

    #[test]
    fn a_child_counts_with_its_parent() {
        let mut child = std::process::Command::new("sleep")
            .arg("60")
            .spawn()
            .unwrap();
        let all = entries().unwrap();
        let ours = descent(std::process::id(), &all);
        assert!(ours.contains(&child.id()));
        assert!(pss_kib(std::process::id()).unwrap() > 0);
        child.kill().unwrap();
        child.wait().unwrap();
    }

    #[test]
    fn times_of_children_that_ended_are_counted() {
        let stat = "7 (a) b) S 1 7 7 0 -1 4 0 0 0 0 1 2 3 4 20 0 1 0 9 0 0";
        let entry = Entry::read(stat).unwrap();
        assert_eq!((entry.parent, entry.cpu), (1, Duration::from_millis(100)));
    }
}
