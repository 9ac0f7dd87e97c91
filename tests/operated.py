"""A service that answers as a test sets it, service files, and what Prefect and a mail server receive."""

import asyncio
import json
import shutil
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import Envelope
from prefect import State
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import (
    ArtifactFilter,
    ArtifactFilterFlowRunId,
    LogFilter,
    LogFilterFlowRunId,
)
from prefect.client.schemas.objects import FlowRun
from prefect.context import SettingsContext, get_settings_context
from prefect.settings import PREFECT_API_URL, PREFECT_HOME, temporary_settings
from prefect.settings import Settings as PrefectSettings
from sqlalchemy import text

from flows.daily_checklist import daily_checklist
from flows.options import DailyOptions
from flows.rounds import recorded
from reports.report import Report, from_text
from tasks import secrets
from tasks.history.engine import History, writing
from tasks.history.opened import history_of
from tasks.history.runs import StoredRun, read_runs
from tasks.samples.store.minutes import read_samples
from tasks.settings import SERVICES_VARIABLE, Settings, load_settings, use_services
from tasks.visible import plainly

DROP = "drop"
"""In the place of an answer: the connection is cut."""
HEALTH = (
    '[health]\nlive = "/live"\nready = "/ready"\nreport = "/health"\nrequests = ["/items"]\nsamples = 10\n'
    # A busy machine's hiccup is no finding of a test; more than 20 s would be refused for two instances.
    "timeout_s = 15\nlimits = { max_latency_ms = 30000 }\n"
)
GUIDE = (
    '[guide.daily]\nerror-logs = { not_applicable = "by hand" }\nresources = { not_applicable = "by hand" }\n'
    'schedule = { not_applicable = "by hand" }\n'
)
RECIPIENTS = '[{ address = "oncall@shop.example", locale = "ja" }, { address = "lead@shop.example", locale = "en" }]'


