"""The origin's answers, as a WSGI application."""
import hashlib
from urllib.parse import parse_qs


def application(environ, start_response):
    number, asked = environ["PATH_INFO"].rsplit("/", 1)[1], parse_qs(environ["QUERY_STRING"])
    how, length = asked.get("how", ["exact"])[0], int(asked.get("len", ["5"])[0])
    content = environ["wsgi.input"].read()
    block = hashlib.sha256(number.encode()).digest() * 64
    body = (block * (length // len(block) + 1))[:length]
    fields = [("X-Id", number), ("X-Sum", hashlib.sha256(content).hexdigest()[:16])]
    if how == "none":
        start_response("204 No Content", fields)
        return []
    if how in ("chunked", "trailers"):
        start_response("200 OK", fields)
        return (body[at:at + 5000] for at in range(0, length, 5000)) if environ["REQUEST_METHOD"] != "HEAD" else []
    start_response("200 OK", fields + [("Content-Length", str(length))])
    return [body] if environ["REQUEST_METHOD"] != "HEAD" else []
