"""`rounds config check` asks Prometheus whether a bucket ends at each latency limit."""

import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from deployments.cli.app import app
from tasks.processes import free_port
from tests.prometheus_history import Sample, running_prometheus, write

pytestmark = [
    pytest.mark.prometheus,
    pytest.mark.skipif(shutil.which("prometheus") is None, reason="needs Prometheus (Debian: prometheus)"),
]


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server that has just scraped a histogram with three buckets."""
    with running_prometheus(tmp_path_factory.mktemp("prometheus")) as url:
        name = {"__name__": "http_request_duration_seconds_bucket", "job": "shop", "instance": "a:1"}
        write(url, [Sample({**name, "le": le}, time.time(), 1.0) for le in ("0.1", "0.25", "0.5", "+Inf")])
        yield url


def check(tmp_path: Path, url: str, within_ms: float, *options: str) -> tuple[int, str]:
    file = tmp_path / "service.toml"
    file.write_text(
        f'[service]\nname = "shop"\nbase_url = "http://shop.example"\n[metrics]\nprometheus_url = "{url}"\n'
        f'[[slo.objective]]\nname = "quick"\nkind = "latency"\ntarget = 0.95\nwithin_ms = {within_ms}\n'
        'source = "prometheus"\n'
    )
    result = CliRunner().invoke(app, ["config", "check", str(file), *options])
    return result.exit_code, result.output


def test_a_limit_at_which_no_bucket_ends_is_refused_with_those_that_exist(tmp_path: Path, prometheus: str) -> None:
    status, output = check(tmp_path, prometheus, 200)
    assert status == 2
    assert (
        "slo: objective 'quick': no bucket of http_request_duration_seconds ends at 200 ms; there are 100, 250, 500"
        in output
    )


def test_a_limit_at_which_one_ends_is_taken(tmp_path: Path, prometheus: str) -> None:
    status, output = check(tmp_path, prometheus, 250)
    assert status == 0 and '"within_ms": 250.0' in output


def test_a_prometheus_that_does_not_answer_leaves_the_question_open(tmp_path: Path) -> None:
    gone = f"http://127.0.0.1:{free_port()}"
    status, output = check(tmp_path, gone, 200)
    assert status == 3 and "the buckets of latency objectives were not checked: Prometheus cannot be reached" in output
    assert check(tmp_path, gone, 200, "--offline")[0] == 0
