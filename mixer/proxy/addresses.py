"""Which addresses are part of the public internet, and which a page has no business with.

By the registries of special-purpose addresses (RFC 6890 and its successors), cloud metadata, and
all forms of IPv6 that carry an IPv4 address: those are judged by what they carry.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

METADATA = "a cloud's metadata address"
# The first that matches is told. What `ipaddress` calls global differs by Python's version.
SPECIAL: tuple[tuple[Network, str], ...] = tuple(
    (ip_network(network), what)
    for network, what in (
        ("169.254.169.254/32", METADATA),
        ("169.254.170.2/32", METADATA),
        ("100.100.100.200/32", METADATA),
        ("168.63.129.16/32", METADATA),
        ("192.0.0.192/32", METADATA),
        ("fd00:ec2::/32", METADATA),
        ("fd20:ce::254/128", METADATA),
        ("127.0.0.0/8", "a loopback address"),
        ("::1/128", "a loopback address"),
        ("0.0.0.0/8", "an unspecified address"),
        ("::/128", "an unspecified address"),
        ("10.0.0.0/8", "a private address"),
        ("172.16.0.0/12", "a private address"),
        ("192.168.0.0/16", "a private address"),
        ("fc00::/7", "a private address"),
        ("fec0::/10", "a private address"),
        ("100.64.0.0/10", "an address of a carrier's private network"),
        ("169.254.0.0/16", "a link-local address"),
        ("fe80::/10", "a link-local address"),
        ("224.0.0.0/4", "a multicast address"),
        ("ff00::/8", "a multicast address"),
        ("192.0.0.0/24", "a reserved address"),
        ("192.0.2.0/24", "an address for documentation"),
        ("198.51.100.0/24", "an address for documentation"),
        ("203.0.113.0/24", "an address for documentation"),
        ("2001:db8::/32", "an address for documentation"),
        ("3fff::/20", "an address for documentation"),
        ("192.31.196.0/24", "a reserved address"),
        ("192.52.193.0/24", "a reserved address"),
        ("192.175.48.0/24", "a reserved address"),
        ("192.88.99.0/24", "a relay's address"),
        ("198.18.0.0/15", "an address for measurements"),
        ("240.0.0.0/4", "a reserved address"),
        ("2001::/23", "a reserved address"),
    )
)
UNICAST = IPv6Network("2000::/3")
NAT64 = IPv6Network("64:ff9b::/96")
SIX_TO_FOUR = IPv6Network("2002::/16")
ISATAP = (b"\x00\x00\x5e\xfe", b"\x02\x00\x5e\xfe")  # RFC 5214, in bytes 8 to 11


def parse_address(text: str) -> Address:
    """An address as the resolver gives it; one that is IPv4 in IPv6's clothes comes as IPv4."""
    address = ip_address(text.partition("%")[0])
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address


def refusal(address: Address) -> str | None:
    """What is special about an address that pages must not reach; None if it is a public one."""
    for network, what in SPECIAL:
        if address in network:
            return what
    if isinstance(address, IPv4Address):
        return None if address.is_global else "a reserved address"
    carried = _carried(address)
    if carried is not None:
        return refusal(carried)
    return None if address in UNICAST and address.is_global else "a reserved address"


def _carried(address: IPv6Address) -> IPv4Address | None:
    """The IPv4 address that packets to this one end at, if it is such a form."""
    raw = address.packed
    if address.ipv4_mapped is not None or address in NAT64 or raw[8:12] in ISATAP:
        return IPv4Address(raw[12:])
    if address in SIX_TO_FOUR:
        return IPv4Address(raw[2:6])
    return None
