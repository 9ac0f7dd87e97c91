"""pip-audit with PyPI as its source: a real process, and a proxy behind which a server says that it is pypi.org."""

import json
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import trustme

from tasks.check_result import in_english
from tasks.security.facts.scans import Completeness, Rating, Scan
from tasks.security.scanners.packages.jobs import dependency_jobs
from tasks.security.settings import Advisories, Security, Source
from tasks.security.tree.tree import SourceFile, SourceTree
from tests.advisory_feeds import V3, advisory, feed_of

KNOWN: Mapping[str, Any] = {
    "/pypi/jinja2/2.10/json": [
        {"id": "PYSEC-0", "aliases": ["CVE-0"], "fixed_in": ["2.10.1"], "details": "x", "published": None}
    ],
    "/pypi/left-pad/1.0/json": [
        {"id": "PYSEC-1", "aliases": ["CVE-1", "GHSA-1"], "fixed_in": ["2.0"], "summary": "bad", "published": None}
    ],
    "/pypi/clean/1.0/json": [],
}


@contextmanager
def pypi(known: Mapping[str, Any]) -> Iterator[tuple[str, trustme.CA]]:
    """A proxy that leads everybody to this index; yields its address and the authority of its certificate."""
    authority = trustme.CA()
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("pypi.org").configure_cert(tls)

    class Index(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_CONNECT(self) -> None:
            self.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n")
            self.wfile.flush()
            self.connection = tls.wrap_socket(self.connection, server_side=True)
            self.rfile, self.wfile = self.connection.makefile("rb"), self.connection.makefile("wb")
            self.close_connection = False

        def do_GET(self) -> None:
            found = known.get(self.path)
            body = json.dumps({"info": {}, "vulnerabilities": found}).encode()
            self.send_response(404 if found is None else 200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
            self.wfile.flush()

        def log_message(self, *_: object) -> None: ...

    class Quiet(ThreadingHTTPServer):
        daemon_threads, block_on_close = True, False

        def handle_error(self, *_: object) -> None: ...

    with Quiet(("127.0.0.1", 0), Index) as server:
        Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", authority
        server.shutdown()


def scan_of(root: Path, text: str, url: str, ca_file: Path) -> Scan:
    (root / "requirements.txt").write_text(text)
    tree = SourceTree(root, (SourceFile("requirements.txt", 1, "0"),))
    nobody = "http://127.0.0.1:9/simple"  # with PyPI as the source no index is asked
    given = Advisories(source="pypi", url=url, changes_url=f"{url}/modified_id.csv", ca_file=ca_file, index_url=nobody)
    [job] = dependency_jobs(tree, Source(path=root), Security(advisories=given), root, waits_s=())
    return job.run(datetime.now(UTC))


ROWS = {
    "all known": (KNOWN, "left-pad==1.0\nclean==1.0\n", Completeness.COMPLETE, "Packages asked about at PyPI: 2"),
    "one unknown": (
        KNOWN,
        "left-pad==1.0\nprivate==1.0\n",
        Completeness.PARTIAL,
        "1 of 2 packages are unmatched, such as private",
    ),
    "all unknown": (KNOWN, "private==1.0\nother==2\n", Completeness.FAILED, "None of 2 packages is matched"),
    "no canary": (
        {**KNOWN, "/pypi/jinja2/2.10/json": []},
        "left-pad==1.0\n",
        Completeness.FAILED,
        "PyPI does not know the vulnerable package jinja2==2.10",
    ),
}


@pytest.mark.deep
@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)
def test_pypi_tells_what_it_does_not_know(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, row: Any) -> None:
    known, text, completeness, says = row
    with pypi(known) as (proxy, authority), feed_of(advisory("GHSA-1", "left-pad", vector=V3["high"])) as (_, url):
        authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
        monkeypatch.setenv("HTTPS_PROXY", proxy)
        scan = scan_of(tmp_path, text, url, tmp_path / "ca.pem")
    assert (scan.completeness, says in in_english(scan.reason)) == (completeness, True), in_english(scan.reason)
    if "left-pad" in text and completeness is not Completeness.FAILED:
        [found] = scan.findings
        assert (found.rule, found.rating, found.fixed_in) == ("CVE-1", Rating.HIGH, ("9.0",))
    if completeness is Completeness.PARTIAL:
        assert [left.what for left in scan.coverage.left_out] == ["private"]


@pytest.mark.deep
def test_severities_that_cannot_be_asked_for_are_unknown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pypi(KNOWN) as (proxy, authority):
        authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
        monkeypatch.setenv("HTTPS_PROXY", proxy)
        scan = scan_of(tmp_path, "left-pad==1.0\n", "http://127.0.0.1:9", tmp_path / "ca.pem")
    assert (scan.completeness, in_english(scan.reason)) == (
        Completeness.PARTIAL,
        "The advisory endpoint 127.0.0.1 cannot be reached",
    )
    assert [(found.rating, found.fixed_in) for found in scan.findings] == [(Rating.UNKNOWN, ("2.0",))]
