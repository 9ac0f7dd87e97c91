"""The real demo: it is well when left alone, and each planted fault shows its own signature."""

import asyncio
import json
import re
import select
import socket
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from deployments.demo.environment import DemoEnvironment, DemoUnavailable, demo_environment
from deployments.demo.faults import ON_STAGING, Fault, plant
from deployments.demo.full_pool import full_pool
from deployments.demo.lively import background_traffic
from deployments.demo.past.history import Shape
from deployments.demo.service.users import sample_logins
from deployments.demo.traffic import NotLoopback, make_traffic
from tasks.settings import load_settings

ELSEWHERE = {
    Fault.FULL_POOL,
    Fault.OUTAGE,
    Fault.FEW_DEPLOYS,
    Fault.TORN_BACKUP,
    Fault.LOST_ROWS,
    Fault.VULNERABLE_DEPENDENCY,
    Fault.CODE_FINDING,
    Fault.LEAKED_SECRET,
    Fault.STALE_FEED,
    Fault.LEAKING_DISK,
    *ON_STAGING,
}
"""Faults of the database, the past, the backups and staging: the service in production knows nothing of them."""

ALL = frozenset(Fault) - ELSEWHERE
"""What the service itself is planted with."""
HANGS_AFTER_S = 3.0
"""A request that has got no answer by then, and after all that were sent later have got theirs, is one that hangs."""
SLOW_S = 0.3
PATIENT_S = 60.0
"""How long anything may take on a busy machine."""


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DemoEnvironment]:
    with demo_environment(tmp_path_factory.mktemp("demo"), instances=1) as running:
        yield running


@pytest.fixture
def client(environment: DemoEnvironment) -> Iterator[httpx.Client]:
    """A client of a service without faults, healed again afterwards."""
    with httpx.Client(base_url=environment.base_urls[0], timeout=PATIENT_S, trust_env=False) as client:
        yield client
    plant(environment.faults_file, ())


def signatures(environment: DemoEnvironment, client: httpx.Client) -> set[Fault]:
    """The faults that can be seen from outside or from the log, each by its own symptom."""
    before = environment.log.stat().st_size
    asked, answered = time.monotonic(), asking(environment, "/api/users")
    seen = set()
    if [client.get("/api/shopping/lists").status_code for _ in range(6)] == [200, 200, 500] * 2:
        seen.add(Fault.ERRORS)
    # A busy machine is slow now and then, and takes more than a second to look at a component; a fault is there always.
    if all(client.get("/api/ingredients").elapsed.total_seconds() > SLOW_S for _ in range(5)):
        seen.add(Fault.LATENCY)
    if all(client.get("/api/ready").status_code == 503 for _ in range(5)):
        seen.add(Fault.COMPONENT_DOWN)
    if client.get("/api/health").headers["content-type"].startswith("text/html"):
        seen.add(Fault.HTML_HEALTH)
    if [client.get("/api/live").status_code for _ in range(4)] == [200, 503] * 2:
        seen.add(Fault.FLAP)
    if "content-security-policy" not in client.get("/metrics").headers:
        seen.add(Fault.MISSING_HEADER)
    with answered:
        if not select.select([answered], [], [], max(0.0, asked + HANGS_AFTER_S - time.monotonic()))[0]:
            seen.add(Fault.HANG)
    return seen | faults_in(lines_since(environment.log, before, "/api/live", 4))


def asking(environment: DemoEnvironment, path: str) -> socket.socket:
    """A connection on which a path was asked for; it can be read from once there is an answer."""
    url = httpx.URL(environment.base_urls[0])
    connection = socket.create_connection((url.host, url.port), timeout=PATIENT_S)
    connection.sendall(f"GET {path} HTTP/1.1\r\nHost: {url.host}\r\n\r\n".encode())
    return connection


def lines_since(log: Path, position: int, url: str, count: int) -> list[dict[str, Any]]:
    """The log's lines from a position on, once the last requests are in it: they are written after the answer."""
    deadline = time.monotonic() + PATIENT_S
    while True:
        lines = [json.loads(line) for line in log.read_bytes()[position:].splitlines()]
        if sum(line.get("url") == url for line in lines) >= count:
            return lines
        assert time.monotonic() < deadline
        time.sleep(0.02)


