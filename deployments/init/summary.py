"""What `rounds init` prints of what it found, a line each."""

from collections.abc import Iterator

from deployments.init.discovery import Discovery
from deployments.init.infer import Log
from deployments.init.metrics import Known
from deployments.init.notes import Note
from deployments.init.requests import Requests
from deployments.init.source import SourceFound
from tasks.check_result import Scalar, msg

_NOTE = msg("note")


def summary(discovery: Discovery) -> Iterator[Note]:
    """What was found, what was not, and what was not given."""
    yield from _health_summary(discovery)
    yield from (line for log in discovery.logs for line in _log_summary(log))
    if not discovery.logs:
        yield (msg("not given: log (--log FILE)"),)
    yield from _prometheus_summary(discovery)
    if discovery.database is None:
        yield (msg("not given: database (--database URL or NAME)"),)
    elif discovery.database_problem:
        yield msg("not found: database"), *discovery.database_problem
    else:
        yield (msg("found: database"),)
    yield from _source_summary(discovery.source)
    if discovery.checklist is not None:
        known, other = len(discovery.checklist.known), len(discovery.checklist.other)
        yield (msg("found: guide with {known} built-in items and {other} of its own", known=known, other=other),)


def _health_summary(discovery: Discovery) -> Iterator[Note]:
    found = discovery.found
    yield (msg("found: liveness {path}", path=found.live) if found.live else msg("not found: liveness"),)
    yield (msg("found: readiness {path}", path=found.ready) if found.ready else msg("not found: readiness"),)
    yield (msg("found: health report {path}", path=found.report) if found.report else msg("not found: health report"),)
    yield (msg("found: metrics page {path}", path=found.metrics) if found.metrics else msg("not found: metrics page"),)
    yield from ((_NOTE, *note) for note in found.notes)
    paths = " ".join(discovery.requests)
    yield (msg("found: test requests {paths}", paths=paths) if paths else msg("not found: test requests"),)


def _log_summary(log: Log) -> Iterator[Note]:
    yield from ((_NOTE, problem) for problem in log.sample.problems)
    about: dict[str, Scalar] = {"log": log.sample.where, "unread": log.unread, "lines": log.lines}
    if log.format is None:
        yield (msg("not found: log {log}: {unread} of {lines} lines are neither JSON nor combined", **about),)
        return
    yield (
        msg(
            "found: log {log}: {format}, {unread} of {lines} lines unreadable, {requests} requests",
            **about,
            format=log.format,
            requests=log.requests,
        ),
    )
    yield from ((_NOTE, *note) for note in log.notes)


def _source_summary(source: SourceFound | None) -> Iterator[Note]:
    if source is None:
        yield (msg("not given: source tree (--source PATH)"),)
        return
    if source.python:
        yield (msg("found: source tree with {files} files", files=source.files),)
    else:
        yield (msg("found: source tree with {files} files, none of them Python", files=source.files),)
    locks = " ".join(source.locks)
    yield (msg("found: lock files {files}", files=locks) if locks else msg("not found: lock file"),)
    for file in source.unlocked:
        yield _NOTE, msg("no lock file pins the packages of {file}", file=file)
    if source.left_out:
        yield _NOTE, msg("{n} files of the tree are too large or cannot be read", n=source.left_out)


def _prometheus_summary(discovery: Discovery) -> Iterator[Note]:
    if isinstance(discovery.known, Known):
        number = len(discovery.known.histograms)
        if any(histogram.has_limit for histogram in discovery.known.histograms):
            yield (msg("found: Prometheus with {n} histograms of requests, one with a bound at 0.2 s", n=number),)
        else:
            yield (msg("found: Prometheus with {n} histograms of requests, none with a bound at 0.2 s", n=number),)
        yield from requests_summary(discovery.known.requests)
        yield (msg("found: node_exporter") if discovery.selector else msg("not found: node_exporter"),)
    elif discovery.known is not None:
        yield msg("not found: Prometheus"), discovery.known
    else:
        yield (msg("not given: Prometheus (--prometheus URL)"),)


def requests_summary(requests: Requests | None) -> Iterator[Note]:
    """The metric of requests with the figures that it gave."""
    if requests is None:
        yield (msg("not found: a metric of requests with an HTTP status"),)
        return
    yield (
        msg(
            "found: requests {metric}{{{selector}}}, {n} counted, {bad} of them bad; {label}: {statuses}",
            metric=requests.sli.requests,
            selector=requests.sli.selector,
            n=requests.total,
            bad=requests.bad,
            label=requests.sli.status_label,
            statuses=" ".join(sorted(filter(None, requests.statuses))),
        ),
    )
    if requests.total == 0:
        yield _NOTE, msg("nothing was counted yet, so [slo.prometheus] is written as a comment")
    if "" in requests.statuses:
        yield (
            _NOTE,
            msg("some series have no {label}, so their requests cannot be judged", label=requests.sli.status_label),
        )
    for other in requests.others:
        yield _NOTE, msg("{metric} may be meant as well", metric=other)
    if requests.sli.duration is None:
        yield _NOTE, msg("no histogram of durations: the latency objective stays unknown")
    elif not requests.has_guide_bound:
        histogram = requests.sli.duration
        yield _NOTE, msg("{name} has no bound at 0.2 s: the guide's latency objective stays unknown", name=histogram)
