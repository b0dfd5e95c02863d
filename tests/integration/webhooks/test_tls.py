"""Over TLS the name is checked though the connection goes to an address that was looked up and checked before."""

import ssl
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from carejourney.webhooks.sending import certificates
from tests.fixtures.system import Surroundings
from tests.integration.chassis.probe import Probe, children
from tests.integration.feed.served import HELD, says
from tests.integration.webhooks.receiver import receiving
from tests.integration.webhooks.sender import lanes, sending

NAME = "agency.example"


@pytest.fixture
def identity(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ssl.SSLContext]:
    """The receiver's certificate, of an authority that is trusted while the test runs."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, NAME)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(NAME)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    held = tmp_path / "held.pem"
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    held.write_bytes(key.private_bytes(*form) + made.public_bytes(serialization.Encoding.PEM))
    monkeypatch.setenv("SSL_CERT_FILE", str(held))
    certificates.cache_clear()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(held)
    yield context
    certificates.cache_clear()


async def test_the_certificate_is_checked_against_the_name_and_another_name_is_sent_nothing(
    book: Probe, surroundings: Surroundings, identity: ssl.SSLContext
) -> None:
    async with (
        receiving(ssl=identity) as receiver,
        sending(book, surroundings, look_up=lambda *_: ["127.0.0.1"]) as one,
    ):
        place = receiver.url.removeprefix("http://127.0.0.1")
        await one.register(f"https://{NAME}{place}", actor="known")
        other = await one.register(f"https://elsewhere.example{place}", actor="unknown")
        (child,) = await children(one.running, 1)
        await says(one.running, child, HELD)
        await receiver.has(1)
        await one.becomes(other, waiting=1)
        (lane,) = await lanes(one.running.pool)
    assert [sent.headers["host"] for sent in receiver.sent] == [f"{NAME}{place.partition('/')[0]}"]
    assert lane["fault"] == "ConnectError"
