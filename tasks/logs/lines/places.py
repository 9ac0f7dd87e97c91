"""Which module and route a request belongs to, however many addresses there are."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

OTHER: Final = "other"
UNKNOWN: Final = "unknown"

MOST_MODULES: Final = 100
"""Modules that one reading of a log keeps apart; lines of others are of `other`."""
MOST_ROUTES: Final = 200
"""Routes of a service that are learnt."""
_MOST_UNLEARNT = 5000
_MOST_ROUTE = 200
_MOST_MODULE = 100
_MOST_PATH = 2_000
_MOST_METHOD = 20
_MOST_CACHED = 50_000
_MOST_CACHED_PATH = 300
"""A longer address is matched anew each time, so that the cache stays within tens of MB whatever is asked for."""

_ORIGIN = re.compile(r"[A-Za-z][A-Za-z0-9+.-]{0,20}://[^/]*")
_PARAMETERS = re.compile(r";[^/]*")
_SLASHES = re.compile(r"/{2,}")
_EXTENSION = re.compile(r"[A-Za-z][A-Za-z0-9]{1,4}")
_DIGIT = re.compile(r"[0-9]")
_LEAST_DIGITS = 3
_HEX = re.compile(r"[0-9A-Fa-f]{8,}")
_OPAQUE = re.compile(
    r"[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}"  # UUID
    r"|[0-7][0-9A-HJKMNP-TV-Za-hjkmnp-tv-z]{25}"  # ULID
    r"|[^@]*+@.*+"  # a mail address: as varying as an id, and nobody's business
    r"|.{41,}+",  # a token of letters, or a title
    re.DOTALL,
)

_MAY_HOLD_ID = re.compile(r"[0-9@]|[A-Fa-f]{8}-|[^/]{41}")
# An id as `_is_id` has it, where it can be told at a glance: a segment without a dot, or with one before an ending. A
# word is passed over first, and what `_path` takes away is in none.
_WORD = r"[A-Za-z_-]{1,40}+(?:/|\Z)"
_ID = (
    r"(?:[0-9]++|(?:[^/.@;#0-9]*+[0-9]){3}[^/.@;#]*+|(?=[A-Fa-f]*+[0-9])[0-9A-Fa-f]{8,}+|[^/.@;#]{41,}+)"
    r"(?=(?:\.[A-Za-z]{1,4}[0-9A-Za-z])?(?:/|\Z))"
    r"|[^/@;#]*+@[^/;#]*+(?=/|\Z)"
)

Key = tuple[str, str | None, str | None]


@dataclass(frozen=True, slots=True)
class RoutePattern:
    """A route as configured: `:name` stands for one segment, a trailing `*` for all that follows."""

    pattern: str
    module: str | None
    method: str | None = None


class Places:
    """Finds module and route of a request.

    Routes that no pattern names are learnt, up to `most` of them; `known` are those learnt before.
    """

    def __init__(self, patterns: Sequence[RoutePattern], most: int = MOST_ROUTES, known: Iterable[str] = ()) -> None:
        self._patterns = [(_expression(pattern.pattern), pattern) for pattern in patterns]
        self.by_method = any(pattern.method is not None for pattern in patterns)
        self.patterns, self._most = tuple(patterns), most
        self._known = set(known) - {pattern.pattern for pattern in patterns} - {OTHER}
        self._id = _id_expression([pattern.pattern for pattern in patterns])
        self._unlearnt: set[str] | None = set()
        self._cached: dict[Key, tuple[str, str]] = {}

    def __reduce__(self) -> tuple[type["Places"], tuple[Sequence[RoutePattern], int, frozenset[str]]]:
        return Places, (self.patterns, self._most, self.known)

    @property
    def known(self) -> frozenset[str]:
        """The routes learnt so far, those of patterns not among them."""
        return frozenset(self._known)

    @property
    def unlearnt(self) -> frozenset[str] | None:
        """Routes that were asked for, were not known then and not learnt; None for too many to tell."""
        return None if self._unlearnt is None else frozenset(self._unlearnt)

    def add(self, routes: Iterable[str]) -> None:
        """Take in routes that were learnt elsewhere."""
        self._known.update(routes)

    def find(self, url: str, module: str | None, method: str | None = None, *, learn: bool = True) -> tuple[str, str]:
        """Module and route of a request; the route is `other` once `most` have been learnt.

        `method` is compared where both the request and the pattern have one. Without `learn`, as for addresses that
        do not exist (404), a route that is not known yet is `other` and takes up no place.
        """
        key = (self.stem(url), module, method if self.by_method else None)
        return self._cached.get(key) or self._resolve(key, learn)

    def stem(self, url: str) -> str:
        """An address without what cannot make a difference: requests whose addresses have one stem have one place.

        Without it a cache would be of no use for addresses that are nearly all different.
        """
        if "?" in url:
            url = url[: url.index("?")]
        if len(url) > _MOST_CACHED_PATH:
            return url
        if not url.startswith("/") or ";" in url or "#" in url or "//" in url:
            url = _path(url)
        return self.folded(url)

    def folded(self, url: str) -> str:
        """An address without a query with `:id` for ids: its stem if it is a plain path, no stem at all if not."""
        return url if self._id is None else self._id.sub("/:id", url)

    def _resolve(self, key: Key, learn: bool) -> tuple[str, str]:
        url, module, method = key
        path = _path(url)
        pattern = self._pattern(path, method)
        route = pattern.pattern if pattern else _folded(path)
        kept = pattern is not None or self._learnt(route, learn)
        named = module or (pattern and pattern.module) or UNKNOWN
        found = (_harmless(named, _MOST_MODULE), route if kept else OTHER)
        if (kept or learn) and _is_small(key):
            if len(self._cached) >= _MOST_CACHED:
                self._cached.clear()
            self._cached[key] = found
        return found

    def _pattern(self, path: str, method: str | None) -> RoutePattern | None:
        for expression, pattern in self._patterns:
            if method is not None and pattern.method is not None and method.upper() != pattern.method.upper():
                continue
            if expression.fullmatch(path):
                return pattern
        return None

    def _learnt(self, route: str, learn: bool) -> bool:
        if route in self._known:
            return True
        if not route:
            return False
        if not learn or len(self._known) >= self._most:
            if self._unlearnt is not None:
                self._unlearnt.add(route)
                if len(self._unlearnt) > _MOST_UNLEARNT:
                    self._unlearnt = None
            return False
        self._known.add(route)
        return True


def _id_expression(patterns: Iterable[str]) -> re.Pattern[str] | None:
    """What stands for an id in a path, and is no word of a pattern; None where that cannot be told."""
    names, starts = set[str](), list[str]()
    for pattern in patterns:
        *segments, last = _path(pattern.removesuffix("*")).split("/")
        names.update(segments)
        (starts.append if pattern.endswith("*") and not pattern.endswith("/*") else names.add)(last)
    if any(":id".startswith(start) for start in starts):
        return None
    words = [rf"{re.escape(word)}(?:/|\Z)" for word in sorted(names) if word]
    none = "|".join((_WORD, *map(re.escape, starts), *words))
    return re.compile(rf"/(?!{none})(?:{_ID})", re.DOTALL)


def _is_small(key: Key) -> bool:
    url, module, method = key
    return len(url) <= _MOST_CACHED_PATH and len(module or "") <= _MOST_MODULE and len(method or "") <= _MOST_METHOD


def _expression(pattern: str) -> re.Pattern[str]:
    """A pattern's regular expression for paths as `_path` gives them."""
    rest = pattern.endswith("*")
    segments = _path(pattern.removesuffix("*")).strip("/").split("/")
    text = "".join("/" + ("[^/]+" if s.startswith(":") and len(s) > 1 else re.escape(s)) for s in segments)
    if not rest:
        return re.compile(text, re.DOTALL)
    if not pattern.endswith("/*"):
        return re.compile(text + ".*", re.DOTALL)
    return re.compile(r"/.*" if text == "/" else text + r"(?:/.*)?", re.DOTALL)


