"""Links to forms of a Prefect server that answers, answers nonsense, or does not answer."""

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest
from prefect.settings import PREFECT_API_URL, temporary_settings

from flows import links
from tasks.deadline import Deadline

if TYPE_CHECKING:
    from tests.operated import Operate, Operated

NUMBER = "6f1c8a5e-0d4b-4c1e-9a3f-2b7d5e8c9a10"
FOUND = json.dumps({"id": NUMBER, "name": "shop", "flow_id": NUMBER}).encode()


class Api:
    """Answers each connection with the same, or with nothing; `asked` counts them."""

    def __init__(self, answer: bytes | None) -> None:
        self.answer, self.asked = answer, 0
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._kept: list[socket.socket] = []
        self.url = f"http://127.0.0.1:{self._listening.getsockname()[1]}/api"
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        for each in (self._listening, *self._kept):
            each.close()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            self.asked += 1
            self._kept.append(connection)
            if self.answer is not None:
                connection.recv(10_000)
                head = f"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {len(self.answer)}\r\n\r\n"
                connection.sendall(head.encode() + self.answer)


@pytest.fixture
def api() -> Iterator[Callable[[bytes | None], Api]]:
    """The Prefect API of this process."""
    with ExitStack() as stack:

        def answering(answer: bytes | None) -> Api:
            found = Api(answer)
            stack.callback(found.close)
            stack.enter_context(temporary_settings({PREFECT_API_URL: found.url}))
            return found

        yield answering


@pytest.fixture
def shop(operate: "Operate") -> "Operated":
    return operate(more='[alerts]\nprefect_url = "http://prefect.example"\n')


def link(shop: "Operated") -> str | None:
    return links.form_link(shop.settings, "acknowledge-alert", {"acknowledgement": {"alert": 7}})


def test_a_form_is_looked_up_once(shop: "Operated", api: Callable[[bytes | None], Api]) -> None:
    found = api(FOUND)
    for _ in range(2):
        address = link(shop)
        assert address is not None
        assert address.startswith(f"http://prefect.example/deployments/deployment/{NUMBER}/run?parameters=%7B")
    assert found.asked == 1


@pytest.mark.parametrize("answer", [b"<html>log in</html>", b'"nonsense"', None])
def test_an_api_that_fails_delays_one_message_a_little_and_is_left_alone_for_a_minute(
    shop: "Operated", api: Callable[[bytes | None], Api], monkeypatch: pytest.MonkeyPatch, answer: bytes | None
) -> None:
    began, found = time.monotonic(), api(answer)
    assert link(shop) is None
    assert time.monotonic() - began < 30
    asked = found.asked
    assert link(shop) is None
    assert found.asked == asked >= 1
    monkeypatch.setitem(links._failed, found.url, Deadline.after(0))
    found.answer = FOUND
    assert link(shop) is not None
