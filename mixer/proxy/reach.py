"""What pages may reach: the public internet, and what the operator allows besides."""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import ip_network
from typing import Self
from urllib.parse import urlsplit

import psutil

from ..errors import UsageError
from .addresses import Address, Network, parse_address, refusal

ALLOW = "MIXER_LAYOUT_ALLOW"  # grants, separated by commas or spaces
PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443}


@dataclass(frozen=True, slots=True)
class Grant:
    """A host by name, or a network, with one port or all (None)."""

    host: str = ""
    network: Network | None = None
    port: int | None = None

    def covers(self, host: str, port: int, address: Address) -> bool:
        if self.port is not None and self.port != port:
            return False
        if self.network is None:
            return host == self.host
        return address in self.network


def plain_host(host: str) -> str:
    """A host as names are compared: without brackets, letters' case and the root's dot."""
    return host.strip("[]").rstrip(".").lower()


def parse_grant(text: str) -> Grant:
    """HOST, ADDRESS or CIDR, each with :PORT if wanted. Raises UsageError."""
    wrong = UsageError(
        f"--layout-allow {text!r}: give HOST, ADDRESS or CIDR, with :PORT if wanted; "
        "an IPv6 address with a port in brackets"
    )
    host, port = text.strip(), None
    bare_v6 = host.count(":") > 1 and not host.startswith("[")
    if not bare_v6 and ":" in host.rpartition("]")[2]:
        host, _, digits = host.rpartition(":")
        if not digits.isdecimal() or not 0 < int(digits) < 65536:
            raise wrong
        port = int(digits)
    with suppress(ValueError):
        return Grant(network=ip_network(host.strip("[]"), strict=False), port=port)
    host = plain_host(host)
    if not host or any(c in host for c in "/:@ "):
        raise wrong
    return Grant(host, port=port)


def origin_grant(url: str) -> Grant | None:
    """Allows host and port of an http(s) address; None for anything else."""
    parts = urlsplit(url)
    if parts.scheme not in PORTS or not parts.hostname:
        return None
    return Grant(plain_host(parts.hostname), port=parts.port or PORTS[parts.scheme])


@dataclass(frozen=True, slots=True)
class Reach:
    """Public addresses but this machine's own, and whatever a grant covers."""

    grants: tuple[Grant, ...] = ()

    @classmethod
    def of(cls, grants: Iterable[str]) -> Self:
        return cls(tuple(parse_grant(text) for text in grants))

    @classmethod
    def from_environment(cls) -> Self:
        """Reads MIXER_LAYOUT_ALLOW."""
        return cls.of(os.environ.get(ALLOW, "").replace(",", " ").split())

    def and_origin(self, url: str) -> Reach:
        grant = origin_grant(url)
        return self if grant is None else Reach((*self.grants, grant))

    def refusal(self, host: str, port: int, address: Address) -> str | None:
        """Why `address`, which `host` was resolved to, must not be reached; None if it may."""
        if any(grant.covers(host, port, address) for grant in self.grants):
            return None
        what = refusal(address)
        if what is None and address in own_addresses():
            what = "an address of this machine"
        return what


def own_addresses() -> set[Address]:
    """Those of this machine's interfaces: a service that only it should reach may listen there."""
    found = set()
    for entries in psutil.net_if_addrs().values():
        for entry in entries:
            with suppress(ValueError):
                found.add(parse_address(entry.address))
    return found
