"""A baseline of detect-secrets: the secrets that somebody has looked at."""

from pathlib import Path
from posixpath import normpath

from pydantic import BaseModel, ValidationError

from tasks.check_result import Message, msg
from tasks.outside import external_text
from tasks.security.scanners.secrets.output import Digest

Listed = tuple[str, str, str]
"""The path in the tree, the type, the digest."""
_MOST_BYTES = 50 * 1024 * 1024


class BadBaseline(Exception):
    """A baseline that cannot be used; carries the reason, which names the file."""

    def __init__(self, reason: Message) -> None:
        super().__init__(reason.text.format(**reason.params))
        self.reason = reason


class _Secret(BaseModel):
    type: str
    hashed_secret: Digest


class _Baseline(BaseModel):
    results: dict[str, list[_Secret]]


def read_baseline(root: Path, path: Path) -> frozenset[Listed]:
    """What a baseline lists; `path` is in the tree. Raises BadBaseline."""
    name = external_text(str(path))
    try:
        with (root / path).open("rb") as file:
            content = file.read(_MOST_BYTES + 1)
    except OSError as error:
        why = external_text(error.strerror or type(error).__name__)
        raise BadBaseline(msg("secrets_baseline {name} cannot be read: {why}", name=name, why=why)) from None
    try:
        baseline = _Baseline.model_validate_json(content)
    except ValidationError:
        raise BadBaseline(msg("secrets_baseline {name} is not a baseline of detect-secrets", name=name)) from None
    return frozenset(
        (normpath(path.replace("\\", "/")), secret.type, secret.hashed_secret)
        for path, secrets in baseline.results.items()
        for secret in secrets
    )
