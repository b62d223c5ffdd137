"""The certificate of `--tls-self-signed`: browsers give cameras to secure origins only."""

from __future__ import annotations

import ipaddress
import os
import socket
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

VALID = timedelta(days=365)  # browsers refuse certificates that are valid for longer than 398 days


def write_self_signed(directory: Path, hosts: list[str]) -> tuple[Path, Path]:
    """Writes cert.pem and key.pem (mode 600) for the host names and addresses given; their paths.

    ECDSA P-256, subject alternative names as RFC 2818 wants them.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "mixer room (self-signed)")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + VALID)
        .add_extension(x509.SubjectAlternativeName(_names(hosts)), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(key, hashes.SHA256())
    )
    cert_path, key_path = directory / "cert.pem", directory / "key.pem"
    cert_path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    secret = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    descriptor = os.open(key_path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(secret)
    return cert_path, key_path


def machine_addresses() -> list[str]:
    """The IPv4 address with which this machine reaches others, if any. Sends nothing."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("198.51.100.1", 9))  # RFC 5737: belongs to nobody
        except OSError:
            return []
        return [str(probe.getsockname()[0])]


def _names(hosts: list[str]) -> list[x509.GeneralName]:
    """The hosts, this machine's name, and the loopback addresses, each once."""
    names: list[x509.GeneralName] = []
    for host in dict.fromkeys([*hosts, "localhost", socket.gethostname(), "127.0.0.1", "::1"]):
        try:
            address = ipaddress.ip_address(host)
        except ValueError:
            if host.isascii():
                names.append(x509.DNSName(host))
        else:
            if not address.is_unspecified:
                names.append(x509.IPAddress(address))
    return names
