//! Whole-file replacement: a reader sees the old file or the new one, never a part.
//!
//! Owns: `Pending`. It must not decide what may be replaced.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use tempfile::NamedTempFile;

/// A file that is written under a temporary name in its folder and waits to take its place; dropped, it leaves no trace.
#[derive(Debug)]
pub(crate) struct Pending {
    temporary: NamedTempFile,
    target: PathBuf,
}

impl Pending {
    /// Writes the text beside the target. A new file gets the permissions that any new file gets, an old one keeps its own.
    pub(crate) fn write(target: &Path, text: &str) -> io::Result<Self> {
        let folder = target.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let mut temporary = create(folder)?;
        temporary.write_all(text.as_bytes())?;
        if let Ok(metadata) = fs::metadata(target) {
            temporary.as_file().set_permissions(metadata.permissions())?;
        }
        Ok(Self { temporary, target: target.to_owned() })
    }

    /// Takes the target's place.
    pub(crate) fn commit(self) -> io::Result<()> {
        self.temporary.persist(&self.target).map(drop).map_err(|error| error.error)
    }

    /// Takes the target's place if nothing is there.
    pub(crate) fn commit_new(self) -> io::Result<()> {
        self.temporary.persist_noclobber(&self.target).map(drop).map_err(|error| error.error)
    }

    /// The file that will be replaced.
    pub(crate) fn target(&self) -> &Path {
        &self.target
    }
}

/// A temporary file whose name no tool takes for a manifest.
fn create(folder: &Path) -> io::Result<NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".twogate-").suffix(".tmp");
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    builder.tempfile_in(folder)
}
