"""`rounds demo`: the demo service with planted faults, its rounds, and whether they found exactly these."""

import asyncio
import json
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Final
from urllib.parse import urlsplit

from deployments.demo.backups import bring_backups
from deployments.demo.environment import DemoEnvironment, demo_environment
from deployments.demo.expected import compare
from deployments.demo.faults import ON_STAGING, Fault, plant, service_name
from deployments.demo.full_pool import full_pool
from deployments.demo.outcome import show_outcome, show_story
from deployments.demo.past.bring import events_of, generate_history
from deployments.demo.past.history import WEEKS, Shape
from deployments.demo.past.load_tests import bring_load_runs
from deployments.demo.source import SOURCE, bring_source
from deployments.demo.story.beside import playing, write_service_file
from deployments.demo.story.facts import NAME as STORY
from deployments.demo.traffic import make_traffic
from deployments.language import terminal_language
from deployments.prefect_server import PrefectServer, client_settings, one_time_credential
from deployments.progress import err, working
from deployments.run import RunResult, of_server, run_now
from deployments.show_result import console, show_result
from flows import daily_checklist, load_test, monthly_checklist, security_scan, slo_report, weekly_checklist
from flows.checklist import Checklist
from flows.options import options_of
from reports.words import LOCALES, Words
from tasks.errors import ExplainedError
from tasks.guide.judge import Verdict
from tasks.history.opened import history_of
from tasks.postgres.installation import server_account
from tasks.sandbox.available import is_usable
from tasks.sandbox.confinement import everybody_enters
from tasks.settings import Settings, load_settings, use_services

ROUNDS: Final[tuple[tuple[Checklist, Mapping[str, str]], ...]] = (
    (daily_checklist.CHECKLIST, {}),
    (security_scan.CHECKLIST, {}),
    (load_test.CHECKLIST, {"profile": "smoke"}),
    (load_test.CHECKLIST, {"profile": "steps"}),
    (weekly_checklist.CHECKLIST, {}),
    (slo_report.CHECKLIST, {}),
    (monthly_checklist.CHECKLIST, {}),
)
"""Of today four, of the last whole week two, of the last whole month one, each with its options."""
_PYTHON: Final = tuple(Path(prefix) for prefix in (sys.prefix, sys.base_prefix))
_REQUESTS, _SECONDS = 600, 10.0
_UNWATCHED: Final = """\
# Each round runs once, and nothing is monitored: `rounds up --demo` does that.
[guide.daily]
schedule = { not_applicable = "the demo runs each round once, without monitoring" }

"""
_LOAD_TESTS = 2
"""How often a load test is tried: other work of this machine makes one invalid."""


@contextmanager
def demo_service(
    folder: Path,
    output: Path,
    faults: frozenset[Fault],
    shape: Shape = WEEKS,
    lang: str | None = None,
    *,
    watched: bool = False,
    story: bool = False,
) -> Iterator[Path]:
    """The demo service with weeks of history, some traffic and the faults planted; yields its service file.

    `watched` says that `rounds up` monitors it and starts its rounds. With `story` there is the service of the story
    of an incident too, with its service file beside the other.

    Its main language is the terminal's, so that both show the same. Each set of faults is a service of its own,
    since the history remembers for a day what was found in another.
    """
    silent = faults & {Fault.SILENT_MODULE}  # from the start on, or its log would have lines of the traffic
    language = terminal_language(lang, LOCALES, os.environ)
    with ExitStack() as stack:
        with working("demo service"):
            name = service_name(faults)
            beside = STORY if story else None
            demo = stack.enter_context(
                demo_environment(folder.absolute(), name=name, faults=silent, staging=True, beside=beside)
            )
            file = _write_service_file(demo, name, output.absolute(), language, shape, watched=watched)
            if demo.beside is not None:
                write_service_file(demo.folder, demo.beside, output.absolute(), _locales(language))
            bring_source(demo.folder / name / SOURCE, faults)
        with working(f"{shape.days} days of history"):
            generate_history(file, shape, demo.watch_dsn, bool(silent), datetime.now(UTC), events_of(faults))
        with working("baseline of load tests"):
            _bring_load_runs(file)
        with working("traffic, faults"):
            asyncio.run(make_traffic(demo.base_urls, requests=_REQUESTS, seconds=_SECONDS))
            if Fault.FULL_POOL in faults:
                stack.enter_context(full_pool(demo.dsn))
            plant(demo.faults_file, faults - ON_STAGING)
            if demo.staging is not None:
                plant(demo.staging.faults_file, faults & ON_STAGING)
        yield file