def _path(url: str) -> str:
    """The path of an address with single slashes and none at its end, `/` for the root; empty when there is none."""
    path = url[:_MOST_PATH]
    if not path.startswith("/"):
        path = _ORIGIN.sub("", path, count=1) or "/" if _ORIGIN.match(path) else path
    for end in "?#":
        path = path.partition(end)[0]
    if not path:
        return ""
    path = _PARAMETERS.sub("", path) if ";" in path else path
    return "/" + _SLASHES.sub("/", path).strip("/")


def _folded(path: str) -> str:
    """A path with `:id` for each segment that names one thing among many."""
    if _MAY_HOLD_ID.search(path) is None:
        return _harmless(path, _MOST_ROUTE)
    return _harmless("/".join(map(_segment, path.split("/"))), _MOST_ROUTE)


def _segment(segment: str) -> str:
    stem, _, extension = segment.rpartition(".")
    if stem and "@" not in stem and _EXTENSION.fullmatch(extension) and _is_id(stem):
        return f":id.{extension}"
    return ":id" if segment and _is_id(segment) else segment


def _is_id(segment: str) -> bool:
    digits = len(_DIGIT.findall(segment))
    if digits >= _LEAST_DIGITS or digits == len(segment):
        return True
    return (digits > 0 and _HEX.fullmatch(segment) is not None) or _OPAQUE.fullmatch(segment) is not None


def _harmless(text: str, most: int) -> str:
    """Bounded, with control, direction and surrogate characters percent-encoded."""
    if not text.isprintable():
        text = "".join(c if c.isprintable() else quote(c, errors="replace") for c in text[:most])
    return text[:most]
