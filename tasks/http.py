"""What every HTTP client of the rounds is made of."""

import ssl
from collections.abc import Iterator, Mapping
from pathlib import Path

from tasks.errors import UsageError


def trust(ca_file: Path | None, section: str) -> ssl.SSLContext:
    """Whom a client trusts: the machine's authorities, or those of a file. Raises UsageError if it cannot be used."""
    try:
        return ssl.create_default_context(cafile=ca_file)
    except OSError as error:
        why = "it holds no certificate" if isinstance(error, ssl.SSLError) else error.strerror
        raise UsageError(f"the CA file {ca_file} cannot be used ({why}): correct [{section}] ca_file") from None


def sendable(headers: Mapping[str, str], section: str) -> dict[bytes, bytes]:
    """Headers as they are sent; raises UsageError, which never repeats a value, for one that cannot be."""
    for name, value in headers.items():
        if not value.isprintable() or value != value.strip():
            raise UsageError(
                f"{section}.headers.{name}: a value has no line breaks, control characters or outer spaces"
            )
    return {name.encode(): value.encode() for name, value in headers.items()}


def causes(error: BaseException | None) -> Iterator[BaseException]:
    """An error and all that led to it."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
