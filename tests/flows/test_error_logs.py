"""The error log review of a real log, end to end: well, with planted problems, hostile, missing, and of past days."""

import asyncio
import gzip
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from prefect import State

from flows.delivery import deliver
from tasks.check_result import CheckResult, Status
from tests.flows.test_daily_checklist import readable

if TYPE_CHECKING:
    from tests.operated import Operate, Operated, ServerView

pytestmark = pytest.mark.usefixtures("prefect")

GUIDE = '[guide.daily]\nhealth = { not_applicable = "by hand" }\nresources = { not_applicable = "by hand" }\n'
GUIDE += 'schedule = { not_applicable = "by hand" }\n'
SOURCE = '[[logs.source]]\nname = "app"\nkind = "file"\npaths = ["app.log*"]\n'
CHECKS = ["source", "malformed", "error-share", "latency", "new-error", "regressed-error", "spiking-error"]
CHECKS += ["silent-module", "personal-data", "refused-requests"]
SECRET = "tok-9c1f77a2-in-a-line"
EMAIL, CARD = "hanako.yamada@example.com", "4111 1111 1111 1111"


def line(at: datetime, module: str, status: int | None = 200, **fields: Any) -> str:
    return json.dumps(
        {
            "timestamp": at.isoformat(timespec="milliseconds"),
            "level": "info",
            "module": module,
            "message": "done",
            **({} if status is None else {"method": "GET", "url": f"/{module}/7", "status": status, "duration": 12}),
            **fields,
        }
    )


def failure(name: str, message: str) -> dict[str, Any]:
    stack = f"{name}: {message}\n    at load (/srv/shop/orders.js:31:7)"
    return {"level": "error", "error": {"name": name, "message": message, "stack": stack}}


def weeks(now: datetime, days: int = 10) -> Iterator[str]:
    """A line every five minutes of two modules, a known error at each full hour."""
    at = now - timedelta(days=days)
    while at < now:
        yield line(at, "orders")
        yield line(at + timedelta(seconds=1), "users", 401 if at.minute < 5 and at.hour % 6 == 0 else 200)
        if at.minute < 5:
            yield line(at + timedelta(seconds=2), "orders", None, **failure("CacheMiss", f"row {at.hour} is gone"))
        at += timedelta(minutes=5)


def ended(state: State[Any]) -> str | None:
    return state.name


def results(shop: "Operated", check: str) -> list[CheckResult]:
    return [r for r in shop.report().results if r.check == f"logs.{check}"]


def found(shop: "Operated") -> dict[str, list[tuple[str, Status]]]:
    return {check: [(r.subject, r.status) for r in results(shop, check)] for check in CHECKS}


def statuses(shop: "Operated") -> dict[str, set[Status]]:
    return {check: {status for _, status in pairs} for check, pairs in found(shop).items()}


def html_of(file: Path) -> str:
    """A page, or the page in a mail; empty for what is shown as plain text."""
    if file.suffix != ".eml":
        return file.read_text(encoding="utf-8") if file.suffix == ".html" else ""
    page = message_from_bytes(file.read_bytes(), policy=policy.default).get_body(("html",))
    assert page is not None
    return str(page.get_content())


def scripts(page: str) -> list[str]:
    """The scripts of a page that are none of ours."""
    found: list[str] = []

    class Reader(HTMLParser):
        def handle_data(self, data: str) -> None:
            if self.cdata_elem == "script" and "alert(" in data:
                found.append(data)

    Reader().feed(page)
    return found


def reason_of(result: CheckResult) -> str:
    return result.reason.text.format(**result.reason.params)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """Ten well days of log, the older ones packed, and the last line of a minute ago."""
    file = tmp_path / "services" / "app.log"
    file.parent.mkdir(exist_ok=True)
    now = datetime.now(UTC) - timedelta(seconds=30)
    lines = list(weeks(now))
    half = len(lines) // 2
    file.with_suffix(".log.1.gz").write_bytes(gzip.compress("\n".join([*lines[:half], ""]).encode()))
    file.write_text("\n".join([*lines[half:], ""]))
    return file


