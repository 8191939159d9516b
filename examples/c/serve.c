// A server in C on the library's connection: a POST gets its content back, anything else a greeting. One thread, `poll`, no memory beyond
// these arrays. It teaches that a driver knows no HTTP in C either: it does what the steps say. SIGTERM and SIGINT drain.
//
//     cargo build --release --manifest-path examples/c/Cargo.toml
//     cc -O2 -Wall -Iexamples/c examples/c/serve.c examples/c/target/release/libhttp_keepalive_c.a -o serve_c
//     ./serve_c 8080 [MILLISECONDS of every timeout]
#define _GNU_SOURCE // ppoll
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "http_keepalive.h"

enum { PLACES = 256, CONTENT = 65536 };

struct peer {
    int socket; // negative: the place is free
    short events;
    bool posts;
    uint64_t wakes; // when it is to be looked at, whatever happens
    size_t length, sent;
    hk_server server;
    uint8_t input[8192], output[8192], content[CONTENT];
};

static hk_config config;
static struct peer peers[PLACES];
static volatile sig_atomic_t drains;

static void drain(int signal) {
    (void)signal;
    drains = 1;
}

static uint64_t now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

static bool is(hk_octets octets, const char *text) {
    return octets.length == strlen(text) && memcmp(octets.octets, text, octets.length) == 0;
}

static void begin(struct peer *peer, int socket) {
    peer->socket = socket;
    peer->events = POLLIN;
    peer->wakes = 0;
    fcntl(socket, F_SETFL, O_NONBLOCK);
    setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    if (!hk_server_init(&peer->server, &config, now(), peer->input, sizeof peer->input, peer->output, sizeof peer->output))
        abort(); // the room is smaller than `head` of the settings
}

// Reads and writes what a step asks for. `false`: nothing has come and nothing has left.
static bool transfer(struct peer *peer, const hk_step *step) {
    bool moved = false;
    if (step->write) {
        ssize_t octets = send(peer->socket, step->octets.octets, step->octets.length, MSG_NOSIGNAL);
        if (octets >= 0)
            hk_server_wrote(&peer->server, now(), (size_t)octets);
        else if (errno != EAGAIN && errno != EINTR)
            hk_server_failed(&peer->server, now(), errno == EPIPE);
        moved = octets >= 0 || errno != EAGAIN;
    }
    if (step->read && !moved) {
        ssize_t octets = recv(peer->socket, step->room, step->room_length, 0);
        if (octets >= 0)
            hk_server_read(&peer->server, (size_t)octets);
        else if (errno != EAGAIN && errno != EINTR)
            hk_server_failed(&peer->server, now(), false);
        moved = octets >= 0 || errno != EAGAIN;
    }
    return moved;
}

static void respond(struct peer *peer) {
    if (!peer->posts)
        peer->length = (size_t)sprintf((char *)peer->content, "Hello\n");
    hk_line line = {{(const uint8_t *)"Server", 6}, {(const uint8_t *)"serve.c", 7}};
    peer->sent = 0;
    if (hk_server_respond(&peer->server, now(), 200, &line, 1, peer->length) == HK_RESULT_MISUSE)
        abort(); // a mistake in this program
}

// Goes on with a connection until its socket has nothing and takes nothing.
static void go_on(struct peer *peer) {
    for (bool waited = now() >= peer->wakes && peer->wakes != 0;;) {
        hk_step step = hk_server_poll(&peer->server, now());
        switch (step.kind) {
        case HK_KIND_REQUEST:
            peer->posts = is(step.method, "POST");
            peer->length = 0;
            break;
        case HK_KIND_CONTENT: // no more than `content` of the settings
            memcpy(peer->content + peer->length, step.octets.octets, step.octets.length);
            peer->length += step.octets.length;
            break;
        case HK_KIND_RESPOND:
            respond(peer);
            break;
        case HK_KIND_SEND: {
            size_t taken;
            hk_octets rest = {peer->content + peer->sent, peer->length - peer->sent};
            if (hk_server_send(&peer->server, now(), rest, &taken) == HK_RESULT_MISUSE)
                abort();
            peer->sent += taken;
            break;
        }
        case HK_KIND_TRANSPORT:
            if (transfer(peer, &step))
                break;
            if (waited) { // once: what follows is a look, or another wait
                hk_server_timeout(&peer->server, now());
                waited = step.wait <= 1000000;
                break;
            }
            peer->events = (short)((step.read ? POLLIN : 0) | (step.write ? POLLOUT : 0));
            peer->wakes = step.wait == HK_NEVER ? HK_NEVER : now() + step.wait;
            return;
        case HK_KIND_HALF_CLOSE:
            shutdown(peer->socket, SHUT_WR);
            hk_server_shut_done(&peer->server, now());
            break;
        case HK_KIND_RESET:
            setsockopt(peer->socket, SOL_SOCKET, SO_LINGER, &(struct linger){1, 0}, sizeof(struct linger));
            // fall through
        case HK_KIND_CLOSE:
            close(peer->socket);
            peer->socket = -1;
            return;
        default:
            break;
        }
    }
}

