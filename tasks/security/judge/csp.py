"""A Content-Security-Policy as Mozilla's HTTP Observatory reads it."""

import re
from collections.abc import Iterable, Mapping, Sequence

Policy = Mapping[str, frozenset[str]]
"""Directives in small letters, each with its sources."""

BROAD = frozenset({"ftp:", "http:", "https:", "*", "http://*", "http://*.*", "https://*", "https://*.*"})
INLINE = frozenset({"'unsafe-inline'", "data:"})
NONE = "'none'"
_ANY = frozenset({"*"})
_PASSIVE = ("img-src", "media-src")
_NONCE_OR_HASH = ("'sha256-", "'sha384-", "'sha512-", "'nonce-")
_INSECURE = ("http:", "ftp:")
_EVERY_HOST = re.compile(r"((?:[a-z][a-z0-9+.-]*://)?\*)(?::(?:\*|[0-9]+))?(?:/.*)?")
"""Every host, with a port or a path: whoever may choose the host chooses these too."""
_MAY_REPEAT = frozenset({"report-uri", "report-to"})
_SHORTEST = len("img-src") - 1


class InvalidPolicy(ValueError):
    """A policy cannot be read; its text says nothing from outside."""


def parse(lines: Sequence[str]) -> Policy:
    """The policy of all header lines together: each of several must allow a source. Raises InvalidPolicy."""
    policies = [_one(text.strip()) for line in lines for text in line.split(",") if text.strip()]
    names = dict.fromkeys(name for policy in policies for name in policy)
    return {name: _allowed_by_all([p[name] for p in policies if name in p]) for name in names}


def sources(policy: Policy, name: str) -> frozenset[str]:
    """What a directive allows, by itself or by `default-src`."""
    return policy.get(name, policy.get("default-src", _ANY))


def scripts(policy: Policy) -> frozenset[str]:
    """What may be run as a script: a nonce or hash takes 'unsafe-inline' out, with 'strict-dynamic' whole hosts too.

    Raises InvalidPolicy for 'strict-dynamic' without either.
    """
    found = _without_inline(sources(policy, "script-src"))
    if "'strict-dynamic'" not in found:
        return found
    if not _has_nonce(found):
        raise InvalidPolicy
    return frozenset(s for s in found if s != "'self'" and not s.startswith(tuple(BROAD)))


def styles(policy: Policy) -> frozenset[str]:
    """What may be used as a style."""
    return _without_inline(sources(policy, "style-src"))


def insecure(policy: Policy, *, passive: bool) -> bool:
    """Whether pictures and media (`passive`), or anything else, may come over an unencrypted connection."""
    if passive:
        allowed: Iterable[str] = [s for name in _PASSIVE for s in policy.get(name, policy.get("default-src", ()))]
    else:
        others = [s for name, found in policy.items() if name not in (*_PASSIVE, "script-src") for s in found]
        allowed = [*others, *scripts(policy)]
    return any(source.startswith(_INSECURE) for source in allowed)


def _one(text: str) -> dict[str, frozenset[str]]:
    if len(text) < _SHORTEST:
        raise InvalidPolicy
    found: dict[str, frozenset[str]] = {}
    for directive in text.split(";"):
        name, *values = directive.lower().split() or [""]
        if not name:
            continue
        if name in found and name not in _MAY_REPEAT:
            raise InvalidPolicy
        empty = frozenset({NONE}) if name.endswith("-src") else frozenset[str]()
        found.setdefault(name, frozenset(_every_host(value) for value in values) or empty)
    return found


def _every_host(source: str) -> str:
    """A source; one that is every host without the port or path that it names."""
    found = _EVERY_HOST.fullmatch(source)
    return source if found is None else found[1]


def _allowed_by_all(found: Sequence[frozenset[str]]) -> frozenset[str]:
    common = frozenset.intersection(*found)
    return common if common or not any(found) else frozenset({NONE})


def _without_inline(found: frozenset[str]) -> frozenset[str]:
    return found - {"'unsafe-inline'"} if _has_nonce(found) else found


def _has_nonce(found: frozenset[str]) -> bool:
    return any(source.startswith(_NONCE_OR_HASH) for source in found)
