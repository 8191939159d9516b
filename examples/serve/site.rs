//! The folder: what a request is answered with. Files and folders under the root, and nothing else.
//!
//! **No way out.** A path is cut into segments before it is decoded, so that an encoded slash separates nothing; a segment that
//! would climb or that no file can be named is refused. What is left may still be a symbolic link: where it leads out, nothing is found
//! ([`beneath`]).
//!
//! **Dot files** (`.git`, `.env`) are not found and not listed unless that is asked for; `/.well-known/` is there to be served (RFC 8615 3).
//! It is the name asked for that counts: a link may lead to one of them.

use std::ffi::OsStr;
use std::fmt::Write as _;
use std::fs::{File, Metadata};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use http_keepalive::{MethodKind, RequestHead, StatusCode};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode, percent_encode};
use rustix::fs::{AtFlags, Dir, FileType, statat};
use rustix::io::Errno;

use super::beneath::Folder;
use super::places::{Place, Places};

/// A folder to be served.
pub struct Site {
    root: Folder,
    places: &'static Places,
    dot_files: bool,
}

/// The answer to a request: what the application has to say. What must be said of the connection is the machine's.
pub struct Answer {
    pub status: StatusCode,
    pub fields: Vec<(&'static str, String)>,
    pub content: Content,
}

/// Content, and how many octets it has.
pub enum Content {
    Text(String),
    /// A file, which holds a place of its own.
    File {
        file: File,
        left: u64,
        place: Place,
    },
}

impl Content {
    pub fn octets(&self) -> u64 {
        match self {
            Self::Text(text) => text.len() as u64,
            Self::File { left, .. } => *left,
        }
    }
}

impl Site {
    /// The site of this folder, if it is one.
    pub fn new(root: &Path, places: &'static Places) -> io::Result<Self> {
        Ok(Self { root: Folder::new(root)?, places, dot_files: false })
    }

    /// Serves what has a name with a dot first, too, if `dot_files`.
    #[must_use]
    pub fn with_dot_files(self, dot_files: bool) -> Self {
        Self { dot_files, ..self }
    }

    pub fn places(&self) -> &'static Places {
        self.places
    }

    pub fn root(&self) -> &Path {
        self.root.path()
    }

    /// Answers a request. HEAD as GET: that its content is not sent is no business of ours (RFC 9110 9.3.2).
    pub fn answer(&self, head: &RequestHead<'_>) -> Answer {
        match head.method.kind() {
            MethodKind::Get | MethodKind::Head => {
                self.find(head.target.path(), head.target.query()).unwrap_or_else(Answer::status)
            }
            _ => {
                let mut answer = Answer::status(StatusCode::METHOD_NOT_ALLOWED);
                answer.fields.push(("Allow", "GET, HEAD".into()));
                answer
            }
        }
    }

    fn find(&self, path: &[u8], query: Option<&[u8]>) -> Result<Answer, StatusCode> {
        let segments = segments(path)?;
        let is_hidden = |(depth, name): (usize, &Vec<u8>)| self.hides(depth, name);
        if segments.iter().enumerate().any(is_hidden) {
            return Err(StatusCode::NOT_FOUND);
        }
        let named: PathBuf = segments.iter().map(|segment| OsStr::from_bytes(segment)).collect();
        let found = self.open(&named)?;
        match (found.metadata.is_dir(), path.ends_with(b"/")) {
            (false, false) => found.answer(&named),
            (false, true) => Err(StatusCode::NOT_FOUND),
            (true, false) => Ok(moved_to(&segments, query)),
            (true, true) => {
                let page = named.join("index.html");
                match self.open(&page).and_then(|found| found.answer(&page)) {
                    Err(StatusCode::NOT_FOUND) => {
                        index(&found.file, &segments, |name| self.hides(segments.len(), name.as_bytes()))
                    }
                    answer => answer,
                }
            }
        }
    }

    /// Whether this name is not served: so many segments after the root.
    fn hides(&self, depth: usize, name: &[u8]) -> bool {
        name.starts_with(b".") && !self.dot_files && !(depth == 0 && name == WELL_KNOWN)
    }

    /// Opens what is named so, if it is inside.
    fn open(&self, named: &Path) -> Result<Found, StatusCode> {
        let place = self.places.hold();
        let file = self.root.open(named).map_err(status_of)?;
        let metadata = file.metadata().map_err(status_of)?;
        Ok(Found { file, metadata, place })
    }
}

/// Something under the root that is open, and what it is.
struct Found {
    file: File,
    metadata: Metadata,
    place: Place,
}

