"""The archive over HTTP: for whom it opens, and that what it serves stays inert."""

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from deployments.archive_server import ArchiveServer
from deployments.serving.child import ServerUnavailable
from deployments.serving.orders import AUTH_VARIABLE
from tasks.processes import free_port

OPS = ("ops", "sesame")


@pytest.fixture(scope="module")
def output(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An archive with one page, beside something that is nobody's business."""
    root = tmp_path_factory.mktemp("archive")
    folder = root / "archive" / "shop" / "daily-checklist"
    folder.mkdir(parents=True)
    (root / "archive" / "index.html").write_text("<p>the index</p>")
    (folder / "latest.html").write_text("<p>the latest</p>")
    (root / "secret.txt").write_text("nobody's business")
    (root / "archive" / "way-out.txt").symlink_to(root / "secret.txt")
    return root / "archive"


@pytest.fixture(scope="module")
def urls(output: Path) -> Iterator[dict[str | None, str]]:
    """The same archive with and without a credential."""
    with ExitStack() as stack:
        started = {auth: server(output, auth=auth, stack=stack) for auth in (None, "ops:sesame")}
        for running in started.values():
            running.wait_until_serving()
        yield {auth: running.url.rstrip("/") for auth, running in started.items()}


def server(output: Path, *, auth: str | None = None, port: int | None = None, stack: ExitStack) -> ArchiveServer:
    log = output.parent / f"archive-{auth is None}.log"
    port = free_port() if port is None else port
    started = ArchiveServer(output, host="127.0.0.1", port=port, auth=auth, log=log, allowed=["ops.example"])
    stack.callback(started.stop)
    return started


@pytest.fixture
def url(urls: dict[str | None, str]) -> str:
    return urls["ops:sesame"]


def get(url: str, **options: object) -> httpx.Response:
    return httpx.get(url, timeout=30, trust_env=False, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("auth", [None, "ops:sesame"])
def test_the_index_and_the_pages_are_served(urls: dict[str | None, str], auth: str | None) -> None:
    index = get(f"{urls[auth]}/", auth=OPS)
    latest = get(f"{urls[auth]}/shop/daily-checklist/latest.html", auth=OPS)
    assert (index.status_code, index.text) == (200, "<p>the index</p>")
    assert (latest.status_code, latest.text) == (200, "<p>the latest</p>")
    assert latest.headers["content-type"].startswith("text/html")


@pytest.mark.parametrize("path", ["/", "/shop/daily-checklist/latest.html", "/nothing-here"])
@pytest.mark.parametrize("auth", [None, "ops:sesame"])
def test_every_answer_carries_the_headers_that_keep_a_page_inert(
    urls: dict[str | None, str], path: str, auth: str | None
) -> None:
    for given in (None, OPS):
        headers = get(f"{urls[auth]}{path}", auth=given).headers
        policy = dict(part.strip().split(" ", 1) for part in headers["content-security-policy"].split(";"))
        assert policy["default-src"] == "'none'" and policy["form-action"] == "'none'"
        assert policy["base-uri"] == "'none'" and policy["frame-ancestors"] == "'none'"
        assert "http" not in headers["content-security-policy"]
        assert (headers["x-content-type-options"], headers["referrer-policy"]) == ("nosniff", "no-referrer")
        assert headers["cross-origin-resource-policy"] == "same-origin"
        assert headers["cache-control"] == "no-cache"
        assert "server" not in headers and "access-control-allow-origin" not in headers


@pytest.mark.parametrize(
    ("header", "status"),
    [
        (None, 401),
        ("Basic b3BzOnNlc2FtZQ==", 200),  # ops:sesame
        ("basic b3BzOnNlc2FtZQ==", 200),
        ("Basic b3BzOnNlc2FtZA==", 401),  # ops:sesamd
        ("Basic b3BzOnNlc2FtZXg=", 401),  # ops:sesamex
        ("Basic b3Bz", 401),  # ops
        ("Basic", 401),
        ("Basic ops:sesame", 401),
        ("Bearer b3BzOnNlc2FtZQ==", 401),
        ("Basic Ã¶", 401),
    ],
)
def test_it_opens_for_the_user_alone(url: str, header: str | None, status: int) -> None:
    headers = {} if header is None else {"Authorization": header.encode("latin-1", "replace")}
    answer = get(f"{url}/", headers=headers)
    assert answer.status_code == status
    assert ("the index" in answer.text) is (status == 200)
    assert (answer.headers.get("www-authenticate") == 'Basic realm="opsrounds"') is (status == 401)


@pytest.mark.parametrize("auth", [None, "ops:sesame"])
@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Host": "localhost:4280"}, 200),
        ({"Host": "OPS.example"}, 200),
        ({"Host": "evil.test"}, 400),
        ({"Host": "ops.example.evil.test"}, 400),
        ({"Host": "ops.example@evil.test"}, 400),
        ({"Host": ""}, 400),
        ({"Origin": "https://ops.example"}, 200),
        ({"Origin": "http://evil.test"}, 403),
        ({"Origin": "http://127.0.0.1:1"}, 403),  # another account's page on this machine
        ({"Origin": "null"}, 403),
        ({"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"}, 200),
        ({"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}, 200),
        ({"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"}, 403),
        ({"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"}, 403),
    ],
)
def test_it_answers_to_its_own_names_and_its_own_pages(
    urls: dict[str | None, str], auth: str | None, headers: dict[str, str], status: int
) -> None:
    """A link in a mail may be followed; a page that has given its own name our address may not read."""
    answer = get(f"{urls[auth]}/", headers=headers, auth=OPS)
    assert (answer.status_code, "the index" in answer.text) == (status, status == 200)


@pytest.mark.parametrize(
    "path",
    [
        "/../secret.txt",
        "/%2e%2e/secret.txt",
        "/..%2fsecret.txt",
        "/shop/../../secret.txt",
        "/shop/%2e%2e/%2e%2e/secret.txt",
        "/%2e%2e%5csecret.txt",
        "//secret.txt",
        "/shop/daily-checklist",
        "/way-out.txt",
    ],
)
def test_nothing_outside_the_archive_is_served(urls: dict[str | None, str], path: str) -> None:
    host, port = (urls[None] or "").removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:  # httpx would tidy the path
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
        answer = b""
        while piece := connection.recv(65536):
            answer += piece
    assert answer.split()[1] in (b"404", b"307", b"400")
    assert b"nobody" not in answer


def test_a_taken_port_is_an_error_that_a_caller_can_catch(output: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, ExitStack() as stack:
        started = server(output, port=taken.getsockname()[1], stack=stack)
        with pytest.raises(ServerUnavailable, match=r"the server of the archive ended at once:\n(?s:.*)in use"):
            started.wait_until_serving()


def test_one_that_ended_is_started_again_on_its_port(output: Path) -> None:
    with ExitStack() as stack:
        started = server(output, stack=stack)
        started.wait_until_serving()
        started.child.stop()
        with pytest.raises(httpx.ConnectError):
            get(started.url)
        started.restart()
        started.wait_until_serving()
        assert get(started.url).status_code == 200


def test_the_credential_stands_in_no_command_line(output: Path) -> None:
    with ExitStack() as stack:
        started = server(output, auth="ops:sesame", stack=stack)
        assert "sesame" not in Path(f"/proc/{started.child.pid}/cmdline").read_text()


def test_silent_and_slow_connections_keep_no_reader_out(output: Path) -> None:
    """With so few files that less than a hundred connections would end the process' own work."""
    port = free_port()
    argv = [sys.executable, "-m", "deployments.serving.archive", "--host", "127.0.0.1", "--port", str(port)]
    with subprocess.Popen(
        ["sh", "-c", 'ulimit -n 96; exec "$@"', "sh", *argv, "--output", str(output)], env={AUTH_VARIABLE: "ops:sesame"}
    ) as process:
        try:
            until_it_answers(f"http://127.0.0.1:{port}/")
            for first in (b"", b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: ", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"):
                with ExitStack() as stack:
                    for _ in range(200):
                        line = stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=30))
                        line.send(first)
                    assert get(f"http://127.0.0.1:{port}/", auth=OPS).text == "<p>the index</p>"
            assert process.poll() is None
        finally:
            process.kill()


def until_it_answers(url: str) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            get(url)
            return
        except httpx.ConnectError:
            assert time.monotonic() < deadline
            time.sleep(0.1)


@pytest.mark.deep
def test_a_connection_without_a_whole_request_is_ended_however_it_drips(url: str) -> None:
    host, port = url.removeprefix("http://").split(":")
    beginnings = (
        b"",
        b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: ",
        b"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 100\r\n\r\n",
    )
    ended: dict[bytes, float] = {}
    with ExitStack() as stack:
        lines = {
            first: stack.enter_context(socket.create_connection((host, int(port)), timeout=2)) for first in beginnings
        }
        for first, line in lines.items():
            line.sendall(first)
            line.setblocking(False)
        started = time.monotonic()
        while len(ended) < len(lines) and time.monotonic() - started < 30:
            time.sleep(0.5)
            for first in lines.keys() - ended.keys():
                if is_ended(lines[first], b"a" if first else b""):
                    ended[first] = time.monotonic() - started
    assert ended.keys() == lines.keys() and all(5 < seconds < 20 for seconds in ended.values()), ended


def is_ended(line: socket.socket, more: bytes) -> bool:
    """True if the other side has ended a connection, to which a little more is sent."""
    try:
        line.sendall(more)
        return line.recv(65536) == b""
    except BlockingIOError:
        return False
    except OSError:
        return True
