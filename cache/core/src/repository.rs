//! What is stored: index, documents and the byte budget.

mod body;
mod budget;
mod head;
mod imf_date;
mod template;

pub use self::body::Body;
pub use self::budget::{Budget, Charge, allocated_bytes};
pub use self::head::{Head, HeadValue};
