//! One head read by each parser, and every field of it once: ours with framing and persistence decided, the peers' as they are.

use std::ffi::c_char;
use std::hint::black_box;
use std::mem::MaybeUninit;
use std::ptr;

use http_keepalive::*;

/// As many fields as the peers have slots for; ours has no such bound.
const SLOTS: usize = 128;

/// Every field is read once: all sides do the same with each.
pub fn read_field(name: &[u8], value: &[u8]) {
    black_box((name.as_ptr(), name.len(), value.as_ptr(), value.len()));
}

#[inline(never)]
pub fn ours(input: &[u8]) {
    if input.starts_with(b"HTTP") {
        let mut head = ResponseHead::new();
        let (_, facts) = head.parse(input, MethodKind::Get, &Limits::DEFAULT, &Policy::DEFAULT).unwrap().unwrap();
        assert!(
            matches!(persistence::of_message(&facts, true), Persistence::Reuse(_))
                && head.framing.rule != FramingRule::UntilClose
        );
        return head.fields.iter().for_each(|line| read_field(line.name, line.value.as_received()));
    }
    let mut head = RequestHead::new();
    let (_, facts) = head.parse(input, &Limits::DEFAULT, &Policy::DEFAULT).unwrap().unwrap();
    assert!(
        matches!(persistence::of_message(&facts, true), Persistence::Reuse(_))
            && head.framing.rule != FramingRule::UntilClose
    );
    head.fields.iter().for_each(|line| read_field(line.name, line.value.as_received()));
}

#[inline(never)]
pub fn httparse(input: &[u8]) {
    let mut fields = [const { MaybeUninit::uninit() }; SLOTS];
    let mut none = [];
    if input.starts_with(b"HTTP") {
        let mut head = httparse::Response::new(&mut none);
        let config = httparse::ParserConfig::default();
        assert!(config.parse_response_with_uninit_headers(&mut head, input, &mut fields).unwrap().is_complete());
        return head.headers.iter().for_each(|field| read_field(field.name.as_bytes(), field.value));
    }
    let mut head = httparse::Request::new(&mut none);
    assert!(head.parse_with_uninit_headers(input, &mut fields).unwrap().is_complete());
    head.headers.iter().for_each(|field| read_field(field.name.as_bytes(), field.value));
}

#[inline(never)]
pub fn http_net(input: &[u8]) {
    let mut fields = [http_net::FieldSpan::default(); SLOTS];
    let limits = http_net::Limits::new().with_max_field_line(16 * 1024);
    if input.starts_with(b"HTTP") {
        let asked = http_net::Asked::default();
        let parsed = http_net::parse_response_head(input, &limits, asked, &mut fields).unwrap();
        let http_net::Parsed::Complete { head, .. } = parsed else { panic!("it is whole") };
        return head.view().headers().for_each(|(name, value)| read_field(name.as_bytes(), value));
    }
    let http_net::Parsed::Complete { head, .. } = http_net::parse_request_head(input, &limits, &mut fields).unwrap()
    else {
        panic!("it is whole")
    };
    head.view().headers().for_each(|(name, value)| read_field(name.as_bytes(), value));
}

#[inline(never)]
pub fn picohttpparser(input: &[u8]) {
    let mut fields = [const { MaybeUninit::<picohttpparser_sys::phr_header>::uninit() }; SLOTS];
    let (mut number, mut minor, slots) = (SLOTS, 0, fields.as_mut_ptr().cast());
    let (buffer, length) = (input.as_ptr().cast::<c_char>(), input.len());
    let (mut first, mut first_length) = (ptr::null(), 0);
    // SAFETY: the buffer has this length, and the slots are as many as is said; what is written outlives the call
    let octets = unsafe {
        if input.starts_with(b"HTTP") {
            let mut status = 0;
            picohttpparser_sys::phr_parse_response(
                buffer,
                length,
                &mut minor,
                &mut status,
                &mut first,
                &mut first_length,
                slots,
                &mut number,
                0,
            )
        } else {
            let (mut target, mut target_length) = (ptr::null(), 0);
            picohttpparser_sys::phr_parse_request(
                buffer,
                length,
                &mut first,
                &mut first_length,
                &mut target,
                &mut target_length,
                &mut minor,
                slots,
                &mut number,
                0,
            )
        }
    };
    assert!(octets > 0);
    for field in &fields[..number] {
        // SAFETY: `number` slots were written
        let field = unsafe { field.assume_init_ref() };
        black_box((field.name, field.name_len, field.value, field.value_len));
    }
}