def run_demo(
    folder: Path,
    output: Path,
    faults: frozenset[Fault],
    lang: str | None,
    shape: Shape = WEEKS,
    *,
    full: bool = False,
    story: bool = True,
) -> bool:
    """Run the demo service's rounds and show them; True if exactly the planted faults were found.

    With `story` an alert and its incident are played beside them, which must come out as planned, too.
    """
    with ExitStack() as stack:
        server = PrefectServer(folder.absolute() / "prefect", auth=one_time_credential(), services=False)
        stack.enter_context(server.child)
        file = stack.enter_context(demo_service(folder, output, faults, shape, lang, story=story))
        with working("Prefect server"):
            server.wait_until_healthy()
        client = client_settings(server.api_url, server.auth)
        stack.enter_context(of_server(client))
        use_services(file)
        beside = stack.enter_context(playing(file.with_name(f"{STORY}.toml"), client)) if story else None
        settings = load_settings(file)
        results = [run_round(*round_, settings, lang, full) for round_ in ROUNDS[:1]]
        with working("backups"):  # those of the night: the day's log is in the history by then
            bring_backups(file, faults, datetime.now(UTC))
        results += [run_round(*round_, settings, lang, full) for round_ in ROUNDS[1:]]
        with working("alert and incident"):
            played = None if beside is None else beside.end()
    reports = [result.report for result in results if result.report is not None]
    comparison = compare(faults, *reports)
    words = Words(settings.reports.locales[0], settings.service.timezone)
    if played is not None:
        show_story(played, words)
    show_outcome(comparison, reports, settings, words)
    came_out = played is None or played.good
    return came_out and comparison.exact and all(r.state == r.report.verdict for r in results if r.report is not None)


def run_round(
    checklist: Checklist, given: Mapping[str, str], settings: Settings, lang: str | None, full: bool
) -> RunResult:
    """A round, shown; an invalid load test is run once more. Raises ExplainedError if a round broke."""
    for _ in range(_LOAD_TESTS if checklist is load_test.CHECKLIST else 1):
        with working(" ".join((checklist.name, *given.values()))):
            options = options_of(checklist.form, given, datetime.now(UTC), settings.zone)
            result = run_now(checklist, settings, options, _warn)
        show_result(result, settings, lang, full=full)
        console().print()
        if result.report is None:
            raise ExplainedError(f"the round broke: {result.state}: {result.message}")
        if result.report.verdict is not Verdict.INCOMPLETE:
            break
    return result


def _bring_load_runs(file: Path) -> None:
    settings = load_settings(file)
    history = history_of(settings)
    try:
        bring_load_runs(history, settings, datetime.now(UTC))
    finally:
        history.dispose()


def _write_service_file(
    demo: DemoEnvironment, name: str, output: Path, language: str, shape: Shape, *, watched: bool
) -> Path:
    template = Template(files("deployments.demo").joinpath("service.toml").read_text(encoding="utf-8"))
    instances = "\n".join(
        f'[[instances]]\nname = "{name}"\nbase_url = "{url}"\n'
        for name, url in zip("abcdefgh", demo.base_urls, strict=False)
    )
    file = demo.folder / f"{name}.toml"
    locales = json.dumps(_locales(language))
    values = {"name": name, "base_url": demo.base_urls[0], "instances": instances, "output": output}
    addresses = {"database_url": demo.watch_dsn, "backup_url": demo.backup_dsn, "advisories": demo.advisories}
    staging_url = "" if demo.staging is None else demo.staging.base_url
    staging = {"staging_url": staging_url, "staging_host": urlsplit(staging_url).netloc}
    load = {"scenarios": Path(__file__).parent / "scenarios", "smoke_s": shape.smoke_s, "step_s": shape.step_s}
    guide = "" if watched else _UNWATCHED
    text = template.substitute(values, locales=locales, smoke=_smoke(), guide=guide, **addresses, **staging, **load)
    file.write_text(text, encoding="utf-8")
    return file


def _locales(language: str) -> list[str]:
    return [language, *(other for other in LOCALES if other != language)]


def _smoke() -> str:
    """The smoke test; none where the account of restore drills has no sandbox, and cannot enter our folders."""
    code = [Path(__file__).parents[2] / package for package in ("deployments", "tasks")]
    if not is_usable() and server_account() and not all(map(everybody_enters, (*code, *_PYTHON))):
        return ""
    files = json.dumps(list(map(str, code)))
    return f'smoke = ["{sys.executable}", "-m", "deployments.demo.smoke"]\nsmoke_access = {{ files = {files} }}'


def _warn(text: str) -> None:
    err.print(text)  # it may name [mail] smtp