def faults_in(lines: list[dict[str, Any]]) -> set[Fault]:
    seen = set()
    named = {line["error"]["name"] for line in lines if line.get("error") and "status" not in line}
    if any(re.fullmatch(r"PriceRounding[0-9]{8}Error", name) for name in named):
        seen.add(Fault.NEW_ERROR)
    if not any(line["module"] == "shopping" for line in lines):
        seen.add(Fault.SILENT_MODULE)
    if any("4111 1111 1111 1111" in line["message"] and line["module"] == "users" for line in lines):
        seen.add(Fault.PERSONAL_DATA)
    return seen


def test_a_healthy_service_says_so_in_full(client: httpx.Client) -> None:
    deadline = time.monotonic() + PATIENT_S
    while (health := (answer := client.get("/api/health")).json())["status"] != "healthy":
        assert time.monotonic() < deadline, health  # a component is given a second, which a busy machine may need
    assert (answer.status_code, health["version"]) == (200, "1.4.2")
    assert datetime.fromisoformat(health["timestamp"]).utcoffset() is not None
    assert {check["name"]: check["status"] for check in health["checks"]} == dict.fromkeys(
        ("database", "cache", "external", "disk"), "healthy"
    )
    assert all(check["responseTime"] >= 0 for check in health["checks"])
    while (ready := client.get("/api/ready")).status_code != 200:
        assert time.monotonic() < deadline, ready.text
    live = client.get("/api/live")
    assert len(ready.json()["checks"]) == 4
    assert (live.status_code, live.json()) == (200, {"status": "alive"})


def test_the_modules_work_together(client: httpx.Client) -> None:
    email, password = next(iter(sample_logins().items()))
    assert client.post("/api/users/login", json={"email": email, "password": password}).status_code == 200
    new = client.post("/api/ingredients", json={"name": "柚子", "unit": "個", "priceYen": 150}).json()
    items = [{"ingredientId": new["id"], "quantity": 2}, {"ingredientId": 1, "quantity": 1}]
    created = client.post("/api/shopping/lists", json={"ownerId": 1, "title": "冬至", "items": items})
    assert created.status_code == 201
    shopping_list = client.get(f"/api/shopping/lists/{created.json()['id']}").json()
    assert (shopping_list["items"], shopping_list["totalYen"]) == (items, 2 * 150 + 98)
    assert client.get(f"/api/ingredients/{new['id']}").json() == new
    assert len(client.get("/api/users").json()["users"]) == 8


@pytest.mark.parametrize(
    "path",
    [
        "/api/ingredients/999999",
        "/api/ingredients/99999999999999999999",
        "/api/shopping/lists/0",
        "/api/users/77",
    ],
)
def test_unknown_ids_are_404(client: httpx.Client, path: str) -> None:
    assert client.get(path).status_code == 404


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/api/ingredients", {"name": "", "unit": "個", "priceYen": 1}, 422),
        ("/api/ingredients", {"name": "酢\0", "unit": "個", "priceYen": 1}, 422),
        ("/api/ingredients", {"name": "酢", "unit": "L", "priceYen": "1"}, 422),
        ("/api/ingredients", {"name": "豆腐", "unit": "丁", "priceYen": 98}, 409),
        ("/api/ingredients", {"name": "x" * 70_000, "unit": "丁", "priceYen": 98}, 413),
        ("/api/shopping/lists", {"ownerId": 1, "title": "空", "items": []}, 422),
        (
            "/api/shopping/lists",
            {"ownerId": 1, "title": "無", "items": [{"ingredientId": 99999, "quantity": 1}]},
            422,
        ),
        (
            "/api/shopping/lists",
            {"ownerId": 99, "title": "誰", "items": [{"ingredientId": 1, "quantity": 1}]},
            422,
        ),
        ("/api/users/login", {"email": "aoi@kondate.example", "password": "wrong"}, 401),
        ("/api/users/login", {"email": "nobody@kondate.example", "password": "wrong"}, 401),
        ("/api/users/login", [], 422),
    ],
)
def test_what_cannot_be_done_is_refused(client: httpx.Client, path: str, body: object, status: int) -> None:
    assert client.post(path, json=body).status_code == status


