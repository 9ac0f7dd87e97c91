"""Reports to render: a good day, a bad day, a hostile one, and one with 500 failures."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from flows.daily_checklist import CHECKLIST as DAILY
from reports.report import TO_DO, Action, Finding, Previous, Report, Seal, to_data
from reports.words import Words
from tasks.canonical import canonical
from tasks.check_result import (
    Chart,
    Check,
    CheckResult,
    Curve,
    Excerpt,
    Ladder,
    LadderStep,
    Limit,
    Quantity,
    Severity,
    Status,
    Table,
    moment,
    msg,
    verbatim,
)
from tasks.guide.judge import judge_lines, judge_round
from tasks.section import Kpi

AT = datetime(2026, 11, 24, 0, 0, 12, tzinfo=UTC)
HOSTILE = "<script>alert(1)</script>\r\nBcc: evil@example.com\u202e [link](javascript:alert(1)) **bold** [red]x[/red] |"

READINESS = Check("health.readiness", verbatim("Readiness"), verbatim("Is it ready?"), Severity.EMERGENCY)
LATENCY = Check("health.latency", verbatim("Probe latency"), verbatim("Is it fast?"), Severity.WARNING)
ERRORS = Check("logs.error-rate", verbatim("Error rate"), verbatim("Few errors?"), Severity.WARNING)
NEW = Check("logs.new-errors", verbatim("Errors not seen before"), verbatim("Any new?"), Severity.WARNING)
DISK = Check("resources.disk", verbatim("Disk usage"), verbatim("Is there room?"), Severity.EMERGENCY)
QUEUE = Check("resources.queue", verbatim("Queue length"), verbatim("Do workers keep up?"), Severity.WARNING)
REDIS = Check("resources.redis", verbatim("Redis memory"), verbatim("Is there room?"), Severity.WARNING)

P95 = Limit("≤", 200, "ms", verbatim("運用ガイド: p95 < 200ms"))
RATE = Limit("<", 0.1, "%", verbatim("運用ガイド: エラー率 < 0.1%"))
ROOM = Limit("≤", 85, "%", verbatim("service.toml: [resources] max_disk_percent"))


def days(number: int) -> tuple[str, ...]:
    """The times of daily points, the last of them AT."""
    return tuple(moment(AT - timedelta(days=number - 1 - n)) for n in range(number))


ROOM_LEFT = Curve(
    verbatim("Room left on /var"),
    verbatim("/var lost half of its room in a week and has less than 20 % left"),
    "%",
    days(7),
    (36.0, 33.5, 31.25, None, 24.5, 21.0, 18.5),
    20.0,
    (36.0, 33.0, 30.0, 27.0, 24.0, 21.0, 18.0),
)


def bad_results() -> tuple[CheckResult, ...]:
    modules = ("ingredients", "orders", "auth")
    chart = Chart(
        verbatim("p95 by module"),
        verbatim("orders answers in 812 ms, four times the limit; the others are within it"),
        "ms",
        modules,
        (52.0, 812.4, 61.25),
        200.0,
    )
    trace = Excerpt(
        verbatim("First occurrence"),
        'Traceback (most recent call last):\n  File "orders/service.py", line 88, in place\n'
        '    raise OutOfStock(sku)\norders.errors.OutOfStock: SKU-8812 <b>"小麦粉 25kg"</b>',
    )
    kinds = Table(
        verbatim("Errors by kind"),
        (verbatim("Module"), verbatim("Message"), verbatim("Count"), verbatim("Share")),
        (
            ("orders", "OutOfStock: SKU-*", 1204, 0.91),
            ("auth", "トークンの署名が不正", 112, 0.085),
            ("ingredients", "timeout", 7, None),
        ),
    )
    ready = [
        READINESS.judged(
            Status.PASS,
            f"module:{m}",
            verbatim("Answered 200 in time"),
            at=AT,
            observed=Quantity(200),
            limit=Limit("=", 200, "", verbatim("RFC 9110")),
        )
        for m in modules
    ]
    return (
        *ready,
        LATENCY.judged(
            Status.FAIL,
            "module:orders",
            msg("{failed} of {all} checks failed", failed=31, all=40),
            at=AT,
            observed=Quantity(812.4, "ms"),
            limit=P95,
            evidence=(chart,),
        ),
        LATENCY.judged(Status.PASS, "module:auth", verbatim("61 ms"), at=AT, observed=Quantity(61.25, "ms"), limit=P95),
        ERRORS.judged(
            Status.FAIL,
            "log:app",
            verbatim("1,323 of 310,551 requests ended in an error"),
            at=AT,
            observed=Quantity(0.426, "%"),
            limit=RATE,
            evidence=(kinds, trace),
        ),
        NEW.judged(Status.UNKNOWN, "log:app", verbatim("/var/log/app.log cannot be read: permission denied"), at=AT),
        DISK.judged(
            Status.WARN,
            "host:/var",
            verbatim("Full in 9 days at this pace"),
            at=AT,
            observed=Quantity(81.5, "%"),
            limit=ROOM,
            evidence=(ROOM_LEFT,),
        ),
        DISK.judged(Status.PASS, "host:/", verbatim("41 % used"), at=AT, observed=Quantity(41, "%"), limit=ROOM),
        QUEUE.judged(
            Status.PASS,
            "queue:mail",
            verbatim("Workers keep up"),
            at=AT,
            observed=Quantity(12),
            limit=Limit("≤", 1000, "", verbatim("service.toml: [[queues]] max_length")),
        ),
        REDIS.judged(Status.SKIPPED, "redis", verbatim("service.toml has no [redis] section"), at=AT),
    )


def make(results: tuple[CheckResult, ...], **changes: object) -> Report:
    # Some of the checks above are none of the product's: no item is named for them.
    lines = judge_lines([replace(system.line, named_by=()) for system in DAILY.systems], results)
    facts: dict[str, object] = {
        "service": "shop",
        "environment": "production",
        "timezone": "Asia/Tokyo",
        "flow": "daily-checklist",
        "period": "2026-11-24",
        "revision": 1,
        "trigger": "schedule",
        "started_at": AT - timedelta(seconds=12),
        "finished_at": AT + timedelta(seconds=3),
        "verdict": judge_round(lines, results),
        "lines": lines,
        "results": results,
        "kpis": (),
        "actions": (),
        "previous": None,
        **changes,
    }
    return Report(**facts)  # type: ignore[arg-type]


def action(result: CheckResult, owner: str | None, *others: Action) -> Action:
    return Action(
        check=result.check,
        title=result.title,
        subject=result.subject,
        status=result.status,
        severity=result.severity,
        reason=result.reason,
        owner=owner,
        due=AT + timedelta(hours=4 - result.severity),
        others=tuple(Finding(o.check, o.title, o.subject, o.status, o.severity, o.reason) for o in others),
    )


@pytest.fixture
def words() -> Callable[[str], Words]:
    return lambda locale: Words(locale, "Asia/Tokyo")


@pytest.fixture
def bad_day() -> Report:
    results = bad_results()
    latency, errors, new, disk = (r for r in results if r.status in TO_DO)
    return make(
        results,
        kpis=(
            Kpi("p95", verbatim("p95"), 212.0, "ms", 188.0),
            Kpi("error-rate", verbatim("Error rate"), 0.426, "%", 0.05),
            Kpi("requests", verbatim("Requests"), 310551.0, "", 310551.0),
            Kpi("conversion", verbatim("Conversion"), None, "%", 2.4),
        ),
        actions=(
            action(latency, None),
            action(errors, "sato", action(new, None)),  # what cannot be read has its cause in the other
            action(disk, None),
        ),
        previous=Previous(
            "2026-11-23", 2, judge_round((), results[:1]), (("health.latency", "module:orders"), ("logs.x", "y"))
        ),
        notes=(verbatim("No SMTP server is configured: mails are written to the reports folder"),),
    )


@pytest.fixture
def good_day() -> Report:
    passing = [r for r in bad_results() if r.status is Status.PASS]
    logs = ERRORS.judged(
        Status.PASS, "log:app", verbatim("Few errors"), at=AT, observed=Quantity(0.01, "%"), limit=RATE
    )
    return make((*passing, logs))


@pytest.fixture
def hostile() -> Report:
    evil = Check("health.evil", msg("{text}", text=HOSTILE), verbatim("?"), Severity.WARNING)
    result = evil.judged(
        Status.FAIL,
        HOSTILE,
        verbatim(HOSTILE),
        at=AT,
        observed=Quantity(HOSTILE, HOSTILE),
        limit=Limit("=", HOSTILE, HOSTILE, verbatim(HOSTILE)),
        evidence=(
            Table(verbatim(HOSTILE), (verbatim(HOSTILE),), ((HOSTILE,),)),
            Excerpt(verbatim(HOSTILE), HOSTILE),
            Chart(verbatim(HOSTILE), verbatim(HOSTILE), "$x$", (HOSTILE, "$\\frac{1}{0}$"), (1.0, 2.0), 1.5),
            Curve(verbatim(HOSTILE), verbatim(HOSTILE), HOSTILE, days(3), (1.0, None, -2.0), 0.5, (3.0, 2.0, 1.0)),
            Ladder(
                verbatim(HOSTILE),
                verbatim(HOSTILE),
                (LadderStep(verbatim(HOSTILE), Status.FAIL, None, verbatim(HOSTILE)),),
            ),
        ),
    )
    kpi = Kpi(HOSTILE, verbatim(HOSTILE), 1.0, HOSTILE, 2.0)
    return make(
        (result,), kpis=(kpi,), actions=(action(result, HOSTILE),), environment=HOSTILE, notes=(verbatim(HOSTILE),)
    )


@pytest.fixture
def many_failures() -> Report:
    one = bad_results()[3]
    long = verbatim("上流の応答がありません: <connect timeout> " * 11)
    results = tuple(
        LATENCY.judged(
            Status.FAIL, f"module:m{n}", long, at=AT, observed=one.observed, limit=P95, evidence=one.evidence
        )
        for n in range(500)
    )
    return make(results, actions=tuple(action(r, None) for r in results))


@pytest.fixture
def seal() -> Callable[[Report], Seal]:
    def sealed(report: Report) -> Seal:
        from hashlib import sha256

        digest = sha256(canonical(to_data(report)).encode()).hexdigest()
        return Seal(417, digest, sha256(("0" * 64 + digest).encode()).hexdigest())

    return sealed


@pytest.fixture
def root() -> Path:
    return Path(__file__).parents[2]


@pytest.fixture
def quiet(recwarn: pytest.WarningsRecorder) -> Iterator[None]:
    """Rendering warns of nothing, such as a missing glyph; a socket that another test left is not its warning."""
    yield
    assert [str(w.message) for w in recwarn if not issubclass(w.category, ResourceWarning)] == []
