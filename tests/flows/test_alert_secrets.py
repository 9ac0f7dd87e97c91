"""What stands for a secret in [alerts] and [oncall] is in no log, message, page, row or error."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from flows.monitoring import monitoring
from tasks.history.engine import reading
from tests.operated import Operate, PostOffice, ServerView, Site

SECRETS = {
    "CHAT_URL": "json://127.0.0.1:9/chat-s3cret-aaaa",
    "PAGER_URL": "json://127.0.0.1:9/pager-s3cret-bbbb",
    "BEAT_URL": "http://127.0.0.1:9/beat-s3cret-cccc",
    "ACTION_TOKEN": "token-s3cret-dddd",
    "SHOP_API_KEY": "key-s3cret-eeee",
}
ALERTS = """
[alerts]
heartbeat = { env = "BEAT_URL" }
[alerts.levels]
emergency = ["chat", "team", "mail"]
[[alerts.channel]]
name = "chat"
url = { env = "CHAT_URL" }
[[alerts.rule]]
check = "health.readiness"
sample = "probe.ready"
worse = "under"
emergency = 0
bad_minutes = 1
of_minutes = 1
action = "restart"
[[alerts.action]]
name = "restart"
command = ["sh", "-c", "echo $SHOP_API_KEY; echo $SHOP_API_KEY >&2"]
environment = ["SHOP_API_KEY"]
dry_run = false
[[alerts.action]]
name = "call"
url = "http://127.0.0.1:9/"
token = { env = "ACTION_TOKEN" }
dry_run = false
[[oncall.person]]
name = "yui"
url = { env = "PAGER_URL" }
[[oncall.shift]]
people = ["yui"]
"""


def test_no_secret_of_alerts_is_anywhere(
    operate: Operate, post: PostOffice, site: Site, server_view: ServerView, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    operated = operate(mail=f'smtp = "{post.url}"\n', more=ALERTS)
    site.fall_ill()
    form: Any = monitoring
    state = asyncio.run(form("shop", return_state=True))
    seen = [server_view.log(state), str(state.message)]
    with reading(operated.history) as connection:
        for table in ("alert_episodes", "alert_notices", "alert_actions", "outbox", "incidents", "incident_entries"):
            rows = connection.execute(text(f"SELECT * FROM {table}")).all()
            assert rows, table
            seen += map(str, rows)
    pages = [file for file in Path(operated.settings.output).rglob("*") if file.is_file()]
    assert any("incidents" in file.parts for file in pages)
    seen += [file.read_bytes().decode("utf-8", "replace") for file in pages]
    seen += [mail.as_string() for _, mail in post.kept]
    assert {to for to, _ in post.kept} >= {"oncall@shop.example"}
    everything = "\n".join(seen)
    assert "restart: done" in everything and "heartbeat" in everything
    assert [secret for secret in SECRETS.values() if secret.rpartition("/")[2] in everything] == []