@pytest.mark.parametrize("fault", sorted(ALL))
def test_a_fault_shows_its_own_signature_and_heals(
    environment: DemoEnvironment, client: httpx.Client, fault: Fault
) -> None:
    assert fault.description and signatures(environment, client) == set()
    plant(environment.faults_file, {fault})
    assert signatures(environment, client) == {fault}
    plant(environment.faults_file, ())
    assert signatures(environment, client) == set()


@pytest.mark.parametrize("left_out", [None, *(pytest.param(fault, marks=pytest.mark.deep) for fault in sorted(ALL))])
def test_each_fault_is_distinct_among_all_the_others(
    environment: DemoEnvironment, client: httpx.Client, left_out: Fault | None
) -> None:
    planted = ALL - {left_out}
    plant(environment.faults_file, planted)
    assert signatures(environment, client) == planted


def quickest_s(client: httpx.Client, path: str) -> float:
    """Of ten requests one after another: a busy machine slows some of them down, a fault all of them."""
    return min(client.get(path).elapsed.total_seconds() for _ in range(10))


@pytest.mark.parametrize(
    ("fault", "path", "other", "least_s"),
    [
        (Fault.SLOW_MODULE, "/api/shopping/lists", "/api/users", 0.07),
        (Fault.KNEE, "/api/users", "/api/shopping/lists", 1 / 15),
    ],
)
def test_what_is_planted_on_staging_slows_one_module_down(
    environment: DemoEnvironment, client: httpx.Client, fault: Fault, path: str, other: str, least_s: float
) -> None:
    assert fault in ON_STAGING and quickest_s(client, path) < least_s
    plant(environment.faults_file, {fault})
    assert quickest_s(client, path) >= least_s > quickest_s(client, other)


def test_a_component_that_is_down_is_named(environment: DemoEnvironment, client: httpx.Client) -> None:
    plant(environment.faults_file, {Fault.COMPONENT_DOWN})
    answer = client.get("/api/health")
    assert (answer.status_code, answer.json()["status"]) == (503, "unhealthy")
    down = [check for check in answer.json()["checks"] if check["status"] == "unhealthy"]
    assert [check["name"] for check in down] == ["cache"] and down[0]["message"]


def test_log_lines_are_json_with_every_field_and_no_password(
    environment: DemoEnvironment, client: httpx.Client
) -> None:
    secret = "do-not-log-me"
    client.post("/api/users/login", json={"email": "aoi@kondate.example", "password": secret})
    client.post("/api/users/login", json={"email": 1, "password": secret})
    client.post(f"/api/users/login?password={secret}", content=b"{" + secret.encode())
    plant(environment.faults_file, {Fault.ERRORS})
    for _ in range(3):
        client.get("/api/shopping/lists", headers={"X-Request-ID": "round-7"})
    deadline = time.monotonic() + PATIENT_S
    while (content := environment.log.read_text()).count("round-7") < 3:  # written after the answer
        assert time.monotonic() < deadline
    assert secret not in content
    assert not any(password in content for password in sample_logins().values())
    lines = [line for line in map(json.loads, content.splitlines()) if "status" in line]  # the others are planted
    always = {"timestamp", "level", "service", "environment", "message", "module", "requestId"}
    assert all(set(line) == always | {"method", "url", "status", "duration", "error"} for line in lines)
    last = lines[-1]
    assert (last["level"], last["module"], last["status"]) == ("error", "shopping", 500)
    assert (last["service"], last["environment"], last["requestId"]) == ("kondate", "demo", "round-7")
    assert last["error"]["name"] == "PriceLookupError" and "Traceback" in last["error"]["stack"]
    assert lines[-2]["error"] is None


