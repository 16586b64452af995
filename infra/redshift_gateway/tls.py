"""Encryption between clients and the gateway: with the certificate given, or with one of the gateway's own making."""

import ipaddress
import ssl
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_VALID = timedelta(days=397)  # the longest that clients commonly accept
_RENEW = timedelta(days=30)
_PRIVATE = 0o600


@dataclass(frozen=True)
class TlsSettings:
    """Which certificate to show. `required` refuses clients that do not encrypt, as Redshift's require_ssl does."""

    certificate: Path | None = None
    key: Path | None = None
    self_signed: bool = False
    required: bool = False

    @property
    def enabled(self) -> bool:
        """Whether clients may encrypt."""
        return self.self_signed or self.certificate is not None


@dataclass(frozen=True)
class ServerTls:
    """What the server needs to encrypt, and what its certificate is."""

    context: ssl.SSLContext
    certificate: bytes  # as clients see it (DER)
    expires: datetime

    @property
    def expires_soon(self) -> bool:
        """Whether somebody should renew it."""
        return self.expires - datetime.now(UTC) < _RENEW


def server_tls(settings: TlsSettings, host: str) -> ServerTls | None:
    """What the server needs to encrypt; None when it shall not.

    A self-signed certificate is written where the settings say, unless there is one already, so that clients may trust
    it; without a place it lives as long as the gateway. Raises OSError (ssl.SSLError too) when files do not fit.
    """
    if not settings.enabled:
        if settings.required:
            raise ValueError("TLS cannot be required without a certificate")
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    with TemporaryDirectory(prefix="redshift-gateway-") as folder:  # readable by this user only
        certificate = settings.certificate or Path(folder, "server.crt")
        key = settings.key or certificate.with_suffix(".key" if settings.self_signed else certificate.suffix)
        if settings.self_signed and not certificate.exists():
            write_self_signed(certificate, key, host)
        key.read_bytes()  # its error names the file, that of load_cert_chain does not
        own = x509.load_pem_x509_certificates(certificate.read_bytes())[0]
        context.load_cert_chain(certificate, key)
    return ServerTls(context, own.public_bytes(serialization.Encoding.DER), own.not_valid_after_utc)


def write_self_signed(certificate: Path, key: Path, host: str) -> None:
    """Makes a key and a certificate for this host, localhost and the loopback addresses.

    Raises FileExistsError rather than replace a key.
    """
    private = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Redshift gateway")])
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + _VALID)
        .add_extension(x509.SubjectAlternativeName(_names(host)), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(private, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    key.touch(_PRIVATE, exist_ok=False)
    key.write_bytes(private.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
    certificate.write_bytes(signed.public_bytes(pem))


def _names(host: str) -> list[x509.GeneralName]:
    loopback = [x509.IPAddress(ipaddress.ip_address(a)) for a in ("127.0.0.1", "::1")]
    names: list[x509.GeneralName] = [x509.DNSName("localhost"), *loopback]
    try:
        own: x509.GeneralName = x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        own = x509.DNSName(host)
    return names if own in names else [*names, own]
