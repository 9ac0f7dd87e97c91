"""Packages that OSV answers for and no index knows, with real pip-audit processes and an index on loopback."""

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tasks.check_result import in_english
from tasks.secrets import masked
from tasks.security.facts.scans import Completeness, Scan
from tasks.security.scanners.interface import Job
from tasks.security.scanners.packages.jobs import dependency_jobs
from tasks.security.settings import Advisories, Security, Source
from tasks.security.tree.tree import SourceFile, SourceTree
from tests.advisory_feeds import advisory, feed_of
from tests.deep import rows
from tests.package_indexes import How, Known, index_of

FAILED, PARTIAL, COMPLETE = Completeness.FAILED, Completeness.PARTIAL, Completeness.COMPLETE
FILES = {"left-pad": ("left_pad-1.0.tar.gz", "left_pad-2.0.tar.gz"), "clean": ("clean-1.0.tar.gz",)}
NPM = {"@web/pad": ("1.0.0",), "clean": ("1.0.0",)}
LEFT_PAD = advisory("GHSA-aaaa-bbbb-cccc", "left-pad")
BOTH = "Left_Pad==1.0\nclean==1.0\n"
NOT_ASKED = "The package index could not be asked: "
NOT_AN_INDEX = f"{NOT_ASKED}its response is not that of a package index"


def lock_of(*packages: str) -> str:
    entries = {f"node_modules/{name}": {"version": v} for name, _, v in (one.rpartition("@") for one in packages)}
    return json.dumps({"lockfileVersion": 3, "packages": entries})


def job_of(root: Path, files: Mapping[str, str], feed: str, **advisories: Any) -> Job:
    for name, content in files.items():
        (root / name).write_text(content)
    tree = SourceTree(root, tuple(SourceFile(name, 1, "0") for name in files))
    given = Advisories(url=feed, changes_url=f"{feed}/modified_id.csv", **advisories)
    [job] = dependency_jobs(tree, Source(path=root), Security(advisories=given), root, waits_s=(0.01,))
    return job


@dataclass(frozen=True)
class Row:
    """An index, and what the scan of a lock that it is asked about must come to."""

    completeness: Completeness
    says: str
    text: str = BOTH
    how: How = How.JSON
    left_out: tuple[str, ...] = ()
    address: str = "{url}/simple"
    npm: bool = False
    user: str | None = None


def npm(completeness: Completeness, says: str, *packages: str, **more: Any) -> Row:
    return Row(completeness, says, lock_of(*packages), npm=True, **{"address": "{url}/npm", **more})


MATRIX: dict[str, Row] = {
    "known": Row(COMPLETE, "Packages asked about at OSV (127.0.0.1): 2"),
    "known, html": Row(COMPLETE, "Packages asked about at OSV (127.0.0.1): 2", how=How.HTML),
    "known, json without versions": Row(COMPLETE, "Packages asked about at OSV (127.0.0.1): 2", how=How.FILES),
    "known, behind a redirect": Row(COMPLETE, "Packages asked about at OSV (127.0.0.1): 2", address="{url}/moved"),
    "unknown package": Row(
        PARTIAL,
        "1 of 3 packages are unmatched, such as left-pat==1.0",
        f"{BOTH}left-pat==1.0\n",
        left_out=("left-pat==1.0",),
    ),
    "unknown version": Row(
        PARTIAL,
        "1 of 2 packages are unmatched, such as clean==99.1",
        "left-pad==2.0\nclean==99.1\n",
        left_out=("clean==99.1",),
    ),
    "unknown version, html": Row(
        PARTIAL,
        "1 of 2 packages are unmatched, such as clean==99.1",
        "left-pad==2.0\nclean==99.1\n",
        How.HTML,
        ("clean==99.1",),
    ),
    "all unknown": Row(
        FAILED, "None of 2 packages is matched, such as a==1", "a==1\nb==2\n", left_out=("a==1", "b==2")
    ),
    "unknown, and vulnerable": Row(
        PARTIAL,
        "1 of 1 packages are unmatched, such as left-pad==1.5",
        "left-pad==1.5\n",
        left_out=("left-pad==1.5",),
    ),
    "500": Row(PARTIAL, f"{NOT_ASKED}it answered with HTTP 500", how=How.BROKEN),
    "401": Row(PARTIAL, f"{NOT_ASKED}it answered with HTTP 401", user="a:b"),
    "login page": Row(PARTIAL, NOT_AN_INDEX, how=How.LOGIN),
    "endless redirects": Row(PARTIAL, NOT_AN_INDEX, how=How.LOOP),
    "slow": Row(PARTIAL, f"{NOT_ASKED}no response within 0.5 s", how=How.SLOW),
    "cut short": Row(PARTIAL, f"{NOT_ASKED}the connection was lost", how=How.CUT),
    "down": Row(PARTIAL, f"{NOT_ASKED}it cannot be reached", address="http://127.0.0.1:9/simple"),
    "no such host": Row(PARTIAL, f"{NOT_ASKED}its name does not resolve", address="http://index.invalid/simple"),
    "npm known": npm(COMPLETE, "Packages asked about at OSV (127.0.0.1): 2", "@web/pad@1.0.0", "clean@1.0.0"),
    "npm unknown": npm(
        PARTIAL,
        "2 of 3 packages are unmatched, such as @web/pad@9.0.0",
        "@web/pad@9.0.0",
        "claen@1.0.0",
        "clean@1.0.0",
        left_out=("@web/pad@9.0.0", "claen@1.0.0"),
    ),
    "npm all unknown": npm(FAILED, "None of 1 packages is matched", "claen@1.0.0", left_out=("claen@1.0.0",)),
    "npm login page": npm(PARTIAL, NOT_AN_INDEX, "clean@1.0.0", how=How.LOGIN),
    "npm down": npm(PARTIAL, f"{NOT_ASKED}it cannot be reached", "clean@1.0.0", address="http://127.0.0.1:9"),
}
OF_EACH_CLASS = ("known", "unknown package", "unknown version, html", "401", "login page", "npm unknown", "npm down")


