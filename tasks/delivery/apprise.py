"""A message by an Apprise URL, and every failure named by what it allows."""

import asyncio
import email.charset
import logging
import re
import sys
import threading
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime
from functools import wraps
from http import HTTPStatus
from importlib import import_module
from typing import Any, Final
from urllib.parse import unquote

import requests
from apprise import Apprise, AppriseAsset, NotifyBase, NotifyFormat, NotifyType, OverflowMode
from urllib3.exceptions import MaxRetryError, NewConnectionError

from tasks.aside import aside
from tasks.concealment import Concealment
from tasks.delivery.chat import harmless_text, harmless_title
from tasks.delivery.errors import DeliveryError, MailOutcome, permanent
from tasks.delivery.login import login_secrets
from tasks.delivery.retry_after import retry_after_s
from tasks.outside import external_text

LONGEST_S: Final = 30.0
"""Longest time of one message, whatever the other side does."""
_LONGEST_STEP_S = 15.0
_MOST_ANSWER = 200
_SHORTEST_SECRET = 4
_LATER = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS})
_TYPES = {"fail": NotifyType.FAILURE, "warn": NotifyType.WARNING, "pass": NotifyType.SUCCESS}
_ASSET = AppriseAsset(
    app_id="opsrounds",
    app_desc="opsrounds",
    app_url="",
    image_url_mask="",  # no picture of somebody else's server
    image_url_logo="",
    http_redirects=False,  # the URL is a secret, which is not carried elsewhere
    storage_mode="memory",
    allow_templates=False,
)


@dataclass(slots=True)
class _Heard:
    """What was answered to the requests of one message, and what Apprise warned of last."""

    responses: list[requests.Response] = field(default_factory=list)
    error: requests.RequestException | None = None
    warning: str = ""
    is_asking: bool = False

    def last(self, *, good: bool) -> requests.Response | None:
        """The last response that is a success, or is none; else the last one."""
        found = [response for response in self.responses if _is_good(response) is good]
        return next(reversed(found or self.responses), None)

    @property
    def is_open(self) -> bool:
        """True while nothing says that the message was not accepted."""
        refusal = self.last(good=False)
        return self.is_asking or (self.error is None and (refusal is None or _is_good(refusal)))


def _keep_charset() -> None:
    """Load Apprise's own mail, which changes how every mail of the process is encoded, and change that back."""
    before = email.charset.CHARSETS["utf-8"]
    import_module("apprise.plugins.email")
    email.charset.CHARSETS["utf-8"] = before


_keep_charset()
_heard: ContextVar[_Heard | None] = ContextVar("heard", default=None)
_installing = threading.Lock()


async def send(
    url: str, key: str, title: str, text: str, now: datetime, *, tone: str = "", longest_s: float = LONGEST_S
) -> str:
    """What was answered to one message by one URL; raises DeliveryError, which names `key` and never the URL."""
    _listen()
    heard = _Heard()
    plugin = _plugin(url, key)
    about = _About(str(plugin.service_name), key, _concealment(url, plugin), now)
    try:
        async with asyncio.timeout(longest_s):
            accepted = await asyncio.wrap_future(aside(lambda: _notify(plugin, title, text, tone, heard), "apprise"))
    except TimeoutError:
        if heard.is_open:
            raise about.unknown("did not answer in time") from None
        accepted = False
    if not accepted:
        raise about.refused(heard)
    if not heard.responses and _goes_by_http(plugin):
        raise about.not_asked()
    return about.accepted(heard)


def unusable(url: str, key: str) -> str | None:
    """Why Apprise cannot send by a URL, naming its key; None if it can."""
    _listen()
    return None if Apprise.instantiate(url, asset=_ASSET) is not None else _not_a_url(key)


@dataclass(frozen=True, slots=True)
class _About:
    """What the texts about one message need."""

    service: str
    key: str
    conceal: Concealment
    now: datetime

    def accepted(self, heard: _Heard) -> str:
        return f"accepted by {self.service}{_status(heard.last(good=True))}"

    def not_asked(self) -> DeliveryError:
        """Why a message that a plugin says was sent was not: some options of a URL leave it nothing to do."""
        return self._error(MailOutcome.PERMANENT, f"was sent nothing: check the options of {self.key}")

    def refused(self, heard: _Heard) -> DeliveryError:
        """Why it was not accepted, by the last answer or by how the connection was lost."""
        if heard.error is not None:
            return self._lost(heard.error)
        response = heard.last(good=False)
        if response is None:  # it did not go by HTTP
            return self._error(MailOutcome.RETRY, f"did not take the message: {self._quoted(heard.warning)}")
        status, said = response.status_code, self._quoted(_body(response))
        if status in _LATER or status >= 500:
            wait = retry_after_s(response.headers, self.now)
            asked = "" if wait is None else f" and asks to wait {wait:g} s"
            return self._error(MailOutcome.RETRY, f"answered HTTP {status}{asked}{said}", wait)
        if _is_good(response):
            what = f"answered HTTP {status}, but did not confirm the message{said}; check {self.key}"
            return self._error(MailOutcome.PERMANENT, what)
        return self._error(MailOutcome.PERMANENT, f"answered HTTP {status}{said}; correct {self.key}")

    def unknown(self, what: str) -> DeliveryError:
        return self._error(MailOutcome.UNKNOWN, f"{what}: the message may or may not have been accepted")

    def _lost(self, error: requests.RequestException) -> DeliveryError:
        reason = error.args[0].reason if error.args and isinstance(error.args[0], MaxRetryError) else None
        if isinstance(error, requests.exceptions.SSLError):
            if "CERTIFICATE_VERIFY_FAILED" in str(error):
                return self._error(MailOutcome.PERMANENT, f"has a certificate that is not trusted; correct {self.key}")
            return self._error(MailOutcome.RETRY, "cannot be reached: the TLS handshake failed")
        if isinstance(error, requests.ConnectTimeout):
            return self._error(MailOutcome.RETRY, "cannot be reached: no connection in time")
        if isinstance(error, requests.exceptions.ProxyError):
            return self._error(MailOutcome.RETRY, "cannot be reached: the proxy refuses")
        if isinstance(reason, NewConnectionError):  # refused, or the host has no address
            return self._error(MailOutcome.RETRY, "cannot be reached: no connection")
        if isinstance(error, requests.Timeout):
            return self.unknown("did not answer in time")
        if isinstance(error, requests.ConnectionError | requests.exceptions.ChunkedEncodingError):
            return self.unknown("closed the connection without an answer")
        return self._error(MailOutcome.PERMANENT, f"cannot be asked ({type(error).__name__}); correct {self.key}")

    def _error(self, kind: MailOutcome, what: str, wait_s: float | None = None) -> DeliveryError:
        return DeliveryError(kind, f"{self.service} {what}", wait_s)

    def _quoted(self, text: str) -> str:
        """What came from outside, without any part of the URL."""
        return f": {external_text(self.conceal(text), _MOST_ANSWER)}" if text.strip() else ""