def test_a_new_error_and_personal_data_are_logged_without_failing_a_request(
    environment: DemoEnvironment, client: httpx.Client
) -> None:
    before, days = environment.log.stat().st_size, [f"{datetime.now(UTC):%Y%m%d}"]
    plant(environment.faults_file, {Fault.NEW_ERROR, Fault.PERSONAL_DATA})
    assert {client.get(path).status_code for path in ["/api/ingredients", "/api/users"]} == {200}
    lines = lines_since(environment.log, before, "/api/users", 1)
    errors = [line for line in lines if line["level"] == "error"]
    assert [(line["module"], "status" in line) for line in errors] == [("ingredients", False)]
    days.append(f"{datetime.now(UTC):%Y%m%d}")
    assert any(day in errors[0]["error"]["name"] for day in days) and "planted.py" in errors[0]["error"]["stack"]
    assert [line["level"] for line in lines if "@example.jp" in line["message"]] == ["info"]


def test_a_full_pool_leaves_room_for_the_service_and_the_role_that_reads(
    environment: DemoEnvironment, client: httpx.Client
) -> None:
    with psycopg.connect(environment.watch_dsn) as connection:
        free = left_over(connection)
    with full_pool(environment.dsn):
        with psycopg.connect(environment.watch_dsn) as first, psycopg.connect(environment.watch_dsn):
            assert 0 <= left_over(first) <= 4 < free
        traffic = asyncio.run(make_traffic(environment.base_urls, requests=40, seconds=PATIENT_S))
        assert traffic.by_class.get("5xx", 0) == 0 and traffic.answered > 0
        assert any(client.get("/api/ready").status_code == 200 for _ in range(5))
    deadline = time.monotonic() + PATIENT_S
    with psycopg.connect(environment.watch_dsn, autocommit=True) as connection:
        while left_over(connection) < free - 8:  # those of the service's own pool
            assert time.monotonic() < deadline


def left_over(connection: "psycopg.Connection[tuple[int]]") -> int:
    row = connection.execute(
        "SELECT current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int"
        " - count(*)::int FROM pg_stat_activity WHERE backend_type = 'client backend'"
    ).fetchone()
    assert row is not None
    return row[0]


