"""HTTP requests that are bounded in time and size, and tried again when that may help."""

import ssl
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Final, TypeVar

import httpx

from tasks.deadline import Deadline
from tasks.http import CODINGS, Body, NotReadable, NotWhole, trust
from tasks.security.advisories.failed import Failed, Trouble, refused, unreached

WAITS_S: Final = (1.0, 3.0, 9.0)
_LONGEST_WAIT_S = 60.0
_AT_ONCE = 8
_MOST_REDIRECTS = 5
T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Answer:
    """A response with status 200 or 206; `kind` is its media type."""

    content: bytes
    kind: str


class Patient(AbstractContextManager["Patient"]):
    """A client whose requests wait and try again; may be used by several threads.

    `user` is a name and a password for the server that is asked, and for no other. With `redirects` a few redirects
    are followed.
    """

    def __init__(
        self,
        *,
        ca_file: Path | None,
        timeout_s: float,
        deadline: Deadline,
        waits_s: tuple[float, ...],
        most_bytes: int,
        user: tuple[str, str] | None = None,
        redirects: bool = False,
    ) -> None:
        self._timeout_s = timeout_s
        self._deadline = deadline
        self._waits_s = waits_s
        self._most_bytes = most_bytes
        self._client = httpx.Client(
            verify=trust(ca_file, "security.advisories"),
            timeout=timeout_s,
            headers={"User-Agent": "opsrounds", **CODINGS},
            auth=user,
            follow_redirects=redirects,
            max_redirects=_MOST_REDIRECTS,
        )

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()

    def ask(
        self,
        method: str,
        url: str,
        *,
        body: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        beginning: int | None = None,
    ) -> Answer:
        """The response, or its first bytes; tries again as often as there are waits and while the time allows.

        Raises Failed, and ObservationError when no time is left.
        """
        for wait_s in (*self._waits_s, None):
            self._deadline.require()
            try:
                return self._once(method, url, body, dict(headers or {}), beginning)
            except Failed as failed:
                if not failed.again:
                    raise
                self._deadline.require()
                pause_s = failed.after_s if failed.after_s is not None else wait_s
                if wait_s is None or pause_s is None or pause_s > min(_LONGEST_WAIT_S, self._deadline.left_s):
                    raise
            time.sleep(max(pause_s, 0.0))
        raise AssertionError("unreachable")

    def _once(
        self, method: str, url: str, body: Mapping[str, Any] | None, headers: dict[str, str], beginning: int | None
    ) -> Answer:
        limit = self._deadline.within(self._timeout_s)
        if beginning is not None:  # packed, the first bytes would not be those of the text
            headers |= {"Range": f"bytes=0-{beginning - 1}", "Accept-Encoding": "identity"}
        try:
            with self._client.stream(
                method, url, json=body, headers=headers, timeout=max(limit.left_s, 0.001)
            ) as response:
                if response.status_code not in (200, 206):
                    raise refused(response)
                kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
                return Answer(self._read(response, limit, beginning), kind)
        except httpx.TimeoutException:
            raise Failed(Trouble.LATE, again=True) from None
        except (NotWhole, NotReadable):
            raise Failed(Trouble.LOST, again=True) from None
        except (httpx.HTTPError, httpx.InvalidURL, ssl.SSLError, OSError) as error:
            raise unreached(error) from None

    def _read(self, response: httpx.Response, limit: Deadline, beginning: int | None) -> bytes:
        body = Body(response, self._most_bytes)
        for sent in response.iter_raw():
            body.take(sent)
            if beginning is not None and len(body.kept) >= beginning:
                return bytes(body.kept[:beginning])
            if body.too_large:
                raise Failed(Trouble.TOO_LARGE)
            if limit.passed:  # each piece came in time, all of them together did not
                raise Failed(Trouble.LATE, again=True)
        return body.end()


def at_once(work: Callable[[T], R], items: Sequence[T]) -> list[R]:
    """What the work gives for each, a few at once; the first error ends what has not begun."""
    pool = ThreadPoolExecutor(max_workers=_AT_ONCE, thread_name_prefix="advisories")
    try:
        return list(pool.map(work, items))
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
