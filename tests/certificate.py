"""A certificate that nobody but its maker trusts."""

import datetime
from contextlib import suppress
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


def write_pair(folder: Path, name: str = "mx.example.com") -> dict[str, Path]:
    """A new pair for a host or an address, in place of the one that is there.

    The e-mail channel's options ``certificate`` and ``key``.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    named = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    built = (
        x509.CertificateBuilder()
        .subject_name(named)
        .issuer_name(named)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([_general(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pair = {"certificate": folder / "cert.pem", "key": folder / "key.pem"}
    written = {
        pair["certificate"]: built.public_bytes(serialization.Encoding.PEM),
        pair["key"]: key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ),
    }
    for path, content in written.items():
        new = path.with_suffix(".new")  # a new file under the old name, as renewals do it
        new.write_bytes(content)
        new.replace(path)
    return pair


def _general(name: str) -> x509.GeneralName:
    with suppress(ValueError):
        return x509.IPAddress(ip_address(name))
    return x509.DNSName(name)
