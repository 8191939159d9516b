//! `client KIND ADDRESS REQUESTS TASKS`: as many GETs by hyper-util's client or by ours, on one thread; prints how many octets came.

use bytes::Bytes;
use http::{Request, Uri};
use http_body_util::{BodyExt, Empty};
use hyper_util::rt::TokioExecutor;
use tokio::task::JoinSet;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [kind, address, requests, tasks] = &*arguments else {
        return Err("usage: client hyper|ours ADDRESS REQUESTS TASKS".into());
    };
    let (requests, tasks): (usize, usize) = (requests.parse()?, tasks.parse()?);
    let uri: Uri = format!("http://{address}/").parse()?;
    let get = move || {
        let mut request = Request::new(Empty::<Bytes>::new());
        *request.uri_mut() = uri.clone();
        request
    };
    let mut running = JoinSet::new();
    match kind.as_str() {
        "hyper" => {
            let client = hyper_util::client::legacy::Client::builder(TokioExecutor::new()).build_http();
            for _ in 0..tasks {
                let (client, get) = (client.clone(), get.clone());
                running.spawn(async move {
                    let mut octets = 0;
                    for _ in 0..requests / tasks {
                        let response = client.request(get()).await.map_err(|error| error.to_string())?;
                        octets +=
                            response.into_body().collect().await.map_err(|error| error.to_string())?.to_bytes().len();
                    }
                    Ok::<_, String>(octets)
                });
            }
        }
        "ours" => {
            let client = http_keepalive_tokio::client::Client::new();
            for _ in 0..tasks {
                let (client, get) = (client.clone(), get.clone());
                running.spawn(async move {
                    let mut octets = 0;
                    for _ in 0..requests / tasks {
                        let response = client.request(get()).await.map_err(|error| error.to_string())?;
                        octets +=
                            response.into_body().collect().await.map_err(|error| error.to_string())?.to_bytes().len();
                    }
                    Ok::<_, String>(octets)
                });
            }
        }
        other => return Err(format!("no kind {other}: hyper, ours").into()),
    }
    let mut all = 0;
    while let Some(task) = running.join_next().await {
        all += task??;
    }
    println!("{all}");
    Ok(())
}
