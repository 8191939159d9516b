//! A server's connection for C: `http_keepalive.h` is made from this file, and `serve.c` uses it.
//!
//! It teaches the boundary: no allocation (all memory is the caller's), no panic that unwinds into C, sizes that the compiler checks, each
//! `unsafe` at the door with its reason, and nothing of HTTP in here. Octets are told by pointer and length, as they are not ended by a
//! zero.
//!
//! **What every function asks of its caller**: a pointer to an `hk_config` or an `hk_server` is one that its `init` was called with, and is
//! not used by another thread meanwhile; octets and their length belong together. What a step points to is there until the next call with
//! the same server.
#![no_std]

use core::mem::{align_of, needs_drop, size_of};
use core::{panic::PanicInfo, ptr, slice, time::Duration};
use http_keepalive::drive::{Attempt, Drive, Side, Step};
use http_keepalive::{
    Config, Content, Event, Instant, Limits, NO_FIELDS, Policy, SendError, Server, Shut, StatusCode, Timeouts,
};

type Machine = Drive<Server, &'static mut [u8], &'static Config<Server>>;

/// Field lines of a request: more are answered by 431.
pub const HK_FIELD_LINES: usize = 32;
/// Content of which the length is not known.
pub const HK_UNKNOWN: u64 = u64::MAX;
/// No time at all.
pub const HK_NEVER: u64 = u64::MAX;

/// The size of an `hk_config`, in words of eight octets.
pub const HK_CONFIG_WORDS: usize = 96;
/// The size of an `hk_server`, in words of eight octets, without the places for lines.
pub const HK_SERVER_WORDS: usize = 80;

/// Settings, checked once; for any number of connections, and for longer than each of them.
#[repr(C)]
pub struct hk_config {
    opaque: [u64; HK_CONFIG_WORDS],
}

/// A connection. It may not be moved or copied between two calls.
#[repr(C)]
pub struct hk_server {
    opaque: [u64; HK_SERVER_WORDS],
    lines: [hk_line; HK_FIELD_LINES],
}

const _: () = {
    assert!(
        size_of::<Config<Server>>() <= HK_CONFIG_WORDS * 8 && align_of::<Config<Server>>() <= align_of::<hk_config>()
    );
    assert!(size_of::<Machine>() <= HK_SERVER_WORDS * 8 && align_of::<Machine>() <= align_of::<hk_server>());
    // so there is no function to destroy one
    assert!(!needs_drop::<Config<Server>>() && !needs_drop::<Machine>());
};

/// Octets, and how many.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct hk_octets {
    pub octets: *const u8,
    pub length: usize,
}

/// A field line.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct hk_line {
    pub name: hk_octets,
    pub value: hk_octets,
}

/// What may be set, as `hk_settings_default` has it before. Times in milliseconds; `HK_NEVER`: without end.
#[repr(C)]
pub struct hk_settings {
    /// Octets of a head: as many must fit into the room for what is received.
    pub head: u32,
    /// Octets of a request's content: more is answered by 413. `HK_UNKNOWN`: any number.
    pub content: u64,
    /// Requests on a connection; 0: any number.
    pub max_exchanges: u32,
    /// How long a connection may be open before its first octet comes.
    pub first_octet: u64,
    /// How long it may be idle between two requests.
    pub idle: u64,
    /// How long a head may take.
    pub head_time: u64,
    /// How long content may pause.
    pub content_gap: u64,
    /// How long a peer may take nothing.
    pub write_stall: u64,
}

/// What is next.
#[repr(C)]
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum hk_kind {
    /// Nothing to be done: ask again.
    Again,
    /// A request's head came: `method`, `target`, `lines`.
    Request,
    /// A piece of its content came: `octets`.
    Content,
    /// The request is whole.
    End,
    /// To be answered: `hk_server_respond`. Said again until it is done.
    Respond,
    /// More content of the answer, or its end: `hk_server_send`, `hk_server_finish`. Said again until it is done.
    Send,
    /// The socket is to be read into `room`, if `read`; `octets` are to be written to it, if `write`; for `wait` nanoseconds at most. Say
    /// what came of it.
    Transport,
    /// The sending side of the socket is to be shut: then `hk_server_shut_done`.
    HalfClose,
    /// The socket is to be closed: then the connection is over. Why is in `octets`.
    Close,
    /// The socket is to be closed by a reset (`SO_LINGER` of zero): then the connection is over. Why is in `octets`.
    Reset,
}

