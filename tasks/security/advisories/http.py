"""An advisory endpoint over HTTP."""

import json
from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

from tasks.check_result import Message, msg
from tasks.deadline import Deadline
from tasks.observation import ObservationError, printable
from tasks.security.advisories.failed import Failed, Trouble
from tasks.security.advisories.patient import WAITS_S, Patient

_MOST_BYTES = 64 * 1024 * 1024
_NOT_THERE = ("404", "405", "501")


class NotFound(ObservationError):
    """The endpoint has nothing at this address."""


class UnlikeOsv(ObservationError):
    """The endpoint's answer has not OSV's form."""


class Endpoint(AbstractContextManager["Endpoint"]):
    """An advisory endpoint; may be used by several threads. Errors name its host and no more of its address."""

    def __init__(
        self,
        url: str,
        *,
        ca_file: Path | None,
        timeout_s: float,
        deadline: Deadline,
        waits_s: tuple[float, ...] = WAITS_S,
    ) -> None:
        self.host = _host(url)
        self._url = url.rstrip("/")
        self._timeout_s = timeout_s
        self._client = Patient(
            ca_file=ca_file, timeout_s=timeout_s, deadline=deadline, waits_s=waits_s, most_bytes=_MOST_BYTES
        )

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.__exit__(kind, error, trace)

    def post(self, path: str, body: Mapping[str, Any]) -> Any:
        """The JSON that a POST is answered with; raises ObservationError."""
        return self._json(self._content("POST", self._url + path, body))

    def get(self, path: str) -> Any:
        """The JSON at an address; raises ObservationError, and NotFound if there is none."""
        return self._json(self._content("GET", self._url + path))

    def beginning(self, url: str, most_bytes: int) -> bytes:
        """The first bytes at an address, and no more is loaded; raises ObservationError."""
        return self._content("GET", url, beginning=most_bytes)

    def unlike_osv(self) -> UnlikeOsv:
        """The error for an answer that has not OSV's form."""
        return UnlikeOsv(msg("The response of the advisory endpoint {host} is not OSV's JSON", host=self.host))

    def _json(self, content: bytes) -> Any:
        try:
            return json.loads(content)
        except (ValueError, RecursionError):
            raise self.unlike_osv() from None

    def _content(
        self, method: str, url: str, body: Mapping[str, Any] | None = None, beginning: int | None = None
    ) -> bytes:
        try:
            return self._client.ask(method, url, body=body, beginning=beginning).content
        except Failed as failed:
            if failed.trouble is Trouble.TOO_LARGE:
                raise self.unlike_osv() from None
            error = NotFound if failed.detail in _NOT_THERE else ObservationError
            raise error(self._why(failed, _host(url))) from None

    def _why(self, failed: Failed, host: str) -> Message:
        match failed.trouble:
            case Trouble.REFUSED:
                return msg("The advisory endpoint {host} answered with HTTP {code}", host=host, code=failed.detail)
            case Trouble.LATE:
                seconds = self._timeout_s
                return msg("The advisory endpoint {host} did not answer within {seconds} s", host=host, seconds=seconds)
            case Trouble.NAME:
                return msg("The name of the advisory endpoint {host} does not resolve", host=host)
            case Trouble.CERTIFICATE:
                return msg(
                    "The certificate of the advisory endpoint {host} is not trusted ({why})",
                    host=host,
                    why=failed.detail,
                )
            case Trouble.UNREACHED:
                return msg("The advisory endpoint {host} cannot be reached", host=host)
        return msg("The connection to the advisory endpoint {host} was lost", host=host)


def _host(url: str) -> str:
    return printable(urlsplit(url).hostname or "?", 100)
