"""The lines of a text that detect-secrets could find something in.

It takes 150 µs for any line, so that it would take three times as long as bandit; nearly all lines are none that it has
to see. What is kept here is more than its detectors match, never less: DETECTORS are those of which that is known.
"""

import re
from typing import Final

DETECTORS: Final = re.compile(
    r"(?:Artifactory|AWSKey|AzureStorageKey|BasicAuth|Cloudant|DiscordBotToken|GitHubToken|GitLabToken|IbmCloudIam"
    r"|IbmCosHmac|IPPublic|JwtToken|Keyword|Mailchimp|Npm|OpenAI|PrivateKey|PypiToken|SendGrid|Slack|Softlayer"
    r"|SquareOAuth|Stripe|TelegramBotToken|TwilioKey)Detector"
)
ENTROPY_DETECTORS: Final = {"Base64HighEntropyString": 4.5, "HexHighEntropyString": 3.0}
"""Those whose limit decides how short a string can be: these limits take 23 and 9 characters at least."""

_KEYS = ("api", "auth", "service", "account", "db", "database", "priv", "private", "client")
_PASSES = ("db", "database", "key")
_WORDS = tuple(
    word.encode()
    for word in (
        *(f"{owner}{joint}key" for owner in _KEYS for joint in ("", "_")),
        *(f"{owner}{joint}pass" for owner in _PASSES for joint in ("", "_")),
        *("passw", "pwd", "secret", "contrase", "cloudant.com", "api.softlayer.com", "hooks.slack.com", "putty-user"),
        *("gr1348941", "_authtoken=", "t3blbkfj", "pypi-age", "sq0csp-", "k_live_", "private key", "pragma"),
    )
)
"""In a line in small letters, each of these is enough."""
_PATTERNS = tuple(
    (anchor, re.compile(pattern))
    for anchor, pattern in (
        (b"", rb"['\"](?:[0-9a-fA-F]{9,}|[A-Za-z0-9+/\\_=-]{23,})['\"]"),
        (b"://", rb"://[^:/?#\[\]@!$&'\s]+:[^:/?#\[\]@!$&'\s]+@"),
        (b"AKC", rb"AKC[a-zA-Z0-9]{10}"),
        (b"AP", rb"AP[0-9A-F][a-zA-Z0-9]{8}"),
        (b"A", rb"A(?:3T[A-Z0-9]|BIA|CCA|KIA|SIA)[0-9A-Z]{16}"),
        (b".", rb"[MNO][a-zA-Z0-9_-]{23,25}\.[a-zA-Z0-9_-]{6}\.[a-zA-Z0-9_-]{27}"),
        (b"gh", rb"gh[pousr]_[A-Za-z0-9_]{36}"),
        (b"gl", rb"gl(?:pat|dt|ft|soat|rt|cbt|imt|ptt|agent|oas)-"),
        (b"eyJ", rb"eyJ[A-Za-z0-9_=-]+\."),
        (b"-us", rb"(?<=[0-9a-z]{32})-us[0-9]"),
        (b"SG.", rb"SG\.[a-zA-Z0-9_-]{22}\."),
        (b"", rb"[xX][oO][xX][abposrABPOSR]-[0-9]"),
        (b":", rb"(?<=[0-9]{8}):[0-9A-Za-z_-]{35}"),
        (b"AC", rb"AC[a-z0-9]{32}"),
        (b"SK", rb"SK[a-z0-9]{32}"),
    )
)
_SMALL_PATTERNS = tuple(
    (anchor, re.compile(pattern))
    for anchor, pattern in (
        (b"cl", rb"cl(?:ou|oudant)?[_-]?(?:api)?(?:key|pw|pass|token)"),
        (b"sl", rb"sl[_-]?(?:api)?[_-]?(?:key|pw|pass|token)"),
        (b"softlayer", rb"softlayer[_-]?(?:api)?[_-]?(?:key|pw|pass|token)"),
        *(
            (word, word + rb"(?:word)?['\"\]]{0,3} *[=:> ][=:> ]*['\"]?[a-z0-9_-]{44}")
            for word in (b"key", b"pwd", b"pass", b"token")
        ),
    )
)
"""Of the text in small letters: these detectors take capital and small letters for the same."""
_OTHER_SMALL = ("ſ".encode(), "\u212a".encode())
"""Letters beyond ASCII that are an s or a k to detectors that do not distinguish capital and small letters."""
_MARK = re.compile(rb"pragma: ?(?:allow|white)list[ -](?:nextline[ -])?secret")
_NEXT_LINE = b"nextline"
_NO_SETTINGS = b"this is no file of settings\n"
"""A file of settings is read in another way: what is left of another one must not look like one."""


def suspicious_lines(text: bytes) -> tuple[int, ...]:
    """The numbers, from 0, of the lines of a text in UTF-8 whose lines end in LF."""
    small = text.lower()
    if any(letter in text for letter in _OTHER_SMALL):
        return tuple(range(text.count(b"\n") + 1))
    places = {place for word in _WORDS for place in _places(small, word)}
    for searched, patterns in ((text, _PATTERNS), (small, _SMALL_PATTERNS)):
        for anchor, pattern in patterns:
            if anchor in searched:
                places.update(match.start() for match in pattern.finditer(searched))
    return _lines(text, sorted(places))


def kept_lines(text: bytes, numbers: tuple[int, ...]) -> tuple[bytes, tuple[int, ...]]:
    """A text of these lines alone, and the number, from 1, that each of its lines has in the whole one."""
    lines = text.split(b"\n")
    kept, origin = [_NO_SETTINGS], [0]
    for before, number in zip((-1, *numbers), numbers, strict=False):
        if number != before + 1 and _NEXT_LINE in kept[-1]:  # that mark is of a line that is not kept
            kept.append(b"\n")
            origin.append(0)
        kept.append(lines[number] + b"\n")
        origin.append(number + 1)
    return b"".join(kept), tuple(origin)


def marks(text: bytes) -> int:
    """How many marks in a text exempt a secret."""
    return len(_MARK.findall(text)) if b"pragma" in text else 0


def _places(text: bytes, word: bytes) -> list[int]:
    places, place = [], text.find(word)
    while place >= 0:
        places.append(place)
        place = text.find(word, place + 1)
    return places


def _lines(text: bytes, places: list[int]) -> tuple[int, ...]:
    numbers: list[int] = []
    line, reached = 0, 0
    for place in places:
        line += text.count(b"\n", reached, place)
        reached = place
        if not numbers or numbers[-1] != line:
            numbers.append(line)
    return tuple(numbers)
