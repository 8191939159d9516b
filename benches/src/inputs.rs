//! What is parsed: a tiny request, the request that parsers have been measured with since 2010, a browser's, a response; by the clock
//! other requests and responses of today, too.

/// Name and octets of each input.
pub const ALL: [(&str, &[u8]); 4] = [("tiny", TINY), ("classic", CLASSIC), ("chrome", CHROME), ("resp", RESP)];

pub const TINY: &[u8] = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";

pub const CLASSIC: &[u8] = b"GET /wp-content/uploads/2010/03/hello-kitty-darth-vader-pink.jpg HTTP/1.1\r\n\
Host: www.kittyhell.com\r\n\
User-Agent: Mozilla/5.0 (Macintosh; U; Intel Mac OS X 10.6; ja-JP-mac; rv:1.9.2.3) Gecko/20100401 Firefox/3.6.3 Pathtraq/0.9\r\n\
Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\n\
Accept-Language: ja,en-us;q=0.7,en;q=0.3\r\n\
Accept-Encoding: gzip,deflate\r\n\
Accept-Charset: Shift_JIS,utf-8;q=0.7,*;q=0.7\r\n\
Keep-Alive: 115\r\n\
Connection: keep-alive\r\n\
Cookie: wp_ozh_wsa_visits=2; wp_ozh_wsa_visit_lasttime=xxxxxxxxxx; __utma=xxxxxxxxx.xxxxxxxxxx.xxxxxxxxxx.xxxxxxxxxx.xxxxxxxxxx.x; __utmz=xxxxxxxxx.xxxxxxxxxx.x.x.utmccn=(referral)|utmcsr=reader.livedoor.com|utmcct=/reader/|utmcmd=referral\r\n\
\r\n";

pub const CHROME: &[u8] = b"GET /index.html HTTP/1.1\r\n\
Host: www.example.org\r\n\
Connection: keep-alive\r\n\
Cache-Control: max-age=0\r\n\
Upgrade-Insecure-Requests: 1\r\n\
User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36\r\n\
Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,*/*;q=0.8\r\n\
Sec-Fetch-Site: same-origin\r\n\
Sec-Fetch-Mode: navigate\r\n\
Sec-Fetch-User: ?1\r\n\
Sec-Fetch-Dest: document\r\n\
Accept-Encoding: gzip, deflate, br, zstd\r\n\
Accept-Language: en-US,en;q=0.9\r\n\
\r\n";

pub const RESP: &[u8] = b"HTTP/1.1 200 OK\r\n\
Server: nginx/1.22.1\r\n\
Date: Tue, 24 Nov 2026 03:00:00 GMT\r\n\
Content-Type: text/html; charset=utf-8\r\n\
Content-Length: 15342\r\n\
Last-Modified: Mon, 23 Nov 2026 18:14:09 GMT\r\n\
Connection: keep-alive\r\n\
Keep-Alive: timeout=5, max=200\r\n\
ETag: W/\"3bee-19ab0c\"\r\n\
Vary: Accept-Encoding\r\n\
Accept-Ranges: bytes\r\n\
\r\n";

/// Heads that are read one after the other.
pub struct Heads {
    pub name: &'static str,
    pub heads: Vec<Vec<u8>>,
}

/// The names of what is timed.
pub const TIMED: [&str; 9] = ["tiny", "classic", "chrome", "resp", "api", "cdn", "64 fields", "8 KiB cookie", "mixed"];

/// What has this name.
pub fn named(name: &str) -> Option<Heads> {
    let heads = match name {
        "api" => vec![API.to_vec()],
        "cdn" => vec![CDN.to_vec()],
        "64 fields" => vec![of_many_fields(64)],
        "8 KiB cookie" => vec![of_a_long_cookie(8 * 1024)],
        "mixed" => mixed(1000),
        _ => vec![ALL.into_iter().find(|(other, _)| *other == name)?.1.to_vec()],
    };
    Some(Heads { name: TIMED.into_iter().find(|other| *other == name)?, heads })
}

/// A request of a program, of five fields.
const API: &[u8] = b"POST /v1/orders/7f3c2a91/items HTTP/1.1\r\n\
Host: api.example.com\r\n\
Authorization: Bearer 4f1a9e0b7c2d4e5f8a6b3c1d0e9f8a7b6c5d4e3f2a1b0c9d\r\n\
Content-Type: application/json\r\n\
Accept: application/json\r\n\
Content-Length: 182\r\n\
\r\n";