/// A step: what its kind names is set, the rest is empty. What it points to is there until the next call with the same connection.
#[repr(C)]
pub struct hk_step {
    pub kind: hk_kind,
    pub read: bool,
    pub write: bool,
    pub method: hk_octets,
    pub target: hk_octets,
    pub lines: *const hk_line,
    pub lines_count: usize,
    pub octets: hk_octets,
    pub room: *mut u8,
    pub room_length: usize,
    pub wait: u64,
}

/// What came of a call that sends.
#[repr(C)]
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum hk_result {
    Done,
    /// There is no room before something has left: `HK_KIND_RESPOND` or `HK_KIND_SEND` is said again then.
    Later,
    /// The connection has ended: go on with the steps.
    Ended,
    /// A mistake in the program; nothing was sent.
    Misuse,
}

impl hk_octets {
    const NONE: Self = Self::of(b"");

    const fn of(octets: &[u8]) -> Self {
        Self { octets: octets.as_ptr(), length: octets.len() }
    }

    /// # Safety
    ///
    /// The caller of the library has said that pointer and length belong together.
    unsafe fn get<'o>(self) -> &'o [u8] {
        if self.length == 0 {
            return &[]; // C may say this by a null pointer
        }
        // SAFETY: as the function asks
        unsafe { slice::from_raw_parts(self.octets, self.length) }
    }
}

impl hk_step {
    const fn of(kind: hk_kind) -> Self {
        Self {
            kind,
            read: false,
            write: false,
            method: hk_octets::NONE,
            target: hk_octets::NONE,
            lines: ptr::null(),
            lines_count: 0,
            octets: hk_octets::NONE,
            room: ptr::null_mut(),
            room_length: 0,
            wait: HK_NEVER,
        }
    }

    const fn with(kind: hk_kind, octets: &[u8]) -> Self {
        Self { octets: hk_octets::of(octets), ..Self::of(kind) }
    }
}

/// The machine in memory of the caller's.
///
/// # Safety
///
/// `server` was given to `hk_server_init`, and nobody else uses it now.
unsafe fn machine<'s>(server: *mut hk_server) -> &'s mut Machine {
    // SAFETY: `hk_server_init` has put a machine at its front, where there is room for it and it is aligned (asserted above)
    unsafe { &mut *server.cast::<Machine>() }
}

fn result(sent: Result<(), SendError>) -> hk_result {
    match sent {
        Ok(()) => hk_result::Done,
        Err(SendError::OutputTooSmall { .. }) => hk_result::Later,
        Err(SendError::Ended(_)) => hk_result::Ended,
        Err(SendError::Misuse(_)) => hk_result::Misuse,
    }
}

/// The defaults of the library, with heads of 4 KiB and content of 64 KiB.
#[unsafe(no_mangle)]
pub extern "C" fn hk_settings_default() -> hk_settings {
    let millis = |time: Option<Duration>| time.map_or(HK_NEVER, |time| time.as_millis() as u64);
    let timeouts = Timeouts::DEFAULT;
    hk_settings {
        head: 4096,
        content: 64 * 1024,
        max_exchanges: Limits::DEFAULT.max_exchanges.unwrap_or(0),
        first_octet: millis(timeouts.first_octet),
        idle: millis(timeouts.idle),
        head_time: millis(timeouts.head),
        content_gap: millis(timeouts.content_gap),
        write_stall: millis(timeouts.write_stall),
    }
}

/// Checks the settings. Empty, or the name of the setting that is out of bounds or does not fit another one; then nothing was written.
///
/// # Safety
///
/// `config` has room for one, and nobody uses it now; `settings` are some.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hk_config_init(config: *mut hk_config, settings: *const hk_settings) -> hk_octets {
    // SAFETY: as the function asks
    let settings = unsafe { &*settings };
    let time = |millis: u64| (millis != HK_NEVER).then(|| Duration::from_millis(millis));
    // what is promised to a client ends before we close
    let promised = time(settings.idle).map(|idle| idle - (idle / 2).min(Duration::from_secs(5)));
    let limits = Limits::DEFAULT
        .with_start_line(Limits::DEFAULT.start_line.min(settings.head.saturating_sub(1)))
        .with_head(settings.head)
        .with_trailer_section(Limits::DEFAULT.trailer_section.min(settings.head))
        .with_field_lines(HK_FIELD_LINES as u16)
        .with_content((settings.content != HK_UNKNOWN).then_some(settings.content))
        .with_max_exchanges((settings.max_exchanges > 0).then_some(settings.max_exchanges));
    let timeouts = Timeouts::DEFAULT
        .with_first_octet(time(settings.first_octet))
        .with_idle(time(settings.idle))
        .with_idle_advertised(promised)
        .with_head(time(settings.head_time))
        .with_head_cap(time(settings.head_time.saturating_mul(2)))
        .with_content_gap(time(settings.content_gap))
        .with_write_stall(time(settings.write_stall));
    match Config::<Server>::new(limits, timeouts, Policy::DEFAULT) {
        Ok(checked) => {
            // SAFETY: there is room for it, aligned (asserted above), and nobody else uses it, as the function asks
            unsafe { config.cast::<Config<Server>>().write(checked) };
            hk_octets::NONE
        }
        Err(error) => hk_octets::of(error.setting.as_bytes()),
    }
}

