//! The driver over real sockets, and the options, in one program.

mod serve;
mod stopped;
mod tool_options;
