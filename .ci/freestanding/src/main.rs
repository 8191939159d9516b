//! One exchange on a program that has neither the standard library nor an allocator, nor anything else to link with.
#![no_std]
#![no_main]

use core::arch::{asm, naked_asm};
use http_keepalive::drive::{Attempt, Drive, Step};
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

const REQUEST: &[u8] =
    b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nConnection: keep-alive\r\n\r\n2\r\nok\r\n0\r\n\r\n";

fn exchange() -> Option<()> {
    let mut now = Instant::from_secs(1);
    let mut drive = Drive::<Server, _>::new(now, &Config::DEFAULT, [0; 256], [0; 256]);
    let (mut incoming, mut content, mut answer) = (REQUEST, 0, &b"hello"[..]);
    let (mut sent, mut octets) = ([0; 256], 0);
    loop {
        match drive.poll(now) {
            Step::Event(Event::Request(head)) => assert!(head.fields.iter().count() == 3),
            Step::Event(Event::Content(octets)) => content += octets.len(),
            Step::Respond => drive.respond(now, StatusCode::OK, [("X", "y")], Content::Unknown).ok()?,
            Step::Content if answer.is_empty() => drive.finish(now, NO_FIELDS).ok()?,
            Step::Content => answer = answer.get(drive.send_content(now, answer).ok()?..)?,
            Step::Transport(transport) if transport.write == Attempt::Wait => {
                let unsent = drive.unsent();
                sent.get_mut(octets..)?.get_mut(..unsent.len())?.copy_from_slice(unsent);
                octets += unsent.len();
                drive.wrote(now, drive.unsent().len());
            }
            Step::Transport(transport) if transport.read == Attempt::Look => drive.looked_nothing(now),
            Step::Transport(_) if incoming.is_empty() => {
                now = drive.next_deadline()?.at;
                drive.timeout(now);
            }
            Step::Transport(_) => {
                let room = drive.room();
                let (piece, rest) = incoming.split_at(incoming.len().min(room.len()).min(9));
                room.get_mut(..piece.len())?.copy_from_slice(piece);
                drive.read(piece.len());
                incoming = rest;
            }
            Step::Shut(Shut::Close(CloseReason::IdleTimeout)) => break,
            Step::Event(_) | Step::Expired(_) => {}
            _ => return None,
        }
    }
    (content == 2 && sent.get(..octets)?.ends_with(b"5\r\nhello\r\n0\r\n\r\n")).then_some(())
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
