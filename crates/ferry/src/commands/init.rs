//! `ferry init`.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use anyhow::{Context, Result};
use serde::Serialize;

use crate::cli::lookups::InitArgs;
use crate::exit::Exit;

/// A file to begin with.
struct Template {
    name: &'static str,
    text: &'static str,
    mode: u32,
}

/// Open to whoever the umask lets in.
const PUBLIC: u32 = 0o666;
/// For its owner alone.
const SECRET: u32 = 0o600;

/// The one that keeps secrets out of a repository comes first.
const TEMPLATES: [Template; 4] = [
    Template {
        name: ".gitignore",
        text: include_str!("init/gitignore"),
        mode: PUBLIC,
    },
    Template {
        name: "ferry.toml",
        text: include_str!("init/ferry.toml"),
        mode: PUBLIC,
    },
    Template {
        name: ".env.test",
        text: include_str!("init/env.test"),
        mode: SECRET,
    },
    Template {
        name: ".env.live",
        text: include_str!("init/env.live"),
        mode: SECRET,
    },
];

/// What was made; its JSON form is documented in docs/report.md.
#[derive(Default, Serialize)]
struct Made {
    written: Vec<&'static str>,
    left_alone: Vec<&'static str>,
}

pub(super) fn execute(args: &InitArgs) -> Result<Exit> {
    let mut made = Made::default();
    for template in &TEMPLATES {
        let list = if template.write()? {
            &mut made.written
        } else {
            &mut made.left_alone
        };
        list.push(template.name);
    }
    if args.json {
        println!("{}", serde_json::to_string(&made)?);
        return Ok(Exit::Done);
    }
    for name in &made.written {
        println!("wrote {name}");
    }
    for name in &made.left_alone {
        println!("{name} exists, and is left as it is");
    }
    if made.left_alone.contains(&".gitignore") {
        println!("\nThese lines belong into .gitignore:");
        let lines = TEMPLATES[0].text.lines();
        for line in lines.filter(|line| !line.starts_with('#')) {
            println!("  {line}");
        }
    }
    println!(
        "\nNext: put the project's id and secret into .env.test, then\n`ferry config show --env test`."
    );
    Ok(Exit::Done)
}

impl Template {
    /// Whether it was written: not if there is one of this name.
    fn write(&self) -> Result<bool> {
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(self.mode)
            .open(self.name);
        let mut file = match file {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => return Ok(false),
            file => file.with_context(|| self.fault())?,
        };
        let written = file
            .write_all(self.text.as_bytes())
            .and_then(|()| file.sync_all());
        if written.is_err() {
            // Half a file would be left alone the next time. That it stays is told by the first
            // error already.
            let _ = std::fs::remove_file(Path::new(self.name));
        }
        written.with_context(|| self.fault())?;
        Ok(true)
    }

    fn fault(&self) -> String {
        format!("{} cannot be written", self.name)
    }
}
