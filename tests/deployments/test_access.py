"""Whom `rounds up` lets in: not another account of the machine, not a page of another origin, not the silent."""

import base64
import json
import multiprocessing
import os
import pty
import resource
import shutil
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import psutil
import pytest
from playwright.sync_api import Browser, Page, sync_playwright
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect
from websockets.typing import Subprotocol

from deployments.credential import made_credential
from deployments.serving.bounds import MOST_CONNECTIONS
from tests.up import ROUNDS, Up, rounds_up

NOBODY = 65534
SECRETS = {"SHOP_TOKEN": "tok-named-by-the-file", "OTHER_TOKEN": "tok-named-by-nobody"}
SERVICE = """
[service]
name = "shop"
base_url = "http://127.0.0.1:1"
[health]
live = "/live"
[health.headers]
X-Token = { env = "SHOP_TOKEN" }
[reports]
locales = ["en"]
"""
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
SOCKETS = ("/api/events/in", "/api/events/out", "/api/logs/out", "/api/task_runs/subscriptions/scheduled")


@pytest.fixture(scope="module")
def place() -> Iterator[Path]:
    """A folder that other accounts can enter, unlike pytest's."""
    with tempfile.TemporaryDirectory(prefix="opsrounds-access-") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


@pytest.fixture(scope="module")
def services(place: Path) -> Path:
    (place / "services").mkdir()
    (place / "services" / "shop.toml").write_text(SERVICE)
    return place / "services"


@pytest.fixture(scope="module")
def up(place: Path, services: Path, prefect_folder: Callable[[Path], Path]) -> Iterator[Up]:
    state = prefect_folder(place / "state" / "prefect").parent
    with rounds_up(services, state, place / "up.log", **SECRETS) as running:
        yield running


@pytest.fixture
def commands(place: Path, up: Up) -> dict[str, str]:
    """The environment of a command of the same account, with a browser that notes what it is to open."""
    browser = place / "browser"
    browser.write_text(f'#!/bin/sh\necho "$@" >> {place}/opened\n')
    browser.chmod(0o755)
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    return {**kept, **SECRETS, "OPSROUNDS_STATE": str(up.state.parent), "BROWSER": str(browser)}


@pytest.fixture(scope="module")
def got(up: Up) -> dict[str, str]:
    if os.geteuid() != 0:
        pytest.skip("only root can become another account")
    return as_another_account(up)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        arguments = ["--host-resolver-rules=MAP evil.test 127.0.0.1"]
        arguments += ["--no-sandbox"] if os.geteuid() == 0 else []
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=arguments, timeout=180_000)
        yield started
        started.close()