def figures(
    history: History, service: str, name: str, since: datetime, until: datetime
) -> dict[str, tuple[float, ...]]:
    """The sampled figures of a name by subject, oldest first, without their minutes."""
    first, end = (int(at.timestamp()) // 60 for at in (since, until))
    rows = read_samples(history, service, name, first, end)
    return {subject: tuple(value for _, value in found) for subject, found in rows.items()}


def zone_without_midnight() -> str:
    """A time zone in which no day ends within the hour: a test that midnight cuts in two would see two periods."""
    return "Asia/Tokyo" if datetime.now(ZoneInfo("Asia/Tokyo")).hour < 23 else "Asia/Bangkok"


@pytest.fixture
def prefect(prefect_api: str, prefect_home: Path) -> Iterator[SyncPrefectClient]:
    """The shared server as the one that flows of this test use, and a client of it."""
    profile = get_settings_context().profile
    with (
        SettingsContext(profile=profile, settings=_prefect_settings(prefect_api, prefect_home)),
        get_client(sync_client=True) as client,
    ):
        yield client


@pytest.fixture(scope="session")
def prefect_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Prefect's folder of the flows that this process runs."""
    return tmp_path_factory.mktemp("prefect-home")


@cache
def _prefect_settings(api_url: str, home: Path) -> PrefectSettings:
    """Made once: Prefect reads all of them anew for each change of one, which takes as long as many a test."""
    settings: dict[Any, Any] = {PREFECT_API_URL: api_url, PREFECT_HOME: home}
    with temporary_settings(settings) as made:
        return made


@dataclass
class Answer:
    """What a path answers; a callable body is asked each time."""

    status: int = 200
    body: object | Callable[[], object] = field(default_factory=dict)
    delay_s: float = 0.0


class Site:
    """An operated service on this machine: what each path answers, and what was asked of it."""

    def __init__(self) -> None:
        self.answers: dict[str, Answer] = {}
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.components: list[dict[str, object]] = [{"name": "database", "status": "healthy", "responseTime": 3}]
        self.version = "1.4.2"
        self.get_well()
        site = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = -1  # head and body in one packet: two would wait for each other's acknowledgement

            def do_GET(self) -> None:
                site.asked.append((self.path, {name.lower(): value for name, value in self.headers.items()}))
                answer = site.answers.get(self.path, Answer(404))
                time.sleep(answer.delay_s)
                body = json.dumps(answer.body() if callable(answer.body) else answer.body).encode()
                self.send_response(answer.status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def get_well(self) -> None:
        """Answer as a healthy service does."""
        self.answers = {
            "/live": Answer(),
            "/ready": Answer(),
            "/items": Answer(),
            "/health": Answer(body=lambda: self.health("healthy")),
        }

    def fall_ill(self) -> None:
        """Not ready, unhealthy by its own word, and a component down."""
        self.components = [{"name": "database", "status": "unhealthy", "message": "disk full"}]
        self.answers |= {"/ready": Answer(503), "/health": Answer(503, lambda: self.health("unhealthy"))}

    def health(self, status: str) -> dict[str, object]:
        """A health report of this moment."""
        now = datetime.now(UTC).isoformat()
        return {"status": status, "version": self.version, "timestamp": now, "checks": self.components}


@pytest.fixture
def site() -> Iterator[Site]:
    """A service that is well until a test changes it."""
    site = Site()
    yield site
    site.server.shutdown()
    site.server.server_close()


@dataclass
class Operated:
    """A service as a test operates it: its file, its history, its archive."""

    settings: Settings
    history: History

    @property
    def name(self) -> str:
        return self.settings.service.name

    def run_daily(self, **options: Any) -> State[Any]:
        """A round by hand, whose messages wait."""
        listening = recorded.set(lambda _: None)
        try:
            state: Any = asyncio.run(daily_checklist(self.name, DailyOptions(**options), return_state=True))  # type: ignore[arg-type]
        finally:
            recorded.reset(listening)
        assert isinstance(state, State)
        return state

    def record_daily(self) -> None:
        """The same by a process in which no Prefect takes part: it is stored and archived all the same."""
        listening = recorded.set(lambda _: None)
        try:
            with plainly():
                asyncio.run(daily_checklist.fn(self.name, DailyOptions()))
        finally:
            recorded.reset(listening)

    def runs(self) -> tuple[StoredRun, ...]:
        """What is stored, oldest first."""
        return tuple(reversed(read_runs(self.history, self.name, most=1000)))

    def report(self) -> Report:
        """The newest report."""
        return from_text(self.runs()[-1].report)

    def folder(self, run: StoredRun) -> Path:
        """Where a run is archived."""
        return self.settings.output / self.name / run.flow / run.period / f"r{run.revision}"

    def rows(self, sql: str, **values: object) -> list[Any]:
        """What a statement on the history gives; it may change it."""
        with writing(self.history) as connection:
            result = connection.execute(text(sql), values)
            return list(result) if result.returns_rows else []

    def messages(self) -> list[tuple[str, str, str]]:
        """Every message as (dedupe key, recipient, state)."""
        rows = self.rows("SELECT dedupe_key, recipient, state FROM outbox ORDER BY id")
        return [(row.dedupe_key, row.recipient, row.state) for row in rows]

    def all_due(self) -> None:
        """Let the time pass until everything that waits is due, and every lease is over."""
        past = "2001-01-01 00:00:00.000000"
        self.rows(
            "UPDATE outbox SET due_at = :past, leased_until = CASE WHEN lease IS NULL THEN NULL ELSE :past END",
            past=past,
        )


Operate = Callable[..., Operated]


@pytest.fixture
def operate(tmp_path: Path, site: Site, empty_history: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Operate]:
    """Writes a service file, makes its folder the services of this process, and opens its history."""
    folder = tmp_path / "services"
    folder.mkdir()
    monkeypatch.setenv(SERVICES_VARIABLE, str(folder))  # put back at the end, whatever use_services sets
    use_services(folder)
    secrets_before = frozenset(secrets._resolved)
    with ExitStack() as stack:

        def write(
            *,
            name: str = "shop",
            base_url: str | None = None,
            health: str = HEALTH,
            guide: str = GUIDE,
            mail: str = "",
            recipients: str = RECIPIENTS,
            locales: str = '["en", "ja"]',
            more: str = "",
            history_url: str | None = None,
        ) -> Operated:
            file = folder / f"{name}.toml"
            file.write_text(
                f'[service]\nname = "{name}"\nbase_url = "{base_url or site.url}"\n'
                f'timezone = "{zone_without_midnight()}"\n'
                f"{health}{guide}[mail]\nto = {recipients}\n{mail}"
                f'[history]\nurl = "{history_url or f"sqlite:///{name}.db"}"\n'
                f'[reports]\noutput = "../archive"\nlocales = {locales}\n{more}',
                encoding="utf-8",
            )
            settings = load_settings(file)
            if history_url is None and not (database := folder / f"{name}.db").exists():
                shutil.copy(empty_history, database)
            history = history_of(settings)
            stack.callback(history.dispose)
            return Operated(settings, history)

        yield write
    secrets._resolved.intersection_update(secrets_before)  # a process masks what it has resolved until its end


@dataclass
class ServerView:
    """What Prefect's server knows of a flow run."""

    client: SyncPrefectClient

    def run(self, state: State[Any]) -> FlowRun:
        """The flow run that ended with a state."""
        return self.client.read_flow_run(self.run_id(state))

    @staticmethod
    def run_id(state: State[Any]) -> UUID:
        run_id = state.state_details.flow_run_id
        assert run_id is not None
        return run_id

    def artifacts(self, state: State[Any]) -> dict[str, str]:
        """The texts of a run's artifacts by their type."""
        mine = ArtifactFilter(flow_run_id=ArtifactFilterFlowRunId(any_=[self.run_id(state)]))
        return {str(found.type): str(found.data) for found in self.client.read_artifacts(artifact_filter=mine)}

    def log(self, state: State[Any]) -> str:
        """A run's whole log, once its last line has arrived."""
        deadline = time.monotonic() + 60
        mine = LogFilter(flow_run_id=LogFilterFlowRunId(any_=[self.run_id(state)]))
        while True:
            lines = self.client.read_logs(mine)
            log = "\n".join(line.message for line in lines)
            if any(line.name == "prefect.flow_runs" and "Finished in state" in line.message for line in lines):
                return log  # the tasks of the run say so too, earlier
            assert time.monotonic() < deadline, log
            time.sleep(0.2)


@pytest.fixture
def server_view(prefect: SyncPrefectClient) -> ServerView:
    """What the server knows of runs."""
    return ServerView(prefect)


class PostOffice:
    """A mail server that keeps what it accepts; answers that are set are used up, one a question."""

    def __init__(self) -> None:
        self.kept: list[tuple[str, EmailMessage]] = []
        self.heard: list[str] = []
        self.recipients: dict[str, list[str]] = {}
        self.endings: list[str] = []
        self.delay_s = 0.0
        self.port = 0

    @property
    def url(self) -> str:
        return f"smtp://127.0.0.1:{self.port}"

    @property
    def ids(self) -> Counter[str]:
        """How often each Message-ID arrived, accepted or not."""
        return Counter(self.heard)

    async def handle_RCPT(self, _server: Any, _session: Any, envelope: Envelope, address: str, _options: Any) -> str:
        if answers := self.recipients.get(address):
            return answers.pop(0)
        envelope.rcpt_tos.append(address)
        return "250 recipient ok"

    async def handle_DATA(self, server: Any, _session: Any, envelope: Envelope) -> str:
        assert isinstance(envelope.content, bytes)
        message = message_from_bytes(envelope.content, policy=policy.default)
        self.heard.append(str(message["Message-ID"]))
        await asyncio.sleep(self.delay_s)
        answer = self.endings.pop(0) if self.endings else "250 2.0.0 kept"
        if answer == DROP:
            server.transport.abort()
        elif answer.startswith("250"):
            self.kept.append((envelope.rcpt_tos[0], message))
        return answer


class _AnyPort(Controller):
    def _trigger_server(self) -> None:
        assert isinstance(self.server, asyncio.Server)
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()  # type: ignore[no-untyped-call]


@pytest.fixture
def post() -> Iterator[PostOffice]:
    """A mail server on this machine."""
    post = PostOffice()
    controller = _AnyPort(post, hostname="127.0.0.1", port=0, ready_timeout=60)
    controller.start()
    post.port = controller.port
    yield post
    controller.stop()
