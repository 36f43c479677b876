//! The shell of C/NN: everything that touches the world.

pub mod admin;
