//! `client URL [CONTENT]`: a GET, or a POST of the content; what comes goes to the standard output, and figures to the other one.

use std::error::Error;
use std::io::Write;
use std::process::ExitCode;

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Full};
use http_keepalive_tokio::client::{Client, ConnectionInfo};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match exchange().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

async fn exchange() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let url = arguments.next().ok_or("usage: client URL [CONTENT]")?;
    let request = match arguments.next() {
        Some(content) => Request::post(url).body(Full::from(content))?,
        None => Request::get(url).body(Full::new(Bytes::new()))?,
    };
    let client = Client::new();
    let response = client.request(request).await?;
    eprintln!("{:?} {}", response.version(), response.status());
    for (name, value) in response.headers() {
        eprintln!("{name}: {}", String::from_utf8_lossy(value.as_bytes()));
    }
    if let Some(information) = response.extensions().get::<ConnectionInfo>() {
        eprintln!("{information:?}");
    }
    let mut body = response.into_body();
    while let Some(frame) = body.frame().await {
        match frame?.into_data() {
            Ok(content) => std::io::stdout().write_all(&content)?,
            Err(frame) => eprintln!("trailers: {:?}", frame.into_trailers().ok()),
        }
    }
    eprintln!("{}", client.figures());
    Ok(())
}
