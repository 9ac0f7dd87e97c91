"""The sign of life of the monitoring: a call outwards after each cycle, which somebody outside waits for."""

import asyncio

import httpx

from tasks.alerts.settings import Alerts
from tasks.configuration import ConfigurationError
from tasks.http import shared_trust
from tasks.secrets import resolve
from tasks.settings import Settings

_LONGEST_S = 5.0


async def beat(settings: Settings, alerts: Alerts) -> str | None:
    """Call the address of `[alerts] heartbeat`; what went wrong, without the address, which may be a secret."""
    if alerts.heartbeat is None:
        return None
    try:
        url = await asyncio.to_thread(resolve, alerts.heartbeat, settings, "alerts.heartbeat")
        # A client would write the address into the log.
        trust = shared_trust(None, "alerts")
        async with asyncio.timeout(_LONGEST_S), httpx.AsyncHTTPTransport(verify=trust) as transport:
            response = await transport.handle_async_request(_call(url))
            await response.aclose()
        return None if response.is_success else f"the heartbeat was answered with HTTP {response.status_code}"
    except ConfigurationError as error:
        return "; ".join(error.problems)
    except (TimeoutError, httpx.TimeoutException):
        return f"the heartbeat was not answered within {_LONGEST_S:g} s"
    except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError):
        return "the heartbeat could not be sent: check the address in [alerts] heartbeat"


def _call(url: str) -> httpx.Request:
    request = httpx.Request("GET", url, extensions={"timeout": httpx.Timeout(_LONGEST_S).as_dict()})
    if not request.url.userinfo:
        return request
    return next(httpx.BasicAuth(request.url.username, request.url.password).auth_flow(request))
