//! The types of the crate `http`, both ways: nothing is lost, no verdict is another one, and a caller's own lines are what they mean.

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue};
use http_keepalive::*;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use crate::common::{get, lenient, shown};

const NOW: Instant = Instant::from_secs(1);

fn map(lines: &[(&str, &str)]) -> HeaderMap {
    let mut map = HeaderMap::new();
    for (name, value) in lines {
        let name = HeaderName::from_bytes(name.as_bytes()).expect("a name");
        map.append(name, HeaderValue::from_bytes(value.as_bytes()).expect("a value"));
    }
    map
}

/// A connection that was asked, all of it.
fn asked(request: &[u8]) -> Connection<Server> {
    let mut connection = Connection::<Server>::new(NOW, &Config::DEFAULT);
    let received = connection.receive(NOW, request).expect("a request");
    connection.receive(NOW, &request[received.consumed..]).expect("its end");
    connection
}

fn sent(response: Response<'_>, fields: impl Fields, content: Content) -> Result<String, SendError> {
    let mut out = Vec::new();
    asked(get("").as_bytes()).send_response(NOW, response, fields, content, &mut out)?;
    Ok(String::from_utf8(out).expect("text"))
}

/// RFC 9110 9.1, 15; RFC 9112 2.3.
#[test]
fn methods_statuses_and_versions_come_back_as_they_went() {
    for method in ["GET", "M-SEARCH", "a!#$%&'*+-.^_`|~9"] {
        let theirs = http::Method::try_from(Method::new(method.as_bytes())).expect("a token");
        assert_eq!(Method::from(&theirs), Method::new(method.as_bytes()));
    }
    assert!(http::Method::try_from(Method::new(b"a b")).is_err());
    for code in 0..1000 {
        let ours = StatusCode::new(code).expect("three digits");
        match http::StatusCode::try_from(ours) {
            Ok(theirs) => assert_eq!((theirs.as_u16(), StatusCode::from(theirs)), (code, ours)),
            Err(_) => assert!(code < 100, "{code}"),
        }
    }
    assert_eq!(http::Version::from(Version::HTTP_10), http::Version::HTTP_10);
    assert_eq!(http::Version::from(Version { minor: 7 }), http::Version::HTTP_11);
    assert_eq!(Version::try_from(http::Version::HTTP_11), Ok(Version::HTTP_11));
    let error = Version::try_from(http::Version::HTTP_2).expect_err("it is another protocol");
    assert_eq!(error.to_string(), "HTTP/2.0 is neither HTTP/1.0 nor HTTP/1.1");
}

/// RFC 9110 5.1, 5.5: what `http` takes may be sent, so that it is not asked again.
#[test]
fn every_line_that_http_takes_is_within_the_grammar() {
    let names = (0..=255u8).filter(|&b| HeaderName::from_bytes(&[b'a', b]).is_ok());
    let names: Vec<_> = names.map(|b| check_field([b'a', b], "")).collect();
    assert!(names.len() > 60 && names.iter().all(Result::is_ok));
    let values = (0..=255u8).filter(|&b| HeaderValue::from_bytes(&[b'a', b, b'a']).is_ok());
    let values: Vec<_> = values.map(|b| check_field("a", [b'a', b, b'a'])).collect();
    assert!(values.len() > 190 && values.iter().all(Result::is_ok));
}

#[test]
fn lines_of_the_machine_are_a_mistake_in_a_map_as_anywhere() {
    for name in ["connection", "keep-alive", "proxy-connection", "content-length", "transfer-encoding"] {
        let map = map(&[("a", "b"), (name, "close")]);
        let wrong = Err(SendError::Misuse(Misuse::OwnedField));
        assert_eq!(sent(StatusCode::OK.into(), HttpFields(&map), Content::Empty), wrong);
        assert_eq!(sent(StatusCode::OK.into(), &map, Content::Empty), wrong);
    }
    let map = map(&[("te", "chunked")]);
    let wrong = Err(SendError::Misuse(Misuse::TeChunked));
    assert_eq!(sent(StatusCode::OK.into(), HttpFields(&map), Content::Empty), wrong);
}