impl Found {
    /// The answer that it is, if it is a file. `named`: what it was asked for by.
    fn answer(self, named: &Path) -> Result<Answer, StatusCode> {
        if !self.metadata.is_file() {
            return Err(StatusCode::NOT_FOUND);
        }
        let mut fields = vec![("Content-Type", media_type(named))];
        if let Ok(modified) = self.metadata.modified() {
            fields.push(("Last-Modified", httpdate::fmt_http_date(modified)));
        }
        let content = Content::File { file: self.file, left: self.metadata.len(), place: self.place };
        Ok(Answer { status: StatusCode::OK, fields, content })
    }
}

impl Answer {
    /// An answer that only says its status.
    fn status(status: StatusCode) -> Self {
        let fields = vec![("Content-Type", "text/plain; charset=utf-8".into())];
        Self { status, fields, content: Content::Text(format!("{status} {}\n", status.reason_phrase())) }
    }
}

/// The segments of a path, decoded; empty ones and `.` are nothing.
fn segments(path: &[u8]) -> Result<Vec<Vec<u8>>, StatusCode> {
    let mut segments = Vec::new();
    for encoded in path.strip_prefix(b"/").ok_or(StatusCode::BAD_REQUEST)?.split(|&b| b == b'/') {
        let segment: Vec<u8> = percent_decode(encoded).collect();
        match segment.as_slice() {
            b"" | b"." => {}
            b".." => return Err(StatusCode::BAD_REQUEST),
            octets if octets.iter().any(|b| matches!(b, 0 | b'/' | b'\\')) => return Err(StatusCode::BAD_REQUEST),
            _ => segments.push(segment),
        }
    }
    Ok(segments)
}

