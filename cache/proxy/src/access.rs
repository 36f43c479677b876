//! Who may ask for what.

mod ports;

pub use ports::PortSet;
