//! Addresses, and the names that stand for them.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::vec;

use self::sealed::{Addresses, Resolution};
use crate::blocking::spawn_blocking;
use crate::io::current_engine;

/// What can be turned into addresses: the types that implement [`std::net::ToSocketAddrs`].
///
/// Addresses and their literals ("127.0.0.1:80") resolve in place. Names ("localhost:80") are looked up by
/// the system on a blocking thread of the current runtime.
///
/// This trait is sealed: it cannot be implemented outside of heist.
///
/// # Examples
///
/// ```
/// use heist::net::{ToSocketAddrs, lookup_host};
///
/// async fn first(host: impl ToSocketAddrs) -> std::io::Result<Option<std::net::SocketAddr>> {
///     Ok(lookup_host(host).await?.next())
/// }
///
/// # fn main() -> std::io::Result<()> {
/// let addr = heist::run(first(("127.0.0.1", 80)))?;
/// assert_eq!(addr, Some(([127, 0, 0, 1], 80).into()));
/// # Ok(()) }
/// ```
pub trait ToSocketAddrs: Addresses {}

impl<T: Addresses + ?Sized> ToSocketAddrs for T {}

mod sealed {
    use std::io;
    use std::net::SocketAddr;

    /// Addresses, or the name to look them up by.
    #[derive(Debug)]
    pub enum Resolution {
        Known(Vec<SocketAddr>),
        Name(String, u16),
    }

    pub trait Addresses {
        fn addresses(&self) -> io::Result<Resolution>;
    }
}

/// The addresses of a host.
///
/// # Errors
///
/// If the text is no address and not of the form `name:port`
/// ([`InvalidInput`](io::ErrorKind::InvalidInput)), if the name is unknown, or if there is no current runtime
/// to look it up.
///
/// # Cancel safety
///
/// Nothing is lost when the future is dropped; a look-up that has begun goes on in the background.
///
/// # Examples
///
/// ```
/// # fn main() -> std::io::Result<()> {
/// heist::run(async {
///     for addr in heist::net::lookup_host("localhost:80").await? {
///         assert!(addr.ip().is_loopback());
///     }
///     Ok(())
/// })
/// # }
/// ```
pub async fn lookup_host(host: impl ToSocketAddrs) -> io::Result<vec::IntoIter<SocketAddr>> {
    let (name, port) = match host.addresses()? {
        Resolution::Known(known) => return Ok(known.into_iter()),
        Resolution::Name(name, port) => (name, port),
    };
    // `spawn_blocking` panics where there is no runtime.
    current_engine()?;
    spawn_blocking(move || std::net::ToSocketAddrs::to_socket_addrs(&(name.as_str(), port)))
        .await
        .map_err(io::Error::other)?
}

/// What is said when a name stands for no address at all.
pub(super) fn no_address() -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidInput,
        "the name resolves to no address",
    )
}

macro_rules! known {
    ($($type:ty),+) => {$(
        impl Addresses for $type {
            fn addresses(&self) -> io::Result<Resolution> {
                Ok(Resolution::Known(vec![(*self).into()]))
            }
        }
    )+};
}

known!(
    SocketAddr,
    SocketAddrV4,
    SocketAddrV6,
    (IpAddr, u16),
    (Ipv4Addr, u16),
    (Ipv6Addr, u16)
);

impl Addresses for [SocketAddr] {
    fn addresses(&self) -> io::Result<Resolution> {
        Ok(Resolution::Known(self.to_vec()))
    }
}

impl Addresses for (&str, u16) {
    fn addresses(&self) -> io::Result<Resolution> {
        let (host, port) = *self;
        Ok(match host.parse::<IpAddr>() {
            Ok(ip) => Resolution::Known(vec![SocketAddr::new(ip, port)]),
            Err(_) => Resolution::Name(host.to_owned(), port),
        })
    }
}

impl Addresses for (String, u16) {
    fn addresses(&self) -> io::Result<Resolution> {
        (self.0.as_str(), self.1).addresses()
    }
}

impl Addresses for str {
    fn addresses(&self) -> io::Result<Resolution> {
        let invalid = |what| io::Error::new(io::ErrorKind::InvalidInput, what);
        if let Ok(addr) = self.parse() {
            return Ok(Resolution::Known(vec![addr]));
        }
        let (host, port) = self
            .rsplit_once(':')
            .ok_or_else(|| invalid("an address is a host and a port with a colon between"))?;
        let port = port
            .parse()
            .map_err(|_| invalid("the port is no number below 65536"))?;
        (host, port).addresses()
    }
}

impl Addresses for String {
    fn addresses(&self) -> io::Result<Resolution> {
        self.as_str().addresses()
    }
}

impl<T: Addresses + ?Sized> Addresses for &T {
    fn addresses(&self) -> io::Result<Resolution> {
        (**self).addresses()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(addr: impl Addresses) -> Vec<SocketAddr> {
        match addr.addresses().unwrap() {
            Resolution::Known(known) => known,
            Resolution::Name(name, _) => panic!("{name} would be looked up"),
        }
    }

    #[test]
    fn literals_resolve_in_place() {
        let addr: SocketAddr = "127.0.0.1:80".parse().unwrap();
        assert_eq!(known("127.0.0.1:80"), [addr]);
        assert_eq!(known(String::from("127.0.0.1:80")), [addr]);
        assert_eq!(known(("127.0.0.1", 80)), [addr]);
        assert_eq!(known((Ipv4Addr::LOCALHOST, 80)), [addr]);
        assert_eq!(known(&[addr, addr][..]), [addr, addr]);
        assert_eq!(known("[::1]:80"), known((Ipv6Addr::LOCALHOST, 80)));
        assert_eq!(known(("::1", 80)), known((Ipv6Addr::LOCALHOST, 80)));
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for text in ["localhost", "localhost:", "localhost:65536", ""] {
            let error = text.addresses().unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidInput, "{text:?}");
        }
    }
}