@pytest.fixture(scope="module")
def site() -> Iterator[int]:
    """The port of another account's web server on this machine."""

    class Site(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(b"<body>another site</body>")

        def log_message(self, *_: object) -> None:
            """Nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Site) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port
        server.shutdown()


class TestTheCredential:
    """Where it is, who has it, and that the account itself needs not to know it."""

    def test_it_is_in_one_file_and_in_the_processes_that_need_it(self, up: Up) -> None:
        _, password = up.login
        here = up.state.parent
        holders = [file.name for file in here.rglob("*") if file.is_file() and password.encode() in file.read_bytes()]
        assert holders == ["credential"]
        assert password not in up.log.read_text() and "Credential  shown by: rounds ui" in up.log.read_text()
        assert not [process for process in psutil.process_iter() if password in command_line(process)]

    def test_children_get_the_secrets_of_the_service_files_alone(self, up: Up) -> None:
        given = {
            role: process.environ()
            for process in psutil.Process(up.process.pid).children(recursive=True)
            for role in ("serving.prefect", "serving.archive", "deployments.runner")
            if role in command_line(process)
        }
        tokens = {
            role: [value for value in SECRETS.values() if value in map(str, env.values())]
            for role, env in given.items()
        }
        assert tokens == {
            "serving.prefect": [],
            "serving.archive": [],
            "deployments.runner": [SECRETS["SHOP_TOKEN"]],
        }

    @pytest.mark.deep
    def test_rounds_run_finds_server_and_credential(self, up: Up, commands: dict[str, str], services: Path) -> None:
        argv = [*ROUNDS, "run", "daily-checklist", "--service", str(services / "shop.toml")]
        ended = subprocess.run(
            argv, env=commands, cwd=services, capture_output=True, text=True, timeout=300, check=False
        )
        assert ended.returncode == 1, ended.stderr  # the service is dead
        assert not (up.state.parent / "prefect-of-run").exists()
        runs = up.api.post("/flow_runs/filter", json={"flows": {"name": {"any_": ["daily-checklist"]}}}).json()
        assert [run["state"]["name"] for run in runs if run["start_time"]] == ["ChecksFailed"]

    def test_rounds_ui_opens_the_browser_and_shows_the_credential_on_a_terminal_only(
        self, up: Up, place: Path, commands: dict[str, str]
    ) -> None:
        piped = subprocess.run([*ROUNDS, "ui"], env=commands, capture_output=True, text=True, timeout=60, check=True)
        assert up.login[1] not in piped.stdout and f"Credential  in {up.state.parent / 'credential'}" in piped.stdout
        assert f"Credential  {up.credential}" in on_a_terminal([*ROUNDS, "ui"], commands)
        address = str(up.api.base_url).removesuffix("/api/")
        wait_for(lambda: (place / "opened").exists() and len((place / "opened").read_text().splitlines()) == 2)
        assert (place / "opened").read_text().splitlines() == [address, address]


class TestAnotherAccount:
    """What an account of this machine gets that is not the one of `rounds up`."""

    def test_it_reads_neither_the_credential_nor_anything_beside_it(self, got: dict[str, str]) -> None:
        read = {what: outcome for what, outcome in got.items() if what.startswith("read")}
        assert len(read) >= 6 and set(read.values()) == {"PermissionError"}

    def test_no_call_of_it_is_answered(self, got: dict[str, str]) -> None:
        asked = {what: outcome for what, outcome in got.items() if what.startswith("ask")}
        assert asked == {
            "ask GET /api/health": "200",  # says that there is a server, and no more
            "ask GET /api/admin/settings": "401",
            "ask POST /api/deployments/filter": "401",
            "ask POST /api/variables/": "401",
            "ask GET /api/docs": "401",
            "ask GET /docs": "404",
            "ask GET archive /": "401",
        }


def test_what_is_public_is_the_ui_and_two_probes(up: Up) -> None:
    server = str(up.api.base_url).removesuffix("/api/")
    routes = httpx.get(f"{server}/api/openapi.json", auth=up.login, timeout=60).json()["paths"]
    asked = {(method.upper(), path) for path, methods in routes.items() for method in methods}
    assert len(asked) > 150
    with httpx.Client(base_url=f"{server}/api", timeout=60) as stranger:
        answers = {way: stranger.request(*way, json={}).status_code for way in sorted(asked)}
        assert {way for way, status in answers.items() if status != 401} == {("GET", "/health"), ("GET", "/ready")}
        page = stranger.get(f"{server}/")
        assert page.status_code == 200 and "frame-ancestors 'none'" in page.headers["content-security-policy"]
        assert [stranger.get(f"{server}{path}").status_code for path in ("/docs", "/redoc", "/openapi.json")] == [
            404
        ] * 3


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Host": "localhost"}, 200),
        ({"Host": "evil.test"}, 400),
        ({"Host": "127.0.0.1.evil.test"}, 400),
        ({"Origin": "http://evil.test"}, 403),
        ({"Origin": "http://127.0.0.1:1"}, 403),
        ({"Origin": "null"}, 403),
        ({"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}, 403),
    ],
)
def test_the_api_answers_to_its_own_names_and_pages_even_with_the_credential(
    up: Up, headers: dict[str, str], status: int
) -> None:
    answer = up.api.get("/admin/version", headers=headers)
    assert answer.status_code == status and "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize("path", SOCKETS)
def test_a_websocket_needs_the_credential_and_its_own_page(up: Up, path: str) -> None:
    assert websocket(up, path, token=up.credential) == "auth_success"
    assert websocket(up, path, token="ops:sesame") == "closed 1008"
    assert websocket(up, path, token=up.credential, protocols=()) == "refused 403"
    assert websocket(up, path, token=up.credential, origin="http://evil.test") == "refused 403"
    assert websocket(up, path, token=up.credential, host="evil.test") == "refused 400"


@pytest.mark.deep
def test_a_websocket_that_never_gives_the_credential_is_closed(up: Up) -> None:
    assert websocket(up, "/api/events/in", token=None) == "closed 1008"


@pytest.mark.deep
def test_a_new_credential_replaces_the_old_one(
    tmp_path: Path, services: Path, prefect_folder: Callable[[Path], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    state = prefect_folder(tmp_path / "state" / "prefect").parent
    monkeypatch.setenv("OPSROUNDS_STATE", str(state))
    user, _, password = made_credential()[0].partition(":")
    with rounds_up(services, state, tmp_path / "up.log", "--new-credential", **SECRETS) as up:
        assert up.login[1] != password
        assert up.api.get("/admin/version", auth=(user, password)).status_code == 401
        assert httpx.get(up.archive_url, auth=(user, password), timeout=60).status_code == 401
        assert up.api.get("/admin/version").status_code == 200


@pytest.mark.deep
@pytest.mark.study
def test_a_password_of_ones_own_is_used_in_its_place(
    tmp_path: Path, services: Path, prefect_folder: Callable[[Path], Path]
) -> None:
    state = prefect_folder(tmp_path / "state" / "prefect").parent
    own = {"PREFECT_SERVER_API_AUTH_STRING": "ops:sesame-1"}
    with rounds_up(services, state, tmp_path / "up.log", **SECRETS, **own) as up:
        assert httpx.get(up.archive_url, auth=("ops", "sesame-1"), timeout=60).status_code == 200
        assert not (state / "credential").exists()
        unknowing = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
        argv = [*ROUNDS, "run", "daily-checklist", "--service", str(services / "shop.toml")]
        ended = subprocess.run(
            argv,
            env={**unknowing, **SECRETS, "OPSROUNDS_STATE": str(state)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert ended.returncode == 3 and "refuses the user and password: set PREFECT_API_AUTH_STRING" in ended.stderr


@pytest.mark.deep
def test_without_a_credential_other_pages_are_still_kept_out(
    tmp_path: Path, services: Path, prefect_folder: Callable[[Path], Path]
) -> None:
    state = prefect_folder(tmp_path / "state" / "prefect").parent
    with rounds_up(services, state, tmp_path / "up.log", "--no-auth", **SECRETS) as up:
        assert "WARNING     --no-auth: every account of this machine can run code here" in up.log.read_text()
        for url in (f"{up.api.base_url}admin/version", up.archive_url):
            assert httpx.get(url, timeout=60).status_code == 200
            assert httpx.get(url, headers={"Host": "evil.test"}, timeout=60).status_code == 400
            assert httpx.get(url, headers={"Origin": "http://evil.test"}, timeout=60).status_code == 403
        assert websocket(up, "/api/events/in", token="any:thing") == "auth_success"
        assert websocket(up, "/api/events/in", token="any:thing", origin="http://evil.test") == "refused 403"
        assert websocket(up, "/api/events/in", token="any:thing", host="evil.test") == "refused 400"


SILENT = {
    "silent": b"",
    "a header that never ends": b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: ",
    "a body that never ends": b"POST /api/variables/ HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 9999\r\n\r\n",
    "an answered request": b"GET /api/health HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
    "a websocket without a credential": b"GET /api/events/in HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\n"
    b"Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Protocol: prefect\r\n\r\n",
}


@pytest.mark.deep
@pytest.mark.parametrize(
    ("server", "kind"),
    [
        ("api", "silent"),
        ("api", "a websocket without a credential"),
        ("archive", "an answered request"),
        *(
            pytest.param("api", kind, marks=pytest.mark.study)
            for kind in ("a header that never ends", "a body that never ends")
        ),
    ],
)
def test_two_thousand_connections_keep_nobody_out(up: Up, server: str, kind: str) -> None:
    url = f"{up.api.base_url}admin/version" if server == "api" else up.archive_url
    port = urlsplit(url).port or 0
    with connections(port, SILENT[kind], 2000) as lines:
        for _ in range(3):
            assert httpx.get(url, auth=up.login, timeout=30).status_code == 200
            for line in lines:  # a byte a second
                with suppress(OSError):
                    line.send(b"a")
            time.sleep(1)
        [serving] = [process for process in serving_processes(up) if has_port(process, port)]
        assert len(serving.net_connections(kind="tcp")) <= MOST_CONNECTIONS + 200
    assert up.process.running and "ended" not in up.log.read_text()


@contextmanager
def connections(port: int, first: bytes, number: int) -> Iterator[list[socket.socket]]:
    """So many connections, each with its first bytes; what was ended stays among them."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(number + 1000, hard), hard))
    with ExitStack() as stack:
        lines = []
        for _ in range(number):
            line = stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=30))
            with suppress(OSError):
                line.send(first)
            line.setblocking(False)
            lines.append(line)
        yield lines
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


