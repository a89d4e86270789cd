//! Where the results go.

use crate::allocator::MIMALLOC;
use crate::facts::{Facts, said};
use crate::options::Options;
use heist_benches::results::{self, Row};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::{env, fmt};

/// The folder for the results of this day. An error if there are some already that would be lost.
pub(crate) fn choose(options: &Options, day: &str) -> Result<PathBuf, String> {
    if options.quick && options.name.is_none() {
        let target = env::var_os("CARGO_TARGET_DIR").map_or("target".into(), PathBuf::from);
        return Ok(crate::root().join(target).join("bench-quick"));
    }
    let host = || said("uname", &["-n"]).unwrap_or_default();
    let name = options.name.clone().unwrap_or_else(host);
    let name = folder_name(env::consts::ARCH, day, &name, options);
    let folder = crate::root().join("benches/results").join(name);
    if folder.exists() {
        let folder = folder.display();
        return Err(format!(
            "{folder} is there already: remove it, or choose another name with --name"
        ));
    }
    Ok(folder)
}

/// `ARCH-DATE-NAME`, and `-lto` and `-mimalloc` where that was asked for.
fn folder_name(arch: &str, day: &str, name: &str, options: &Options) -> String {
    let mut folder = format!("{arch}-{day}-{}", safe(name));
    if options.lto {
        folder += "-lto";
    }
    if options.allocator == MIMALLOC {
        folder += "-mimalloc";
    }
    folder
}

/// A name that needs no quotes anywhere.
fn safe(name: &str) -> String {
    let is_safe = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let parts = name.split(|c| !is_safe(c)).filter(|part| !part.is_empty());
    let parts: Vec<&str> = parts.collect();
    if parts.is_empty() {
        "machine".to_owned()
    } else {
        parts.join("-")
    }
}

/// Writes the rows and the facts into the folder.
pub(crate) fn write(folder: &Path, rows: &[Row], facts: &Facts) -> Result<(), String> {
    let failed = |error: &dyn fmt::Display| format!("{}: {error}", folder.display());
    let create = |name| File::create(folder.join(name)).map_err(|error| failed(&error));
    fs::create_dir_all(folder).map_err(|error| failed(&error))?;
    results::write(create("raw.csv")?, rows).map_err(|error| failed(&error))?;
    facts
        .write(create("facts.csv")?)
        .map_err(|error| failed(&error))
}

#[cfg(test)]
mod tests {
    use super::{folder_name, safe};
    use crate::options::Options;

    #[test]
    fn folders_are_named_after_architecture_day_and_machine() {
        let mut options = Options::default();
        let name = folder_name("x86_64", "2026-11-22", "Ann's laptop.local", &options);
        assert_eq!(name, "x86_64-2026-11-22-Ann-s-laptop-local");
        options.lto = true;
        let name = folder_name("aarch64", "2026-11-22", "m7g", &options);
        assert_eq!(name, "aarch64-2026-11-22-m7g-lto");
        options.allocator = "mimalloc";
        let name = folder_name("aarch64", "2026-11-22", "m7g", &options);
        assert_eq!(name, "aarch64-2026-11-22-m7g-lto-mimalloc");
    }

    #[test]
    fn names_are_made_safe() {
        assert_eq!(safe("../../etc/passwd"), "etc-passwd");
        assert_eq!(safe("über_box 2"), "ber_box-2");
        assert_eq!(safe(""), "machine");
        assert_eq!(safe("..."), "machine");
    }
}
