//! Files beneath a folder, and nothing else: the system itself keeps the way to them inside it, where it can (`openat2` of Linux), so that
//! nothing that is renamed or linked meanwhile leads out.
//!
//! **Absolute links** that lead into the folder are followed all the same, by their real place: that is asked for, and then opened without
//! any link. Where there is no `openat2` every file is opened so, but the links are looked at before it is opened only.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;

/// A folder.
pub struct Folder {
    path: PathBuf,
    #[cfg(target_os = "linux")]
    opened: File,
}

/// A pipe must not make the loop wait, and nothing opened here is for a child.
const FLAGS: OFlags = OFlags::RDONLY.union(OFlags::CLOEXEC).union(OFlags::NONBLOCK);

impl Folder {
    /// The folder of this path, if it is one and may be read.
    pub fn new(path: &Path) -> io::Result<Self> {
        let path = path.canonicalize()?;
        fs::read_dir(&path)?;
        Ok(Self {
            #[cfg(target_os = "linux")]
            opened: File::open(&path)?,
            path,
        })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Opens what this names from the folder on: a file, a folder, or anything else that is there.
    ///
    /// # Errors
    ///
    /// There is nothing, or it is outside: [`io::ErrorKind::NotFound`]. It may not be read, there are no descriptors, and others.
    pub fn open(&self, named: &Path) -> io::Result<File> {
        match self.open_beneath(named, Links::Followed) {
            // it leads out, or by an absolute link
            Err(Errno::XDEV) => self.open_real(named),
            Err(errno) if is_not_let(errno) => self.open_real(named),
            opened => opened.map_err(error_of),
        }
    }

    /// Opens the real place of what is named, if that is inside.
    fn open_real(&self, named: &Path) -> io::Result<File> {
        let real = self.path.join(named).canonicalize()?;
        let Ok(inside) = real.strip_prefix(&self.path) else { return Err(io::ErrorKind::NotFound.into()) };
        match self.open_beneath(inside, Links::None) {
            Err(errno) if is_not_let(errno) => {
                let opened = rustix::fs::open(&real, FLAGS | OFlags::NOFOLLOW, Mode::empty());
                opened.map(File::from).map_err(error_of)
            }
            // it was exchanged meanwhile
            Err(Errno::XDEV) => Err(io::ErrorKind::NotFound.into()),
            opened => opened.map_err(error_of),
        }
    }

    #[cfg(target_os = "linux")]
    fn open_beneath(&self, named: &Path, links: Links) -> rustix::io::Result<File> {
        use rustix::fs::{ResolveFlags, openat2};
        let mut resolve = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
        if links == Links::None {
            resolve |= ResolveFlags::NO_SYMLINKS;
        }
        // the folder itself has no name in it
        let named = if named.as_os_str().is_empty() { Path::new(".") } else { named };
        let mut tries = TRIES;
        loop {
            tries -= 1;
            match openat2(&self.opened, named, FLAGS, Mode::empty(), resolve) {
                // something was renamed meanwhile, and the system can not say whether it leads out
                Err(Errno::AGAIN | Errno::INTR) if tries > 0 => {}
                opened => return opened.map(File::from),
            }
        }
    }

    #[cfg(not(target_os = "linux"))]
    fn open_beneath(&self, _: &Path, _: Links) -> rustix::io::Result<File> {
        Err(Errno::NOSYS)
    }
}

/// Whether links on the way are followed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Links {
    Followed,
    None,
}

/// An old system, or one that does not let us.
const fn is_not_let(errno: Errno) -> bool {
    matches!(errno, Errno::NOSYS | Errno::PERM | Errno::INVAL)
}

/// What the name is at fault for is not found: too long, a circle of links, a file on the way, a link that was put there meanwhile.
fn error_of(errno: Errno) -> io::Error {
    match errno {
        Errno::NAMETOOLONG | Errno::LOOP | Errno::NOTDIR | Errno::AGAIN | Errno::NXIO => io::ErrorKind::NotFound.into(),
        errno => errno.into(),
    }
}

/// How often something that is renamed is tried again.
#[cfg(target_os = "linux")]
const TRIES: usize = 8;

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    fn ground(name: &str) -> PathBuf {
        let base = std::env::temp_dir().join(format!("serve-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&base);
        fs::create_dir_all(base.join("root/sub")).unwrap();
        fs::write(base.join("secret"), "secret").unwrap();
        fs::write(base.join("root/a"), "a").unwrap();
        fs::write(base.join("root/sub/b"), "b").unwrap();
        base
    }

    fn read(folder: &Folder, named: &str) -> Result<String, io::ErrorKind> {
        let opened = folder.open(Path::new(named)).map_err(|error| error.kind())?;
        io::read_to_string(opened).map_err(|error| error.kind())
    }

    #[test]
    fn links_are_followed_inside_and_no_way_leads_out() {
        let base = ground("links");
        let root = base.join("root");
        let links = [
            ("relative", "sub/b"),
            ("sub/up", "../a"),
            ("sub/around", "../../root/a"),
            ("out", "../secret"),
            ("sub/out", "../../secret"),
            ("absolute-out", "/etc/passwd"),
            ("circle", "circle"),
        ];
        for (link, to) in links {
            symlink(to, root.join(link)).unwrap();
        }
        symlink(root.join("a"), root.join("absolute")).unwrap();
        symlink(&root, root.join("itself")).unwrap();
        let folder = Folder::new(&root).unwrap();
        for (named, content) in
            [("a", "a"), ("relative", "b"), ("sub/up", "a"), ("absolute", "a"), ("itself/sub/b", "b")]
        {
            assert_eq!(read(&folder, named).as_deref(), Ok(content), "{named}");
        }
        assert_eq!(read(&folder, "sub/around").as_deref(), Ok("a"), "it comes back");
        for named in
            ["out", "sub/out", "absolute-out", "circle", "none", "a/b", "itself/out", "../secret", &"x".repeat(300)]
        {
            assert_eq!(read(&folder, named), Err(io::ErrorKind::NotFound), "{named}");
        }
        assert!(folder.open(Path::new("")).unwrap().metadata().unwrap().is_dir());
        fs::remove_dir_all(&base).unwrap();
    }

    /// While a folder on the way is exchanged for a link that leads out, again and again, nothing from outside is read.
    #[test]
    fn what_is_exchanged_meanwhile_leads_nowhere() {
        let base = ground("exchanged");
        let (root, ends) = (base.join("root"), AtomicBool::new(false));
        fs::create_dir_all(base.join("outside")).unwrap();
        fs::write(base.join("outside/b"), "secret").unwrap();
        symlink("../outside", root.join("link")).unwrap();
        symlink(root.join("sub"), root.join("absolute")).unwrap();
        let folder = Folder::new(&root).unwrap();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !ends.load(Ordering::Relaxed) {
                    for (from, to) in [("sub", "kept"), ("link", "sub"), ("sub", "link"), ("kept", "sub")] {
                        fs::rename(root.join(from), root.join(to)).unwrap();
                    }
                }
            });
            let mut found = [0, 0];
            for _ in 0..5000 {
                for named in ["sub/b", "absolute/b"] {
                    match read(&folder, named) {
                        Ok(content) => {
                            assert_eq!(content, "b");
                            found[0] += 1;
                        }
                        Err(kind) => {
                            assert_eq!(kind, io::ErrorKind::NotFound);
                            found[1] += 1;
                        }
                    }
                }
            }
            ends.store(true, Ordering::Relaxed);
            assert!(found[0] > 0, "{found:?}");
        });
        fs::remove_dir_all(&base).unwrap();
    }
}
