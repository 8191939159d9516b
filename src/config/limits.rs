//! How much of anything a peer may send.

settings! {
    /// How much of anything a peer may send. Octets unless said otherwise; a line counts with its line end.
    pub struct Limits {
        /// A start line: a longer target is answered by 414. RFC 9112 3 asks for at least 8000.
        start_line / with_start_line: u32 = 16 * 1024;
        /// A field line, also one in a trailer section. As much as a head: cookies and tickets are long.
        field_line / with_field_line: u32 = 64 * 1024;
        /// A head with its empty line. 64 KiB is what common servers take or more.
        head / with_head: u32 = 64 * 1024;
        /// Field lines in one head. Browsers send 12 to 30.
        field_lines / with_field_lines: u16 = 128;
        /// A trailer section with its empty line.
        trailer_section / with_trailer_section: u32 = 16 * 1024;
        /// Field lines in one trailer section.
        trailer_lines / with_trailer_lines: u16 = 64;
        /// Empty lines before a start line. RFC 9112 2.2 asks for one to be ignored; some clients send two.
        empty_lines / with_empty_lines: u8 = 4;
        /// A chunk's extensions: nobody is known to need any.
        chunk_extension / with_chunk_extension: u16 = 1024;
        /// The chunk extensions of one message together (RFC 9112 7.1.1).
        chunk_extensions / with_chunk_extensions: u32 = 16 * 1024;
        /// Octets of chunk framing (sizes, extensions, line ends) in one message beyond eight for each octet of content received
        /// before them. Chunks of one octet, five of framing to each, pass without end; sizes of many digits, which would cost
        /// far more than the content that other limits count, do not. `None`: any number (RFC 9112 7.1).
        chunk_framing / with_chunk_framing: Option<u32> = Some(16 * 1024);
        /// Content of one message as received; more is answered by 413. `None`: the application decides.
        content / with_content: Option<u64> = None;
        /// Unread content that is discarded to keep a connection: inclusive. What would take longer to read than a new
        /// connection takes to open is not worth it.
        unread_octets / with_unread_octets: Option<u64> = Some(64 * 1024);
        /// Octets discarded after we shut our side, to protect an answer already sent. Tens of MiB, so that a client
        /// that writes everything before it reads still sees a refusal; the time limits bound it in practice.
        linger_octets / with_linger_octets: Option<u64> = Some(64 * 1024 * 1024);
        /// Exchanges on one connection; the last response says `close`. As nginx.
        max_exchanges / with_max_exchanges: Option<u32> = Some(1000);
        /// Octets of one connection, both ways: the response that reaches it, its content of known length counted, says `close`.
        /// A [`Connection`](crate::Connection) counts what it has consumed, so pipelined requests count when it is their turn, however they were
        /// cut into reads; a [`Lifecycle`](crate::Lifecycle) counts what it is told to have come. Off: a count of exchanges and an age bound a
        /// connection's life already.
        max_octets / with_max_octets: Option<u64> = None;
        /// Per cent by which `max_exchanges`, `max_octets` and the timeout `age` vary from connection to connection, up and down, by
        /// [`with_seed`](crate::Connection::with_seed): 0 to 50, so that no life is short. A thousand that opened together do not end together.
        jitter / with_jitter: u8 = 0;
        /// Interim responses to one request. `None`: any number, since a long task may give a sign of life (102) each few seconds;
        /// their octets are bounded by `interim_octets`, and their time by the timeouts `response` and `exchange`.
        interim_responses / with_interim_responses: Option<u32> = None;
        /// Octets of the heads of all interim responses to one request together: inclusive. `None`: any number. As much as one head may
        /// have: more than two thousand 102 of 29 octets.
        interim_octets / with_interim_octets: Option<u32> = Some(64 * 1024);
    }
}
