//! The load: the same request again and again on some connections, each answered by as many octets as the first time.

use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

/// What is asked, and how.
#[derive(Clone, Debug)]
pub struct Load {
    /// Its name.
    pub name: &'static str,
    /// The octets of a request.
    pub request: Vec<u8>,
    /// How many connections ask.
    pub connections: usize,
    /// How many requests each sends at once.
    pub pipelined: usize,
    /// Octets of responses, and not requests, are what is measured.
    pub is_bulk: bool,
}

/// What came of it.
#[derive(Clone, Debug, Default)]
pub struct Came {
    /// Requests that were answered.
    pub requests: u64,
    /// For how long it went on.
    pub took: Duration,
    /// From a request, or those sent at once, to the end of the answer: in microseconds, in order.
    pub latencies: Vec<u32>,
}

impl Came {
    /// Requests a second.
    pub fn rate(&self) -> f64 {
        self.requests as f64 / self.took.as_secs_f64().max(1e-9)
    }

    /// The latency that this share of the requests had at most, in microseconds.
    pub fn latency(&self, share: f64) -> u32 {
        let at = (self.latencies.len() as f64 * share) as usize;
        self.latencies.get(at.min(self.latencies.len().saturating_sub(1))).copied().unwrap_or(0)
    }
}

/// How many octets a response has: those of one that was asked for alone, until nothing came for a while.
async fn length(address: &str, request: &[u8]) -> std::io::Result<usize> {
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(request).await?;
    let (mut octets, mut room) = (0, vec![0; 256 * 1024]);
    loop {
        // the first may take long on a machine with much to do
        let patience = if octets == 0 { Duration::from_secs(20) } else { Duration::from_millis(500) };
        match tokio::time::timeout(patience, stream.read(&mut room)).await {
            Ok(Ok(read)) if read > 0 => octets += read,
            Ok(Err(error)) => return Err(error),
            Ok(Ok(_)) => return Err(std::io::Error::other("the connection was closed after its first response")),
            Err(_) if octets == 0 => return Err(std::io::Error::other("no answer")),
            Err(_) => return Ok(octets),
        }
    }
}

impl Load {
    /// Runs for so long; then each connection ends with the answer that it waits for.
    ///
    /// # Errors
    ///
    /// A connection failed, or was closed.
    pub async fn run(&self, address: &str, time: Duration) -> std::io::Result<Came> {
        let octets = length(address, &self.request).await? * self.pipelined;
        let mut streams = Vec::new();
        for _ in 0..self.connections {
            let stream = TcpStream::connect(address).await?;
            stream.set_nodelay(true)?;
            streams.push(stream);
        }
        let (began, mut tasks) = (Instant::now(), JoinSet::new());
        for mut stream in streams {
            let request = self.request.repeat(self.pipelined);
            let room = if self.is_bulk { 256 * 1024 } else { 16 * 1024 };
            tasks.spawn(async move {
                let (mut latencies, mut room) = (Vec::new(), vec![0; room]);
                while began.elapsed() < time {
                    let asked = Instant::now();
                    let (mut reader, mut writer) = stream.split();
                    let answer = async {
                        let mut left = octets;
                        while left > 0 {
                            let read = reader.read(&mut room).await?;
                            if read == 0 || read > left {
                                return Err(std::io::Error::other("an answer of another length"));
                            }
                            left -= read;
                        }
                        Ok(())
                    };
                    tokio::try_join!(writer.write_all(&request), answer)?;
                    latencies.push(u32::try_from(asked.elapsed().as_micros()).unwrap_or(u32::MAX));
                }
                Ok::<_, std::io::Error>(latencies)
            });
        }
        let mut came = Came::default();
        while let Some(task) = tasks.join_next().await {
            came.latencies.extend(task.map_err(std::io::Error::other)??);
        }
        came.took = began.elapsed();
        came.requests = (came.latencies.len() * self.pipelined) as u64;
        came.latencies.sort_unstable();
        Ok(came)
    }
}

/// Opens so many connections, each of which makes an exchange if it is to be `used`; they are open as long as they are kept.
///
/// # Errors
///
/// A connection failed.
pub async fn idle(address: &str, connections: usize, used: Option<&[u8]>) -> std::io::Result<Vec<TcpStream>> {
    let octets = match used {
        Some(request) => length(address, request).await?,
        None => 0,
    };
    let (mut streams, mut room) = (Vec::new(), vec![0; octets]);
    for _ in 0..connections {
        let mut stream = TcpStream::connect(address).await?;
        if let Some(request) = used {
            stream.write_all(request).await?;
            stream.read_exact(&mut room).await?;
        }
        streams.push(stream);
    }
    // those that were accepted last
    tokio::time::sleep(Duration::from_millis(300)).await;
    Ok(streams)
}

/// Makes exactly so many rounds on one connection, of requests sent at once.
///
/// # Errors
///
/// The connection failed, or was closed.
pub async fn exactly(address: &str, request: &[u8], rounds: u64, at_once: usize) -> std::io::Result<()> {
    let mut room = vec![0; length(address, request).await? * at_once];
    let mut stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let requests = request.repeat(at_once);
    for _ in 0..rounds {
        stream.write_all(&requests).await?;
        stream.read_exact(&mut room).await?;
    }
    Ok(())
}
