"""Personal data and secrets in log lines: found to be counted, and masked before anything is shown."""

import re
from collections.abc import Callable, Iterator
from enum import StrEnum

Span = tuple[int, int]


class Kind(StrEnum):
    """What must not stand in a log; `PASSWORD` is any value of a key that names a secret."""

    EMAIL = "email"
    PHONE = "phone"
    CARD = "card"
    JWT = "jwt"
    PASSWORD = "password"


_WORDS = r"passw(?:or)?d|secret|token"
_KEYS = r"(?:api|access|private|secret)[_-]?key"
_SECRET_KEY = rf"(?:{_WORDS}|{_KEYS})"
# Each value's repetition stops at a character that cannot begin another match, so that all of this is linear.
_SECRETS = (
    # "password": "…", in JSON, in JSON that is itself a JSON string, and in Python's repr
    re.compile(rf'{_SECRET_KEY}\\*"[ ]{{0,2}}:[ ]{{0,2}}"((?:[^"\\]|\\.)++)', re.IGNORECASE | re.ASCII | re.DOTALL),
    re.compile(rf'{_SECRET_KEY}\\*"[ ]{{0,2}}:[ ]{{0,2}}\\+"([^"\\]++)', re.IGNORECASE | re.ASCII),
    re.compile(rf"{_SECRET_KEY}'[ ]{{0,2}}:[ ]{{0,2}}'((?:[^'\\]|\\.)++)", re.IGNORECASE | re.ASCII | re.DOTALL),
    re.compile(
        rf"""(?:(?:{_WORDS})[ ]?|{_KEYS})=[ ]?\\*["']?([^\s&;,"'<>\\(){{}}\[\]=]++)""", re.IGNORECASE | re.ASCII
    ),
    re.compile(
        r"""authorization\\*["']?[ ]{0,2}[:=][ ]{0,2}\\*["']?(?:bearer|basic|token|digest)[ ]{1,2}([^\s"'<>\\,]++)""",
        re.IGNORECASE | re.ASCII,
    ),
    # https://user:password@host
    re.compile(r"://[^\s/:@\"'<>]{0,100}:([^\s/:@\"'<>]{1,200}+)@"),
)
_SECRET_WORDS = ("passw", "secret", "token", "key", "authorization", "://")
_NO_SECRET = re.compile(
    r"[*xX.•…-]+|\W?(?:redacted|filtered|masked|hidden|null|none|undefined|true|false|password)\W?", re.IGNORECASE
)

