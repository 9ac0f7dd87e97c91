"""Links to the forms of the Prefect UI, with their parameters filled in."""

import json
from functools import lru_cache
from typing import Any
from urllib.parse import quote

import httpx
from prefect.client.orchestration import get_client
from prefect.exceptions import PrefectException
from prefect.settings import PREFECT_API_URL, PREFECT_UI_URL

from tasks.settings import Settings


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
    try:
        return _known_deployment(api, name)
    except (httpx.HTTPError, PrefectException, OSError):
        return None


@lru_cache(maxsize=256)
def _known_deployment(_api: str, name: str) -> str:
    with get_client(sync_client=True, httpx_settings={"timeout": 5.0}) as client:
        return str(client.read_deployment_by_name(name).id)
