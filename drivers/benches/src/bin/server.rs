//! `server KIND ADDRESS`: the same router on hyper (`axum::serve`), on hyper with the machine beside it, or on the machine alone; on one
//! thread. It ends with its input.

use std::convert::Infallible;
use std::future::IntoFuture;

use axum::Router;
use axum::body::Body;
use axum::routing::{get, post};
use axum::serve::ListenerExt;
use bytes::Bytes;
use futures_util::stream;
use hyper_util::service::TowerToHyperService;
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;

/// What is asked of all kinds.
fn router() -> Router {
    static PIECE: [u8; 64 * 1024] = [b'x'; 64 * 1024];
    const EVENT: &[u8] = b"data: {\"tick\": 12345, \"value\": \"abcdefghijklmnopqrstuvwxyz\"}\n\n";
    let download = || async {
        let pieces = stream::iter((0..1600).map(|_| Ok::<_, Infallible>(Bytes::from_static(&PIECE))));
        ([("content-length", "104857600")], Body::from_stream(pieces))
    };
    let events = || async {
        let pieces = stream::unfold(0, |number| async move {
            tokio::task::yield_now().await;
            (number < 100).then(|| (Ok::<_, Infallible>(Bytes::from_static(EVENT)), number + 1))
        });
        ([("content-type", "text/event-stream")], Body::from_stream(pieces))
    };
    Router::new()
        .route("/", get(|| async { "Hello, world!" }))
        .route("/echo", post(|body: Body| async move { body }))
        .route("/collect", post(|body: Bytes| async move { body }))
        .route("/download", get(download))
        .route("/events", get(events))
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(kind), Some(address)) = (arguments.next(), arguments.next()) else {
        return Err("usage: server hyper|beside|ours ADDRESS".into());
    };
    let listener = TcpListener::bind(&address).await?;
    println!("{}", listener.local_addr()?);
    let serves: std::pin::Pin<Box<dyn Future<Output = std::io::Result<()>>>> = match kind.as_str() {
        // the others set it, and without it requests in a pipeline wait for the peer's delayed acknowledgements
        "hyper" => {
            let listener = listener.tap_io(|stream| drop(stream.set_nodelay(true)));
            Box::pin(axum::serve(listener, router()).into_future())
        }
        "beside" => {
            let config = http_keepalive_axum::preset();
            let router = router();
            let make = move |_| TowerToHyperService::new(router.clone());
            Box::pin(async move {
                http_keepalive_hyper::server::serve(listener, make, config).until(std::future::pending()).await;
                Ok(())
            })
        }
        "ours" => Box::pin(http_keepalive_axum::serve(listener, router()).into_future()),
        other => return Err(format!("no kind {other}: hyper, beside, ours").into()),
    };
    let mut end = Vec::new();
    tokio::select! {
        served = serves => served?,
        read = async { tokio::io::stdin().read_to_end(&mut end).await } => drop(read?),
    }
    Ok(())
}