ATTACK = """async ([api, socket, archive]) => {
  const tried = {};
  const attempt = async (name, what) => {
    try { tried[name] = String(await what()); } catch (error) { tried[name] = "blocked"; }
  };
  const body = JSON.stringify({name: "planted", value: "by a page"});
  await attempt("fetch", async () => (await fetch(api + "/admin/version", {credentials: "include"})).status);
  await attempt("fetch archive", async () => (await fetch(archive, {credentials: "include"})).text());
  await attempt("post", async () => (await fetch(api + "/variables/", {method: "POST", body, credentials: "include",
    headers: {"Content-Type": "application/json"}})).status);
  await attempt("no-cors post", async () => (await fetch(api + "/variables/", {method: "POST", body, mode: "no-cors",
    credentials: "include", headers: {"Content-Type": "text/plain"}})).status);
  await attempt("websocket", () => new Promise((done, failed) => {
    const line = new WebSocket(socket, "prefect");
    line.onopen = () => done("open"); line.onerror = () => failed();
  }));
  await attempt("image", () => new Promise((done, failed) => {
    const image = new Image(); image.onload = () => done("loaded"); image.onerror = () => failed();
    image.src = archive + "pixel.svg";
  }));
  await attempt("script", () => new Promise((done, failed) => {
    const script = document.createElement("script"); script.onload = () => done("loaded");
    script.onerror = () => failed(); script.src = archive + "data.js"; document.body.append(script);
  }));
  return tried;
}"""
FORM = """([api]) => {
  const form = document.createElement("form");
  Object.assign(form, {method: "POST", action: api + "/variables/", enctype: "text/plain"});
  const field = document.createElement("input");
  Object.assign(field, {name: '{"name": "planted", "value": "', value: '"}'});
  form.append(field); document.body.append(form); form.submit();
}"""


