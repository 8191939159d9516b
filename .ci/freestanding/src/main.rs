//! One exchange on a program that has neither the standard library nor an allocator, nor anything else to link with.
#![no_std]
#![no_main]

use core::arch::{asm, naked_asm};
use http_keepalive::*;

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    exit(101)
}

fn exit(code: i32) -> ! {
    unsafe { asm!("syscall", in("rax") 60, in("rdi") code, options(noreturn)) }
}

/// Aligns the stack as a call would have.
#[unsafe(naked)]
#[unsafe(no_mangle)]
extern "C" fn _start() -> ! {
    naked_asm!("and rsp, -16", "call {run}", "ud2", run = sym run)
}

extern "C" fn run() -> ! {
    exit(if exchange().is_some() { 0 } else { 1 })
}

fn exchange() -> Option<()> {
    let now = Instant::from_secs(1);
    let mut connection = Connection::<Server>::new(now, &Config::DEFAULT);
    let mut out = [0; 256];
    let octets = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nConnection: keep-alive\r\n\r\n2\r\nok\r\n0\r\n\r\n";
    let mut at = 0;
    let mut content = 0;
    loop {
        let received = connection.receive(now, octets.get(at..)?).ok()?;
        at += received.consumed;
        match received.outcome {
            Outcome::Event(Event::Request(head)) => assert!(head.fields.iter().count() == 3),
            Outcome::Event(Event::Content(octets)) => content += octets.len(),
            Outcome::Event(Event::End { .. }) => break,
            _ => return None,
        }
    }
    let mut written = connection.send_response(now, StatusCode::OK, [("X", "y")], Content::Unknown, &mut out).ok()?;
    written += connection.send_content(now, b"hello", out.get_mut(written..)?).ok()?.written;
    written += connection.send_end(now, NO_FIELDS, out.get_mut(written..)?).ok()?;
    connection.handle_sent(now, written as u64);
    let deadline = connection.next_deadline()?;
    connection.handle_timeout(deadline.at)?;
    connection.nothing_to_read(deadline.at);
    let closes = matches!(connection.wants().shut, Some(Shut::Close(CloseReason::IdleTimeout)));
    (closes && content == 2 && out.get(..written)?.ends_with(b"5\r\nhello\r\n0\r\n\r\n")).then_some(())
}

#[unsafe(no_mangle)]
unsafe extern "C" fn memcpy(to: *mut u8, from: *const u8, octets: usize) -> *mut u8 {
    unsafe { asm!("rep movsb", inout("rcx") octets => _, inout("rdi") to => _, inout("rsi") from => _) };
    to
}

#[unsafe(no_mangle)]
unsafe extern "C" fn memset(to: *mut u8, octet: i32, octets: usize) -> *mut u8 {
    unsafe { asm!("rep stosb", inout("rcx") octets => _, inout("rdi") to => _, in("al") octet as u8) };
    to
}

#[unsafe(no_mangle)]
unsafe extern "C" fn memmove(to: *mut u8, from: *const u8, octets: usize) -> *mut u8 {
    if (to as usize) <= from as usize {
        return unsafe { memcpy(to, from, octets) };
    }
    unsafe {
        asm!("std", "rep movsb", "cld", inout("rcx") octets => _,
            inout("rdi") to.wrapping_add(octets).wrapping_sub(1) => _,
            inout("rsi") from.wrapping_add(octets).wrapping_sub(1) => _);
    }
    to
}

#[unsafe(no_mangle)]
unsafe extern "C" fn memcmp(one: *const u8, other: *const u8, octets: usize) -> i32 {
    for i in 0..octets {
        let (one, other) = unsafe { (one.add(i).read_volatile(), other.add(i).read_volatile()) };
        if one != other {
            return i32::from(one) - i32::from(other);
        }
    }
    0
}

#[unsafe(no_mangle)]
unsafe extern "C" fn bcmp(one: *const u8, other: *const u8, octets: usize) -> i32 {
    unsafe { memcmp(one, other, octets) }
}
