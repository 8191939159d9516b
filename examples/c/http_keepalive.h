// A server's connection of HTTP/1.x, without I/O, without memory of its own. Made by cbindgen from src/lib.rs: do not change it here.
//
// What every function asks of its caller: a pointer to an `hk_config` or an `hk_server` is one that its `init` was called with, and no other thread uses it
// meanwhile; octets and their length belong together. Octets are told by pointer and length: they are not ended by a zero. `now` is in nanoseconds, of a
// clock that never goes back.

#ifndef HTTP_KEEPALIVE_H
#define HTTP_KEEPALIVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Field lines of a request: more are answered by 431.
#define HK_FIELD_LINES 32

// Content of which the length is not known.
#define HK_UNKNOWN UINT64_MAX

// No time at all.
#define HK_NEVER UINT64_MAX

// The size of an `hk_config`, in words of eight octets.
#define HK_CONFIG_WORDS 96

// The size of an `hk_server`, in words of eight octets, without the places for lines.
#define HK_SERVER_WORDS 80

// What is next.
typedef enum {
  // Nothing to be done: ask again.
  HK_KIND_AGAIN,
  // A request's head came: `method`, `target`, `lines`.
  HK_KIND_REQUEST,
  // A piece of its content came: `octets`.
  HK_KIND_CONTENT,
  // The request is whole.
  HK_KIND_END,
  // To be answered: `hk_server_respond`. Said again until it is done.
  HK_KIND_RESPOND,
  // More content of the answer, or its end: `hk_server_send`, `hk_server_finish`. Said again until it is done.
  HK_KIND_SEND,
  // The socket is to be read into `room`, if `read`; `octets` are to be written to it, if `write`; for `wait` nanoseconds at most. Say
  // what came of it.
  HK_KIND_TRANSPORT,
  // The sending side of the socket is to be shut: then `hk_server_shut_done`.
  HK_KIND_HALF_CLOSE,
  // The socket is to be closed: then the connection is over. Why is in `octets`.
  HK_KIND_CLOSE,
  // The socket is to be closed by a reset (`SO_LINGER` of zero): then the connection is over. Why is in `octets`.
  HK_KIND_RESET,
} hk_kind;

// What came of a call that sends.
typedef enum {
  HK_RESULT_DONE,
  // There is no room before something has left: `HK_KIND_RESPOND` or `HK_KIND_SEND` is said again then.
  HK_RESULT_LATER,
  // The connection has ended: go on with the steps.
  HK_RESULT_ENDED,
  // A mistake in the program; nothing was sent.
  HK_RESULT_MISUSE,
} hk_result;

// What may be set, as `hk_settings_default` has it before. Times in milliseconds; `HK_NEVER`: without end.
typedef struct {
  // Octets of a head: as many must fit into the room for what is received.
  uint32_t head;
  // Octets of a request's content: more is answered by 413. `HK_UNKNOWN`: any number.
  uint64_t content;
  // Requests on a connection; 0: any number.
  uint32_t max_exchanges;
  // How long a connection may be open before its first octet comes.
  uint64_t first_octet;
  // How long it may be idle between two requests.
  uint64_t idle;
  // How long a head may take.
  uint64_t head_time;
  // How long content may pause.
  uint64_t content_gap;
  // How long a peer may take nothing.
  uint64_t write_stall;
} hk_settings;

// Octets, and how many.
typedef struct {
  const uint8_t *octets;
  size_t length;
} hk_octets;

// Settings, checked once; for any number of connections, and for longer than each of them.
typedef struct {
  uint64_t opaque[HK_CONFIG_WORDS];
} hk_config;

// A field line.
typedef struct {
  hk_octets name;
  hk_octets value;
} hk_line;

// A connection. It may not be moved or copied between two calls.
typedef struct {
  uint64_t opaque[HK_SERVER_WORDS];
  hk_line lines[HK_FIELD_LINES];
} hk_server;

// A step: what its kind names is set, the rest is empty. What it points to is there until the next call with the same connection.
typedef struct {
  hk_kind kind;
  bool read;
  bool write;
  hk_octets method;
  hk_octets target;
  const hk_line *lines;
  size_t lines_count;
  hk_octets octets;
  uint8_t *room;
  size_t room_length;
  uint64_t wait;
} hk_step;

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

// The defaults of the library, with heads of 4 KiB and content of 64 KiB.
hk_settings hk_settings_default(void);

// Checks the settings. Empty, or the name of the setting that is out of bounds or does not fit another one; then nothing was written.
//
// # Safety
//
// `config` has room for one, and nobody uses it now; `settings` are some.
hk_octets hk_config_init(hk_config *config,
                         const hk_settings *settings);

// A connection that opened at `now`: nanoseconds of a clock that never goes back, from an epoch of yours. `input` is the room for what is
// received, and `output` for what is to be sent. `false`, and nothing was written: `input` is smaller than a head may be.
//
// # Safety
//
// `server` has room for one, and nobody uses it now; `config` was initialised, and stays where and as it is for as long as the connection;
// the octets are the connection's alone for as long.
bool hk_server_init(hk_server *server,
                    const hk_config *config,
                    uint64_t now,
                    uint8_t *input,
                    size_t input_length,
                    uint8_t *output,
                    size_t output_length);

// What is next on a connection: to be asked until it is `HK_KIND_TRANSPORT`, and again after the transport was told of.
//
// # Safety
//
// As all functions: see the head of this file.
hk_step hk_server_poll(hk_server *server,
                       uint64_t now);

// This number of octets was read into the room; 0: the peer has closed its side.
//
// # Safety
//
// As all functions: see the head of this file.
void hk_server_read(hk_server *server, size_t octets);

// This number of octets has left; 0 where none could.
//
// # Safety
//
// As all functions: see the head of this file.
void hk_server_wrote(hk_server *server, uint64_t now, size_t octets);

// The time to wait is over, and nothing has come or left.
//
// # Safety
//
// As all functions: see the head of this file.
void hk_server_timeout(hk_server *server, uint64_t now);

// The socket failed; or only writing did (`EPIPE`), and what the peer has sent may still be read.
//
// # Safety
//
// As all functions: see the head of this file.
void hk_server_failed(hk_server *server, uint64_t now, bool only_writing);

// The half-close is done, or has failed.
//
// # Safety
//
// As all functions: see the head of this file.
void hk_server_shut_done(hk_server *server, uint64_t now);

// Closes after the exchange that is open, or now if there is none: at the end of the process, to every connection.
//
// # Safety
//
// As all functions: see the head of this file.
void hk_server_close_after_exchange(hk_server *server,
                                    uint64_t now);

// Sends the head of the answer, with field lines of yours beside those that say its length and whether the connection persists. `content`
// is how many octets follow by `hk_server_send`, or `HK_UNKNOWN`: then `hk_server_finish` ends it.
//
// # Safety
//
// As all functions: see the head of this file; and there are `lines_count` lines.
hk_result hk_server_respond(hk_server *server,
                            uint64_t now,
                            uint16_t status,
                            const hk_line *lines,
                            size_t lines_count,
                            uint64_t content);

// Sends content of the answer: how many octets of it were taken is written to `taken`. The rest is to be given at the next `HK_KIND_SEND`.
//
// # Safety
//
// As all functions: see the head of this file.
hk_result hk_server_send(hk_server *server,
                         uint64_t now,
                         hk_octets content,
                         size_t *taken);

// Ends an answer of which the length was not known.
//
// # Safety
//
// As all functions: see the head of this file.
hk_result hk_server_finish(hk_server *server, uint64_t now);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* HTTP_KEEPALIVE_H */
