"""Evidence of a load test as tables and charts."""

from collections.abc import Iterator, Sequence

from tasks.check_result import Chart, Curve, Evidence, Message, Plot, PlotLine, Scalar, Table, moment, msg
from tasks.load.analysis.held import Level, probe_gates, throughput
from tasks.load.analysis.usl import Usl
from tasks.load.facts import LoadRun, RouteStats, StepStats
from tasks.load.judge.validity import shown
from tasks.load.settings import Gate

_MOST_ROUTES = 60
_MOST_CAUSES = 30
_CURVE_POINTS = 24
_STATS = (msg("Requests"), msg("Failed"), msg("p50 (ms)"), msg("p95 (ms)"), msg("p99 (ms)"), msg("Requests/s"))

Row = tuple[Scalar | Message, ...]


def three_measures(run: LoadRun) -> Table:
    """What Locust alone says, what opsrounds measured of the same requests, and what the open-loop probe saw."""
    rows: list[Row] = []
    if (own := run.locust) is not None:
        who = msg("Locust alone (ramp-up and failures included, rounded)")
        tail = (rounded(own.p95_ms), rounded(own.p99_ms))
        rows.append((who, own.requests, own.failures, *tail, rounded(own.per_second)))
    whole, times = run.whole, run.whole.succeeded
    who = msg("opsrounds (successes after ramp-up, exact)")
    rows.append(
        (who, whole.requests, whole.failed, rounded(times.p95_ms), rounded(times.p99_ms), rounded(whole.per_second))
    )
    if (probe := run.probe) is not None:
        who = msg("Open-loop probe (timed from when each was due)")
        tail = (rounded(probe.latency.p95_ms), rounded(probe.latency.p99_ms))
        rows.append((who, probe.latency.count, probe.failed, *tail, None))
    columns = (msg("Measured by"), msg("Requests"), msg("Failed"), msg("p95 (ms)"), msg("p99 (ms)"), msg("Requests/s"))
    return Table(msg("The same test, measured three ways"), columns, tuple(rows))


def parts_table(title: Message, steps: Sequence[StepStats]) -> Table:
    """The modules of one or several steps."""
    rows = tuple((step.users, shown(part.module), *_figures(part)) for step in steps for part in step.modules)
    return Table(title, (msg("Users"), msg("Module"), *_STATS), rows)


def routes_table(run: LoadRun) -> Table:
    """Modules and routes over all measured steps, the slowest routes of each module first."""
    rows: list[Row] = []
    for module in run.modules:
        rows.append((shown(module.module), msg("all routes"), *_figures(module)))
        mine = [route for route in run.routes if route.module == module.module]
        mine.sort(key=lambda route: -(route.succeeded.p95_ms or 0.0))
        rows += [(shown(route.module), shown(route.route), *_figures(route)) for route in mine]
    title = msg("Response times by module and route")
    return Table(title, (msg("Module"), msg("Route"), *_STATS), tuple(rows[:_MOST_ROUTES]))


def failures_table(run: LoadRun) -> Iterator[Table]:
    """Failed requests by cause, the most frequent first; none without failures."""
    kinds = sorted(run.failures, key=lambda kind: -kind.count)[:_MOST_CAUSES]
    rows = tuple((shown(kind.module), shown(kind.route), shown(kind.cause), kind.count) for kind in kinds)
    if rows:
        columns = (msg("Module"), msg("Route"), msg("Cause"), msg("Requests"))
        yield Table(msg("Failed requests by cause"), columns, rows)


def steps_table(run: LoadRun, levels: Sequence[Level]) -> Table:
    """Each step with what it came to."""
    verdicts = {level.users: level.failures for level in levels}
    rows = tuple(
        (
            step.users,
            rounded(throughput(step)),
            rounded(step.whole.succeeded.p50_ms),
            rounded(step.whole.succeeded.p95_ms),
            rounded(step.whole.succeeded.p99_ms),
            step.whole.failed,
            verdicts[step.users][0] if verdicts[step.users] else msg("meets the SLO"),
        )
        for step in run.steps
    )
    columns = (msg("Users"), msg("Successful requests/s"), msg("p50 (ms)"), msg("p95 (ms)"), msg("p99 (ms)"),
               msg("Failed"), msg("Result"))  # fmt: skip
    return Table(msg("Steps"), columns, rows)


