//! What a transport can do beside reading and writing.

use std::any::Any;

use tokio::net::TcpStream;

/// Has a transport that is dropped next tell its peer of a reset, and not of an end.
pub type Reset<T> = fn(&mut T);

/// Resets a [`TcpStream`], and does nothing to what is none. A transport around one, such as TLS, needs a function of its own.
pub fn reset_tcp<T: 'static>(transport: &mut T) {
    if let Some(stream) = (transport as &mut dyn Any).downcast_mut::<TcpStream>() {
        // if it fails, the peer sees an end
        let _ = stream.set_zero_linger();
    }
}
