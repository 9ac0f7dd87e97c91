"""What a log is, by its first lines: its format, its fields, its routes and modules."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Literal

from deployments.init.durations import Unit, decide_unit
from deployments.init.fields import decoded, find_duration, map_fields, values_of
from deployments.init.notes import Note
from deployments.init.samples import Sample
from tasks.check_result import msg
from tasks.logs.lines.access import parse_combined
from tasks.logs.lines.places import OTHER, Places
from tasks.logs.lines.record import Record, milliseconds, reader_of, status_of
from tasks.logs.settings import Fields, Route, Source
from tasks.observation import printable
from tasks.personal import mask

DEFAULTS: Mapping[str, str] = dict(Fields())
COUNTED = ("timestamp", "status", "duration")
"""Fields that a round demands of every JSON log whose requests are counted."""
_MOST_LEARNT = 2000
_LONGEST_USUAL_MS = 10_000.0
_SLUG = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")
_API = re.compile(r"/api(?:/v[0-9]+)?/([^/:]+)")
_GENERAL = re.compile(r"(/api)?(/v[0-9]+)?(/:id)*")
_ASSET = re.compile(
    r"\.(css|js|mjs|map|png|jpe?g|gif|svg|ico|webp|avif|woff2?|ttf|txt|xml|webmanifest)$", re.IGNORECASE
)
_ACTING = re.compile(
    r"log-?out|sign-?out|delete|remove|unsubscribe|export|download|stream|events|callback", re.IGNORECASE
)
"""Parts of addresses that do something when asked, or do not end: no samples are taken of them."""
_VERSION = re.compile(r"v[0-9]{1,2}")
_WORD = re.compile(r"[A-Z]?[a-z]+(?:[A-Z][a-z]+)*|[A-Z]+")
_SEPARATORS = re.compile(r"[-_.]")
_CONSONANTS = re.compile(r"[bcdfghjklmnpqrstvwxz]{5}", re.IGNORECASE)
_LONGEST_WORD = 20
_LETTERS_A_CAPITAL = 3
_LEAST_ASKED = 3
"""A path that is sampled from now on was asked for several times already."""
_REQUEST = re.compile(r"([A-Z]+) (\S+)")


@dataclass(frozen=True, slots=True)
class Proposed:
    """A route that was seen so often, and its module where one is known."""

    pattern: str
    module: str | None
    requests: int


@dataclass(frozen=True, slots=True)
class Log:
    """A sample as it can be read; `format` is None when it cannot.

    `fields` are the names of what is there by what they hold. `notes` go into the file, `doubts` are what somebody
    should look at.
    """

    sample: Sample
    format: Literal["json", "combined"] | None
    lines: int
    unread: int
    fields: Mapping[str, str]
    unit: Unit
    notes: tuple[Note, ...]
    doubts: tuple[Note, ...]
    routes: tuple[Proposed, ...]
    gets: tuple[str, ...]
    modules: Mapping[str, int]
    requests: int


def infer(sample: Sample) -> Log:
    """What the lines of a sample are."""
    lines = [line for line in sample.lines if line.strip(b"\x00 \t\r")]
    objects = [found for line in lines if (found := decoded(line)) is not None]
    combined = sum(parse_combined(line.decode(errors="replace")) is not None for line in lines)
    if not lines or max(len(objects), combined) * 2 < len(lines):
        return Log(sample, None, len(lines), len(lines), {}, "ms", (), (), (), (), {}, 0)
    if combined > len(objects):
        return _combined(sample, lines, len(lines) - combined)
    values = values_of(objects)
    mapped = map_fields(values, len(objects))
    fields, notes = dict(mapped.fields), list(mapped.notes)
    doubts: list[Note] = [
        (
            msg(
                "fields.{target} = {field} was found by its values alone",
                target=target,
                field=printable(fields[target], 60),
            ),
        )
        for target in sorted(mapped.guessed)
    ]
    unit: Unit = "ms"
    if (duration := find_duration(values, len(objects))) is not None:
        numbers = [number for value in values[duration] if (number := milliseconds(value, "ms")[0]) is not None]
        decided = decide_unit(duration, numbers)
        notes.append((msg("duration: {field} is in {unit}", field=duration, unit=decided.unit or "ns"), decided.why))
        if decided.unit is not None:
            fields["duration"], unit = duration, decided.unit
            doubts += [] if decided.sure else [(msg("duration_unit = {unit}", unit=unit), decided.why)]
    missing = [msg("{name}: no field was found; without it the round is Incomplete", name=n) for n in _missing(fields)]
    doubts += [(message,) for message in missing]
    source = Source(name="sample", kind="file", paths=("-",), fields=Fields(**fields), duration_unit=unit)
    return _log(sample, "json", lines, len(lines) - len(objects), fields, unit, notes, doubts, source)


def _combined(sample: Sample, lines: Sequence[bytes], unread: int) -> Log:
    source = Source(name="sample", kind="file", paths=("-",), format="combined")
    durations = [r.duration for line in lines if (r := reader_of(source)(line)) and isinstance(r.duration, float)]
    note = msg("no duration behind the format: add rt=$request_time to nginx's log_format for latencies")
    doubts: list[Note] = []
    if durations:
        note = msg("the number behind the format is read as seconds, as nginx's $request_time")
        if median(durations) > _LONGEST_USUAL_MS:
            doubts.append((msg("the numbers look like microseconds (Apache's %D): only seconds can be read"),))
    return _log(sample, "combined", lines, unread, {}, "s", [(note,)], doubts, source)


def _log(
    sample: Sample,
    format: Literal["json", "combined"],
    lines: Sequence[bytes],
    unread: int,
    fields: Mapping[str, str],
    unit: Unit,
    notes: Sequence[Note],
    doubts: Sequence[Note],
    source: Source,
) -> Log:
    read = reader_of(source)
    records = [record for line in lines if (record := read(line)) is not None]
    routes, gets, requests = _routes(records, with_modules="module" in fields)
    modules = Counter(mask(str(r.module)) for r in records if "module" in fields and r.module is not None)
    return Log(
        *(sample, format, len(lines), unread, fields, unit, tuple(notes), tuple(doubts)),
        *(routes, gets, dict(modules.most_common()), requests),
    )


def _missing(fields: Mapping[str, str]) -> list[str]:
    wanted = COUNTED if "status" in fields or "request" in fields else ("timestamp",)
    return [name for name in wanted if name not in fields]


def _routes(records: Iterable[Record], *, with_modules: bool) -> tuple[tuple[Proposed, ...], tuple[str, ...], int]:
    """The routes, those of them that can be asked for as they stand, most frequent first, and how many requests."""
    places = Places((), most=_MOST_LEARNT)
    counts: Counter[str] = Counter()
    gets: Counter[str] = Counter()
    modules: dict[str, Counter[str]] = {}
    requests = 0
    for record in records:
        status, _ = status_of(record.status)
        method, url = _request(record)
        if status is None:
            continue
        requests += 1
        if not url or status == 404:
            continue
        _, route = places.find(url, None, method)
        if route in ("", OTHER):
            continue
        counts[route] += 1
        if with_modules and record.module is not None:
            modules.setdefault(route, Counter())[str(record.module)] += 1
        if method == "GET" and 200 <= status < 300 and ":id" not in route:
            gets[route] += 1
    found = [
        Proposed(route, _module(route, modules.get(route)), count)
        for route, count in counts.most_common()
        if _is_pattern(route) and (count >= _LEAST_ASKED or _in_words(route))
    ]
    return (
        tuple(found),
        tuple(path for path, n in gets.most_common() if n >= _LEAST_ASKED and _is_sampled(path)),
        requests,
    )


def _request(record: Record) -> tuple[str, str]:
    method = record.method if isinstance(record.method, str) else ""
    url = record.url if isinstance(record.url, str) else ""
    if not url and isinstance(record.request, str) and (found := _REQUEST.match(record.request)):
        return found[1], found[2]
    return method.upper(), url


def _is_pattern(route: str) -> bool:
    """True for a route that may stand in a service file, and names more than an id: that would match any address."""
    if _GENERAL.fullmatch(route) or route.endswith("*") or _ASSET.search(route):
        return False
    try:
        Route(pattern=route)
    except ValueError:
        return False
    return True


def _is_sampled(path: str) -> bool:
    return ":" not in path and _in_words(path) and not _ASSET.search(path) and not _ACTING.search(path)


def _in_words(path: str) -> bool:
    """False for a path of which a part may be a token or an id: it would be somebody's, and stand in the file."""
    parts = [part.removeprefix(":") for part in path.removeprefix("/").split("/")]
    return all(_is_word(word) for part in parts for word in _SEPARATORS.split(part))


def _is_word(text: str) -> bool:
    if _VERSION.fullmatch(text):
        return True
    capitals = sum(letter.isupper() for letter in text) if not text.isupper() else 0
    worded = _WORD.fullmatch(text) is not None and not _CONSONANTS.search(text)
    return worded and len(text) <= _LONGEST_WORD and capitals * _LETTERS_A_CAPITAL <= len(text)


def _module(route: str, named: Counter[str] | None) -> str | None:
    if named:
        module = named.most_common(1)[0][0]
    else:
        found = _API.match(route)
        module = found[1].lower() if found else ""
    return module if _SLUG.fullmatch(module) else None