@pytest.mark.chromium
@pytest.mark.skipif(CHROMIUM is None, reason="no chromium, chromium-browser or google-chrome on PATH")
class TestAPageOfAnotherOrigin:
    """What it gets in a browser in which somebody is logged in to the UI and the archive."""

    @pytest.fixture
    def page(self, browser: Browser, up: Up, services: Path) -> Iterator[Page]:
        """Logged in to both."""
        user, password = up.login
        archive = services / "reports" / "output"
        (archive / "pixel.svg").write_text('<svg xmlns="http://www.w3.org/2000/svg" width="1" height="1"/>')
        (archive / "data.js").write_text("window.taken = 1")
        login: Any = {"username": user, "password": password, "origin": up.archive_url.rstrip("/")}
        context = browser.new_context(http_credentials=login)
        page = context.new_page()
        page.set_default_timeout(60_000)
        page.goto(str(up.api.base_url).removesuffix("/api/"))
        page.get_by_role("textbox").fill(up.credential)
        page.get_by_role("textbox").press("Enter")
        page.get_by_text("Flow Runs", exact=True).wait_for()
        assert page.goto(up.archive_url).ok  # type: ignore[union-attr]
        yield page
        context.close()

    @pytest.mark.parametrize("name", ["evil.test", "127.0.0.1", "localhost"])
    def test_it_gets_nothing_and_changes_nothing(self, up: Up, page: Page, site: int, name: str) -> None:
        page.goto(f"http://{name}:{site}/")
        answered = statuses(page, up)
        assert set(page.evaluate(ATTACK, targets(up)).items()) == {
            ("fetch", "blocked"),
            ("fetch archive", "blocked"),
            ("post", "blocked"),
            ("no-cors post", "blocked"),
            ("websocket", "blocked"),
            ("image", "blocked"),
            ("script", "blocked"),
        }
        with page.expect_navigation():
            page.evaluate(FORM, targets(up))
        assert "other sites may not use this server" in page.inner_text("body")
        assert answered and not [(status, url) for status, url in answered if status < 400]
        assert up.api.post("/variables/filter", json={}).json() == []

    @pytest.mark.parametrize("server", ["api", "archive"])
    def test_a_name_that_was_given_our_address_gets_nothing(self, up: Up, browser: Browser, server: str) -> None:
        """The page came from elsewhere before, without the policies of ours."""
        ours = str(up.api.base_url).removesuffix("/api/") if server == "api" else up.archive_url.rstrip("/")
        its_own = ours.replace("127.0.0.1", "evil.test")
        page = browser.new_context(bypass_csp=True).new_page()
        reached = page.goto(f"{its_own}/")
        assert reached is not None and reached.status == 400
        got = page.evaluate(ATTACK, [f"{its_own}/api", its_own.replace("http", "ws") + "/api/events/in", f"{its_own}/"])
        refused = (
            "this is not a name of this server; behind a reverse proxy, start rounds up with --allowed-host NAME\n"
        )
        assert got == {
            "fetch": "400",
            "fetch archive": refused,
            "post": "400",
            "no-cors post": "400",
            "websocket": "blocked",
            "image": "blocked",
            "script": "blocked",
        }
        page.context.close()
        assert up.api.post("/variables/filter", json={}).json() == []

    def test_a_page_of_its_own_is_let_in(self, up: Up, page: Page) -> None:
        """The same attempts with the credential: they would have worked."""
        page.goto(str(up.api.base_url).removesuffix("/api/"))
        got = page.evaluate(
            """async (credential) => {
              const headers = {Authorization: "Basic " + btoa(credential), "Content-Type": "application/json"};
              const body = JSON.stringify({name: "planted", value: "by hand"});
              const made = await fetch("/api/variables/", {method: "POST", body, headers});
              const gone = await fetch("/api/variables/name/planted", {method: "DELETE", headers});
              return [made.status, gone.status, localStorage.getItem("prefect-password")];
            }""",
            up.credential,
        )
        assert got == [201, 204, base64.b64encode(up.credential.encode()).decode()]