/// A connection that opened at `now`: nanoseconds of a clock that never goes back, from an epoch of yours. `input` is the room for what is
/// received, and `output` for what is to be sent. `false`, and nothing was written: `input` is smaller than a head may be.
///
/// # Safety
///
/// `server` has room for one, and nobody uses it now; `config` was initialised, and stays where and as it is for as long as the connection;
/// the octets are the connection's alone for as long.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hk_server_init(
    server: *mut hk_server,
    config: *const hk_config,
    now: u64,
    input: *mut u8,
    input_length: usize,
    output: *mut u8,
    output_length: usize,
) -> bool {
    // SAFETY: `hk_config_init` has put one there, and it stays, as the function asks
    let config: &'static Config<Server> = unsafe { &*config.cast() };
    if input_length < config.min_buffer() {
        return false;
    }
    // SAFETY: these octets are the connection's alone, as the function asks
    let input = unsafe { slice::from_raw_parts_mut(input, input_length) };
    // SAFETY: the same
    let output = unsafe { slice::from_raw_parts_mut(output, output_length) };
    // SAFETY: there is room for it, aligned (asserted above), and nobody else uses it, as the function asks
    unsafe { server.cast::<Machine>().write(Drive::new(Instant::from_nanos(now), config, input, output)) };
    true
}

/// What is next on a connection: to be asked until it is `HK_KIND_TRANSPORT`, and again after the transport was told of.
///
/// # Safety
///
/// As all functions: see the head of this file.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hk_server_poll(server: *mut hk_server, now: u64) -> hk_step {
    let now = Instant::from_nanos(now);
    // SAFETY: as the function asks
    let machine = unsafe { machine(server) };
    match machine.poll(now) {
        Step::Event(Event::Request(head)) => {
            // SAFETY: the lines lie after the machine, and nobody else uses them
            let places = unsafe { &mut (*server).lines };
            let mut step = hk_step::of(hk_kind::Request);
            step.method = hk_octets::of(head.method.as_bytes());
            step.target = hk_octets::of(head.target.as_bytes());
            for (place, line) in places.iter_mut().zip(&head.fields) {
                let value = hk_octets::of(line.value.as_received());
                *place = hk_line { name: hk_octets::of(line.name), value };
                step.lines_count += 1;
            }
            step.lines = places.as_ptr();
            step
        }
        Step::Event(Event::Content(piece)) => hk_step::with(hk_kind::Content, piece),
        Step::Event(Event::End { .. }) => hk_step::of(hk_kind::End),
        Step::Respond => hk_step::of(hk_kind::Respond),
        Step::Content => hk_step::of(hk_kind::Send),
        Step::Transport(asked) => {
            let wait = machine.wait(now).map_or(HK_NEVER, |wait| wait.as_nanos() as u64);
            let (room, unsent) = machine.room_and_unsent();
            let (room, room_length) = (room.as_mut_ptr(), room.len());
            let (read, write) = (asked.read != Attempt::No, asked.write != Attempt::No);
            hk_step { read, write, room, room_length, wait, ..hk_step::with(hk_kind::Transport, unsent) }
        }
        Step::Shut(Shut::HalfClose(why)) => hk_step::with(hk_kind::HalfClose, why.as_str().as_bytes()),
        Step::Shut(Shut::Close(why)) => hk_step::with(hk_kind::Close, why.as_str().as_bytes()),
        Step::Shut(Shut::Reset(why)) => hk_step::with(hk_kind::Reset, why.as_str().as_bytes()),
        Step::HandOver(_) | Step::Closed => hk_step::of(hk_kind::Close),
        _ => hk_step::of(hk_kind::Again),
    }
}

