//! Two hosts and the network between them, in memory: what a chip, its driver and the stack are on a board. No allocation: packets, sockets
//! and what is in them lie in arrays of the caller's.

use core::cell::RefCell;
use smoltcp::iface::{Config, Interface, SocketHandle, SocketSet, SocketStorage};
use smoltcp::phy::{Device, DeviceCapabilities, Medium, RxToken, TxToken};
use smoltcp::socket::tcp::{Socket, SocketBuffer};
use smoltcp::storage::{PacketBuffer, PacketMetadata};
use smoltcp::time::Instant;
use smoltcp::wire::{HardwareAddress, IpAddress, IpCidr};

/// Memory for one direction of the network.
pub struct Packets {
    places: [PacketMetadata<()>; 4],
    octets: [u8; 8 * MTU],
}

impl Packets {
    pub const NEW: Self = Self { places: [PacketMetadata::EMPTY; 4], octets: [0; 8 * MTU] };

    pub fn line(&mut self) -> RefCell<PacketBuffer<'_, ()>> {
        RefCell::new(PacketBuffer::new(&mut self.places[..], &mut self.octets[..]))
    }
}

/// Memory for a host.
pub struct Memory<'w> {
    socket: [SocketStorage<'w>; 1],
    receive: [u8; 2048],
    send: [u8; 2048],
}

impl Memory<'_> {
    pub const NEW: Self = Self { socket: [SocketStorage::EMPTY], receive: [0; 2048], send: [0; 2048] };
}

/// A host with one socket.
pub struct Host<'w> {
    interface: Interface,
    port: Port<'w>,
    sockets: SocketSet<'w>,
    socket: SocketHandle,
}

impl<'w> Host<'w> {
    pub fn new(address: IpAddress, mut port: Port<'w>, memory: &'w mut Memory<'w>) -> Self {
        let mut interface = Interface::new(Config::new(HardwareAddress::Ip), &mut port, Instant::ZERO);
        interface.update_ip_addrs(|addresses| addresses.push(IpCidr::new(address, 24)).expect("there is room for one"));
        let mut sockets = SocketSet::new(&mut memory.socket[..]);
        let [receive, send] = [&mut memory.receive, &mut memory.send].map(|octets| SocketBuffer::new(&mut octets[..]));
        let socket = sockets.add(Socket::new(receive, send));
        Self { interface, port, sockets, socket }
    }

    pub fn connect(&mut self, to: IpAddress, port: u16) {
        let socket = self.sockets.get_mut::<Socket<'_>>(self.socket);
        socket
            .connect(self.interface.context(), (to, port), 49152)
            .expect("the socket is closed, and the address is one");
    }

    pub fn socket(&mut self) -> &mut Socket<'w> {
        self.sockets.get_mut(self.socket)
    }

    /// Takes what has come, and sends what is to leave.
    pub fn poll(&mut self, now: Instant) {
        self.interface.poll(now, &mut self.port, &mut self.sockets);
    }
}

/// The device of a host: packets for it, and packets from it.
pub struct Port<'w>(pub &'w RefCell<PacketBuffer<'w, ()>>, pub &'w RefCell<PacketBuffer<'w, ()>>);

impl<'w> Device for Port<'w> {
    type RxToken<'t>
        = Packet<'w>
    where
        Self: 't;
    type TxToken<'t>
        = Packet<'w>
    where
        Self: 't;

    fn receive(&mut self, _: Instant) -> Option<(Packet<'w>, Packet<'w>)> {
        let is_there = !self.0.borrow().is_empty() && !self.1.borrow().is_full();
        is_there.then_some((Packet(self.0), Packet(self.1)))
    }

    fn transmit(&mut self, _: Instant) -> Option<Packet<'w>> {
        (!self.1.borrow().is_full()).then_some(Packet(self.1))
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        (capabilities.medium, capabilities.max_transmission_unit) = (Medium::Ip, MTU);
        capabilities
    }
}

/// One that is there to be taken, or a place for one.
pub struct Packet<'w>(&'w RefCell<PacketBuffer<'w, ()>>);

impl RxToken for Packet<'_> {
    fn consume<T, F: FnOnce(&[u8]) -> T>(self, take: F) -> T {
        take(self.0.borrow_mut().dequeue().expect("a packet is there").1)
    }
}

impl TxToken for Packet<'_> {
    fn consume<T, F: FnOnce(&mut [u8]) -> T>(self, octets: usize, put: F) -> T {
        put(self.0.borrow_mut().enqueue(octets, ()).expect("there is room"))
    }
}

const MTU: usize = 1500;
