"""Hosts and figures as a real Prometheus and node_exporter tell of them."""

import asyncio
import json
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

import httpx
import pytest

from tasks.observation import Unobserved
from tasks.processes import Child, free_port
from tasks.resources.facts import Cpu, Host, Memory
from tasks.resources.look import look_at_resources
from tasks.settings import load_settings

PROMETHEUS, EXPORTER = "prometheus", "prometheus-node-exporter"
pytestmark = [
    pytest.mark.prometheus,
    pytest.mark.skipif(
        shutil.which(PROMETHEUS) is None or shutil.which(EXPORTER) is None,
        reason="needs Prometheus and its node exporter (Debian: prometheus, prometheus-node-exporter)",
    ),
]


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str, str]]:
    """A server that has scraped one host twice and another one never; its address, and the hosts' names."""
    folder = tmp_path_factory.mktemp("prometheus")
    port, host, gone = free_port(), f"127.0.0.1:{free_port()}", f"127.0.0.1:{free_port()}"
    scrape = {"job_name": "node", "static_configs": [{"targets": [host, gone]}]}
    # JSON is YAML.
    (folder / "prometheus.yml").write_text(
        json.dumps({"global": {"scrape_interval": "2s"}, "scrape_configs": [scrape]}), encoding="utf-8"
    )
    server = [PROMETHEUS, f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data"]
    with (
        Child([EXPORTER, f"--web.listen-address={host}"], log=folder / "exporter.log"),
        Child([*server, f"--web.listen-address=127.0.0.1:{port}"], log=folder / "server.log") as child,
    ):
        url = f"http://127.0.0.1:{port}"
        _wait_for_two_scrapes(url, child)
        yield url, host, gone


def _wait_for_two_scrapes(url: str, child: Child) -> None:
    deadline = time.monotonic() + 180
    query = {"query": 'count_over_time(node_cpu_seconds_total{cpu="0",mode="idle"}[1m]) >= 2'}
    while time.monotonic() < deadline:
        with suppress(httpx.TransportError, KeyError, ValueError):
            if httpx.get(f"{url}/api/v1/query", params=query, timeout=30).json()["data"]["result"]:
                return
        time.sleep(0.2)
    raise AssertionError(child.tail())


@pytest.mark.usefixtures("prefect")
def test_hosts_and_figures(prometheus: tuple[str, str, str], tmp_path: Path) -> None:
    url, there, gone = prometheus
    file = tmp_path / "service.toml"
    file.write_text(
        f'[service]\nname = "shop"\nbase_url = "{url}"\n[metrics]\nprometheus_url = "{url}"\n'
        "[resources]\nhost = false\n[resources.prometheus]\nselector = 'job=\"node\"'\n"
        '[[kpi]]\nname = "scraped"\npromql = \'sum(scrape_samples_scraped{job="node"})\'\nfloor = 10\n'
        "[[kpi]]\nname = \"absent\"\npromql = 'no_such_metric'\nfloor = 1\n"
        "[[kpi]]\nname = \"wrong\"\npromql = 'sum(('\nfloor = 1\n",
        encoding="utf-8",
    )
    deadline = time.monotonic() + 120
    while True:
        observed = asyncio.run(look_at_resources(load_settings(file)))
        assert isinstance(observed.hosts, Mapping)
        # On a busy machine a scrape now and then takes longer than it may, and the host counts as down.
        if isinstance(observed.hosts[there], Host) or time.monotonic() > deadline:
            break
        time.sleep(0.5)

    host, missing = observed.hosts[there], observed.hosts[gone]
    assert isinstance(host, Host)
    assert isinstance(host.cpu, Cpu) and 0 <= host.cpu.busy_percent <= 100
    assert isinstance(host.memory, Memory) and 0 < host.memory.used_percent < 100
    assert isinstance(host.disks, Mapping) and host.disks
    assert isinstance(missing, Unobserved) and "cannot scrape this host" in missing.reason.text

    scraped, absent, wrong = (observed.numbers.kpis[name] for name in ("scraped", "absent", "wrong"))
    assert isinstance(scraped, float) and scraped > 100
    assert isinstance(absent, Unobserved) and "no series" in absent.reason.text
    assert isinstance(wrong, Unobserved) and "bad_data" in str(dict(wrong.reason.params))
