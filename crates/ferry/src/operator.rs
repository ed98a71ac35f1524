//! Who gives a command.

/// `user@host`, for the audit log.
pub(crate) fn who() -> String {
    let user = ["USER", "LOGNAME"]
        .iter()
        .find_map(|name| std::env::var(name).ok().filter(|user| !user.is_empty()))
        .unwrap_or_else(|| format!("uid-{}", rustix::process::getuid().as_raw()));
    let host = rustix::system::uname();
    let host = host.nodename().to_string_lossy();
    format!("{user}@{host}")
}
