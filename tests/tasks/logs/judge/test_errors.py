"""Errors of a period: new, back, spiking; and what is reported when nothing can be known."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from tasks.check_result import CheckResult, Excerpt, Quantity, Status, Table, msg
from tasks.logs.count.batch import Exemplar, Lines
from tasks.logs.facts import ErrorGroup, LogReview, SourceLines
from tasks.logs.judge.errors import judge_errors
from tasks.logs.limits import LogLimits

UNTIL = datetime(2026, 11, 24, 0, 0, tzinfo=UTC)
SINCE = UNTIL - timedelta(hours=24)
LIMITS = LogLimits()
CHECKS = ["logs.new-error", "logs.regressed-error", "logs.spiking-error"]
KNOWN = ErrorGroup(
    fingerprint="0123456789abcdef0123456789abcdef",
    module="orders",
    name="TypeError",
    message="id <*> is undefined",
    frame="app.js",
    exemplar=Exemplar("id 7 is undefined", "at app.js:3", "error", "GET /orders/7", "r-1"),
    first_seen=SINCE - timedelta(days=20),
    last_seen=UNTIL - timedelta(hours=1),
    first_release="1.8.0",
    last_release="1.9.0",
    state="open",
    resolved_at=None,
    resolved_release="",
    assignee="",
    lines=40,
    lines_since_fix=0,
    daily=(40,) * 28,
)
NEW = replace(KNOWN, fingerprint="11" * 16, first_seen=SINCE + timedelta(hours=2), daily=(0,) * 28)
BACK = replace(
    KNOWN,
    fingerprint="22" * 16,
    state="resolved",
    resolved_at=SINCE - timedelta(days=1),
    lines_since_fix=40,
)
SPIKING = replace(KNOWN, fingerprint="33" * 16, lines=62)
IGNORED = replace(KNOWN, fingerprint="44" * 16, state="ignored", lines=10_000)


def judged(*errors: ErrorGroup, warm_days: int = 28, parsed: int = 1000) -> list[CheckResult]:
    lines = SourceLines("app", Lines(lines=parsed, parsed=parsed), (), {}, UNTIL, 1, 0, (), (), False)
    groups = tuple(replace(e, daily=e.daily[len(e.daily) - warm_days :]) for e in errors)
    return list(judge_errors(LogReview(SINCE, UNTIL, warm_days, (lines,), (), groups, (), (), ()), LIMITS, UNTIL))


def found(results: Sequence[CheckResult]) -> list[tuple[str, str, Status]]:
    return [(r.check.removeprefix("logs.").removesuffix("-error"), r.subject, r.status) for r in results]


def reason_of(result: CheckResult) -> str:
    return result.reason.text.format(**result.reason.params)


def test_known_errors_alone_pass_and_are_listed_with_the_ignored_ones() -> None:
    results = judged(KNOWN, IGNORED, replace(KNOWN, fingerprint="55" * 16, lines=0))
    assert found(results) == [
        ("new", "service", Status.PASS),
        ("regressed", "service", Status.SKIPPED),
        ("spiking", "service", Status.PASS),
    ]
    assert reason_of(results[0]) == "2 kinds of error, all known (1 ignored)"
    assert reason_of(results[2]) == "1 kinds of error, none more frequent than usual"
    [table] = results[0].evidence
    assert isinstance(table, Table)
    assert [(row[0], row[1], row[5]) for row in table.rows] == [
        (msg("ignored"), 10_000, "44444444"),
        (msg("known"), 40, "01234567"),
    ]


def test_no_error_at_all_passes_when_lines_were_read_and_else_is_unknown() -> None:
    assert [r.status for r in judged()] == [Status.PASS, Status.SKIPPED, Status.PASS]
    assert [(r.check, r.status) for r in judged(KNOWN, parsed=0)] == [(check, Status.UNKNOWN) for check in CHECKS]
    skipped = judge_errors(None, LIMITS, UNTIL)
    assert [(r.check, r.status) for r in skipped] == [(check, Status.SKIPPED) for check in CHECKS]


def test_wordings_that_may_be_a_new_error_leave_new_and_spiking_unknown_until_a_person_decides() -> None:
    names = replace(KNOWN, message="no user <*>", unseen=1, daily_unseen=(0,) * 28)
    new, regressed, spiking = judged(names, NEW)[1:]
    assert found([new, spiking]) == [
        ("new", "module:orders/error:01234567", Status.UNKNOWN),
        ("spiking", "module:orders/error:01234567", Status.UNKNOWN),
    ]
    assert regressed.status is Status.SKIPPED and "`rounds errors ignore 01234567`" in reason_of(new)
    assert [r.status for r in judged(replace(names, state="ignored"))] == [Status.PASS, Status.SKIPPED, Status.PASS]


def test_before_the_log_is_a_week_old_no_error_is_called_known() -> None:
    new, regressed, _ = judged(NEW, replace(BACK, daily=(40,) * 28), warm_days=3)
    assert (new.status, regressed.status) == (Status.SKIPPED, Status.WARN)
    [table] = new.evidence
    assert isinstance(table, Table)
    assert [row[0] for row in table.rows] == [msg("not judged yet"), msg("regressed")]


def test_a_new_error_is_reported_with_its_details() -> None:
    result, *others = judged(NEW, KNOWN)
    assert found([result]) == [("new", "module:orders/error:11111111", Status.WARN)]
    assert [r.check for r in others] == CHECKS[1:]
    assert reason_of(result) == "TypeError: id 7 is undefined (40 lines, first seen 2026-11-23T02:00Z)"
    table, excerpt, all_errors = result.evidence
    assert isinstance(table, Table) and isinstance(excerpt, Excerpt) and isinstance(all_errors, Table)
    assert (msg("Fingerprint"), NEW.fingerprint) in table.rows
    assert excerpt.text == "at app.js:3"
    assert [row[0] for row in all_errors.rows] == [msg("new"), msg("known")]


def test_a_new_error_without_time_or_name_is_reported_too() -> None:
    bare = Exemplar("", "", "", "", "")
    undated = replace(NEW, first_seen=None, last_seen=None, name="", frame="", exemplar=bare)
    result = judged(undated)[0]
    assert reason_of(result) == f"{NEW.message} (40 lines)"
    assert [piece.kind for piece in result.evidence] == ["table", "table"]  # and no excerpt of nothing
    assert reason_of(judged(replace(undated, message=""))[0]) == "11111111 (40 lines)"


def test_an_error_without_a_name_is_shown_by_its_message_alone() -> None:
    message = "GET /api/ready answered 503"
    nameless = replace(NEW, name="", exemplar=replace(NEW.exemplar, message=message))
    assert reason_of(judged(nameless)[0]).startswith(f"{message} (40 lines")


@pytest.mark.parametrize(("warm", "status"), [(0, Status.SKIPPED), (6, Status.SKIPPED), (7, Status.WARN)])
def test_in_the_first_days_nothing_is_new_and_the_errors_are_listed(warm: int, status: Status) -> None:
    results = judged(NEW, SPIKING, warm_days=warm)
    by_check = {r.check: r for r in reversed(results)}
    assert by_check["logs.new-error"].status is status
    assert by_check["logs.spiking-error"].status is status
    if status is Status.SKIPPED:
        assert f"({warm} so far)" in reason_of(by_check["logs.new-error"])
    table = by_check["logs.new-error"].evidence[-1]
    assert isinstance(table, Table) and len(table.rows) == 2


def test_a_regressed_error_is_reported_and_the_others_pass() -> None:
    result = judged(BACK)[1]
    assert (result.status, result.observed) == (Status.WARN, Quantity(40))
    assert reason_of(result) == "TypeError: id 7 is undefined (fixed 2026-11-22T00:00Z, seen again 2026-11-23T23:00Z)"
    fixed = replace(BACK, lines=0, lines_since_fix=0)
    assert reason_of(judged(fixed)[1]) == "None of 1 fixed errors occurred again"
    older = replace(BACK, resolved_release="1.10.0")  # seen in 1.9.0
    assert judged(older)[1].status is Status.PASS
    assert "1 still occur in releases before the fix" in reason_of(judged(older)[1])


def test_a_spike_is_compared_with_its_own_limit() -> None:
    result = judged(SPIKING)[-1]
    assert (result.status, result.observed) == (Status.WARN, Quantity(62))
    assert result.limit is not None and (result.limit.comparison, result.limit.value) == ("≤", 61)
    assert reason_of(result) == "TypeError: id 7 is undefined (62 lines; usually 40.0 a day)"


@pytest.mark.parametrize(("group", "check"), [(NEW, "new"), (BACK, "regressed"), (SPIKING, "spiking")])
@pytest.mark.parametrize(("count", "more"), [(20, 0), (21, 1), (45, 25)])
def test_beyond_twenty_the_rest_is_counted(group: ErrorGroup, check: str, count: int, more: int) -> None:
    groups = [replace(group, fingerprint=f"{n:032x}"[::-1]) for n in range(count)]
    mine = [r for r in judged(*groups) if r.check == f"logs.{check}-error" and r.subject != "service"]
    assert len(mine) == 20 + (more > 0)
    assert [r.observed for r in mine if r.subject == "service/more"] == [Quantity(more)] * (more > 0)


def test_a_text_of_the_log_is_never_a_text_of_ours() -> None:
    hostile = replace(
        NEW, module="<b>{x}", name="{0}", exemplar=replace(NEW.exemplar, message="{password} %s </script>")
    )
    for result in judged(hostile):
        assert "script" not in result.reason.text and reason_of(result)
