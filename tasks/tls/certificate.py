"""Reads a certificate from its DER, whether it is valid or not, and compares its names with a host."""

from ipaddress import ip_address

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import dsa, ec, rsa

from tasks.check_result import msg
from tasks.observation import ObservationError
from tasks.outside import external_text
from tasks.tls.facts import Certificate

_MOST_NAMES = 100
_NAME_CHARS = 255


def read_certificate(der: bytes) -> tuple[Certificate, frozenset[str]]:
    """A certificate, and all names that it is made out to as they are compared.

    Raises ObservationError for what is none.
    """
    try:
        found = x509.load_der_x509_certificate(der)
        names = _names(found)
        key, bits = _key(found)
        return Certificate(
            subject=external_text(found.subject.rfc4514_string()),
            issuer=external_text(found.issuer.rfc4514_string()),
            names=tuple(external_text(name, _NAME_CHARS) for name in names[:_MOST_NAMES]),
            not_before=found.not_valid_before_utc,
            not_after=found.not_valid_after_utc,
            self_signed=_is_self_signed(found),
            key=key,
            key_bits=bits,
            signature=_signature(found),
        ), frozenset(names)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise ObservationError(msg("The certificate of the server cannot be read")) from None


def matches(host: str, names: frozenset[str]) -> bool:
    """Whether a certificate with these names is made out to a host, by RFC 6125: `*` is one whole label, the first."""
    try:
        return f"{ip_address(host)}" in names
    except ValueError:
        pass
    name = _ascii(host)
    _, _, parent = name.partition(".")
    return name in names or ("." in parent and f"*.{parent}" in names)


def _names(found: x509.Certificate) -> list[str]:
    """Host names and addresses of the subject's alternative names; no browser reads the common name any more."""
    try:
        alternative = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return []
    hosts = [_ascii(name) for name in alternative.get_values_for_type(x509.DNSName)]
    return [*hosts, *map(str, alternative.get_values_for_type(x509.IPAddress))]


def _ascii(name: str) -> str:
    lowered = name.rstrip(".").lower()
    try:
        return lowered if lowered.isascii() else lowered.encode("idna").decode()
    except UnicodeError:
        return lowered


def _is_self_signed(found: x509.Certificate) -> bool:
    try:
        found.verify_directly_issued_by(found)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True


def _key(found: x509.Certificate) -> tuple[str, int | None]:
    key = found.public_key()
    match key:
        case rsa.RSAPublicKey():
            return "RSA", key.key_size
        case ec.EllipticCurvePublicKey():
            return "EC", key.key_size
        case dsa.DSAPublicKey():
            return "DSA", key.key_size
    return type(key).__name__.removesuffix("PublicKey").strip("_"), None


def _signature(found: x509.Certificate) -> str:
    try:
        algorithm = found.signature_hash_algorithm
    except UnsupportedAlgorithm:
        return found.signature_algorithm_oid.dotted_string
    return "" if algorithm is None else algorithm.name