def targets(up: Up) -> list[str]:
    api = str(up.api.base_url).rstrip("/")
    return [api, api.replace("http", "ws") + "/events/in", up.archive_url]


def statuses(page: Page, up: Up) -> list[tuple[int, str]]:
    """What the servers of `rounds up` answer to this page from now on."""
    own = {urlsplit(str(up.api.base_url)).port, urlsplit(up.archive_url).port}
    answered: list[tuple[int, str]] = []
    page.on("response", lambda r: answered.append((r.status, r.url)) if urlsplit(r.url).port in own else None)
    return answered


def websocket(
    up: Up,
    path: str,
    *,
    token: str | None,
    protocols: tuple[str, ...] = ("prefect",),
    origin: str | None = None,
    host: str | None = None,
) -> str:
    """What becomes of a websocket that says this token first, or nothing."""
    address = str(up.api.base_url).replace("http", "ws", 1).removesuffix("/api/") + path
    headers = {name: value for name, value in {"Origin": origin, "Host": host}.items() if value is not None}
    try:
        with connect(
            address,
            subprotocols=[Subprotocol(name) for name in protocols] or None,
            additional_headers=headers,
            proxy=None,
            open_timeout=60,
        ) as line:
            if token is not None:
                line.send(json.dumps({"type": "auth", "token": token}))
            return str(json.loads(line.recv(timeout=60))["type"])
    except InvalidStatus as refused:
        return f"refused {refused.response.status_code}"
    except ConnectionClosed as closed:
        return f"closed {closed.rcvd.code if closed.rcvd else None}"


