// The origin's answers, by Node: `node origin.js`; the port is the first line.
const http = require("http"), crypto = require("crypto");

function contentOf(number, length) {
  const block = Buffer.alloc(32 * 64, crypto.createHash("sha256").update(number).digest());
  return Buffer.alloc(length, block);
}

const server = http.createServer((request, response) => {
  const url = new URL(request.url, "http://a"), number = url.pathname.split("/").pop();
  const how = url.searchParams.get("how") || "exact", length = Number(url.searchParams.get("len") || 5);
  const digest = crypto.createHash("sha256");
  request.on("data", (data) => digest.update(data));
  request.on("end", () => {
    const body = contentOf(number, length);
    response.setHeader("X-Id", number);
    response.setHeader("X-Sum", digest.digest("hex").slice(0, 16));
    if (how === "interim") response.writeEarlyHints({ link: "</a>; rel=preload" });
    if (how === "none") return response.writeHead(204).end();
    if (how === "chunked" || how === "trailers") {
      if (how === "trailers") response.addTrailers({ "X-Trailer": "t" });
      for (let at = 0; at < length; at += 5000) response.write(body.subarray(at, at + 5000));
      return response.end();
    }
    if (how === "close") response.setHeader("Connection", "close");
    response.setHeader("Content-Length", length);
    response.end(body);
  });
});
server.keepAliveTimeout = 3000;
server.listen(0, "127.0.0.1", () => console.log(server.address().port));