fn status_of(error: io::Error) -> StatusCode {
    match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => StatusCode::NOT_FOUND,
        io::ErrorKind::PermissionDenied => StatusCode::FORBIDDEN,
        // more descriptors than this process may have, or the system has
        _ if [Errno::MFILE, Errno::NFILE].map(|errno| Some(errno.raw_os_error())).contains(&error.raw_os_error()) => {
            StatusCode::SERVICE_UNAVAILABLE
        }
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// By the name it was asked for; text is taken for UTF-8.
fn media_type(named: &Path) -> String {
    let kind = mime_guess::from_path(named).first_or_octet_stream();
    let is_text = kind.type_() == "text" || kind.subtype() == "javascript" || kind.subtype() == "json";
    if is_text { format!("{kind}; charset=utf-8") } else { kind.to_string() }
}

/// A folder was named without its slash. Built from the segments: `//elsewhere` must not become another host.
fn moved_to(segments: &[Vec<u8>], query: Option<&[u8]>) -> Answer {
    let mut answer = Answer::status(StatusCode::MOVED_PERMANENTLY);
    let query = query.map(|query| format!("?{}", String::from_utf8_lossy(query))).unwrap_or_default();
    let location = path_of(segments) + &query;
    answer.fields.push(("Location", location));
    answer
}

/// The path of a folder: begins and ends with a slash.
fn path_of(segments: &[Vec<u8>]) -> String {
    segments.iter().fold("/".into(), |path, segment| format!("{path}{}/", percent_encode(segment, SEGMENT)))
}

/// The page that stands for a folder without one: folders first, by name.
fn index(place: &File, segments: &[Vec<u8>], hides: impl Fn(&OsStr) -> bool) -> Result<Answer, StatusCode> {
    let mut entries = Vec::new();
    for entry in Dir::read_from(place).map_err(|errno| status_of(errno.into()))?.flatten() {
        let name = OsStr::from_bytes(entry.file_name().to_bytes());
        if name == "." || name == ".." || hides(name) {
            continue;
        }
        // what a link leads to
        let kind = match entry.file_type() {
            FileType::Symlink | FileType::Unknown => statat(place, entry.file_name(), AtFlags::empty())
                .map_or(FileType::Unknown, |stat| FileType::from_raw_mode(stat.st_mode)),
            kind => kind,
        };
        entries.push((kind != FileType::Directory, name.to_owned()));
    }
    entries.sort();
    let names = segments.iter().map(|segment| String::from_utf8_lossy(segment));
    let title = escaped(&names.fold("/".into(), |path, name| format!("{path}{name}/")));
    let mut page = format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<title>{title}</title>\n<h1>{title}</h1>\n<ul>\n"
    );
    if !segments.is_empty() {
        page.push_str("<li><a href=\"../\">../</a>\n");
    }
    for (is_file, name) in entries {
        let slash = if is_file { "" } else { "/" };
        let link = percent_encode(name.as_bytes(), SEGMENT);
        let name = escaped(&name.to_string_lossy());
        writeln!(page, "<li><a href=\"{link}{slash}\">{name}{slash}</a>").expect("a string takes what is written");
    }
    page.push_str("</ul>\n</html>\n");
    let fields = vec![("Content-Type", "text/html; charset=utf-8".into())];
    Ok(Answer { status: StatusCode::OK, fields, content: Content::Text(page) })
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// The one name with a dot that is there to be served.
const WELL_KNOWN: &[u8] = b".well-known";
/// What is encoded in a segment: all but the unreserved octets (RFC 3986 2.3), so also a colon, which could end a scheme.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn names(path: &str) -> Result<Vec<String>, u16> {
        let segments = segments(path.as_bytes()).map_err(StatusCode::as_u16)?;
        Ok(segments.into_iter().map(|segment| String::from_utf8(segment).unwrap()).collect())
    }

    #[test]
    fn segments_are_cut_before_they_are_decoded() {
        assert_eq!(names("/"), Ok(vec![]));
        assert_eq!(names("//a/./b%20c/"), Ok(vec!["a".into(), "b c".into()]));
        assert_eq!(names("/100%"), Ok(vec!["100%".into()]));
        for path in ["", "*", "/..", "/a/../b", "/%2e%2E/b", "/a%2fb", "/a%5c..", "/a\\b", "/a%00"] {
            assert_eq!(names(path), Err(400), "{path}");
        }
    }

    #[test]
    fn nothing_outside_the_root_is_found() {
        let base = std::env::temp_dir().join(format!("serve-site-{}", std::process::id()));
        let root = base.join("root");
        fs::create_dir_all(root.join("sub")).unwrap();
        fs::create_dir_all(base.join("root-beside")).unwrap();
        fs::write(base.join("secret"), "secret").unwrap();
        fs::write(base.join("root-beside/secret"), "secret").unwrap();
        fs::write(root.join("a&b <c>.html"), "x").unwrap();
        for (link, to) in [("out", "../secret"), ("beside", "../root-beside"), ("sub/index.html", "/etc/passwd")] {
            let _ = fs::remove_file(root.join(link));
            std::os::unix::fs::symlink(to, root.join(link)).unwrap();
        }
        let site = Site::new(&root, Places::new(None, 0)).unwrap();
        let status = |path: &str| match site.find(path.as_bytes(), None) {
            Ok(answer) => answer.status.as_u16(),
            Err(status) => status.as_u16(),
        };
        assert_eq!(status("/a%26b%20%3Cc%3E.html"), 200);
        assert_eq!(status("/a%26b%20%3Cc%3E.html/"), 404);
        assert_eq!(status("/out"), 404);
        assert_eq!(status("/beside/secret"), 404);
        assert_eq!(status("/../secret"), 400);
        assert_eq!(status("/nothing"), 404);
        let Ok(Answer { content: Content::Text(page), .. }) = site.find(b"/", None) else { panic!("no index page") };
        assert!(page.contains(r#"<li><a href="a%26b%20%3Cc%3E.html">"#));
        assert!(page.contains("a&amp;b &lt;c&gt;.html</a>"));
        // an index page that leads out is none, and the folder is listed
        assert_eq!(status("/sub/"), 200);
        let moved = site.find(b"//sub", Some(b"x=1")).unwrap_or_else(Answer::status);
        assert_eq!(moved.fields.last(), Some(&("Location", "/sub/?x=1".into())));
        fs::remove_dir_all(&base).unwrap();
    }

    #[test]
    fn dot_files_are_served_only_if_asked_for_and_well_known_always() {
        let root = std::env::temp_dir().join(format!("serve-dots-{}", std::process::id()));
        for (folder, file) in [(".git", "config"), (".well-known", "x"), (".well-known", ".y"), ("a/.well-known", "x")]
        {
            fs::create_dir_all(root.join(folder)).unwrap();
            fs::write(root.join(folder).join(file), "x").unwrap();
        }
        fs::write(root.join(".env"), "x").unwrap();
        let statuses = |dot_files| {
            let site = Site::new(&root, Places::new(None, 0)).unwrap().with_dot_files(dot_files);
            ["/.git/config", "/%2eenv", "/.git/", "/.well-known/x", "/.well-known/.y", "/a/.well-known/x"].map(|path| {
                site.find(path.as_bytes(), None).map_or_else(StatusCode::as_u16, |answer| answer.status.as_u16())
            })
        };
        assert_eq!(statuses(false), [404, 404, 404, 200, 404, 404]);
        assert_eq!(statuses(true), [200; 6]);
        for (dot_files, listed) in [(false, false), (true, true)] {
            let site = Site::new(&root, Places::new(None, 0)).unwrap().with_dot_files(dot_files);
            let Ok(Answer { content: Content::Text(page), .. }) = site.find(b"/", None) else {
                panic!("no index page")
            };
            assert_eq!((page.contains(".git/"), page.contains(".env")), (listed, listed), "{page}");
            assert!(page.contains(".well-known/"), "{page}");
        }
        fs::remove_dir_all(&root).unwrap();
    }
}