/// A response of a content delivery network, of twenty-five fields.
const CDN: &[u8] = b"HTTP/1.1 200 OK\r\n\
Date: Tue, 24 Nov 2026 03:00:00 GMT\r\n\
Content-Type: application/javascript; charset=utf-8\r\n\
Content-Length: 89795\r\n\
Connection: keep-alive\r\n\
Access-Control-Allow-Origin: *\r\n\
Access-Control-Expose-Headers: *\r\n\
Timing-Allow-Origin: *\r\n\
Cache-Control: public, max-age=31536000, s-maxage=31536000, immutable\r\n\
Cross-Origin-Resource-Policy: cross-origin\r\n\
X-Content-Type-Options: nosniff\r\n\
Strict-Transport-Security: max-age=31536000; includeSubDomains; preload\r\n\
X-JSD-Version: 3.7.1\r\n\
X-JSD-Version-Type: version\r\n\
ETag: W/\"15ec3-Ur5sU9Xh7kV0Vx1oBqYv5bJt1cY\"\r\n\
Accept-Ranges: bytes\r\n\
Age: 1275143\r\n\
X-Served-By: cache-fra-eddf8230091-FRA, cache-lga21959-LGA\r\n\
X-Cache: HIT, HIT\r\n\
Vary: Accept-Encoding\r\n\
Alt-Svc: h3=\":443\"; ma=86400\r\n\
Server: cloudflare\r\n\
CF-Cache-Status: HIT\r\n\
CF-RAY: 8e1b2c3d4e5f6a7b-FRA\r\n\
Report-To: {\"endpoints\":[{\"url\":\"https://a.nel.example.com/report/v4?s=abc\"}],\"group\":\"nel\",\"max_age\":604800}\r\n\
NEL: {\"success_fraction\":0.01,\"report_to\":\"nel\",\"max_age\":604800}\r\n\
\r\n";

/// A request of this number of fields.
fn of_many_fields(fields: usize) -> Vec<u8> {
    let mut head = b"GET /index.html HTTP/1.1\r\nHost: www.example.org\r\n".to_vec();
    for number in 1..fields {
        head.extend_from_slice(format!("X-Field-Number-{number}: value of number {number}\r\n").as_bytes());
    }
    head.extend_from_slice(b"\r\n");
    head
}

/// A request with a cookie of this number of octets.
fn of_a_long_cookie(octets: usize) -> Vec<u8> {
    let mut head = b"GET /index.html HTTP/1.1\r\nHost: www.example.org\r\nAccept: */*\r\nCookie: ".to_vec();
    let mut cookie = Vec::new();
    for number in 0.. {
        if cookie.len() >= octets {
            break;
        }
        cookie.extend_from_slice(format!("name{number}=dmFsdWUgb2YgYSBjb29raWU{number}; ").as_bytes());
    }
    head.extend_from_slice(&cookie[..octets]);
    head.extend_from_slice(b"x\r\nAccept-Encoding: gzip\r\n\r\n");
    head
}

/// Requests of which no two are alike, so that their branches can not be learnt.
fn mixed(number: usize) -> Vec<Vec<u8>> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = move |most: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % most as u64) as usize
    };
    const NAMES: [&str; 20] = [
        "User-Agent",
        "Accept",
        "Accept-Language",
        "Accept-Encoding",
        "Referer",
        "Cookie",
        "Cache-Control",
        "Pragma",
        "If-None-Match",
        "If-Modified-Since",
        "Origin",
        "Authorization",
        "X-Requested-With",
        "X-Forwarded-For",
        "DNT",
        "Sec-Fetch-Mode",
        "Sec-Fetch-Dest",
        "Upgrade-Insecure-Requests",
        "Range",
        "traceparent",
    ];
    const OCTETS: &[u8] = b"abcdefghijklmnopqrstuvwxyz0123456789-_.;=/, ABCDEFGHIJKLMNOPQRSTUVWXYZ";
    (0..number)
        .map(|_| {
            let mut text = |most: usize| -> Vec<u8> {
                let octets = 1 + random(most);
                (0..octets)
                    .map(|at| if at == 0 || at + 1 == octets { b'x' } else { OCTETS[random(OCTETS.len())] })
                    .collect()
            };
            let (target, host) = (text(80), text(30));
            let target: Vec<u8> = target.into_iter().map(|octet| if octet == b' ' { b'/' } else { octet }).collect();
            let host: Vec<u8> = host.into_iter().filter(u8::is_ascii_alphanumeric).collect();
            let values: Vec<_> = (0..NAMES.len()).map(|at| text(if at % 5 == 0 { 150 } else { 40 })).collect();
            let mut head = [b"GET /", &target[..], b" HTTP/1.1\r\nHost: ", &host, b".example\r\n"].concat();
            let mut at = random(NAMES.len());
            for _ in 0..3 + random(14) {
                head.extend_from_slice(&[NAMES[at].as_bytes(), b": ", &values[at], b"\r\n"].concat());
                at = (at + 1) % NAMES.len();
            }
            head.extend_from_slice(b"\r\n");
            head
        })
        .collect()
}