def latency_chart(run: LoadRun, gates: Sequence[Gate]) -> Iterator[Chart]:
    """p95 by step, where there are several."""
    reached = [(step.users, step.whole.succeeded.p95_ms) for step in run.steps]
    known = [(users, p95) for users, p95 in reached if p95 is not None]
    if len(known) > 1:
        users, p95 = known[-1]
        finding = msg("p95 with {users} users: {p95} ms", users=users, p95=round(p95, 1))
        labels, values = tuple(str(users) for users, _ in known), tuple(round(p95, 1) for _, p95 in known)
        yield Chart(msg("p95 by number of users"), finding, "ms", labels, values, p95_limit(gates))


def throughput_plot(levels: Sequence[Level], fit: Usl | None) -> Iterator[Plot]:
    """Throughput by users, and the fitted law through it."""
    points = {float(level.users): level.per_second for level in levels if level.per_second is not None}
    if len(points) < 2:
        return
    most = max(points)
    if fit is not None:
        xs = sorted({*points, *(most * place / _CURVE_POINTS for place in range(1, _CURVE_POINTS + 1))})
        xs = [x for x in xs if x >= min(points)]
    else:
        xs = sorted(points)
    lines = [PlotLine(msg("measured"), tuple(rounded(points.get(x)) for x in xs))]
    if fit is not None:
        lines.append(PlotLine(msg("fitted (USL)"), tuple(round(fit.throughput(x), 2) for x in xs), fitted=True))
    finding = msg("Highest throughput: {rate} requests/s", rate=rounded(max(points.values())))
    yield Plot(msg("Throughput by number of users"), finding, msg("Users"), "requests/s", tuple(xs), tuple(lines))


def trend(run: LoadRun, earlier: Sequence[LoadRun], gates: Sequence[Gate]) -> Iterator[Curve]:
    """p95 at the judged step over comparable runs, where there are at least two; of one minute the last run counts."""
    points = {moment(one.at): judged_p95(one) for one in sorted((*earlier, run), key=lambda one: one.at)}
    known = [value for value in points.values() if value is not None]
    if len(known) > 1:
        finding = msg("p95 of the newest run: {p95} ms", p95=rounded(known[-1]))
        title, values = msg("p95 over comparable runs"), tuple(rounded(value) for value in points.values())
        yield Curve(title, finding, "ms", tuple(points), values, p95_limit(gates), worse="over")


def judged_part(run: LoadRun) -> RouteStats:
    """All requests at the judged step: the first one where the profile seeks the limit, else of all steps."""
    return run.steps[0].whole if run.seeks_limit and run.steps else run.whole


def judged_p95(run: LoadRun) -> float | None:
    """Their p95 in ms."""
    return judged_part(run).succeeded.p95_ms


def p95_limit(gates: Sequence[Gate]) -> float | None:
    """The limit of p95 of all requests, at every step."""
    return next((g.max for g in probe_gates(gates) if g.statistic == "p95" and g.users is None), None)


def run_evidence(
    run: LoadRun, levels: Sequence[Level], earlier: Sequence[LoadRun], gates: Sequence[Gate]
) -> tuple[Evidence, ...]:
    """What a reader wants to see of a test, whatever its verdict."""
    return (
        three_measures(run),
        *latency_chart(run, gates),
        *((steps_table(run, levels),) if len(run.steps) > 1 else ()),
        *((routes_table(run),) if run.routes else ()),
        *failures_table(run),
        *trend(run, earlier, gates),
    )


def rounded(value: float | None) -> float | None:
    """A figure as tables show it."""
    return None if value is None else round(value, 1)


def _figures(part: RouteStats) -> Row:
    s = part.succeeded
    times = (rounded(s.p50_ms), rounded(s.p95_ms), rounded(s.p99_ms))
    return (part.requests, part.failed, *times, rounded(part.per_second))