int main(int count, char **arguments) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    address.sin_port = htons((uint16_t)atoi(count > 1 ? arguments[1] : "8080"));
    hk_settings settings = hk_settings_default();
    settings.content = CONTENT;
    settings.max_exchanges = 0;
    if (count > 2) // for trying it out: all of them are short
        settings.first_octet = settings.idle = settings.head_time = settings.content_gap = settings.write_stall = strtoull(arguments[2], NULL, 10);
    hk_octets wrong = hk_config_init(&config, &settings);
    if (wrong.length > 0)
        return fprintf(stderr, "serve.c: `%.*s` is out of its bounds\n", (int)wrong.length, wrong.octets), 2;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int));
    if (bind(listener, (struct sockaddr *)&address, sizeof address) != 0 || listen(listener, 1024) != 0)
        return perror("serve.c"), 1;
    getsockname(listener, (struct sockaddr *)&address, &(socklen_t){sizeof address});
    // signals come while it waits, and at no other time: so none is missed
    sigset_t none, asked;
    sigemptyset(&none);
    sigemptyset(&asked);
    sigaddset(&asked, SIGTERM);
    sigaddset(&asked, SIGINT);
    sigprocmask(SIG_BLOCK, &asked, NULL);
    sigaction(SIGTERM, &(struct sigaction){.sa_handler = drain}, NULL);
    sigaction(SIGINT, &(struct sigaction){.sa_handler = drain}, NULL);
    for (int i = 0; i < PLACES; i++)
        peers[i].socket = -1;
    printf("listening on http://127.0.0.1:%d/; a connection takes %zu octets of the library's\n", ntohs(address.sin_port), sizeof(hk_server));
    fflush(stdout);
    for (bool has_drained = false;;) {
        struct pollfd watched[PLACES + 1];
        struct peer *whose[PLACES + 1], *room = NULL;
        nfds_t used = 0;
        uint64_t wakes = HK_NEVER, time = now();
        for (int i = 0; i < PLACES; i++) {
            struct peer *peer = &peers[i];
            if (peer->socket >= 0 && drains && !has_drained)
                hk_server_close_after_exchange(&peer->server, time);
            if (peer->socket >= 0 && ((drains && !has_drained) || time >= peer->wakes))
                go_on(peer);
            if (peer->socket < 0) {
                room = peer;
                continue;
            }
            wakes = peer->wakes < wakes ? peer->wakes : wakes;
            whose[used] = peer;
            watched[used++] = (struct pollfd){.fd = peer->socket, .events = peer->events};
        }
        has_drained = drains;
        if (has_drained && used == 0)
            return 0;
        whose[used] = NULL; // without a place newcomers wait in the system's queue
        watched[used] = (struct pollfd){.fd = room && !drains ? listener : -1, .events = POLLIN};
        time = now();
        uint64_t left = wakes > time ? wakes - time : 0;
        struct timespec wait = {.tv_sec = (time_t)(left / 1000000000u), .tv_nsec = (long)(left % 1000000000u)};
        if (ppoll(watched, used + 1, wakes == HK_NEVER ? NULL : &wait, &none) < 0) {
            if (errno != EINTR)
                return perror("serve.c"), 1;
            continue; // what `poll` says of each was not written
        }
        for (nfds_t i = 0; i < used; i++)
            if (watched[i].revents)
                go_on(whose[i]);
        int socket = watched[used].revents ? accept(listener, NULL, NULL) : -1;
        if (socket >= 0) {
            begin(room, socket);
            go_on(room);
        }
    }
}
