"""Only hosts on the list, and what their names resolved to."""

import runpy
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import tasks.load.generator.locustfiles as locustfiles

FENCE = runpy.run_path(str(Path(locustfiles.__path__[0]) / "rounds_fence.py"))


@pytest.fixture
def line() -> Iterator[socket.socket]:
    with socket.socket() as opened:
        yield opened


def fence(*hosts: str) -> Any:
    return FENCE["Fence"](hosts)


@pytest.mark.parametrize(
    ("hosts", "name", "port"),
    [
        (["shop.test"], "shop.test", 80),
        (["shop.test"], "SHOP.test.", "443"),
        (["shop.test"], b"shop.test", None),
        (["shop.test:8080"], "shop.test", 8080),
        (["shop.test:8080"], "shop.test", None),
        (["shop.test"], "10.0.0.1", 80),  # an address is judged when it is connected to
        ([], None, 80),
        ([], "::1", 80),
    ],
)
def test_names_that_may_be_looked_up(hosts: list[str], name: Any, port: Any) -> None:
    fence(*hosts).look_up(name, port)


@pytest.mark.parametrize(
    ("hosts", "name", "port"),
    [
        (["shop.test"], "other.test", 80),
        (["shop.test"], "shop.test.evil", 80),
        (["shop.test"], "a.shop.test", 80),
        (["shop.test:8080"], "shop.test", 80),
        (["127.0.0.1"], "localhost", 80),
    ],
)
def test_names_that_may_not(hosts: list[str], name: str, port: int) -> None:
    kept = fence(*hosts)
    with pytest.raises(socket.gaierror, match="is not in"):
        kept.look_up(name, port)
    assert list(kept.refused) == [f"{name}:{port}"]


@pytest.mark.parametrize(
    ("hosts", "to"),
    [
        (["127.0.0.1"], ("127.0.0.1", 80)),
        (["127.0.0.1:8000"], ("127.0.0.1", 8000)),
        (["[::1]:8000"], ("::1", 8000, 0, 0)),
        (["127.0.0.1"], ("::ffff:127.0.0.1", 8000, 0, 0)),
        (["shop.test"], "/a/unix/socket"),
    ],
)
def test_addresses_that_may_be_connected_to(hosts: list[str], to: Any, line: socket.socket) -> None:
    fence(*hosts).connect(line, to)


@pytest.mark.parametrize(
    ("hosts", "to"),
    [
        (["127.0.0.1:8000"], ("127.0.0.1", 8001)),
        (["127.0.0.1"], ("127.0.0.2", 80)),
        (["shop.test"], ("10.0.0.1", 80)),
        (["[::1]"], ("::2", 80, 0, 0)),
    ],
)
def test_addresses_that_may_not(hosts: list[str], to: Any, line: socket.socket) -> None:
    kept = fence(*hosts)
    with pytest.raises(ConnectionRefusedError, match="is not in"):
        kept.connect(line, to)
    assert list(kept.refused) == [f"{to[0]}:{to[1]}"]


def test_what_an_allowed_name_resolved_to_is_allowed_on_its_ports_only(line: socket.socket) -> None:
    kept = fence("shop.test:8080")
    kept.learn("shop.test", ["10.0.0.1"])
    kept.learn("other.test", ["10.0.0.2"])
    kept.connect(line, ("10.0.0.1", 8080))
    for to in (("10.0.0.1", 22), ("10.0.0.2", 8080)):
        with pytest.raises(ConnectionRefusedError):
            kept.connect(line, to)


def test_the_audit_hook_sees_lookups_and_connections_and_nothing_else(line: socket.socket) -> None:
    kept = fence("127.0.0.1")
    kept.hook()("open", ("/etc/hosts", "r", 0))
    kept.hook()("socket.bind", (line, ("0.0.0.0", 0)))
    kept.hook()("socket.sendmsg", (line, None))
    for event, args in (
        ("socket.getaddrinfo", ("other.test", 80, 0, 0, 0)),
        ("socket.gethostbyname", ("other.test",)),
        ("socket.connect", (line, ("10.0.0.1", 80))),
        ("socket.sendto", (line, ("10.0.0.1", 80))),
    ):
        with pytest.raises(OSError):
            kept.hook()(event, args)


def test_refusals_that_are_kept_have_an_end() -> None:
    kept = fence("shop.test")
    for number in range(100):
        with pytest.raises(socket.gaierror):
            kept.look_up(f"h{number}.test", 80)
    assert len(kept.refused) == 20