# What may not stand before; behind an escape of JSON or of an address a word begins in spite of its last letter. It is
# asked for behind the first characters, because a search that begins with them is several times as fast.
_JWT = re.compile(
    r"eyJ(?:(?<![0-9A-Za-z_-]eyJ)|(?<=\\[nrt]eyJ)|(?<=%[0-9A-Fa-f]{2}eyJ))"
    r"[0-9A-Za-z_-]{5,}+\.eyJ[0-9A-Za-z_-]*+\.[0-9A-Za-z_-]*+"
)
_BEFORE = r"(?:(?<![0-9A-Za-z_.+-].)|(?<=\\[nrt].)|(?<=%[0-9A-Fa-f]{2}.))"
_END = r"(?![0-9A-Za-z_-])(?!\.[0-9])"
_DOMAIN = re.compile(r"(?:@|%40)(?:[0-9A-Za-z-]{1,63}+\.){1,8}([A-Za-z]{2,24}+)")
_LOCAL = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._%+-"
_MOST_LOCAL = 64
_MOST_LOGIN = 300
_NO_LOGIN = re.compile(r"[\s/?#\"'\\]")
# logo@2x.png is a picture for fine screens.
_FILES = frozenset(
    {"png", "jpg", "jpeg", "gif", "webp", "avif", "svg", "ico", "css", "js", "mjs", "map", "json", "tgz"}
)
_CARD = re.compile(
    rf"[2-6]{_BEFORE}(?:[0-9]{{12,18}}"
    r"|[0-9]{3}(?:-[0-9]{4}){3}|[0-9]{3}(?: [0-9]{4}){3}"
    r"|[0-9]{3}-[0-9]{6}-[0-9]{4,5}|[0-9]{3} [0-9]{6} [0-9]{4,5})"
    rf"{_END}"
)
# Issuers by the first digits, and how many digits theirs have.
_ISSUERS = re.compile(
    r"4(?:[0-9]{12}|[0-9]{15}|[0-9]{18})"  # Visa
    r"|5[1-5][0-9]{14}|(?:222[1-9]|22[3-9][0-9]|2[3-6][0-9]{2}|27[01][0-9]|2720)[0-9]{12}"  # Mastercard
    r"|3[47][0-9]{13}|3(?:0[0-59]|[689][0-9])[0-9]{11}"  # American Express, Diners Club
    r"|(?:6011[0-9]|64[4-9][0-9]{2}|65[0-9]{3}|62[0-9]{3})[0-9]{11,14}"  # Discover, UnionPay
    r"|35(?:2[89]|[3-8][0-9])[0-9]{12,15}"  # JCB
)
_EAN_DIGITS = 13
_NO_DIGIT = re.compile(r"[^0-9]")
_PHONE = re.compile(
    rf"[0(+]{_BEFORE}(?:"
    r"(?<=0)(?:[5789]0([- ]?)[0-9]{4}\1[0-9]{4}"
    r"|[1-9]-[0-9]{4}-[0-9]{4}|[1-9][0-9]-[0-9]{3}-[0-9]{4}|[1-9][0-9]{2}-[0-9]{2}-[0-9]{4})"
    r"|(?<=\()0[1-9][0-9]{0,2}\) ?[0-9]{2,4}-[0-9]{4}"
    r"|(?<=\+)[1-9](?:[ ()-]{0,2}[0-9]){8,14})"
    rf"{_END}"
)

# A search costs 150 ns a word, so each line is folded once: digits are 0, hyphens and spaces are one, so are the rare
# signs `@ % J` of a mail address and a JWT, and letters fall into classes in which several words look the same:
# X is [ten], Y is [oca], Z is [krsi], P is [ph], W is [wz], Q is what can follow a key.
_CLASSES = {
    "0123456789": "0", "- ": "-", "@%J": "@", "+": "+",
    "tenTEN": "X", "ocaOCA": "Y", "krsiKRSI": "Z", "phPH": "P", "wzWZ": "W", "yY": "y", "\"'=\\": "Q",
}  # fmt: skip
_FOLDED = bytes(next((ord(c) for of, c in _CLASSES.items() if chr(byte) in of), ord(".")) for byte in range(256))
_TOKEN_OR_SECRET = "XYZXX"  # token, (s)ecret; also taken, taste
_PASSWORD_OR_AUTHORIZATION = "PYZZW"  # passw(ord), (aut)horiz(ation)
_KEY = "ZXyQ"  # key" or key=; also quantity"
_SIGN = re.compile(rb"@|%40|eyJ")
_WORD = re.compile(rb"token|secret|passw|authoriz|key[\"'=\\]", re.IGNORECASE)
_PLUS = re.compile(rb"\+[1-9](?:[ ()-]{0,2}[0-9]){8}")
_LONG = "0" * 11
_GROUPED = "00-0000"


def suspicious(line: bytes) -> bool:
    """False when `find_kinds` would find nothing: a quick look, for the many lines that are clean."""
    text = line.translate(_FOLDED).decode("ascii")
    return (
        ("@" in text and _SIGN.search(line) is not None)
        or (
            (_TOKEN_OR_SECRET in text or _PASSWORD_OR_AUTHORIZATION in text or _KEY in text)
            and _WORD.search(line) is not None
        )
        or ("+" in text and _PLUS.search(line) is not None)
        or (_GROUPED in text and _grouped(line, text))
        or (_LONG in text and _long(line, text))
    )