@pytest.mark.parametrize("row", rows(MATRIX, OF_EACH_CLASS))
def test_what_an_index_does_not_know_is_never_green(tmp_path: Path, row: Row) -> None:
    files = {"package-lock.json" if row.npm else "requirements.txt": row.text}
    key = "npm_index_url" if row.npm else "index_url"
    with feed_of(LEFT_PAD) as (_, feed), index_of(Known(FILES, NPM, row.how, row.user)) as url:
        address = {key: row.address.format(url=url)}
        scan = job_of(tmp_path, files, feed, timeout_s=0.5 if row.how is How.SLOW else 5, **address).run(
            datetime.now(UTC)
        )
    assert (scan.completeness, row.says in in_english(scan.reason)) == (row.completeness, True), scan.reason
    left = [one for one in scan.coverage.left_out if "package index" in in_english(one.reason)]
    assert tuple(one.what for one in left) == row.left_out
    assert {in_english(one.reason) for one in left} <= {"unmatched: the package index does not know it"}
    assert scan.coverage.scanned == scan.coverage.asked - len(row.left_out)
    if "pad==1" in row.text.lower():
        assert [one.package for one in scan.findings] == ["left-pad"]  # what is found is told all the same


def test_with_several_versions_a_page_is_asked_for_once(tmp_path: Path) -> None:
    known = Known(FILES)
    with feed_of() as (_, feed), index_of(known) as url:
        job = job_of(tmp_path, {"requirements.txt": "left-pad==1.0\nleft-pad==2.0\n"}, feed, index_url=f"{url}/simple")
        assert job.run(datetime.now(UTC)).completeness is COMPLETE
    assert known.asked == ["/simple/left-pad/"]


class TestOfPip:
    """The index that pip uses, with a user and a password in its address."""

    secret, encoded = "hunter2/hunter2", "hunter2%2Fhunter2"

    def scan(self, tmp_path: Path, text: str, known: Known, address: str) -> tuple[Scan, str]:
        with feed_of() as (_, feed), index_of(known) as url, pytest.MonkeyPatch.context() as patch:
            patch.setenv("PIP_CONFIG_FILE", str(tmp_path / "pip.conf"))
            (tmp_path / "pip.conf").write_text(
                f"[global]\nindex-url = {address.format(host=url.removeprefix('http://'))}\n"
            )
            job = job_of(tmp_path, {"requirements.txt": text}, feed)
            for name in ("PIP_INDEX_URL", "PIP_CERT"):
                patch.delenv(name, raising=False)
            return job.run(datetime.now(UTC)), job.digest

    def test_its_user_and_password_are_used_and_never_shown(
        self, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.DEBUG)
        known = Known(FILES, user=f"deployer:{self.secret}")
        scan, digest = self.scan(tmp_path, BOTH, known, f"http://deployer:{self.encoded}@{{host}}/simple/")
        assert (scan.completeness, sorted(known.asked)) == (COMPLETE, ["/simple/clean/", "/simple/left-pad/"])
        for text in (caplog.text, repr(scan), digest):
            assert self.secret not in text and self.encoded not in text and "deployer" not in text
        assert self.secret not in masked(f"a {self.secret} b") and self.encoded not in masked(f"a {self.encoded} b")

    @pytest.mark.parametrize(
        ("address", "says"),
        [
            ("http://deployer:wrong@{host}/simple", "it answered with HTTP 401"),
            ("http://{host}/simple\n[", "pip did not report its settings. Set [security.advisories] index_url"),
            *(
                pytest.param(*row, marks=pytest.mark.deep)
                for row in (
                    ("file:///srv/index", "its address is not one of http or https"),
                    ("http://{host}/simple\ncert = /none.pem", "pip's file of certificates cannot be read"),
                )
            ),
        ],
    )
    def test_one_that_cannot_be_asked(self, tmp_path: Path, address: str, says: str) -> None:
        scan, _ = self.scan(tmp_path, BOTH, Known(FILES, user="a:b"), address)
        assert (scan.completeness, in_english(scan.reason)) == (PARTIAL, f"{NOT_ASKED}{says}")
        assert "127.0.0.1" not in in_english(scan.reason)
