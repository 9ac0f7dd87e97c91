"""Everything found out about a service, and what follows for its file."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from deployments.init.database import DatabaseSource
from deployments.init.guide import Checklist
from deployments.init.infer import Log, Proposed
from deployments.init.metrics import Histogram, Known
from deployments.init.notes import Note
from deployments.init.probe import Found
from deployments.init.source import SourceFound
from tasks.check_result import Message, msg, verbatim

MOST_ROUTES = 30
MOST_EDITS = 5
_LEAST_MODULE_LINES = 20
_LEAST_MODULE_SHARE = 0.05
"""A module that writes less often may be silent in a good hour, and would be called silent."""
_SLUG = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")
_NO_SLUG = re.compile(r"[^a-z0-9]+")


@dataclass(frozen=True, slots=True)
class Discovery:
    """What was asked and seen. `local` is true when the service runs on this machine; `known` is what Prometheus has,
    or in words why it could not be asked; `database_problem` is empty when all can be seen.
    """

    base_url: str
    name: str
    timezone: str
    zone_given: bool
    local: bool
    found: Found
    requests: tuple[str, ...]
    logs: tuple[Log, ...]
    prometheus_url: str | None
    known: Known | Message | None
    histograms: tuple[Histogram, ...]
    database: DatabaseSource | None
    database_problem: Note
    checklist: Checklist | None
    source: SourceFound | None

    @property
    def readable(self) -> tuple[Log, ...]:
        """The logs that become sources."""
        return tuple(log for log in self.logs if log.format is not None)

    @property
    def resources_asked(self) -> bool:
        """True when something was given, or is there, for the line on resources: then it must be checked."""
        return self.local or self.database is not None or isinstance(self.known, Message) or self.selector is not None

    @property
    def selector(self) -> str | None:
        """The hosts in Prometheus."""
        return self.known.selector if isinstance(self.known, Known) else None

    def source_names(self) -> tuple[str, ...]:
        """A name for each readable log, each once."""
        names: list[str] = []
        for log in self.readable:
            stem = Path(log.sample.paths[0]).name.partition(".")[0] if log.sample.paths else "command"
            base = (_NO_SLUG.sub("-", stem.lower()).strip("-") or "log")[:30].strip("-")
            same = sum(name == base or name.startswith(f"{base}-") for name in names)
            names.append(f"{base}-{same + 1}" if same else base)
        return tuple(names)

    def counts_requests(self, log: Log) -> bool:
        """False for a log of other lines than the first one with requests: it may tell of the same requests again."""
        first = next((other for other in self.readable if other.requests), None)
        return first is None or (first.format, dict(first.fields)) == (log.format, dict(log.fields))

    def routes(self) -> tuple[Proposed, ...]:
        """The routes of all logs, the most frequent first; the health pages are none."""
        own = {self.found.live, self.found.ready, self.found.report, self.found.metrics}
        counts: Counter[str] = Counter()
        modules: dict[str, str | None] = {}
        for log in self.readable:
            for route in log.routes if self.counts_requests(log) else ():
                counts[route.pattern] += route.requests
                modules[route.pattern] = modules.get(route.pattern) or route.module
        return tuple(Proposed(p, modules[p], count) for p, count in counts.most_common() if p not in own)

    def modules(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The modules that write often enough to be missed, and the others."""
        lines: Counter[str] = Counter()
        for log in self.readable:
            lines.update(log.modules)
        least = max(_LEAST_MODULE_LINES, sum(lines.values()) * _LEAST_MODULE_SHARE)
        often = [name for name, count in lines.most_common() if count >= least and _SLUG.fullmatch(name)]
        return tuple(often), tuple(name for name in lines if name not in often)

    def edits(self) -> tuple[Note, ...]:
        """What a person should do in the file next, the most important first."""
        return tuple(self._edits())[:MOST_EDITS]

    def _edits(self) -> Iterator[Note]:
        yield from self._edits_of_logs()
        if isinstance(self.known, Message):
            yield msg("[metrics]: Prometheus could not be asked"), self.known
        elif (requests := self.known.requests if self.known else None) is not None and not requests.certain:
            yield (msg("[slo.prometheus]: check the metric of requests, and remove the #"),)
        if not self.resources_asked:
            yield (msg("[resources] or [database]: say where they are, and delete the line resources"),)
        if self.database_problem:
            yield verbatim("[database]"), *self.database_problem
        if self.source is not None and self.source.unlocked:
            packages = ", ".join(self.source.unlocked[:3])
            yield (msg("[source]: pin the packages of {files} in a lock file beside it", files=packages),)
        elif self.source is not None and not self.source.locks:
            yield (msg("[source]: no lock file was found; name it in locks, or why there is none in no_dependencies"),)
        if self.checklist is not None and self.checklist.other:
            yield (msg("[guide.daily]: tie {n} lines of the guide to checks", n=len(self.checklist.other)),)
        if not self.zone_given:
            yield (msg("[service] timezone: {zone} is this machine's", zone=self.timezone),)
        yield (msg("[mail] to: who gets the reports"),)
        yield (msg("[service] owner: who is named beside each action"),)

    def _edits_of_logs(self) -> Iterator[Note]:
        names: Mapping[int, str] = dict(zip(map(id, self.readable), self.source_names(), strict=True))
        if not (self.found.live or self.found.ready or self.found.report):
            yield (msg("[health]: set live, ready and report to the service's own paths"),)
        if not self.logs:
            yield (msg("[[logs.source]]: name the service's log, and delete the line error-logs of [guide.daily]"),)
        for log in self.logs:
            if log.format is None:
                where = log.sample.where
                yield (msg("[[logs.source]]: {log} cannot be read; name a log in JSON or combined format", log=where),)
            for doubt in log.doubts:
                yield msg("[[logs.source]] {name}: check this", name=names[id(log)]), *doubt
        if self.readable and not any(log.requests for log in self.readable):
            yield (msg("[[logs.source]]: name an access log too, for error rate and response time"),)
