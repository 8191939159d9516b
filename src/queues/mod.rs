//! What a server keeps of many connections: their deadlines in order, and which of the idle ones goes when places run out.

pub(crate) mod deadline_queue;
pub(crate) mod idle_queue;