def add(log: Path, *lines: str | bytes) -> None:
    with log.open("ab") as file:
        file.writelines((text if isinstance(text, bytes) else text.encode()) + b"\n" for text in lines)


@pytest.mark.deep
def test_a_good_log_passes_today_and_for_yesterday_and_no_other_day_is_green(operate: "Operate", log: Path) -> None:
    shop = operate(guide=GUIDE, health="", more=SOURCE)
    assert ended(shop.run_daily()) == "Passed"
    assert statuses(shop) == {check: {Status.PASS} for check in CHECKS} | {"regressed-error": {Status.SKIPPED}}
    assert found(shop)["silent-module"] == [("module:orders", Status.PASS), ("module:users", Status.PASS)]
    assert reason_of(results(shop, "new-error")[0]).startswith("1 kinds of error, all known")
    [kpi] = shop.report().kpis
    assert kpi.value is not None and 24 <= kpi.value <= 26

    today = datetime.now(shop.settings.zone).date()
    assert ended(shop.run_daily(for_date=today - timedelta(days=1))) == "Passed"
    [source] = results(shop, "source")
    assert source.limit is not None and source.limit.value == 60

    assert ended(shop.run_daily(for_date=today - timedelta(days=40))) == "Incomplete"
    assert not [r for r in shop.report().results if r.status.measured]
    assert "No line between" in reason_of(results(shop, "source")[0])


