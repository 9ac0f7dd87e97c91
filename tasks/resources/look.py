"""One look at everything that the service uses up: shared by the checklist and by the minute-by-minute monitoring."""

import asyncio
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Final

from tasks.check_result import msg
from tasks.configuration import ConfigurationError
from tasks.database.connection import Server
from tasks.database.facts import DatabaseFacts
from tasks.database.observe import read_database
from tasks.database.readings import database_readings, unseen_database
from tasks.database.settings import check_database_url
from tasks.deadline import Deadline
from tasks.kpi.facts import Number, Numbers
from tasks.kpi.observe import numbers_of, read_expressions, statements, unseen
from tasks.kpi.readings import number_readings, unseen_numbers
from tasks.observation import Absent, Unobserved, seen
from tasks.prometheus.observe import Prometheus, read_instant
from tasks.prometheus.opened import prometheus_of
from tasks.resources.facts import Container, Host
from tasks.resources.node_exporter import hosts, queries
from tasks.resources.observe import read_container, read_host
from tasks.resources.readings import container_readings, host_readings, unseen_parts
from tasks.resources.settings import NodeExporters, Resources
from tasks.resources.watch import Watch
from tasks.samples.facts import Reading
from tasks.secrets import resolve
from tasks.settings import Settings

HOST = "host"
"""What the machine of the round is called in results and samples, whichever machine that is today."""

LONGEST_S: Final = 240.0
MINUTE_S: Final = 50.0
"""One look of the monitoring, which stores what it has seen within its minute."""

_PARTS = 4
"""A part of a look, such as one query, has one of so many parts of its time, so that none takes it all."""

_REPLY_S = 2.0
"""A thread ends so long before nobody waits for it any more, and what it has seen by then counts."""


@dataclass(frozen=True, slots=True)
class ResourceObservation:
    """What was seen; Absent stands for what the service file does not ask for."""

    hosts: Mapping[str, Host | Unobserved] | Unobserved | Absent
    container: Container | Unobserved | Absent
    database: DatabaseFacts | Unobserved | Absent
    numbers: Numbers


async def look_at_resources(
    settings: Settings, longest_s: float = LONGEST_S, watch: Watch | None = None
) -> ResourceObservation:
    """Look at machines, container, database, queues and business KPIs, within `longest_s` altogether.

    With a `watch` the machine is compared with its last look.

    What is not seen in time is Unobserved, and leaves the others alone. Raises ConfigurationError for a secret that
    cannot be resolved, UsageError for a CA file or header that cannot be used.
    """
    server = database_server(settings)
    deadline = Deadline.after(longest_s, msg("The measurement took more than {seconds} s in total", seconds=longest_s))
    part_s = longest_s / _PARTS
    async with AsyncExitStack() as stack:
        prometheus = await _prometheus(settings, stack, part_s)
        # First and alone: the looks that follow would be CPU time of this machine.
        machines, container = await asyncio.gather(
            _hosts(settings.resources, prometheus, part_s, deadline, watch),
            _container(settings.resources, part_s, deadline, watch),
        )
        database, expressions = await asyncio.gather(
            _database(server, statements(settings.queues, settings.kpi), deadline), _expressions(settings, prometheus)
        )
    answers = {**_numbers(database, settings), **expressions}
    return ResourceObservation(machines, container, database, numbers_of(settings.queues, settings.kpi, answers))


def all_unobserved(settings: Settings, why: Unobserved) -> ResourceObservation:
    """What stands for a look that cannot be taken; what is not asked for stays Absent."""
    resources = settings.resources
    return ResourceObservation(
        why if (absent := _no_hosts(resources)) is None else absent,
        why if (missing := _no_container(resources)) is None else missing,
        why if settings.database is not None else _NO_DATABASE,
        unseen(settings.queues, settings.kpi, why),
    )


def is_asked_for(settings: Settings) -> bool:
    """False when the service file asks for no figure of any of these."""
    resources = settings.resources
    machine = _no_hosts(resources) is None or _no_container(resources) is None
    return machine or settings.database is not None or bool(settings.queues or settings.kpi)


async def resource_readings(settings: Settings, watch: Watch) -> tuple[tuple[Reading, ...], tuple[Unobserved, ...]]:
    """Every figure of this minute, and why others are missing, within MINUTE_S."""
    observed = await look_at_resources(settings, MINUTE_S, watch)
    readings = [*number_readings(observed.numbers, settings.kpi)]
    blind = [*unseen_numbers(observed.numbers)]
    blind += [part for part in (observed.hosts, observed.container, observed.database) if isinstance(part, Unobserved)]
    for name, host in observed.hosts.items() if isinstance(observed.hosts, Mapping) else ():
        if isinstance(host, Unobserved):
            blind.append(host)
        else:
            readings += host_readings(host, name)
            blind += unseen_parts(host)
    if isinstance(observed.container, Container):
        readings += container_readings(observed.container)
        blind += unseen_parts(observed.container)
    if isinstance(observed.database, DatabaseFacts):
        readings += database_readings(observed.database)
        blind += unseen_database(observed.database)
    return tuple(readings), tuple(blind)


