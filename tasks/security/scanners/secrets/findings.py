"""Secrets as findings: how bad each is, and how sure it is one. No finding holds a secret or its digest."""

import hashlib
import re
from collections.abc import Iterator

from tasks.outside import external_text
from tasks.security.facts.scans import Confidence, Finding, Kind, Rating
from tasks.security.findings.fingerprint import fingerprint
from tasks.security.scanners.secrets.output import Secret
from tasks.security.scanners.secrets.texts import Copy

_ENTROPY = frozenset({"Base64 High Entropy String", "Hex High Entropy String"})
_LIKELY = frozenset(
    {"Secret Keyword", "Basic Auth Credentials", "JSON Web Token", "Artifactory Credentials", "Twilio API Key"}
    | {"Cloudant Credentials", "SoftLayer Credentials", "Telegram Bot Token", "Mailchimp Access Key"}
)
"""Of these, what the words around look like decides, or letters and digits that other words have too."""
_GIVES_ALL_AWAY = frozenset(
    {"Private Key", "AWS Access Key", "Azure Storage Account access key", "IBM Cloud IAM Key"}
    | {"IBM COS HMAC Credentials"}
)
"""Who has the private key of a service or the key of its cloud account can be the service."""
_HASHES = re.compile(
    r"(?:^|/)(?:pnpm-lock\.yaml|pylock(?:\.[^/]+)?\.toml|[^/]*requirements[^/]*\.txt|\.secrets\.baseline)$"
)
"""Files whose long words are digests of packages, or of secrets."""
_EXAMPLES = re.compile(
    r"(?:^|/)(?:tests?|testing|testdata|specs?|__tests__|fixtures|examples?|samples?|docs?)/"
    r"|(?:^|/)(?:test_[^/]*|[^/]*_test|conftest|[^/]*\.(?:test|spec))\.[^/]+$"
)
"""Where passwords are made up."""
_PLACEHOLDERS = frozenset(
    hashlib.sha1(word.encode(), usedforsecurity=False).hexdigest()
    for word in (
        *("password", "passwd", "pass", "pwd", "secret", "tiger", "changeme", "change-me", "change_me", "example"),
        *("placeholder", "dummy", "test", "testing", "foo", "bar", "your-password", "your_password", "yourpassword"),
        *("mypassword", "my-password", "postgres", "mysql", "root", "admin", "user", "username", "token", "hunter2"),
    )
)
"""What examples have in place of a password; detect-secrets tells these by their digests alone."""


def secret_findings(copy: Copy, secrets: list[Secret]) -> Iterator[Finding]:
    """The findings in one file.

    A word that only looks random is one where its line names a key, a token and the like: nearly all others are digests
    and identifiers.
    """
    for secret in sorted(secrets, key=lambda secret: (secret.line_number, secret.type, secret.hashed_secret)):
        random = secret.type in _ENTROPY
        if random and secret.line_number not in copy.naming:
            continue
        if _HASHES.search(copy.path) and (random or secret.type == "Secret Keyword"):
            continue
        yield _finding(copy, secret, _confidence(copy, secret))


def _confidence(copy: Copy, secret: Secret) -> Confidence:
    if secret.type not in _ENTROPY | _LIKELY:
        return Confidence.HIGH
    made_up = (
        secret.hashed_secret in _PLACEHOLDERS or _EXAMPLES.search(copy.path) or secret.line_number in copy.generated
    )
    return Confidence.LOW if made_up else Confidence.MEDIUM


def _finding(copy: Copy, secret: Secret, confidence: Confidence) -> Finding:
    # detect-secrets reports a value once a file, so that there is no second one to be counted.
    prints = fingerprint(Kind.SECRET, copy.path, secret.type, secret.hashed_secret)
    name = external_text(secret.type, 60)
    return Finding(
        Kind.SECRET,
        prints.key,
        prints.body,
        name.lower().replace(" ", "-"),
        name,
        Rating.CRITICAL if secret.type in _GIVES_ALL_AWAY else Rating.HIGH,
        confidence,
        copy.path,
        copy.line(secret.line_number) or None,
    )
