"""`rounds demo`: the demo service with planted faults, its rounds, and whether they found exactly these."""

import asyncio
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from string import Template

from prefect.settings import PREFECT_API_URL, temporary_settings
from rich.console import Console
from rich.table import Table

from deployments.demo.backups import bring_backups
from deployments.demo.environment import DemoEnvironment, demo_environment
from deployments.demo.expected import Comparison, compare
from deployments.demo.faults import Fault, events_of, plant, service_name
from deployments.demo.full_pool import full_pool
from deployments.demo.history import WEEKS, Shape
from deployments.demo.past import generate_history
from deployments.demo.traffic import make_traffic
from deployments.prefect_server import PrefectServer
from deployments.progress import err, show_result, working
from deployments.run import RunResult, run_now
from flows import daily_checklist, monthly_checklist, slo_report, weekly_checklist
from flows.checklist import Checklist
from flows.options import options_of
from reports.words import Words
from tasks.check_result import CheckResult
from tasks.errors import ExplainedError
from tasks.settings import Settings, load_settings, use_services

ROUNDS = (daily_checklist.CHECKLIST, weekly_checklist.CHECKLIST, slo_report.CHECKLIST, monthly_checklist.CHECKLIST)
"""Of today, of the last whole week twice, of the last whole month."""
_REQUESTS, _SECONDS = 600, 10.0


@contextmanager
def demo_service(folder: Path, output: Path, faults: frozenset[Fault], shape: Shape = WEEKS) -> Iterator[Path]:
    """The demo service with weeks of history, some traffic and the faults planted; yields its service file.

    Each set of faults is a service of its own, since the history remembers for a day what was found in another.
    """
    silent = faults & {Fault.SILENT_MODULE}  # from the start on, or the traffic would be heard of it
    with ExitStack() as stack:
        with working("demo service"):
            name = service_name(faults)
            demo = stack.enter_context(demo_environment(folder.absolute(), name=name, faults=silent))
            file = _write_service_file(demo, name, output.absolute())
        with working(f"{shape.days} days of history"):
            generate_history(file, shape, demo.watch_dsn, bool(silent), datetime.now(UTC), events_of(faults))
        with working("traffic, faults"):
            asyncio.run(make_traffic(demo.base_urls, requests=_REQUESTS, seconds=_SECONDS))
            if Fault.FULL_POOL in faults:
                stack.enter_context(full_pool(demo.dsn))
            plant(demo.faults_file, faults)
        yield file


def run_demo(folder: Path, output: Path, faults: frozenset[Fault], lang: str | None, shape: Shape = WEEKS) -> bool:
    """Hold the demo service's rounds; True if exactly the planted faults were found."""
    with ExitStack() as stack:
        server = PrefectServer(folder.absolute() / "prefect", services=False)
        stack.enter_context(server.child)
        file = stack.enter_context(demo_service(folder, output, faults, shape))
        with working("Prefect server"):
            server.wait_until_healthy()
        stack.enter_context(temporary_settings({PREFECT_API_URL: server.api_url}))
        use_services(file)
        settings = load_settings(file)
        rounds = [_hold(checklist, settings, lang) for checklist in ROUNDS[:1]]
        with working("backups"):  # those of the night: the day's log is in the history by then
            bring_backups(file, faults, datetime.now(UTC))
        rounds += [_hold(checklist, settings, lang) for checklist in ROUNDS[1:]]
    reports = [held.report for held in rounds if held.report is not None]
    comparison = compare(faults, *reports)
    words = Words(lang or settings.reports.locales[0], settings.service.timezone)
    _show(comparison, words)
    return comparison.exact and all(held.state == held.report.verdict for held in rounds if held.report is not None)


def _hold(checklist: Checklist, settings: Settings, lang: str | None) -> RunResult:
    """A round with what it printed. Raises ExplainedError if it broke."""
    with working(checklist.name):
        options = options_of(checklist.form, {}, datetime.now(UTC), settings.zone)
        held = run_now(checklist, settings, options, _warn)
    show_result(held, settings, lang, as_json=False)
    if held.report is None:
        raise ExplainedError(f"the round broke: {held.state}: {held.message}")
    return held


def _write_service_file(demo: DemoEnvironment, name: str, output: Path) -> Path:
    template = Template(files("deployments.demo").joinpath("service.toml").read_text(encoding="utf-8"))
    instances = "\n".join(
        f'[[instances]]\nname = "{name}"\nbase_url = "{url}"\n'
        for name, url in zip("abcdefgh", demo.base_urls, strict=False)
    )
    file = demo.folder / f"{name}.toml"
    values = {"name": name, "base_url": demo.base_urls[0], "instances": instances, "output": output}
    addresses = {"database_url": demo.watch_dsn, "backup_url": demo.backup_dsn}
    file.write_text(template.substitute(values, python=sys.executable, **addresses), encoding="utf-8")
    return file


def _show(comparison: Comparison, words: Words) -> None:
    table = Table(title=words.tr("Planted and found"), title_justify="left")
    for column in (words.tr("Fault"), words.tr("Planted"), words.tr("Found")):
        table.add_column(column)
    for fault in Fault:
        table.add_row(fault.value, *(_mark(fault in faults) for faults in (comparison.planted, comparison.found)))
    console = Console(highlight=False)
    console.print(table)
    for result in comparison.machine:
        console.print(words.tr("About this machine: {what}", what=_what(result)), markup=False)
    for result in comparison.unexplained:
        console.print(words.tr("Found, but not planted: {what}", what=_what(result)), markup=False)
    for line in comparison.not_looked_at:
        console.print(words.tr("Nothing was measured of: {line}", line=words.say(line)), markup=False)
    exact = (
        words.tr("Exactly the planted faults were found")
        if comparison.exact
        else words.tr("What was found is not what was planted")
    )
    console.print(exact, style="bold green" if comparison.exact else "bold red")


def _what(result: CheckResult) -> str:
    return f"{result.check} {result.subject} {result.status}"


def _warn(text: str) -> None:
    err.print(text, markup=False)  # it may name [mail] smtp


def _mark(there: bool) -> str:
    return "●" if there else "–"