def _plugin(url: str, key: str) -> NotifyBase:
    plugin = Apprise.instantiate(url, asset=_ASSET)
    if plugin is None:
        raise permanent(_not_a_url(key))
    plugin.socket_connect_timeout = min(plugin.socket_connect_timeout, _LONGEST_STEP_S)
    plugin.socket_read_timeout = min(plugin.socket_read_timeout, _LONGEST_STEP_S)
    # The outbox keeps the rate: what waits and asks again by itself may do so after we have given the message up.
    plugin.throttle = lambda *_args, **_kwargs: None  # type: ignore[method-assign]
    return plugin


def _type(plugin: NotifyBase, tone: str) -> NotifyType:
    """The type of a message. Opsgenie, Jira and Splunk On-Call map it to what is done, which must be a new alert."""
    found = _TYPES.get(tone, NotifyType.INFO)
    return NotifyType.WARNING if hasattr(plugin, "mapping") and found is not NotifyType.FAILURE else found


def _goes_by_http(plugin: NotifyBase) -> bool:
    return any(hasattr(sys.modules[part.__module__], "requests") for part in type(plugin).__mro__)


def _not_a_url(key: str) -> str:
    return f"{key}: Apprise cannot send by this URL; write it as Apprise's documentation of the service says"


def _notify(plugin: NotifyBase, title: str, text: str, tone: str, heard: _Heard) -> bool:
    """Whether the plugin says that it was accepted. Its own `notify`, since `Apprise.notify` would try again."""
    token = _heard.set(heard)
    try:
        return bool(
            plugin.notify(
                title=harmless_title(title),
                body=harmless_text(text),
                notify_type=_type(plugin, tone),
                body_format=NotifyFormat.TEXT,
                overflow=OverflowMode.TRUNCATE,
            )
        )
    except Exception as error:  # of one of 150 plugins: the next message must go all the same
        heard.warning = type(error).__name__
        return False
    finally:
        _heard.reset(token)


def _listen() -> None:
    """Hear what is answered, of which Apprise says only yes or no, and keep logs to ourselves.

    Plugins call `requests.post` and the like; all of these end in `Session.send`.
    """
    with _installing:
        if getattr(requests.Session.send, "__wrapped__", None) is None:
            requests.Session.send = _observed(requests.Session.send)  # type: ignore[method-assign]
            log = logging.getLogger("apprise")
            log.setLevel(logging.WARNING)
            log.propagate = False
            log.handlers = [_LastWarning()]
            # It says the path of each request, which is a secret.
            logging.getLogger("urllib3.connectionpool").addFilter(lambda _record: _heard.get() is None)


def _observed(original: Callable[..., requests.Response]) -> Callable[..., requests.Response]:
    @wraps(original)
    def observed(self: requests.Session, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:
        heard = _heard.get()
        if heard is None:
            return original(self, request, **kwargs)
        heard.is_asking = True
        try:
            response = original(self, request, **kwargs)
        except requests.RequestException as error:
            heard.error = error
            raise
        finally:
            heard.is_asking = False
        heard.responses.append(response)
        return response

    return observed


class _LastWarning(logging.Handler):
    """Keeps the last warning beside the answers, and says nothing."""

    def emit(self, record: logging.LogRecord) -> None:
        if (heard := _heard.get()) is not None:
            heard.warning = record.getMessage()


def _concealment(url: str, plugin: NotifyBase) -> Concealment:
    """Takes out everything that the URL says after its scheme, and its login as it crosses the wire."""
    _, _, rest = url.partition("://")
    parts = {rest, *re.split(r"[/?&=:@,#+\s]+", rest)}
    found = {part for text in parts for part in (text, unquote(text))}
    if plugin.user:
        found |= {*login_secrets(plugin.user, str(plugin.password))}  # requests sends a password of None so too
    return Concealment(tuple(sorted((part for part in found if len(part) >= _SHORTEST_SECRET), key=len, reverse=True)))


def _is_good(response: requests.Response) -> bool:
    return 200 <= response.status_code < 300


def _status(response: requests.Response | None) -> str:
    return "" if response is None else f" (HTTP {response.status_code})"


def _body(response: requests.Response) -> str:
    return response.content[:1000].decode("utf-8", "replace")
