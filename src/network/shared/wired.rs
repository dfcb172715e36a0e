//! The wired link: how it gets its address, as a line in the data directory and as a unit of systemd-networkd.
//!
//! Owns both forms and what counts as an address that can work. Every value is parsed to a number and written anew, so
//! no text of the wish can reach the unit.

use std::fmt::Write as _;
use std::net::Ipv4Addr;

/// Largest wish, in bytes.
pub const WISH_BYTES: usize = 128;
/// So many name servers can be named.
pub const DNS_MAX: usize = 2;
/// The wired link goes first, then Wi-Fi (300), then a modem (700).
const METRIC: u32 = 100;

/// How the wired link gets its address.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum WiredSettings {
    /// From the router, by DHCP.
    #[default]
    Automatic,
    /// Typed in.
    Fixed(Fixed),
}

/// An address of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fixed {
    /// The terminal's address.
    pub address: Ipv4Addr,
    /// Length of the network's prefix, 1 to 30.
    pub prefix: u8,
    /// The router.
    pub gateway: Ipv4Addr,
    /// Name servers, one or two.
    pub dns: Vec<Ipv4Addr>,
}

/// What is wrong with a typed address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mistake {
    /// It is no address that a machine can have, or the network's own or its broadcast address.
    Address,
    /// The prefix is not 1 to 30.
    Prefix,
    /// The router is not another address of the same network.
    Gateway,
    /// No name server, too many, or one that cannot be.
    Dns,
}

impl Fixed {
    /// Takes what was typed: `192.168.1.20/24`, `192.168.1.1`, `223.5.5.5 119.29.29.29`.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn typed(address: &str, gateway: &str, dns: &str) -> Result<Self, Mistake> {
        let (own, prefix) = address.split_once('/').ok_or(Mistake::Prefix)?;
        let fixed = Self {
            address: own.parse().map_err(|_| Mistake::Address)?,
            prefix: prefix.parse().map_err(|_| Mistake::Prefix)?,
            gateway: gateway.parse().map_err(|_| Mistake::Gateway)?,
            dns: dns
                .split(' ')
                .filter(|word| !word.is_empty())
                .map(|word| word.parse().map_err(|_| Mistake::Dns))
                .collect::<Result<_, _>>()?,
        };
        fixed.check()?;
        Ok(fixed)
    }

    /// Checks that it can work.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn check(&self) -> Result<(), Mistake> {
        if !(1..=30).contains(&self.prefix) {
            return Err(Mistake::Prefix);
        }
        let mask = u32::MAX << (32 - u32::from(self.prefix));
        let is_host = |address: Ipv4Addr| {
            let number = u32::from(address);
            is_unicast(address) && number & !mask != 0 && number & !mask != !mask
        };
        if !is_host(self.address) {
            return Err(Mistake::Address);
        }
        let near = u32::from(self.gateway) & mask == u32::from(self.address) & mask;
        if !near || !is_host(self.gateway) || self.gateway == self.address {
            return Err(Mistake::Gateway);
        }
        let some = (1..=DNS_MAX).contains(&self.dns.len());
        if !some || !self.dns.iter().copied().all(is_unicast) {
            return Err(Mistake::Dns);
        }
        Ok(())
    }

    fn dns_text(&self, between: &str) -> String {
        let texts: Vec<String> = self.dns.iter().map(Ipv4Addr::to_string).collect();
        texts.join(between)
    }

    /// Returns the three texts that [`Fixed::typed`] takes.
    pub fn texts(&self) -> [String; 3] {
        let address = format!("{}/{}", self.address, self.prefix);
        [address, self.gateway.to_string(), self.dns_text(" ")]
    }
}

fn is_unicast(address: Ipv4Addr) -> bool {
    let first = address.octets()[0];
    (1..224).contains(&first) && !address.is_loopback()
}

/// The wish with the number that the report names again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WiredRequest {
    /// What is wanted.
    pub settings: WiredSettings,
    /// Another number for each wish.
    pub number: u64,
}

impl WiredRequest {
    /// Returns the line.
    pub fn line(&self) -> String {
        let number = self.number;
        match &self.settings {
            WiredSettings::Automatic => format!("automatic {number}\n"),
            WiredSettings::Fixed(own) => format!(
                "fixed {}/{} {} {} {number}\n",
                own.address,
                own.prefix,
                own.gateway,
                own.dns_text(",")
            ),
        }
    }

    /// Reads the line; nothing that is only similar, and no address that cannot work.
    pub fn parse(line: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(line).ok()?;
        let words: Vec<&str> = text.strip_suffix('\n')?.split(' ').collect();
        let request = match *words.as_slice() {
            ["automatic", number] => Self {
                settings: WiredSettings::Automatic,
                number: number.parse().ok()?,
            },
            ["fixed", address, gateway, dns, number] => {
                let dns = dns.replace(',', " ");
                Self {
                    settings: WiredSettings::Fixed(Fixed::typed(address, gateway, &dns).ok()?),
                    number: number.parse().ok()?,
                }
            }
            _ => return None,
        };
        // A sign or leading zeros would be a second way to write the same.
        (request.line().as_bytes() == line).then_some(request)
    }
}

/// What the privileged program says of the wish with this number; of none after a start without one.
pub fn answer_line(number: u64, done: bool) -> String {
    let word = if done { "done" } else { "refused" };
    format!("{word} {number}\n")
}

/// Returns the unit of systemd-networkd; none where the image's own unit (DHCP) is enough.
pub fn unit(settings: &WiredSettings) -> Option<String> {
    let WiredSettings::Fixed(own) = settings else {
        return None;
    };
    let mut text = String::from("[Match]\nType=ether\n\n[Network]\n");
    // Writing to a text cannot fail.
    writeln!(text, "Address={}/{}", own.address, own.prefix).ok()?;
    for server in &own.dns {
        writeln!(text, "DNS={server}").ok()?;
    }
    text.push_str("LLMNR=no\nMulticastDNS=no\n\n[Route]\n");
    writeln!(text, "Gateway={}\nMetric={METRIC}", own.gateway).ok()?;
    Some(text)
}