def find_kinds(text: str) -> frozenset[Kind]:
    """Which kinds of personal data and secrets a text holds."""
    return frozenset(kind for kind, spans in _SPANS.items() if next(spans(text), None) is not None)


def mask(text: str) -> str:
    """The text with `<email>` and the like for each value that was found."""
    masked, before = text, ""
    while masked != before:  # What stood beside a masked value may now stand alone.
        before = masked
        for kind, spans in _SPANS.items():
            masked = _replaced(masked, spans(masked), f"<{kind}>")
    return masked


def _replaced(text: str, spans: Iterator[Span], placeholder: str) -> str:
    parts = []
    at = 0
    for start, end in spans:
        parts += [text[at:start], placeholder]
        at = end
    return "".join((*parts, text[at:])) if parts else text


def _secrets(text: str) -> Iterator[Span]:
    small = text.lower()
    if not any(word in small for word in _SECRET_WORDS):
        return
    found = sorted(match.span(1) for secret in _SECRETS for match in secret.finditer(text) if _is_secret(match[1]))
    at = 0
    for start, end in found:
        if start >= at:  # One value may be found in two ways.
            yield start, end
            at = end


def _is_secret(value: str) -> bool:
    return value.strip() != "" and _NO_SECRET.fullmatch(value) is None


def _jwts(text: str) -> Iterator[Span]:
    return (found.span() for found in _JWT.finditer(text))


def _emails(text: str) -> Iterator[Span]:
    for found in _DOMAIN.finditer(text):
        before = text[max(0, found.start() - _MOST_LOCAL) : found.start()]
        local = len(before) - len(before.rstrip(_LOCAL))
        if local and found[1].lower() not in _FILES and not _is_login(text, found.start()):
            yield found.start() - local, found.end()


def _is_login(text: str, at: int) -> bool:
    """True for the sign in `scheme://user:password@host`, which is no mail address."""
    begin = text.rfind("://", max(0, at - _MOST_LOGIN), at)
    return begin >= 0 and _NO_LOGIN.search(text, begin + 3, at) is None


def _cards(text: str) -> Iterator[Span]:
    return (found.span() for found in _CARD.finditer(text) if _is_card(_NO_DIGIT.sub("", found[0])))


def _is_card(digits: str) -> bool:
    """By issuer and Luhn's check digit; a bar code of 13 digits (JAN) that begins like a Visa card is none."""
    if _ISSUERS.fullmatch(digits) is None:
        return False
    numbers = [int(digit) for digit in reversed(digits)]
    if (sum(numbers[::2]) + sum(sum(divmod(2 * number, 10)) for number in numbers[1::2])) % 10:
        return False
    return len(digits) != _EAN_DIGITS or (sum(numbers[::2]) + 3 * sum(numbers[1::2])) % 10 != 0


def _phones(text: str) -> Iterator[Span]:
    return (found.span() for found in _PHONE.finditer(text))


# In the order of masking: a secret may hold a mail address, and that one digits.
_SPANS: dict[Kind, Callable[[str], Iterator[Span]]] = {
    Kind.PASSWORD: _secrets,
    Kind.JWT: _jwts,
    Kind.EMAIL: _emails,
    Kind.CARD: _cards,
    Kind.PHONE: _phones,
}


def _grouped(line: bytes, text: str) -> bool:
    """True unless each such place is followed by a hyphen or a letter, as in a UUID."""
    at = text.find(_GROUPED)
    while at >= 0:
        after = line[at + len(_GROUPED) : at + len(_GROUPED) + 1]
        if after != b"-" and not after.isalpha():
            return True
        at = text.find(_GROUPED, at + 1)
    return False


def _long(line: bytes, text: str) -> bool:
    """True when a run of digits begins as a card or phone number does; decimals and milliseconds since 1970 do not."""
    at = text.find(_LONG)
    while at >= 0:
        if line[at : at + 1] in b"023456" and (at == 0 or line[at - 1 : at] != b"."):
            return True
        at += len(_LONG)
        while text.startswith("0", at):
            at += 1
        at = text.find(_LONG, at)
    return False