/// The values are parts of the octets, and not copies of them.
#[test]
fn a_head_shares_its_octets() {
    let mut buffer = BytesMut::from(&get("X-A: b\r\nA: c \r\nx-a: d\r\n").replace("/ ", "/p?q ").into_bytes()[..]);
    let mut connection = Connection::<Server>::new(NOW, &Config::DEFAULT);
    let received = connection.receive(NOW, &buffer).expect("no fault");
    let Outcome::Event(Event::Request(head)) = received.outcome else { panic!("no request") };
    let (places, consumed) = (head.places(&buffer), received.consumed);
    let octets = buffer.split_to(consumed).freeze();
    let request = places.on(&octets).expect("the same octets").to_http(&octets).expect("http takes it");
    assert_eq!((request.method(), request.version()), (&http::Method::GET, http::Version::HTTP_11));
    assert_eq!(request.uri(), "/p?q");
    let values: Vec<_> = request.headers().get_all("x-a").iter().map(HeaderValue::as_bytes).collect();
    assert_eq!(values, [b"b", b"d"]);
    assert!(values.iter().all(|value| octets.as_ptr_range().contains(&value.as_ptr())));
    // of other octets it is a copy, and the same
    let copied = places.on(&octets).expect("the same octets").to_http(&Bytes::new()).expect("http takes it");
    assert_eq!(copied.headers(), request.headers());
}

#[test]
fn content_is_a_part_of_the_offer() {
    let mut connection = Connection::<Server>::new(NOW, &Config::DEFAULT);
    let head = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
    connection.receive(NOW, head.as_bytes()).expect("no fault");
    let offer = Bytes::from_static(b"5\r\nhello\r\n");
    let received = connection.receive(NOW, &offer).expect("no fault");
    let content = received.content_of(&offer).expect("content");
    assert_eq!((&content[..], content.as_ptr()), (&b"hello"[..], offer[3..].as_ptr()));
    assert_eq!(received.content_of(&Bytes::from_static(b"5\r\nhe")), None);
}

/// RFC 9110 4.1: a target that is right for HTTP/1.1 and too much for `http` is the driver's to answer.
#[test]
fn a_target_that_http_does_not_take_is_an_error_and_can_be_refused() {
    let octets = Bytes::from(format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "x".repeat(70_000)));
    let limits = Limits::DEFAULT.with_start_line(80_000).with_head(90_000);
    let config = Config::new(limits, Timeouts::DEFAULT, Policy::DEFAULT).expect("within bounds");
    let mut connection = Connection::<Server, _>::new(NOW, &config);
    let received = connection.receive(NOW, &octets).expect("no fault");
    let Outcome::Event(Event::Request(head)) = &received.outcome else { panic!("no request") };
    assert!(head.to_http(&octets).is_err());
    connection.refuse(NOW, StatusCode::URI_TOO_LONG).expect("it is open");
    assert_eq!(connection.wants_application(), Some(Turn::Refuse(StatusCode::URI_TOO_LONG)));
}

type Intent = Result<(Content, bool), IntentError>;
/// Lines, what the application has, and what is meant.
type Row<'l> = (&'l [(&'l str, &'l str)], Option<u64>, Intent);

/// What is meant by these lines, of a response to GET with so much content.
fn meant(lines: &[(&str, &str)], status: u16, body: Option<u64>) -> Intent {
    let map = map(lines);
    let fields = IntentFields::new(&map)?;
    let status = StatusCode::new(status).expect("three digits");
    Ok((fields.content_of_response(MethodKind::Get, status, body)?, fields.close()))
}

