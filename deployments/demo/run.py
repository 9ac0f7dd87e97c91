"""`rounds demo`: the demo service with planted faults, one daily round, and whether it found them."""

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from importlib.resources import files
from pathlib import Path
from string import Template

from prefect.settings import PREFECT_API_URL, temporary_settings
from rich.console import Console
from rich.table import Table

from deployments.demo.environment import DemoEnvironment, demo_environment
from deployments.demo.expected import Comparison, compare
from deployments.demo.faults import Fault, plant
from deployments.demo.traffic import make_traffic
from deployments.prefect_server import PrefectServer
from deployments.progress import err, show_held, working
from deployments.run import hold_round
from flows.options import DailyOptions
from reports.words import Words
from tasks.errors import ExplainedError
from tasks.settings import load_settings, use_services

_REQUESTS, _SECONDS = 600, 10.0


@contextmanager
def demo_service(folder: Path, output: Path, faults: frozenset[Fault]) -> Iterator[Path]:
    """The demo service with some traffic behind it and the faults planted; yields its service file."""
    with demo_environment(folder.absolute()) as demo:
        file = _write_service_file(demo, output.absolute())
        asyncio.run(make_traffic(demo.base_urls, requests=_REQUESTS, seconds=_SECONDS))
        plant(demo.faults_file, faults)
        yield file


def run_demo(folder: Path, output: Path, faults: frozenset[Fault], lang: str | None) -> bool:
    """Hold a daily round on the demo service; True if exactly the planted faults were found."""
    with ExitStack() as stack:
        server = PrefectServer(folder.absolute() / "prefect", services=False)
        stack.enter_context(server.child)
        with working("demo service, traffic, faults"):
            file = stack.enter_context(demo_service(folder, output, faults))
        with working("Prefect server"):
            server.wait_until_healthy()
        stack.enter_context(temporary_settings({PREFECT_API_URL: server.api_url}))
        use_services(file)
        settings = load_settings(file)
        with working("daily-checklist"):
            held = hold_round("daily-checklist", settings, DailyOptions(), _warn)
    show_held(held, settings, lang, as_json=False)
    if held.report is None:
        raise ExplainedError(f"the round broke: {held.state}: {held.message}")
    comparison = compare(faults, held.report)
    words = Words(lang or settings.reports.locales[0], settings.service.timezone)
    _show(comparison, words)
    return comparison.exact and held.state == held.report.verdict


def _write_service_file(demo: DemoEnvironment, output: Path) -> Path:
    template = Template(files("deployments.demo").joinpath("service.toml").read_text(encoding="utf-8"))
    instances = "\n".join(
        f'[[instances]]\nname = "{name}"\nbase_url = "{url}"\n'
        for name, url in zip("abcdefgh", demo.base_urls, strict=False)
    )
    file = demo.folder / "service.toml"
    values = {"base_url": demo.base_urls[0], "instances": instances, "output": output}
    file.write_text(template.substitute(values), encoding="utf-8")
    return file


def _show(comparison: Comparison, words: Words) -> None:
    table = Table(title=words.tr("Planted and found"), title_justify="left")
    for column in (words.tr("Fault"), words.tr("Planted"), words.tr("Found")):
        table.add_column(column)
    for fault in Fault:
        table.add_row(fault.value, *(_mark(fault in faults) for faults in (comparison.planted, comparison.found)))
    console = Console(highlight=False)
    console.print(table)
    for result in comparison.unexplained:
        text = words.tr("Found, but not planted: {what}", what=f"{result.check} {result.subject} {result.status}")
        console.print(text, markup=False)
    exact = (
        words.tr("Exactly the planted faults were found")
        if comparison.exact
        else words.tr("What was found is not what was planted")
    )
    console.print(exact, style="bold green" if comparison.exact else "bold red")


def _warn(text: str) -> None:
    err.print(text, markup=False)  # it may name [mail] smtp


def _mark(there: bool) -> str:
    return "●" if there else "–"
