"""The archive over HTTP: for whom it opens, and that what it serves stays inert."""

import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from deployments.archive_server import serving_archive
from tasks.processes import free_port

Serve = Callable[..., str]


@pytest.fixture
def output(tmp_path: Path) -> Path:
    """An archive with one page, beside something that is nobody's business."""
    folder = tmp_path / "archive" / "shop" / "daily-checklist"
    folder.mkdir(parents=True)
    (tmp_path / "archive" / "index.html").write_text("<p>the index</p>")
    (folder / "latest.html").write_text("<p>the latest</p>")
    (tmp_path / "secret.txt").write_text("nobody's business")
    (tmp_path / "archive" / "way-out.txt").symlink_to(tmp_path / "secret.txt")
    return tmp_path / "archive"


@pytest.fixture
def serve(output: Path) -> Iterator[Serve]:
    with ExitStack() as stack:

        def start(auth: str | None = None) -> str:
            port = free_port()
            stack.enter_context(serving_archive(output, host="127.0.0.1", port=port, auth=auth))
            return f"http://127.0.0.1:{port}"

        yield start


def get(url: str, **options: object) -> httpx.Response:
    return httpx.get(url, timeout=10, trust_env=False, **options)  # type: ignore[arg-type]


def test_the_index_and_the_pages_are_served(serve: Serve) -> None:
    url = serve()
    index, latest = get(f"{url}/"), get(f"{url}/shop/daily-checklist/latest.html")
    assert (index.status_code, index.text) == (200, "<p>the index</p>")
    assert (latest.status_code, latest.text) == (200, "<p>the latest</p>")
    assert latest.headers["content-type"].startswith("text/html")


@pytest.mark.parametrize("path", ["/", "/shop/daily-checklist/latest.html", "/nothing-here"])
@pytest.mark.parametrize("auth", [None, "ops:sesame"])
def test_every_answer_carries_the_headers_that_keep_a_page_inert(serve: Serve, path: str, auth: str | None) -> None:
    for given in (None, ("ops", "sesame")):
        headers = get(f"{serve(auth)}{path}", auth=given).headers
        policy = dict(part.strip().split(" ", 1) for part in headers["content-security-policy"].split(";"))
        assert policy["default-src"] == "'none'" and policy["form-action"] == "'none'"
        assert policy["base-uri"] == "'none'" and policy["frame-ancestors"] == "'none'"
        assert "http" not in headers["content-security-policy"]
        assert (headers["x-content-type-options"], headers["referrer-policy"]) == ("nosniff", "no-referrer")
        assert headers["cache-control"] == "no-cache"


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
def test_it_opens_for_the_user_alone(serve: Serve, header: str | None, status: int) -> None:
    headers = {} if header is None else {"Authorization": header.encode("latin-1", "replace")}
    answer = get(f"{serve('ops:sesame')}/", headers=headers)
    assert answer.status_code == status
    assert ("the index" in answer.text) is (status == 200)
    assert (answer.headers.get("www-authenticate") == 'Basic realm="opsrounds"') is (status == 401)


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
def test_nothing_outside_the_archive_is_served(serve: Serve, path: str) -> None:
    url = serve()
    host, port = url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:  # httpx would tidy the path
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
        answer = b""
        while piece := connection.recv(65536):
            answer += piece
    assert answer.split()[1] in (b"404", b"307", b"400")
    assert b"nobody" not in answer


def test_a_taken_port_is_an_error_that_a_caller_can_catch(output: Path) -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as taken,
        pytest.raises(OSError),
        serving_archive(output, host="127.0.0.1", port=taken.getsockname()[1], auth=None),
    ):
        pass


def test_the_port_is_free_again_afterwards(output: Path) -> None:
    port = free_port()
    for _ in range(2):
        with serving_archive(output, host="127.0.0.1", port=port, auth=None):
            assert get(f"http://127.0.0.1:{port}/").status_code == 200
    with pytest.raises(httpx.ConnectError):
        get(f"http://127.0.0.1:{port}/")