/// RFC 9110 8.6; RFC 9112 6.1, 6.3, 9.6.
#[test]
fn lines_of_the_machine_are_read_as_what_they_mean() {
    use Content::{Empty, Exact, Unknown};
    use IntentError::{Coding, LengthNotANumber, LengthNotOfContent, LengthsDiffer};
    let length = |value| ("content-length", value);
    let coding = |value| ("transfer-encoding", value);
    let rows: &[Row<'_>] = &[
        (&[], None, Ok((Unknown, false))),
        (&[], Some(0), Ok((Empty, false))),
        (&[], Some(5), Ok((Exact(5), false))),
        (&[length("5")], None, Ok((Exact(5), false))),
        (&[length(" 5 ")], Some(5), Ok((Exact(5), false))),
        (&[length("0")], Some(0), Ok((Exact(0), false))),
        (&[length("5"), length("5")], None, Ok((Exact(5), false))),
        (&[length("5, 5")], None, Ok((Exact(5), false))),
        (&[length("5"), length("6")], None, Err(LengthsDiffer)),
        (&[length("5, 6")], None, Err(LengthsDiffer)),
        (&[length("+5")], None, Err(LengthNotANumber)),
        (&[length("")], None, Err(LengthNotANumber)),
        (&[length("18446744073709551616")], None, Err(LengthNotANumber)),
        (&[length("5")], Some(6), Err(LengthNotOfContent)),
        (&[length("5")], Some(0), Err(LengthNotOfContent)),
        (&[coding("Chunked")], None, Ok((Unknown, false))),
        (&[coding("chunked")], Some(5), Ok((Unknown, false))),
        (&[coding("chunked"), length("5")], None, Ok((Unknown, false))),
        (&[coding("gzip, chunked")], None, Err(Coding)),
        (&[coding("chunked"), coding("chunked")], None, Err(Coding)),
        (&[coding("identity")], None, Err(Coding)),
        (&[("connection", "x, Close")], None, Ok((Unknown, true))),
        (&[("connection", "keep-alive"), ("connection", "close")], None, Ok((Unknown, true))),
        (&[("connection", "closed"), ("keep-alive", "timeout=5")], None, Ok((Unknown, false))),
        (&[("proxy-connection", "close")], None, Ok((Unknown, false))),
    ];
    for (lines, body, intent) in rows {
        assert_eq!(meant(lines, 200, *body), *intent, "{lines:?} {body:?}");
    }
}

/// RFC 9110 8.6: a framework takes the content of an answer to HEAD away, and that says nothing of its length.
#[test]
fn where_no_content_is_sent_only_a_declared_length_counts() {
    let (declared, chunked) = (map(&[("content-length", "5")]), map(&[("transfer-encoding", "chunked")]));
    for (method, status) in [(MethodKind::Head, 200), (MethodKind::Get, 304)] {
        let status = StatusCode::new(status).expect("three digits");
        let content = |map| IntentFields::new(map).expect("good").content_of_response(method, status, Some(0));
        assert_eq!(content(&declared), Ok(Content::Exact(5)));
        assert_eq!(content(&chunked), Ok(Content::Unknown));
        assert_eq!(content(&HeaderMap::new()), Ok(Content::Unknown));
    }
    let request = format!("HEAD{}", &get("")[3..]);
    for (map, line) in [(&declared, "Content-Length: 5\r\n"), (&HeaderMap::new(), "")] {
        let fields = IntentFields::new(map).expect("good");
        let content = fields.content_of_response(MethodKind::Head, StatusCode::OK, Some(0)).expect("good");
        let mut out = Vec::new();
        let sent = asked(request.as_bytes()).send_response(NOW, StatusCode::OK, fields, content, &mut out);
        assert!(sent.is_ok());
        assert_eq!(shown(&out), shown(format!("HTTP/1.1 200 OK\r\n{line}\r\n").as_bytes()));
    }
    let requests =
        |lines: &[(&str, &str)], body| IntentFields::new(&map(lines)).expect("good").content_of_request(body);
    assert_eq!(requests(&[], Some(0)), Ok(Content::Empty));
    assert_eq!(requests(&[("content-length", "3")], None), Ok(Content::Exact(3)));
    assert_eq!(requests(&[("content-length", "3")], Some(4)), Err(IntentError::LengthNotOfContent));
}