_NOT_SET = Absent(msg("[resources] is not set in the service file"))
_NO_DATABASE = Absent(msg("[database] url is not set in the service file"))


def _no_hosts(resources: Resources | None) -> Absent | None:
    if resources is None:
        return _NOT_SET
    if resources.prometheus is None and not resources.host:
        return Absent(msg("[resources] host is false, and no selector of [resources.prometheus] is set"))
    return None


def _no_container(resources: Resources | None) -> Absent | None:
    if resources is None:
        return _NOT_SET
    return Absent(msg("[resources] container is false in the service file")) if resources.container is False else None


async def _hosts(
    resources: Resources | None, prometheus: Prometheus | None, part_s: float, deadline: Deadline, watch: Watch | None
) -> Mapping[str, Host | Unobserved] | Unobserved | Absent:
    if (absent := _no_hosts(resources)) is not None:
        return absent
    assert resources is not None
    if resources.prometheus is not None:
        assert prometheus is not None  # settings: a selector needs [metrics]
        return await deadline.in_time(seen(_exported(resources.prometheus, prometheus)))
    interval_s = min(resources.interval_s, part_s)
    looking = asyncio.to_thread(read_host, interval_s, resources.mounts, watch=watch)
    return {HOST: await deadline.in_time(seen(looking))}


async def _exported(nodes: NodeExporters, prometheus: Prometheus) -> Mapping[str, Host | Unobserved] | Unobserved:
    asked = queries(nodes.selector)
    seen_all = await asyncio.gather(*(seen(read_instant(prometheus, promql)) for promql in asked.values()))
    answers = {name: points for name, points in zip(asked, seen_all, strict=True) if not isinstance(points, Unobserved)}
    if len(answers) < len(asked):
        return next(points for points in seen_all if isinstance(points, Unobserved))
    return hosts(answers, nodes.instances)


async def _container(
    resources: Resources | None, part_s: float, deadline: Deadline, watch: Watch | None
) -> Container | Unobserved | Absent:
    if (absent := _no_container(resources)) is not None:
        return absent
    assert resources is not None
    interval_s = min(resources.interval_s, part_s)
    found = await deadline.in_time(seen(asyncio.to_thread(read_container, interval_s, watch=watch)))
    if isinstance(found, Unobserved):
        return found
    if resources.container is True and isinstance(found.cpu, Absent) and isinstance(found.memory, Absent):
        return Unobserved(msg("[resources] container is true, but no CPU or memory limit applies here"))
    return found


async def _database(
    server: Server | None, asked: Mapping[str, str], deadline: Deadline
) -> DatabaseFacts | Unobserved | Absent:
    if server is None:
        return _NO_DATABASE
    left_s = max(deadline.left_s - _REPLY_S, 1.0)
    return await deadline.in_time(seen(asyncio.to_thread(read_database, server, asked, left_s)))


async def _expressions(settings: Settings, prometheus: Prometheus | None) -> Mapping[str, Number]:
    return {} if prometheus is None else await read_expressions(settings.queues, settings.kpi, prometheus)


def _numbers(database: DatabaseFacts | Unobserved | Absent, settings: Settings) -> Mapping[str, Number]:
    """The database's results for the service file's own statements."""
    if isinstance(database, Unobserved):
        return dict.fromkeys(statements(settings.queues, settings.kpi), database)
    return database.numbers if isinstance(database, DatabaseFacts) else {}


def database_server(settings: Settings) -> Server | None:
    """Where the service's PostgreSQL is; None without one.

    Raises ConfigurationError for an address that cannot be resolved or used.
    """
    database = settings.database
    if database is None:
        return None
    url = resolve(database.url, settings, "database.url")
    try:
        check_database_url(url)
    except ValueError as error:
        raise ConfigurationError(settings.path, [f"database.url: {error}"]) from None
    return Server(url, database.statement_timeout_s, database.connect_timeout_s)


async def _prometheus(settings: Settings, stack: AsyncExitStack, part_s: float) -> Prometheus | None:
    if settings.metrics is None:
        return None
    return await stack.enter_async_context(prometheus_of(settings, settings.metrics, part_s))