/// This number of octets was read into the room; 0: the peer has closed its side.
///
/// # Safety
///
/// As all functions: see the head of this file.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hk_server_read(server: *mut hk_server, octets: usize) {
    // SAFETY: as the function asks
    unsafe { machine(server) }.read(octets);
}

/// This number of octets has left; 0 where none could.
///
/// # Safety
///
/// As all functions: see the head of this file.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hk_server_wrote(server: *mut hk_server, now: u64, octets: usize) {
    // SAFETY: as the function asks
    unsafe { machine(server) }.wrote(Instant::from_nanos(now), octets);
}

/// The time to wait is over, and nothing has come or left.
///
/// # Safety
///
/// As all functions: see the head of this file.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hk_server_timeout(server: *mut hk_server, now: u64) {
    // SAFETY: as the function asks
    unsafe { machine(server) }.timeout(Instant::from_nanos(now));
}

/// The socket failed; or only writing did (`EPIPE`), and what the peer has sent may still be read.
///
/// # Safety
///
/// As all functions: see the head of this file.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hk_server_failed(server: *mut hk_server, now: u64, only_writing: bool) {
    // SAFETY: as the function asks
    unsafe { machine(server) }.failed(Instant::from_nanos(now), if only_writing { Side::Write } else { Side::Read });
}

/// The half-close is done, or has failed.
///
/// # Safety
///
/// As all functions: see the head of this file.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hk_server_shut_done(server: *mut hk_server, now: u64) {
    // SAFETY: as the function asks
    unsafe { machine(server) }.shut_done(Instant::from_nanos(now));
}

/// Closes after the exchange that is open, or now if there is none: at the end of the process, to every connection.
///
/// # Safety
///
/// As all functions: see the head of this file.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hk_server_close_after_exchange(server: *mut hk_server, now: u64) {
    // SAFETY: as the function asks
    unsafe { machine(server) }.close_after_exchange(Instant::from_nanos(now));
}

/// Sends the head of the answer, with field lines of yours beside those that say its length and whether the connection persists. `content`
/// is how many octets follow by `hk_server_send`, or `HK_UNKNOWN`: then `hk_server_finish` ends it.
///
/// # Safety
///
/// As all functions: see the head of this file; and there are `lines_count` lines.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hk_server_respond(
    server: *mut hk_server,
    now: u64,
    status: u16,
    lines: *const hk_line,
    lines_count: usize,
    content: u64,
) -> hk_result {
    // SAFETY: as the function asks
    let lines = if lines_count == 0 { &[] } else { unsafe { slice::from_raw_parts(lines, lines_count) } };
    let lines = lines.iter().map(|line| {
        // SAFETY: as the function asks
        let name = unsafe { line.name.get() };
        // SAFETY: the same
        (name, unsafe { line.value.get() })
    });
    let Some(status) = StatusCode::new(status) else { return hk_result::Misuse };
    let content = if content == HK_UNKNOWN { Content::Unknown } else { Content::Exact(content) };
    // SAFETY: as the function asks
    result(unsafe { machine(server) }.respond(Instant::from_nanos(now), status, lines, content))
}

/// Sends content of the answer: how many octets of it were taken is written to `taken`. The rest is to be given at the next `HK_KIND_SEND`.
///
/// # Safety
///
/// As all functions: see the head of this file.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hk_server_send(
    server: *mut hk_server,
    now: u64,
    content: hk_octets,
    taken: *mut usize,
) -> hk_result {
    // SAFETY: as the function asks
    let content = unsafe { content.get() };
    // SAFETY: the same
    let sent = unsafe { machine(server) }.send_content(Instant::from_nanos(now), content);
    // SAFETY: the same
    unsafe { *taken = sent.unwrap_or(0) };
    result(sent.map(drop))
}

/// Ends an answer of which the length was not known.
///
/// # Safety
///
/// As all functions: see the head of this file.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hk_server_finish(server: *mut hk_server, now: u64) -> hk_result {
    // SAFETY: as the function asks
    result(unsafe { machine(server) }.finish(Instant::from_nanos(now), NO_FIELDS))
}

unsafe extern "C" {
    safe fn abort() -> !;
}

/// The library does not panic; what is here does not either. If it did, nothing of it would pass into C.
#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    abort()
}