/// RFC 9110 7.6.1: an option that the machine does not send leaves no line behind that it named.
#[test]
fn lines_that_are_read_as_intents_are_left_out_and_no_others() {
    let lines = [
        ("a", "b"),
        ("connection", "close, x-hop, upgrade, TE"),
        ("x-hop", "1"),
        ("keep-alive", "timeout=5"),
        ("proxy-connection", "keep-alive"),
        ("content-length", "0"),
        ("date", " now "),
    ];
    let map = map(&lines);
    let fields = IntentFields::new(&map).expect("good");
    let response = Response::from(http::StatusCode::NOT_FOUND).with_close(fields.close());
    let out = sent(response, fields, Content::Exact(0)).expect("it may be sent");
    assert_eq!(out, "HTTP/1.1 404 Not Found\r\na: b\r\ndate: now\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
}

/// What a connection wrote and returned, and the connection after it.
type Sent<R> = (Result<usize, SendError>, Vec<u8>, Connection<R>);

fn written<R: Role>(
    mut connection: Connection<R>,
    send: impl FnOnce(&mut Connection<R>, &mut Vec<u8>) -> Result<usize, SendError>,
) -> Sent<R> {
    let mut out = Vec::new();
    let sent = send(&mut connection, &mut out);
    (sent, out, connection)
}

fn lines() -> impl Strategy<Value = Vec<(String, String)>> {
    let name = prop_oneof![
        9 => "[a-z][a-z0-9-]{0,12}",
        1 => select(vec!["upgrade", "te", "expect", "connection", "content-length", "trailer", "host"]).prop_map(String::from),
    ];
    vec((name, "[ \t]{0,1}[!-~]{0,20}[ \t]{0,1}"), 0..20)
}

proptest! {
    /// The same lines by a map of `http` and by pairs of ours: the same octets, the same fault, the same connection.
    #[test]
    fn what_is_sent_is_the_same_by_either_types(
        lines in lines(),
        status in select(vec![200, 204, 304, 404, 426, 101]),
        content in select(vec![Content::Empty, Content::Exact(3), Content::Unknown]),
    ) {
        let pairs: Vec<_> = lines.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let map = map(&pairs);
        // a map keeps lines of one name together
        let ours: Vec<_> = map.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
        let status = StatusCode::new(status).expect("three digits");
        let answered = || asked(get("").as_bytes());
        let by_ours = written(answered(), |it, out| it.send_response(NOW, status, ours.iter().copied(), content, out));
        let by_map = written(answered(), |it, out| it.send_response(NOW, status, &map, content, out));
        let by_http = written(answered(), |it, out| it.send_response(NOW, status, HttpFields(&map), content, out));
        prop_assert_eq!(&by_ours, &by_map);
        prop_assert_eq!(&by_ours, &by_http);
        // nothing but what is the machine's own is left out
        if let (Ok(fields), Ok(_)) = (IntentFields::new(&map), &by_ours.0) {
            let by_intents = written(answered(), |it, out| it.send_response(NOW, status, fields, content, out));
            prop_assert_eq!(&by_ours, &by_intents);
        }
        let (opened, request) = (|| Connection::<Client>::new(NOW, &Config::DEFAULT), Request::new(Method::new(b"GET"), b"/"));
        let by_ours = written(opened(), |it, out| {
            it.send_request(NOW, &request, ours.iter().copied(), Content::Empty, out)
        });
        let by_http = written(opened(), |it, out| it.send_request(NOW, &request, HttpFields(&map), Content::Empty, out));
        prop_assert_eq!(by_ours, by_http);
    }

    /// What was received is the same by either types, whatever policy let in, and only what is none of `http` is an error.
    #[test]
    fn what_is_received_is_the_same_by_either_types(
        fields in vec(("[A-Za-z][A-Za-z-]{0,9}", "[ \t]{0,2}", "[!-~\u{0}\u{80}-\u{ff}]{0,12}(\r\n [a-z]{1,5}){0,1}"), 0..20),
    ) {
        let lines: String = fields.iter().map(|(name, gap, value)| format!("{name}:{gap}{value}\r\n")).collect();
        let octets = Bytes::from(crate::common::octets(&get(&lines)));
        let config = Config::new(Limits::DEFAULT, Timeouts::DEFAULT, lenient()).expect("within bounds");
        let mut connection = Connection::<Server, _>::new(NOW, &config);
        let Ok(Received { outcome: Outcome::Event(Event::Request(head)), .. }) = connection.receive(NOW, &octets) else {
            return Ok(());
        };
        let request = head.to_http(&octets).expect("a fold and a NUL are spaces");
        let mut ours: Vec<(String, Vec<u8>)> = Vec::new();
        for line in &head.fields {
            ours.push((shown(line.name).to_lowercase(), line.value.octets().collect()));
        }
        let theirs = request.headers();
        prop_assert_eq!(theirs.len(), ours.len());
        for name in theirs.keys() {
            let values: Vec<_> = theirs.get_all(name).iter().map(|value| value.as_bytes().to_vec()).collect();
            let same = ours.iter().filter(|(own, _)| own == name.as_str()).map(|(_, value)| value.clone());
            prop_assert_eq!(values, same.collect::<Vec<_>>());
        }
    }
}