def test_the_role_that_reads_sees_what_it_needs_and_writes_nothing(environment: DemoEnvironment) -> None:
    with psycopg.connect(environment.watch_dsn, autocommit=True) as connection:
        assert connection.execute("SELECT pg_has_role('pg_read_all_stats', 'USAGE')").fetchone() == (True,)
        connection.execute("SELECT id, last_login_at FROM users.users")
        for refused in (
            "SELECT password_hash FROM users.users",
            "DELETE FROM shopping.lists",
            "CREATE TABLE shopping.own (id integer)",
            "CREATE TABLE own (id integer)",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(refused.encode())


def test_a_new_list_is_estimated_by_a_job(environment: DemoEnvironment, client: httpx.Client) -> None:
    items = [{"ingredientId": 1, "quantity": 2}, {"ingredientId": 3, "quantity": 1}]
    created = client.post("/api/shopping/lists", json={"ownerId": 2, "title": "湯豆腐", "items": items}).json()
    deadline = time.monotonic() + PATIENT_S
    while (shown := client.get(f"/api/shopping/lists/{created['id']}").json())["estimateYen"] is None:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert shown["estimateYen"] == shown["totalYen"] == 2 * 98 + 540
    with psycopg.connect(environment.dsn, autocommit=True) as connection:
        gone = connection.execute(
            "INSERT INTO shopping.lists (owner_id, title) VALUES (1, '無') RETURNING id"
        ).fetchone()
        assert gone is not None
        connection.execute("INSERT INTO shopping.items VALUES (%s, 1, 999999, 1)", gone)
        connection.execute("INSERT INTO shopping.estimate_jobs (list_id) VALUES (%s)", gone)
        state = "SELECT done_at IS NULL, failed_at IS NOT NULL FROM shopping.estimate_jobs WHERE list_id = %s"
        while (found := connection.execute(state, gone).fetchone()) != (True, True):
            assert found == (True, False) and time.monotonic() < deadline
        connection.execute("DELETE FROM shopping.estimate_jobs WHERE list_id = %s", gone)
        connection.execute("DELETE FROM shopping.items WHERE list_id = %s", gone)
        connection.execute("DELETE FROM shopping.lists WHERE id = %s", gone)


def test_metrics_have_the_guides_bound_and_every_kpi(client: httpx.Client) -> None:
    client.get("/api/ingredients/1")
    client.get("/nowhere")
    metrics = client.get("/metrics").text
    assert (
        'http_request_duration_seconds_bucket{le="0.2",method="GET",module="ingredients",'
        'route="/api/ingredients/{id:int}",status="200"}'
    ) in metrics
    assert 'module="platform",route="unmatched",status="404"' in metrics
    for kpi in ("ingredients_registered 2", "users_active 8.0", "shopping_conversion_ratio 0.75"):
        assert f"\n{kpi}" in metrics
    assert "shopping_lists_created_total" in metrics and 'users_logins_total{result="refused"}' in metrics


def test_traffic_visits_everything_within_its_bounds(environment: DemoEnvironment) -> None:
    summary = asyncio.run(make_traffic(environment.base_urls, requests=300, seconds=10 * PATIENT_S))
    assert summary.sent == 300 == summary.answered + summary.no_answer
    assert summary.answered > 270  # a request is given three seconds, which a busy machine may need
    assert set(summary.by_class) == {"2xx", "4xx"} and summary.by_class["2xx"] > 0.9 * summary.answered
    assert asyncio.run(make_traffic(environment.base_urls, requests=300, seconds=0)).sent == 0


def test_a_lively_demo_is_used_and_its_history_grows(environment: DemoEnvironment, tmp_path: Path) -> None:
    (tmp_path / "service.toml").write_text(
        f'[service]\nname = "kondate"\nbase_url = "{environment.base_urls[0]}"\ntimezone = "Asia/Tokyo"\n'
    )
    before, past = environment.log.stat().st_size, tmp_path / "kondate" / "history"
    with background_traffic(load_settings(tmp_path / "service.toml"), Shape(days=2, requests_per_day=500), every_s=0.1):
        deadline = time.monotonic() + PATIENT_S
        while environment.log.stat().st_size == before or len(list(past.glob("*.log*"))) < 2:
            assert time.monotonic() < deadline
            time.sleep(0.05)
    ended = time.monotonic()
    sizes = [-1, environment.log.stat().st_size]
    while sizes[-1] != sizes[-2]:  # the last requests are written after their answer
        assert time.monotonic() - ended < PATIENT_S, sizes
        time.sleep(0.5)
        sizes.append(environment.log.stat().st_size)


@pytest.mark.parametrize("url", ["http://192.0.2.1", "https://example.com", "http://127.0.0.1.example.com", ""])
def test_traffic_refuses_what_is_not_this_machine(url: str) -> None:
    with pytest.raises(NotLoopback, match="this machine only"):
        asyncio.run(make_traffic([url], requests=1, seconds=1))


@pytest.mark.deep
def test_the_same_folder_serves_again_with_its_data_and_the_faults_asked_for(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), demo_environment(tmp_path, name="first", instances=1) as first:
        httpx.post(
            f"{first.base_urls[0]}/api/ingredients",
            json={"name": "柿", "unit": "個", "priceYen": 98},
            timeout=PATIENT_S,
        ).raise_for_status()
        raise ZeroDivisionError
    with pytest.raises(httpx.ConnectError):
        httpx.get(first.base_urls[0])
    with demo_environment(tmp_path, instances=2, faults=frozenset({Fault.COMPONENT_DOWN})) as again:
        assert {httpx.get(f"{url}/api/ready", timeout=PATIENT_S).status_code for url in again.base_urls} == {503}
        with psycopg.connect(again.dsn) as connection:
            rows = connection.execute("SELECT count(*) FROM ingredients.ingredients").fetchone()
    assert rows == (21,)


@pytest.mark.deep
def test_an_instance_that_cannot_start_is_reported_with_its_error(tmp_path: Path) -> None:
    (tmp_path / "kondate" / "service.log").mkdir(parents=True)
    with pytest.raises(DemoUnavailable, match=r"service\.log"), demo_environment(tmp_path, instances=1):
        pass
