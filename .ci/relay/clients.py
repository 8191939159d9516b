"""Clients of many kinds that check each answer: used by `.ci/relay/run`."""
import hashlib, os, random, socket, struct, sys, threading, time
from importlib.machinery import SourceFileLoader

HERE = os.path.dirname(os.path.abspath(__file__))
origin = SourceFileLoader("origin", os.path.join(HERE, "origin")).load_module()
Reader, End = origin.Reader, origin.End

HOWS = ["exact"] * 4 + ["chunked"] * 3 + ["trailers", "close", "none", "early", "interim", "slow"]
METHODS = ["GET"] * 5 + ["POST"] * 4 + ["PUT", "HEAD", "DELETE", "OPTIONS", "PATCH"]


SECONDS = 10


class Wrong(Exception):
    pass


class Mix:
    """Mixed requests over a number of threads, each with connections of its own; what is wrong is kept."""

    def __init__(self, port, requests, seed, threads=12, prefix="", hows=HOWS, cancels=True, old=True, authority="a"):
        self.port, self.seed, self.prefix, self.hows, self.cancels, self.old, self.authority = port, seed, prefix, hows, cancels, old, authority
        self.wrong, self.statuses, self.reused, self.connections, self.done = [], {}, 0, 0, 0
        self.lock, self.local = threading.Lock(), threading.local()
        each = requests // threads
        self.threads = [threading.Thread(target=self.run, args=(number, each)) for number in range(threads)]

    def go(self):
        for thread in self.threads:
            thread.start()
        for thread in self.threads:
            thread.join()
        return self

    def run(self, thread, requests):
        chance = random.Random(self.seed * 1000 + thread)
        stream, reader, carried = None, None, 0
        for at in range(requests):
            number = f"{self.seed}-{thread}-{at}"
            if stream is None:
                stream, carried = socket.create_connection(("127.0.0.1", self.port)), 0
                stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                stream.settimeout(SECONDS)
                reader = Reader(stream)
                with self.lock:
                    self.connections += 1
            try:
                keeps = self.one(chance, stream, reader, number)
                carried += 1
            except (Wrong, AssertionError, ValueError, OSError, End, KeyError) as error:
                with self.lock:
                    self.wrong.append((number, getattr(self.local, 'what', ''), repr(error)[:300]))
                keeps = False
            with self.lock:
                self.done += 1
                self.reused += carried > 1
            if not keeps:
                stream.close()
                stream = None
        if stream:
            stream.close()

    def one(self, chance, stream, reader, number):
        """Whether the connection can be used again."""
        method, how = chance.choice(METHODS), chance.choice(self.hows)
        version = "1.0" if self.old and chance.random() < 0.1 else "1.1"
        length = int(2 ** chance.uniform(0, 17)) if how != "none" else 0
        content = b""
        lines = [f"{method} {self.prefix}/mix/{number}?len={length}&how={how} HTTP/{version}", f"Host: {self.authority}", "X-Own: 1"]
        close = version == "1.0" or chance.random() < 0.05
        chunked = False
        if method in ("POST", "PUT", "PATCH") or (method == "DELETE" and version == "1.1" and chance.random() < 0.3):
            content = chance.randbytes(int(2 ** chance.uniform(0, 18)) - 1)
            chunked = version == "1.1" and chance.random() < 0.5
        trailer = chunked and chance.random() < 0.3
        expects = content and version == "1.1" and chance.random() < 0.3
        if how == "trailers":
            lines.append("TE: trailers")
        options = [word for word, said in (("close", close and version == "1.1"), ("TE", how == "trailers"), ("X-Hop", chance.random() < 0.2)) if said]
        if "X-Hop" in options:
            lines.append("X-Hop: secret")
        if options:
            lines.append("Connection: " + ", ".join(options))
        if chunked:
            lines.append("Transfer-Encoding: chunked")
        elif content or method in ("POST", "PUT", "PATCH"):
            lines.append(f"Content-Length: {len(content)}")
        if expects:
            lines.append("Expect: 100-continue")
        out = content
        if chunked:
            out, at = b"", 0
            while at < len(content):
                size = min(len(content) - at, chance.randint(1, 20000))
                out += b"%x\r\n" % size + content[at:at + size] + b"\r\n"
                at += size
            out += b"0\r\nX-Trailer: up\r\n\r\n" if trailer else b"0\r\n\r\n"
        head = ("\r\n".join(lines) + "\r\n\r\n").encode()
        self.local.what = f"{method} {how} {version} content={len(content)} chunked={chunked} expects={bool(expects)} close={close}"
        if self.cancels and chance.random() < 0.03:
            return self.cancel(chance, stream, head + out)
        if expects:
            stream.sendall(head)
            # an answer may come without it
            answered = self.answer(reader, method, interim_ends=True)
            if answered is None:
                self.send(stream, reader, out, chance)
                answered = self.answer(reader, method)
        else:
            self.send(stream, reader, head + out, chance)
            answered = self.answer(reader, method)
        status, fields, body, kept = answered
        with self.lock:
            self.statuses[status] = self.statuses.get(status, 0) + 1
        early = how == "early"
        if early and status == 0:
            return False
        expected = 204 if how == "none" else 200
        if status != expected:
            raise Wrong(f"{method} {how} {version}: status {status} {fields}")
        if fields.get(b"x-id") != number.encode():
            raise Wrong(f"an answer to another request: {fields}")
        if not early and fields.get(b"x-sum", b"").decode() != hashlib.sha256(content).hexdigest()[:16]:
            raise Wrong(f"{method} {how} {version} chunked={chunked} expects={bool(expects)}: content changed on its way: {fields}")
        if method != "HEAD" and body != origin.content_of(number, length):
            raise Wrong(f"{method} {how} {version}: {len(body)} octets of {length}")
        if b"x-hop" in fields:
            raise Wrong("a field of the hop came through")
        return kept and not close and not (early and content)

    def send(self, stream, reader, octets, chance):
        """All of it; an answer may come before, and then the rest may fail."""
        try:
            if chance.random() < 0.3 and len(octets) > 2:
                cut = chance.randrange(1, len(octets))
                stream.sendall(octets[:cut])
                time.sleep(0.001)
                octets = octets[cut:]
            stream.sendall(octets)
        except OSError:
            pass

    def cancel(self, chance, stream, octets):
        stream.sendall(octets[:chance.randrange(1, len(octets) + 1)])
        time.sleep(chance.random() * 0.005)
        if chance.random() < 0.5:
            stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        return False

    def answer(self, reader, method, interim_ends=False):
        while True:
            first, fields = origin.read_head(reader)
            status = int(first.split(b" ")[1])
            if status >= 200:
                break
            if status == 100 and interim_ends:
                return None
        keeps = first.startswith(b"HTTP/1.1") and b"close" not in fields.get(b"connection", b"").lower()
        if method == "HEAD" or status in (204, 304):
            return status, fields, b"", keeps
        if b"chunked" in fields.get(b"transfer-encoding", b""):
            return status, fields, origin.read_content(reader, fields)[0], keeps
        if b"content-length" in fields:
            return status, fields, reader.exactly(int(fields[b"content-length"])), keeps
        try:
            while True:
                reader.more()
        except End:
            body, reader.rest = reader.rest, b""
            return status, fields, body, False

    def told(self):
        shown = ", ".join(f"{status}: {count}" for status, count in sorted(self.statuses.items()))
        return f"{self.done} requests on {self.connections} connections, statuses {{{shown}}}, wrong {len(self.wrong)}"
