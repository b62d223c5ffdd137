"""Which addresses pages may reach: judged by number, in whatever form it comes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from mixer.cli import app as command
from mixer.commands.files import allow_layouts
from mixer.errors import UsageError
from mixer.proxy import Grant, Reach, parse_grant
from mixer.proxy.addresses import METADATA, parse_address, refusal
from mixer.proxy.reach import own_addresses

URL = "http://127.0.0.1:9/rooms/x"
REFUSED = """
127.0.0.1 127.255.255.254 0.0.0.0 0.1.2.3 10.0.0.1 172.16.0.1 172.31.255.255 192.168.1.1
100.64.0.1 100.127.255.255 100.100.100.200 169.254.0.1 169.254.169.254 169.254.170.2 168.63.129.16
192.0.0.1 192.0.0.192 192.0.2.7 198.51.100.7 203.0.113.7 198.18.0.1 198.19.255.255 192.88.99.1
224.0.0.1 239.255.255.255 240.0.0.1 255.255.255.255
:: ::1 fe80::1 fe80::1%eth0 fec0::1 fc00::1 fd00::1 fd00:ec2::254 fd20:ce::254 ff02::1 ff0e::1
2001:db8::1 3fff::1 2001::1 2001:10::1 100::1 64:ff9b:1::1 ::127.0.0.1 ::8.8.8.8
::ffff:127.0.0.1 ::ffff:10.0.0.1 ::ffff:169.254.169.254 2002:7f00:1::1 2002:a9fe:a9fe::1
64:ff9b::7f00:1 64:ff9b::a9fe:a9fe 2a00:1450::5efe:a9fe:a9fe 2a00:1450::200:5efe:a00:1
""".split()  # noqa: SIM905 - a table
PUBLIC = """
1.1.1.1 8.8.8.8 93.184.215.14 172.32.0.1 100.128.0.1 192.0.1.1 223.255.255.255
2a00:1450:4001:80b::200e 2606:4700:4700::1111 ::ffff:8.8.8.8 2002:808:808::1 64:ff9b::808:808
""".split()  # noqa: SIM905 - a table


@pytest.mark.parametrize("text", REFUSED)
def test_special_addresses_are_refused(text: str) -> None:
    """Private, loopback, link-local, metadata, multicast, reserved, and IPv6 that carries such."""
    assert refusal(parse_address(text)) is not None


@pytest.mark.parametrize("text", PUBLIC)
def test_public_addresses_are_not(text: str) -> None:
    """The rest of the internet, by IPv4, IPv6, and translated."""
    assert refusal(parse_address(text)) is None


@pytest.mark.parametrize("text", ["169.254.169.254", "100.100.100.200", "fd00:ec2::254"])
def test_metadata_is_told_to_be_that(text: str) -> None:
    """Whoever reads the report sees at once what a page was after."""
    assert refusal(parse_address(text)) == METADATA


@given(st.ip_addresses())
def test_whatever_is_not_global_is_refused(address: object) -> None:
    """Our lists and Python's agree on what is surely not public."""
    plain = parse_address(str(address))
    assert plain.is_global or refusal(plain) is not None or str(plain).startswith(("64:", "2002:"))


def test_own_addresses_are_refused_even_public_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    """What listens on this machine may trust whoever comes from it."""
    assert parse_address("127.0.0.1") in own_addresses()
    ours = parse_address("93.184.215.14")
    monkeypatch.setattr("mixer.proxy.reach.own_addresses", lambda: {ours})
    assert Reach().refusal("a.test", 80, ours) == "an address of this machine"
    assert Reach.of(["a.test"]).refusal("a.test", 80, ours) is None


@pytest.mark.parametrize(
    ("text", "reached", "not_reached"),
    [
        ("10.1.0.0/16", ("x", 80, "10.1.2.3"), ("x", 80, "10.2.0.1")),
        ("10.1.2.3:8080", ("x", 8080, "10.1.2.3"), ("x", 80, "10.1.2.3")),
        ("fd00::/8", ("x", 80, "fd12::1"), ("x", 80, "fe80::1")),
        ("[fd00::1]:81", ("x", 81, "fd00::1"), ("x", 80, "fd00::1")),
        ("cdn.Internal", ("cdn.internal", 443, "10.0.0.1"), ("a.cdn.internal", 443, "10.0.0.1")),
        ("localhost:3000", ("localhost", 3000, "127.0.0.1"), ("localhost", 22, "127.0.0.1")),
    ],
)
def test_the_operator_allows(
    text: str, reached: tuple[str, int, str], not_reached: tuple[str, int, str]
) -> None:
    """A grant covers what it names and nothing beside it."""
    reach = Reach.of([text])
    assert reach.refusal(reached[0], reached[1], parse_address(reached[2])) is None
    assert reach.refusal(not_reached[0], not_reached[1], parse_address(not_reached[2]))


@pytest.mark.parametrize("text", ["", "http://a.test", "a.test:0", "a.test:x", "a b", ":80"])
def test_a_wrong_grant_says_how_to_write_it(text: str) -> None:
    """One line with the forms that are understood."""
    with pytest.raises(UsageError, match="give HOST, ADDRESS or CIDR"):
        parse_grant(text)


@pytest.mark.parametrize(
    "given",
    [("check", "default"), ("preview", "default"), ("render", "."), ("record", URL, "--out", "x")],
    ids=lambda given: given[0],
)
def test_commands_take_grants(given: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    """Each that shows a layout has --layout-allow, and refuses what is none."""
    monkeypatch.setenv("MIXER_LAYOUT_ALLOW", "")
    told = CliRunner().invoke(command, [*given, "--layout-allow", "a/b/c"])
    assert told.exit_code == UsageError.exit_code
    assert "give HOST, ADDRESS or CIDR" in told.output


def test_the_environment_may_have_commas_for_commands_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the setting means does not depend on who reads it."""
    monkeypatch.setenv("MIXER_LAYOUT_ALLOW", "")
    allow_layouts(["10.0.0.0/8,192.168.0.0/16"])
    assert len(Reach.from_environment().grants) == 2


def test_the_environment_and_the_layouts_origin(monkeypatch: pytest.MonkeyPatch) -> None:
    """MIXER_LAYOUT_ALLOW holds several; a layout's own origin is host and port, no more."""
    monkeypatch.setenv("MIXER_LAYOUT_ALLOW", "10.0.0.0/8, a.test:81")
    reach = Reach.from_environment().and_origin("http://localhost:3000/page?x=1")
    assert len(reach.grants) == 3
    assert reach.grants[1:] == (Grant("a.test", port=81), Grant("localhost", port=3000))
