//! Live comparison: a trace replayed over sockets through running proxies, in front of an origin of ours.
//!
//! ```text
//!   clients (one thread) --GET http://127.0.0.1:PORT/SIZE/NUMBER--> proxy A | proxy B | none --> origin (one thread)
//!     every byte checked; hit or miss by the serial that the origin       sizes, storability and latency of the trace
//!     stamped, not by what the proxy says
//! ```
//!
//! The trace is cut into as many pieces as there are rounds; each piece goes through every proxy in turn before the next,
//! in a turning order. So each proxy sees the whole trace once, in its order, and a disturbance of the machine hits all
//! alike. The same pieces also go to the origin without any proxy: what is above that was added by the proxy.
//!
//! Not here: the proxies themselves, which are started by whoever compares them. This is the only part of the crate that
//! knows sockets and threads of load, and a clock; it speaks HTTP from outside and uses nothing of the proxy crate.

mod clients;
pub(crate) mod clock;
mod compare;
mod document;
mod histogram;
mod origin;
mod outcome;
pub mod process;
mod proxy;
mod workload;

pub use clients::{Answer, Ask, Outcome, Plan, run};
pub use compare::{Comparison, LiveError, Pace, Progress, compare};
pub use document::Document;
pub use histogram::Histogram;
pub use origin::{DocumentOrigin, Service};
pub use outcome::{Added, LiveReport, ProxyReport, Times};
pub use proxy::{BadProxy, Proxy};
pub use workload::Hold;
