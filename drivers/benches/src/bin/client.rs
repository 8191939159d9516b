//! `client KIND ADDRESS REQUESTS TASKS`: as many GETs by hyper-util's client or by ours, on one thread; prints how many octets came.

use bytes::Bytes;
use http::{Request, Response, Uri};
use http_body_util::{BodyExt, Empty};
use hyper_util::rt::TokioExecutor;
use tokio::task::JoinSet;
use tower_service::Service;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), BoxError> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [kind, address, requests, tasks] = &*arguments else {
        return Err("usage: client hyper|ours ADDRESS REQUESTS TASKS".into());
    };
    let (requests, tasks): (usize, usize) = (requests.parse()?, tasks.parse()?);
    let uri: Uri = format!("http://{address}/").parse()?;
    let octets = match kind.as_str() {
        "hyper" => {
            let client = hyper_util::client::legacy::Client::builder(TokioExecutor::new()).build_http();
            run(client, &uri, requests, tasks).await?
        }
        "ours" => run(http_keepalive_tokio::client::Client::new(), &uri, requests, tasks).await?,
        other => return Err(format!("no kind {other}: hyper, ours").into()),
    };
    println!("{octets}");
    Ok(())
}

/// As many requests by this client: octets that came.
async fn run<S, B>(client: S, uri: &Uri, requests: usize, tasks: usize) -> Result<usize, BoxError>
where
    S: Service<Request<Empty<Bytes>>, Response = Response<B>, Error: Into<BoxError>, Future: Send>,
    S: Clone + Send + 'static,
    B: http_body::Body<Data: Send, Error: Into<BoxError>> + Send,
{
    let mut running = JoinSet::new();
    for _ in 0..tasks {
        let (mut client, uri) = (client.clone(), uri.clone());
        running.spawn(async move {
            let mut octets = 0;
            for _ in 0..requests / tasks {
                let mut request = Request::new(Empty::new());
                *request.uri_mut() = uri.clone();
                // both are always ready
                let response = client.call(request).await.map_err(Into::into)?;
                octets += response.into_body().collect().await.map_err(Into::into)?.to_bytes().len();
            }
            Ok::<_, BoxError>(octets)
        });
    }
    let mut all = 0;
    while let Some(task) = running.join_next().await {
        all += task??;
    }
    Ok(all)
}

type BoxError = Box<dyn std::error::Error + Send + Sync>;
