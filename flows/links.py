"""Links to the forms of the Prefect UI, with their parameters filled in."""

import json
from functools import lru_cache, partial
from typing import Any, Final
from urllib.parse import quote

import httpx
from prefect.client.orchestration import get_client
from prefect.exceptions import ObjectNotFound, PrefectException
from prefect.settings import PREFECT_API_URL, PREFECT_UI_URL

from tasks.aside import aside
from tasks.deadline import Deadline
from tasks.settings import Settings

_LONGEST_S: Final = 3.0
"""A message waits no longer for its link."""
_REMEMBERED_S: Final = 60.0
"""An API that failed is not asked again for so long."""
_failed: Final[dict[str, Deadline]] = {}


def form_link(settings: Settings, flow: str, parameters: dict[str, Any]) -> str | None:
    """The address of a service's form; None where no server has it, or none can be asked."""
    api = PREFECT_API_URL.value()
    if not api:
        return None
    number = _deployment(api, f"{flow}/{settings.service.name}")
    own = None if settings.alerts is None else settings.alerts.prefect_url
    ui = own or PREFECT_UI_URL.value()
    if number is None or not ui:
        return None
    named = json.dumps({"service": settings.service.name, **parameters}, ensure_ascii=False, separators=(",", ":"))
    filled = quote(named, safe="")
    return f"{ui.rstrip('/')}/deployments/deployment/{number}/run?parameters={filled}"


def _deployment(api: str, name: str) -> str | None:
    if api in _failed and not _failed[api].passed:
        return None
    try:
        return _known_deployment(api, name)
    except ObjectNotFound:
        return None
    except (httpx.HTTPError, PrefectException, OSError, ValueError):  # the last for an answer that is no JSON
        _failed[api] = Deadline.after(_REMEMBERED_S)
        return None


@lru_cache(maxsize=256)
def _known_deployment(_api: str, name: str) -> str:
    return aside(partial(_read_deployment, name), "link").result(_LONGEST_S)  # Prefect's client tries for minutes


def _read_deployment(name: str) -> str:
    with get_client(sync_client=True, httpx_settings={"timeout": _LONGEST_S}) as client:
        return str(client.read_deployment_by_name(name).id)
