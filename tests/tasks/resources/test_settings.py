"""[metrics], [database], [resources], [[queues]] and [[kpi]]: what is read, and every refusal with its key."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tasks.configuration import ConfigurationError, SecretRef
from tasks.settings import Settings, load_settings

SERVICE = '[service]\nname = "kondate"\nbase_url = "http://127.0.0.1:8000"\n'
METRICS = '[metrics]\nprometheus_url = "http://prometheus:9090"\n'
DATABASE = '[database]\nurl = "postgresql://reader@db/shop"\n'
PASSWORD = "hunter2"
SECRET_URL = 'an address with a password is a secret: use { env = "NAME" } or { file = "/path" }'
ADDRESS = "must be postgresql://USER@HOST[:PORT]/DATABASE"
QUEUE = '[[queues]]\nname = "mail"\n'
DEPTH = f'{QUEUE}depth = {{ sql = "SELECT 1" }}\nmax_depth = 1\n'
SELECTOR = "resources.prometheus.selector"
KPI = '[[kpi]]\nname = "orders"\n'


@pytest.fixture
def read(tmp_path: Path) -> Callable[[str], Settings]:
    def settings(text: str) -> Settings:
        path = tmp_path / "kondate.toml"
        path.write_text(SERVICE + text, encoding="utf-8")
        return load_settings(path)

    return settings


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[metrics]\n", "metrics.prometheus_url: is required"),
        ('[metrics]\nprometheus_url = "prometheus:9090"\n', "metrics.prometheus_url: must be http://HOST"),
        (f'{METRICS}headers = {{ Authorization = "Bearer {PASSWORD}" }}\n', "metrics.headers: Authorization looks"),
        (f"{METRICS}timeout_s = 0\n", "metrics.timeout_s: Input should be greater than 0"),
        ("[database]\n", "database.url: is required"),
        ('[database]\nurl = "mysql://u@h/d"\n', f"database.url: {ADDRESS}"),
        (f'[database]\nurl = "host=h password={PASSWORD}"\n', f"database.url: {ADDRESS}"),
        (f'[database]\nurl = "postgresql://u:{PASSWORD}@h/d"\n', f"database.url: {SECRET_URL}"),
        (f'[database]\nurl = "postgresql://u@h/d?password={PASSWORD}"\n', f"database.url: {SECRET_URL}"),
        (f'[database]\nurl = "postgresql://u@h/d?passw%6frd={PASSWORD}"\n', f"database.url: {SECRET_URL}"),
        (f'[database]\nurl = "postgresql://[::1:{PASSWORD}@h/d"\n', f"database.url: {ADDRESS}"),
        (f"{DATABASE}statement_timeout_s = 61\n", "database.statement_timeout_s: Input should be less"),
        (
            f"{DATABASE}[database.limits]\nwarn_lock_wait_s = 61\n",
            "database.limits: warn_lock_wait_s must not be above fail_lock_wait_s",
        ),
        ("[resources]\nhosts = true\n", "resources.hosts: unknown key; known are host, container, mounts"),
        ('[resources]\nmounts = ["var"]\n', "resources.mounts.0: must be a mount point such as /var"),
        ('[resources]\nmounts = ["/var", "/var/"]\n', "resources.mounts: a mount point must not be listed twice: /var"),
        ('[resources]\nhost = false\nmounts = ["/var"]\n', "resources: mounts are read on the machine"),
        (
            "[resources.limits]\nwarn_disk_percent = 95\n",
            "resources.limits: warn_disk_percent must not be above fail_disk_percent",
        ),
        ("[resources.prometheus]\nselector = 'job=\"node\"'\n", "resources: prometheus needs [metrics]"),
        (f"{METRICS}[resources.prometheus]\nselector = '{{job=\"node\"}}'\n", f"{SELECTOR}: must be label matchers"),
        (f"{METRICS}[resources.prometheus]\nselector = 'job=node'\n", f"{SELECTOR}: must be label matchers"),
        (DEPTH, "queues: mail.depth: sql needs [database]: set its url"),
        (f'{QUEUE}failed = {{ promql = "x" }}\nmax_failed = 1\n', "queues: mail.failed: promql needs [metrics]"),
        (f'{DATABASE}{QUEUE}depth = {{ sql = "SELECT 1" }}\n', "queues.0: depth needs max_depth"),
        (f"{QUEUE}max_depth = 1\n", "queues.0: max_depth needs depth"),
        (QUEUE, "queues.0: a queue needs at least one of depth, oldest_s, failed"),
        (f"{QUEUE}depth = {{ }}\nmax_depth = 1\n", "queues.0.depth: a query is { sql"),
        (f'{QUEUE}depth = {{ sql = "a", promql = "b" }}\nmax_depth = 1\n', "queues.0.depth: a query is { sql"),
        (DATABASE + DEPTH * 2, "queues: a name must not be listed twice: mail"),
        ('[[queues]]\nname = "My Mail"\n', "queues.0.name: must be 1 to 40 of a-z"),
        (f'{KPI}sql = "SELECT 1"\nfloor = 1\n', "kpi: orders: sql needs [database]: set its url"),
        (f'{DATABASE}{KPI}sql = "SELECT 1"\n', "kpi.0: a figure needs an expected range"),
        (f"{KPI}floor = 1\n", "kpi.0: a figure needs sql or promql"),
        (f'{DATABASE}{KPI}sql = "SELECT 1"\nfloor = 2\nceiling = 1\n', "kpi.0: floor must not be above ceiling"),
    ],
)
def test_a_mistake_is_reported_once_by_its_key(read: Callable[[str], Settings], text: str, message: str) -> None:
    with pytest.raises(ConfigurationError) as error:
        read(text)
    [problem] = error.value.problems
    assert problem.startswith(message)
    assert PASSWORD not in str(error.value)


def test_everything_at_once(read: Callable[[str], Settings]) -> None:
    settings = read(
        f'{METRICS}headers = {{ Authorization = {{ env = "TOKEN" }} }}\n'
        '[database]\nurl = { env = "DATABASE_URL" }\n'
        '[resources.prometheus]\nselector = \'job="node", zone!~"test.*"\'\n'
        f'{QUEUE}depth = {{ sql = "SELECT 1" }}\nmax_depth = 1\nfailed = {{ promql = "x" }}\nmax_failed = 0\n'
        f'{KPI}promql = "y"\nceiling = 5\n'
    )
    assert settings.database is not None and settings.database.url == SecretRef(env="DATABASE_URL")
    assert settings.resources is not None and settings.resources.prometheus is not None
    assert [name for name, _, _ in settings.queues[0].figures] == ["depth", "failed"]
    assert settings.kpi[0].query.promql == "y"


def test_an_empty_service_file_asks_for_nothing(read: Callable[[str], Settings]) -> None:
    settings = read("")
    assert (settings.metrics, settings.database, settings.resources) == (None, None, None)
    assert (settings.queues, settings.kpi) == ((), ())