def test_what_is_planted_is_found_and_nothing_of_it_is_shown_raw(
    operate: "Operate", log: Path, server_view: "ServerView", tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHOP_TOKEN", SECRET)
    health = '[health]\nlive = "/live"\n[health.headers]\nX-Token = { env = "SHOP_TOKEN" }\n'
    shop = operate(guide=GUIDE, health=health, more=SOURCE)
    at = datetime.now(UTC) - timedelta(seconds=20)
    hostile = f"<script>alert(1)</script> \x1b[31mred\r\nSet-Cookie: a=b {SECRET} {EMAIL} {CARD} \u202egnp.exe {{x}} %s"
    script = "<script>alert(2)</script>"
    add(
        log,
        *(line(at, "users", 500, **failure("Boom<script>", hostile)) for _ in range(4)),
        *(line(at, "orders", None, **failure("CacheMiss", f"row {n} is gone")) for n in range(90)),
        *(line(at, script, 500 if n else 200) for n in range(5)),
        *(line(at, "\u202e" + "m" * 200, message=f"to {EMAIL}, card {CARD}, {SECRET}") for _ in range(2)),
        *(line(at, "users", 403) for _ in range(60)),
        *(f"torn {hostile}".encode() for _ in range(60)),
    )
    state = shop.run_daily()
    assert ended(state) == "ChecksFailed"
    assert statuses(shop) == {
        "source": {Status.PASS},
        "malformed": {Status.WARN},  # sixty of 700 lines: enough to doubt what seems well, not what was found
        "error-share": {Status.FAIL, Status.UNKNOWN},
        "latency": {Status.UNKNOWN, Status.SKIPPED},
        "new-error": {Status.WARN},
        "regressed-error": {Status.SKIPPED},
        "spiking-error": {Status.WARN},
        "silent-module": {Status.UNKNOWN},
        "personal-data": {Status.WARN},
        "refused-requests": {Status.WARN},
    }
    failed = [r.subject for r in results(shop, "error-share") if r.status is Status.FAIL]
    assert failed == [f"module:{script}", "module:users"]
    assert {r.subject.partition("/error:")[0] for r in results(shop, "new-error")} == {
        f"module:{script}",
        "module:users",
    }
    personal = [r for r in results(shop, "personal-data") if "mmm" in r.subject]
    assert len(personal) == 1 and personal[0].observed is not None and personal[0].observed.value == 4

    asyncio.run(deliver(shop.settings, shop.history, print))
    archived = [file for file in shop.settings.output.rglob("*") if file.is_file()]
    assert {file.suffix for file in archived} >= {".json", ".txt", ".html", ".eml"}
    texts = {str(file): readable(file) for file in archived}
    texts |= {f"artifact {kind}": text for kind, text in server_view.artifacts(state).items()}
    texts |= {
        "run": str(server_view.run(state).model_dump()),
        "log": server_view.log(state),
        "state": str(state.message),
    }
    tables = [row.name for row in shop.rows("SELECT name FROM sqlite_master WHERE type = 'table'")]
    assert {"error_groups", "malformed_lines", "evidence", "traffic_series"} <= set(tables)
    texts |= {f"table {name}": str(shop.rows(f"SELECT * FROM {name}")) for name in tables}
    for place, text in texts.items():
        for raw in (SECRET, EMAIL, CARD, CARD.replace(" ", ""), "\x1b", "\u202e", "\rSet-Cookie"):
            assert raw not in text, (place, raw)
    for file in archived:
        assert not scripts(html_of(file)), file
    for database in tmp_path.rglob("*.db*"):
        for raw in (SECRET, EMAIL, CARD):
            assert raw.encode() not in database.read_bytes()
    page = texts[str(shop.folder(shop.runs()[0]) / "report.html")]
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page and "\\u001b[31mred" in page and "••••••" in page


def test_a_log_that_is_missing_stale_or_not_whole_makes_no_other_result_green(operate: "Operate", log: Path) -> None:
    nginx = '[[logs.source]]\nname = "nginx"\nkind = "file"\npaths = ["access.log*"]\n'
    shop = operate(guide=GUIDE, health="", more=f"{SOURCE}{nginx}")
    access, packed = log.parent / "access.log", log.parent / "access.log.1.gz"
    at = datetime.now(UTC) - timedelta(seconds=20)
    add(log, *(line(at, "users", 500, **failure("Boom", "no row")) for _ in range(4)))

    def names() -> str:
        """A round, of which only what failed and what was found new is left."""
        assert ended(shop.run_daily()) == "ChecksFailed"
        assert statuses(shop)["error-share"] == {Status.FAIL, Status.UNKNOWN}
        assert statuses(shop)["new-error"] == {Status.WARN}
        assert not [r for r in shop.report().results if r.status is Status.PASS and r.subject != "log:app"]
        assert [kpi.value for kpi in shop.report().kpis] == [None]
        return reason_of(results(shop, "source")[1])

    assert "access.log" in names()  # no such file
    assert {reason_of(r) for r in results(shop, "silent-module")} == {"Unknown: log nginx was not read to the end"}

    access.write_text("\n".join([*weeks(at - timedelta(hours=3)), ""]))  # it stopped three hours ago
    assert "Log is stale: newest line" in names()

    access.write_text(line(at, "web", None) + "\n")  # another file under the old name, of lines without a status
    packed.write_bytes(gzip.compress("\n".join(weeks(at, days=1)).encode())[:-100])  # not copied whole
    assert "problems: 1" in names()


@pytest.mark.deep
def test_a_field_that_a_release_leaves_out_is_noticed_though_it_was_there_for_weeks(
    operate: "Operate", tmp_path: Path
) -> None:
    log = tmp_path / "services" / "app.log"
    now = datetime.now(UTC) - timedelta(seconds=30)
    released = now - timedelta(hours=3)
    lines = [json.loads(text) for text in weeks(now)]
    for one in lines:
        if datetime.fromisoformat(one["timestamp"]) >= released and "status" in one:
            one["statusCode"] = one.pop("status")
    log.write_text("\n".join([*map(json.dumps, lines), ""]))
    shop = operate(guide=GUIDE, health="", more=SOURCE)
    assert ended(shop.run_daily()) == "Incomplete"
    assert "has status (usually 24 an hour)" in reason_of(results(shop, "source")[0])
    assert statuses(shop)["error-share"] == {Status.UNKNOWN}
    assert not [r for r in shop.report().results if r.status is Status.PASS]


def test_without_a_log_nothing_is_green(operate: "Operate") -> None:
    shop = operate(guide=GUIDE, health="")
    assert ended(shop.run_daily()) == "Incomplete"
    assert statuses(shop) == {check: {Status.SKIPPED} for check in CHECKS}
