"""What is given beside the address: a guide, a database, a Prometheus."""

import asyncio
import json
import os
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest

from deployments.init.database import database_problem, database_source
from deployments.init.guide import read_checklist
from deployments.init.metrics import Histogram, Known, ask_prometheus, histograms_of
from tasks.check_result import Message
from tasks.errors import UsageError
from tasks.postgres.server import PostgresServer
from tests.english import english

GUIDE = """# Guide
- [ ] not under a heading
## 運用チェックリスト
#### 日次
- [ ] **ヘルスチェックの確認**
- [x] Review the Error Log.
1. [ ] [トップページ](http://x)の確認
```
- [ ] an example
```
##### 朝
* [ ] "引用" の確認
#### 週次
- [ ] バックアップの検証
"""


class TestGuide:
    def test_items_that_are_built_in_are_known(self, tmp_path: Path) -> None:
        file = tmp_path / "guide.md"
        file.write_text(GUIDE, encoding="utf-8")
        checklist = read_checklist(file)
        assert checklist.known == ("ヘルスチェックの確認", "Review the Error Log.")
        assert checklist.other == ("トップページの確認", '"引用" の確認')

    @pytest.mark.parametrize(
        ("content", "why"),
        [
            (None, "cannot be read: No such file"),
            (b"\xff\xfe", "is not UTF-8"),
            ("# 週次\n- [ ] a\n".encode(), "there are no lines"),
            (b"# daily\n- a\n", "there are no lines"),
        ],
    )
    def test_a_guide_without_a_checklist_is_refused(self, tmp_path: Path, content: bytes | None, why: str) -> None:
        file = tmp_path / "guide.md"
        if content is not None:
            file.write_bytes(content)
        with pytest.raises(UsageError, match=why):
            read_checklist(file)


class TestDatabase:
    @pytest.fixture(autouse=True)
    def variable(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("SHOP_DATABASE_URL", "")  # what is set by a test goes at its end

    @pytest.mark.parametrize(
        "url",
        [
            "postgresql://ops:hunter22@db/shop",
            "postgresql://ops:hunt/er22@db/shop",
            "postgresql://ops:hunt#er22@db/shop",
            "postgresql://ops:hunt?er22@db/shop",
            "postgresql://ops:hunt@er22@db/shop",
            "postgresql://ops@db/shop?password=hunter22",
            "postgresql://ops@db/shop?sslpassword=hunter22",
            "postgresql://:hunter22@db/shop",
        ],
    )
    def test_a_password_never_goes_into_the_file(self, url: str) -> None:
        with pytest.raises(UsageError) as refused:
            database_source(url, "shop")
        assert "hunt" not in str(refused.value) and "er22" not in str(refused.value)

    def test_a_password_on_the_command_line_is_refused_with_the_way_without(self) -> None:
        with pytest.raises(UsageError, match="read -rs SHOP_DATABASE_URL && export SHOP_DATABASE_URL, then --database"):
            database_source("postgresql://ops:hunter22@db/shop", "shop")

    def test_an_address_without_a_password_stands_in_the_file(self) -> None:
        place = database_source("postgresql://ops@db:5432/shop?sslmode=require", "shop")
        assert (place.variable, place.url) == (None, "postgresql://ops@db:5432/shop?sslmode=require")
        assert os.environ["SHOP_DATABASE_URL"] == ""

    def test_a_variable_is_named_and_must_hold_an_address(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("SHOP_PG", "postgresql://ops:hunter22@db/shop")
        place = database_source("SHOP_PG", "shop")
        assert (place.variable, place.url) == ("SHOP_PG", None)
        monkeypatch.setenv("SHOP_PG", "mysql://ops:hunter22@db/shop")
        with pytest.raises(UsageError, match="SHOP_PG must be postgresql://") as refused:
            database_source("SHOP_PG", "shop")
        assert "hunter22" not in str(refused.value)
        with pytest.raises(UsageError, match="SHOP_GONE is not set"):
            database_source("SHOP_GONE", "shop")
        with pytest.raises(UsageError, match="must be postgresql://"):
            database_source("host=db password=hunter22", "shop")

    def test_a_database_is_checked(self, postgres: PostgresServer) -> None:
        place = database_source(f"postgresql://postgres@{postgres.host}:{postgres.port}/postgres", "shop")
        assert database_problem(place) == ()
        gone = database_source(f"postgresql://postgres@{postgres.host}:{postgres.port}/gone", "shop")
        assert english(database_problem(gone)) == ("There is no database with that name: check the address",)


SHOP = "http://shop.example.com"
PAGE = """# TYPE http_request_duration_seconds histogram
http_request_duration_seconds_bucket{module="items",le="0.1"} 3
http_request_duration_seconds_bucket{module="items",le="0.2"} 4
http_request_duration_seconds_bucket{le="+Inf",module="items"} 4
latency_ms_bucket{le="100"} 1
latency_ms_bucket{le="250"} 1
queue_size_bucket{le="0.2"} 1
"""


class TestMetrics:
    def test_the_histograms_of_a_page_are_those_of_requests(self) -> None:
        found = histograms_of(PAGE)
        assert found == (
            Histogram("http_request_duration_seconds_bucket", ("0.1", "0.2", "+Inf")),
            Histogram("latency_ms_bucket", ("100", "250")),
        )
        assert [histogram.has_limit for histogram in found] == [True, False]
        assert histograms_of('latency_ms_bucket{le="200"} 1')[0].has_limit
        assert histograms_of("<html>") == ()

    def ask(self, serve: Any, *, nodes: list[dict[str, str]]) -> Known | Message:
        def answering(path: str, given: str) -> tuple[int, str, str]:
            assert path == "/prom/api/v1/query"
            query = parse_qs(given)["query"][0]
            labels = [{"__name__": "http_request_duration_seconds_bucket", "le": le} for le in ("+Inf", "0.5", "0.2")]
            chosen = labels if "_bucket" in query else nodes
            series = [{"metric": metric, "value": [1.0, str(9 - n)]} for n, metric in enumerate(chosen)]
            return (
                200,
                "application/json",
                json.dumps({"status": "success", "data": {"resultType": "vector", "result": series}}),
            )

        return asyncio.run(ask_prometheus(f"{serve(answering).url}/prom", SHOP))

    def test_a_prometheus_is_asked_for_histograms_and_hosts(self, serve: Any) -> None:
        known = self.ask(serve, nodes=[{"job": 'no"de\\'}, {"job": "other"}])
        bounds = Histogram("http_request_duration_seconds_bucket", ("0.2", "0.5", "+Inf"))
        assert known == Known((bounds,), 'job="no\\"de\\\\"', ("other",))

    def test_hosts_without_a_job_and_no_hosts(self, serve: Any) -> None:
        known = self.ask(serve, nodes=[{}])
        assert isinstance(known, Known) and known.selector == 'instance=~".+"'
        none = self.ask(serve, nodes=[])
        assert isinstance(none, Known) and none.selector is None

    def test_a_server_that_is_no_prometheus_is_reported(self, serve: Any) -> None:
        web = serve(lambda *_: (200, "text/html", "<html>"))
        odd, refused = (asyncio.run(ask_prometheus(url, SHOP)) for url in (web.url, "http://127.0.0.1:1"))
        assert isinstance(odd, Message) and isinstance(refused, Message)
        assert english((odd,), (refused,)) == (
            "The response is not Prometheus's JSON but text/html: check prometheus_url",
            "Prometheus cannot be reached: check prometheus_url and the network",
        )
