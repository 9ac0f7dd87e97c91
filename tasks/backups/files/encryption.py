"""Whether a backup is encrypted, by its first bytes."""

import re
from pathlib import Path

from tasks.backups.files.start import cannot_read, head_of
from tasks.observation import ObservationError

_GZIP = b"\x1f\x8b"
_ENCRYPTED = (
    b"age-encryption.org/v1",
    b"-----BEGIN AGE ENCRYPTED FILE-----",
    b"-----BEGIN PGP MESSAGE-----",
    b"Salted__",
)
# OpenPGP packets that begin an encrypted message: session keys (tags 1, 3), encrypted data (9, 18, 20), old and new.
_PGP_TAGS = frozenset({1, 3, 9, 18, 20})
_TEXT = re.compile(rb"[\t\n\r\x20-\x7e\x80-\xff]+")


def appears_encrypted(backup: Path) -> bool:
    """True for a file that age, OpenPGP or openssl wrote; raises ObservationError if it cannot be read."""
    try:
        return not backup.is_dir() and is_encrypted(head_of(backup))
    except OSError as error:
        raise ObservationError(cannot_read(backup, error)) from None


def is_encrypted(head: bytes) -> bool:
    """True for what age, OpenPGP or openssl enc wrote."""
    if head.startswith(_ENCRYPTED):
        return True
    if not head or not head[0] & 0x80 or head.startswith(_GZIP):
        return False
    tag = head[0] & 0x3F if head[0] & 0x40 else (head[0] >> 2) & 0x0F
    return tag in _PGP_TAGS and _TEXT.fullmatch(head) is None
