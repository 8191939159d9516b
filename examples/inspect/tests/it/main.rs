//! The options and the driver of traces, in one program.

mod inspect_options;
mod inspect_trace;
