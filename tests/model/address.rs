//! Addresses and blocks: does a block contain an address, and is it written as the API server wants it?

use std::net::IpAddr;

/// A parsed block: its first address and its prefix length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Block {
    address: IpAddr,
    length: u8,
}

impl Block {
    /// Reads a CIDR as the server's strict mode does (`semantics.md` §1.9): no leading zeros, no IPv4-mapped IPv6, no
    /// host bits. What only some versions accept is an error, because the plugins never agreed on its meaning.
    pub(super) fn parse(text: &str) -> Result<Block, String> {
        let (address, length) = text.split_once('/').ok_or_else(|| format!("`{text}` is no CIDR"))?;
        let address = parse_address(address)?;
        let bits: u8 = if address.is_ipv4() { 32 } else { 128 };
        let canonical_length = !length.starts_with('+') && (length == "0" || !length.starts_with('0'));
        let length: u8 =
            length.parse().ok().filter(|n| *n <= bits && canonical_length).ok_or_else(|| format!("`{text}` has no valid prefix length"))?;
        let block = Block { address, length };
        if number(address) & !block.mask() != 0 {
            return Err(format!("`{text}` has host bits set"));
        }
        Ok(block)
    }

    /// A CIDR or a single address, as `AuthorizationPolicy` takes them (`semantics.md` §2.6).
    pub(super) fn parse_or_address(text: &str) -> Result<Block, String> {
        if text.contains('/') {
            return Block::parse(text);
        }
        let address = parse_address(text)?;
        Ok(Block { address, length: if address.is_ipv4() { 32 } else { 128 } })
    }

    /// Families never cross (`semantics.md` §1.8).
    pub(super) fn contains(self, address: IpAddr) -> bool {
        self.address.is_ipv4() == address.is_ipv4() && number(address) & self.mask() == number(self.address)
    }

    /// Inside `outer`, with a strictly longer prefix (`semantics.md` §1.9).
    pub(super) fn strictly_inside(self, outer: Block) -> bool {
        outer.contains(self.address) && self.length > outer.length
    }

    /// The one spelling that raises no warning anywhere (`semantics.md` §1.9).
    pub(super) fn canonical(self) -> String {
        format!("{}/{}", self.address, self.length)
    }

    fn mask(self) -> u128 {
        let host_bits = 128 - u32::from(self.length) - if self.address.is_ipv4() { 96 } else { 0 };
        u128::MAX.checked_shl(host_bits).unwrap_or(0)
    }
}

fn parse_address(text: &str) -> Result<IpAddr, String> {
    let address: IpAddr = text.parse().map_err(|_| format!("`{text}` is no IP address"))?;
    match address {
        IpAddr::V6(v6) if v6.to_ipv4_mapped().is_some() => Err(format!("`{text}` is an IPv4-mapped IPv6 address")),
        IpAddr::V4(_) | IpAddr::V6(_) => Ok(address),
    }
}

fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => u128::from(u32::from(v4)),
        IpAddr::V6(v6) => u128::from(v6),
    }
}