def as_another_account(up: Up) -> dict[str, str]:
    """What it tried, and what it got; a copy of this process, for nothing may have to be read to begin."""
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("fork").Process(target=_as_nobody, args=(up, theirs))
    process.start()
    try:
        assert ours.poll(120)
        got: dict[str, str] = ours.recv()
    finally:
        process.kill()
        process.join()
    return got


def _as_nobody(up: Up, answer: Connection) -> None:
    os.setgroups([])
    os.setgid(NOBODY)
    os.setuid(NOBODY)
    state = up.state.parent
    got: dict[str, str] = {}
    for path in (
        state,
        state / "credential",
        state / "up.json",
        state / "prefect" / "prefect.db",
        state / "runner.log",
    ):
        try:
            got[f"read {path.name}"] = str(list(path.iterdir()) if path == state else path.read_bytes())
        except OSError as error:
            got[f"read {path.name}"] = type(error).__name__
    for process in psutil.Process(up.process.pid).children(recursive=True):
        try:
            got[f"read environ {process.pid}"] = Path(f"/proc/{process.pid}/environ").read_text()
        except OSError as error:
            got[f"read environ {process.pid}"] = type(error).__name__
    api = str(up.api.base_url).rstrip("/")
    for way in ("GET /health", "GET /admin/settings", "POST /deployments/filter", "POST /variables/", "GET /docs"):
        method, path = way.split()
        json_body = {"name": "planted", "value": 1} if method == "POST" else None
        got[f"ask {method} /api{path}"] = str(httpx.request(method, api + path, json=json_body, timeout=60).status_code)
    got["ask GET /docs"] = str(httpx.get(api.removesuffix("/api") + "/docs", timeout=60).status_code)
    got["ask GET archive /"] = str(httpx.get(up.archive_url, timeout=60).status_code)
    answer.send(got)
    os._exit(0)


def on_a_terminal(argv: list[str], environment: dict[str, str]) -> str:
    """What a command prints where its output is a terminal."""
    ours, terminal = pty.openpty()
    with os.fdopen(ours, "rb", buffering=0) as output:
        ended = subprocess.run(argv, env=environment, stdout=terminal, stderr=terminal, timeout=60, check=False)
        os.close(terminal)
        written = b""
        with suppress(OSError):
            while piece := output.read(65536):
                written += piece
    assert ended.returncode == 0, written
    return written.decode()


def serving_processes(up: Up) -> list[psutil.Process]:
    found = psutil.Process(up.process.pid).children(recursive=True)
    return [process for process in found if "deployments.serving" in command_line(process)]


def has_port(process: psutil.Process, port: int) -> bool:
    return any(c.status == psutil.CONN_LISTEN and c.laddr.port == port for c in process.net_connections(kind="tcp"))


def command_line(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""


def wait_for(what: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.1)
