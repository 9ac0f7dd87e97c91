"""The scans of packages, with real pip-audit processes and a server that speaks OSV."""

import hashlib
import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from importlib.metadata import Distribution, PackageNotFoundError
from pathlib import Path
from typing import Any

import pytest

from deployments.demo.advisories import FeedFault
from tasks.check_result import in_english
from tasks.observation import ObservationError
from tasks.security.facts.scans import Completeness, Kind, Rating, Scan
from tasks.security.scanners.interface import Job
from tasks.security.scanners.packages.jobs import dependency_jobs
from tasks.security.settings import Advisories, Security, Source
from tasks.security.tree.tree import SourceFile, SourceTree
from tests.advisory_feeds import V3, advisory, feed_of
from tests.deep import rows

NOW = datetime.now(UTC)
LEFT_PAD = advisory("PYSEC-2026-1", "left-pad", aliases=("CVE-2026-1111", "GHSA-aaaa-bbbb-cccc"), fixed="2.0")
LEFT_PAD_GITHUB = advisory(
    "GHSA-aaaa-bbbb-cccc", "left-pad", aliases=("CVE-2026-1111",), fixed="2.0", vector=V3["critical"]
)
RIGHT_PAD = advisory("GHSA-dddd-eeee-ffff", "right-pad", fixed="1.5", vector=V3["medium"])
NPM_PAD = advisory("GHSA-npmm-npmm-npmm", "npm-pad", ecosystem="npm", fixed="1.5.0", vector=V3["high"])
NPM_LOCK = json.dumps(
    {
        "lockfileVersion": 3,
        "packages": {
            "": {"name": "shop"},
            "node_modules/npm-pad": {"version": "1.0.0"},
            "node_modules/clean": {"version": "1.0.0"},
        },
    }
)
UV = 'version = 1\n[[package]]\nname = "{}"\nversion = "1.0"\nsource = {{ registry = "https://pypi.org/simple" }}\n'


def tree_of(root: Path, files: Mapping[str, str]) -> SourceTree:
    listed = []
    for name, content in sorted(files.items()):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
        listed.append(SourceFile(name, len(content), hashlib.sha256(content.encode()).hexdigest()))
    root.mkdir(exist_ok=True)
    return SourceTree(root, tuple(listed))


def jobs_of(root: Path, files: Mapping[str, str], url: str, source: Any = None, advisories: Any = None) -> list[Job]:
    feed = {"url": url, "changes_url": f"{url}/modified_id.csv", "timeout_s": 2}
    given = Advisories(**({**feed, "index_url": "none", "npm_index_url": "none"} | (advisories or {})))
    tree = tree_of(root, files)
    return list(
        dependency_jobs(
            tree, Source(path=root, **(source or {})), Security(advisories=given), root, waits_s=(0.01, 0.01)
        )
    )


def scan_one(root: Path, files: Mapping[str, str], url: str, **how: Any) -> Scan:
    [job] = jobs_of(root, files, url, **how)
    return job.run(NOW)


def outcome(job: Job) -> tuple[Completeness, str]:
    """What the trunk makes of a look: what it raises is a failed scan."""
    try:
        scan = job.run(NOW)
    except ObservationError as error:
        return Completeness.FAILED, in_english(error.reason)
    assert not (scan.completeness is Completeness.FAILED and scan.findings)
    return scan.completeness, in_english(scan.reason)


def test_what_pip_audit_finds_has_severity_fix_and_aliases(tmp_path: Path) -> None:
    text = "Left_Pad==1.0\nright-pad==1.4\nclean==1.0\n"
    with feed_of(LEFT_PAD, LEFT_PAD_GITHUB, RIGHT_PAD) as (_, url):
        scan = scan_one(tmp_path, {"requirements.txt": text}, url)
    assert (scan.completeness, in_english(scan.reason)) == (
        Completeness.COMPLETE,
        "Packages asked about at OSV (127.0.0.1), and not matched against a package index "
        "([security.advisories] index_url is none): 3",
    )
    assert (scan.target.scanner, scan.target.name, scan.target.kind) == (
        "pip-audit",
        "requirements.txt",
        Kind.DEPENDENCY,
    )
    assert (scan.coverage.asked, scan.coverage.scanned) == (3, 3)
    left, right = scan.findings
    assert (left.package, left.version, left.rule, left.rating) == ("left-pad", "1.0", "CVE-2026-1111", Rating.CRITICAL)
    assert (left.fixed_in, left.title, left.line) == (("2.0",), "left-pad is vulnerable", None)
    assert left.aliases == ("CVE-2026-1111", "GHSA-aaaa-bbbb-cccc", "PYSEC-2026-1")
    assert (right.package, right.rule, right.rating) == ("right-pad", "GHSA-dddd-eeee-ffff", Rating.MEDIUM)
    assert scan.feed is not None and scan.feed.canary_found and scan.feed.canary == "jinja2==2.10"
    assert scan.feed.modified_at is not None and NOW - scan.feed.modified_at < timedelta(hours=2)
    assert scan.version == "2.10.1" or scan.version.startswith("2.")


def test_what_pip_audit_passes_over_is_found(tmp_path: Path) -> None:
    """It reads one page, and neither a record of another schema nor one with `withdrawn` in whatever form."""
    passed = [
        advisory("PYSEC-2026-2", "left-pad", fixed="3.0"),
        advisory("PYSEC-2026-3", "left-pad", schema_version="2.0.0"),
        advisory("PYSEC-2026-4", "other-pad", withdrawn=""),
        advisory("PYSEC-2026-5", "left-pad", withdrawn="2026-01-01T00:00:00Z"),
    ]
    with feed_of(LEFT_PAD, LEFT_PAD_GITHUB, *passed, page=2) as (_, url):
        scan = scan_one(tmp_path, {"requirements.txt": "left-pad==1.0\nother-pad==1.0\n"}, url)
    found = [(one.package, one.rule, one.fixed_in) for one in scan.findings]
    assert (scan.completeness, sorted(found)) == (
        Completeness.COMPLETE,
        [
            ("left-pad", "CVE-2026-1111", ("2.0",)),
            ("left-pad", "PYSEC-2026-2", ("3.0",)),
            ("left-pad", "PYSEC-2026-3", ("9.0",)),
            ("other-pad", "PYSEC-2026-4", ("9.0",)),
        ],
    )


def test_what_osv_finds_of_npm(tmp_path: Path) -> None:
    with feed_of(NPM_PAD, RIGHT_PAD) as (feed, url):
        scan = scan_one(tmp_path, {"web/package-lock.json": NPM_LOCK}, url)
    assert (scan.completeness, scan.target.subject) == (Completeness.COMPLETE, "osv web/package-lock.json")
    [found] = scan.findings
    assert (found.package, found.version, found.rule, found.rating, found.fixed_in, found.ecosystem) == (
        "npm-pad",
        "1.0.0",
        "GHSA-npmm-npmm-npmm",
        Rating.HIGH,
        ("1.5.0",),
        "npm",
    )
    assert feed.asked.count("/v1/querybatch") == 1
    assert (scan.coverage.asked, scan.coverage.scanned) == (2, 2)


@dataclass(frozen=True)
class Row:
    """A fault, and what the scan of a lock with one vulnerable and one clean package must come to."""

    completeness: Completeness
    says: str
    fault: FeedFault | None = None
    files: Mapping[str, str] = field(default_factory=lambda: {"requirements.txt": "left-pad==1.0\nclean==1.0\n"})
    how: Mapping[str, Any] = field(default_factory=dict)
    source: Mapping[str, Any] = field(default_factory=dict)
    advisories: Mapping[str, Any] = field(default_factory=dict)
    url: str | None = None


FAILED, PARTIAL, COMPLETE = Completeness.FAILED, Completeness.PARTIAL, Completeness.COMPLETE
NPM = {"package-lock.json": NPM_LOCK}
SLOW = {"advisories": {"timeout_s": 0.2}}
NONE_OF_2 = "index_url is none): 2"
MATRIX: dict[str, Row] = {
    "nothing wrong": Row(COMPLETE, NONE_OF_2),
    "500": Row(FAILED, "answered with HTTP 500", FeedFault.BROKEN),
    "429": Row(FAILED, "answered with HTTP 429", FeedFault.BUSY),
    "429 for an hour": Row(FAILED, "answered with HTTP 429", FeedFault.BUSY, how={"retry_after": "3600"}),
    "HTML": Row(FAILED, "is not OSV's JSON", FeedFault.HTML),
    "truncated": Row(FAILED, "was lost", FeedFault.TRUNCATED),
    "slow": Row(FAILED, "did not answer within 0.2 s", FeedFault.SLOW, **SLOW),
    "empty feed": Row(FAILED, "does not know the vulnerable package jinja2==2.10", FeedFault.EMPTY),
    "stale feed": Row(PARTIAL, "more than [security.limits] max_feed_age_h allows", FeedFault.STALE),
    "stale feed without a list": Row(
        PARTIAL, "last changed on", FeedFault.STALE, advisories={"changes_url": None}, how={"changes": False}
    ),
    "no list of changes": Row(PARTIAL, "answered with HTTP 404", how={"changes": False}),
    "fresh feed without a list": Row(COMPLETE, NONE_OF_2, advisories={"changes_url": None}, how={"changes": False}),
    "nobody listens": Row(FAILED, "cannot be reached", url="http://127.0.0.1:9"),
    "no such host": Row(FAILED, "does not resolve", url="http://advisories.invalid"),
    "deadline": Row(FAILED, "did not end", FeedFault.SLOW, source={"deadline_min": 0.01}, how={"slow_s": 0.7}),
    "npm 500": Row(FAILED, "answered with HTTP 500", FeedFault.BROKEN, NPM),
    "npm HTML": Row(FAILED, "is not OSV's JSON", FeedFault.HTML, NPM),
    "npm truncated": Row(FAILED, "was lost", FeedFault.TRUNCATED, NPM),
    "npm slow": Row(FAILED, "did not answer", FeedFault.SLOW, NPM, **SLOW),
    "npm empty feed": Row(FAILED, "does not know the vulnerable package minimist@0.0.8", FeedFault.EMPTY, NPM),
    "npm stale feed": Row(PARTIAL, "last changed on", FeedFault.STALE, NPM),
    "npm nobody listens": Row(FAILED, "cannot be reached", None, NPM, url="http://127.0.0.1:9"),
    "unpinned": Row(
        PARTIAL, "requirements.txt, line 2: flask is not pinned", files={"requirements.txt": "left-pad==1.0\nflask\n"}
    ),
    "two problems": Row(
        PARTIAL,
        "2 of 3 entries of requirements.txt cannot be used, the first in line 1",
        files={"requirements.txt": "-e .\nleft-pad==1.0\nflask>=1\n"},
    ),
    "only unpinned": Row(FAILED, "requirements.txt, line 1: flask is not pinned", files={"requirements.txt": "flask"}),
    "HTML as requirements": Row(
        FAILED, "requirements.txt, line 1: this is not a requirement", files={"requirements.txt": "<html>\n<body>"}
    ),
    "a version that nobody can read": Row(
        PARTIAL, "1 of 2 packages are unmatched, such as pytz 2004d", files={"requirements.txt": "a==1\npytz==2004d"}
    ),
    "a repository": Row(
        FAILED,
        "it comes from a repository",
        files={"uv.lock": UV.replace("registry", "git").format("fork")},
    ),
    "empty requirements": Row(FAILED, "requirements.txt pins no package", files={"requirements.txt": "# none\n"}),
    "empty and declared": Row(
        COMPLETE, "No packages: it has none", files={"requirements.txt": ""}, source={"no_dependencies": "it has none"}
    ),
    "no lock file": Row(FAILED, "No lock file was found", files={"a.py": ""}),
    "none, declared": Row(
        COMPLETE, "No packages: it has none", files={"a.py": ""}, source={"no_dependencies": "it has none"}
    ),
    "declared, but it has": Row(COMPLETE, NONE_OF_2, source={"no_dependencies": "it has none"}),
    "unsupported lock": Row(FAILED, "run `poetry export", files={"poetry.lock": ""}),
    "named and missing": Row(FAILED, "prod.txt does not exist", source={"locks": ["prod.txt"]}),
    "environment missing": Row(
        FAILED, "The environment .venv does not exist", files={"a.py": ""}, source={"environment": ".venv"}
    ),
    "canary in another version in the lock": Row(
        COMPLETE, NONE_OF_2, files={"requirements.txt": "jinja2==3.1\nclean==1.0\n"}
    ),
    "one package in two versions": Row(
        COMPLETE, "is none): 3", files={"requirements.txt": "left-pad==1.0\nleft-pad==2.0\njinja2==3.1\n"}
    ),
    "unknown package, and no index to ask": Row(
        COMPLETE, "not matched against a package index", files={"requirements.txt": "no-such==1.0"}
    ),
}
OF_EACH_CLASS = (
    "429",
    "HTML",
    "empty feed",
    "stale feed",
    "no such host",
    "npm truncated",
    "npm empty feed",
    "unpinned",
    "only unpinned",
    "empty requirements",
    "empty and declared",
    "no lock file",
    "none, declared",
    "unsupported lock",
    "named and missing",
    "environment missing",
)


@pytest.mark.parametrize("row", rows(MATRIX, OF_EACH_CLASS))
def test_a_fault_is_never_green(tmp_path: Path, row: Row) -> None:
    with feed_of(LEFT_PAD, NPM_PAD, fault=lambda: row.fault, **row.how) as (_, url):
        [job] = jobs_of(tmp_path, row.files, row.url or url, row.source, row.advisories)
        completeness, reason = outcome(job)
    assert (completeness, row.says in reason) == (row.completeness, True), (completeness, reason)
    assert "127.0.0.1:" not in reason


DURING: dict[str, tuple[FeedFault, str]] = {
    "500": (FeedFault.BROKEN, "the advisory source answered with HTTP 500"),
    "429": (FeedFault.BUSY, "the advisory source answered with HTTP 429"),
    "HTML": (FeedFault.HTML, "the advisory source's response is not OSV's JSON"),
    "truncated": (FeedFault.TRUNCATED, "the advisory source cannot be reached, or cut its answer short"),
    "slow": (FeedFault.SLOW, "the advisory source did not answer in time"),
}


@pytest.mark.parametrize("during", rows(DURING, ("429",)))
def test_a_feed_that_breaks_while_pip_audit_asks(tmp_path: Path, during: tuple[FeedFault, str]) -> None:
    """The first request is our own, those behind it are pip-audit's."""
    fault, says = during
    with feed_of(LEFT_PAD, slow_s=1.6) as (feed, url):
        feed.fault = lambda: fault if len(feed.asked) > 2 else None
        [job] = jobs_of(tmp_path, {"requirements.txt": "left-pad==1.0\n"}, url, advisories={"timeout_s": 0.9})
        completeness, reason = outcome(job)
    assert completeness is FAILED
    assert reason == f"pip-audit ended without a report: {says}"


def test_a_busy_feed_is_waited_for(tmp_path: Path) -> None:
    with feed_of(NPM_PAD, retry_after="0") as (feed, url):
        feed.fault = lambda: FeedFault.BUSY if len(feed.asked) <= 2 else None
        assert scan_one(tmp_path, NPM, url).completeness is COMPLETE
    assert feed.asked[:3] == ["/v1/querybatch"] * 3


def bare(folder: Path, text: str, url: str) -> list[tuple[str, str, str]]:
    """What pip-audit itself finds in a requirements file."""
    file = folder / "bare.txt"
    file.write_text(text)
    options = ["--no-deps", "--disable-pip", "-f", "json", "--progress-spinner", "off", "--cache-dir", str(folder)]
    command = [
        sys.executable,
        "-m",
        "pip_audit",
        *options,
        "-s",
        "osv",
        "--osv-url",
        f"{url}/v1/query",
        "-r",
        str(file),
    ]
    found = json.loads(subprocess.run(command, capture_output=True, check=False).stdout)["dependencies"]
    return [(e["name"], e["version"], vuln["id"]) for e in found for vuln in e["vulns"]]


OVERLAPPING = (
    advisory("PYSEC-2026-10", "many", aliases=("CVE-2026-1", "CVE-2026-2")),
    advisory("PYSEC-2026-11", "many", aliases=("CVE-2026-1",)),
    advisory("GHSA-1111-1111-1111", "many", aliases=("CVE-2026-2",)),
    advisory("GHSA-2222-2222-2222", "many"),
    advisory("GHSA-3333-3333-3333", "many", withdrawn="2026-01-01T00:00:00Z"),
    advisory("GHSA-4444-4444-4444", "many", fixed="0.5"),
)


def test_counts_are_those_of_pip_audit_alone(tmp_path: Path) -> None:
    """Also where the aliases of two records overlap, and with the canary among the packages."""
    text = "many==1.0\nleft-pad==1.0\nJinja2==2.10\nclean==1\nwindows==1 ; sys_platform == 'win32'\n"
    with feed_of(LEFT_PAD, LEFT_PAD_GITHUB, *OVERLAPPING) as (_, url):
        scan = scan_one(tmp_path / "tree", {"requirements.txt": text}, url)
        alone = bare(tmp_path, text, url)
    assert sorted((one.package, one.version) for one in scan.findings) == sorted((n, v) for n, v, _ in alone)
    assert len(alone) == 5 and len({one.key for one in scan.findings}) == 5
    assert all(any(identity in one.aliases for one in scan.findings) for _, _, identity in alone)


def test_a_key_stays_when_the_version_changes_and_not_in_another_lock(tmp_path: Path) -> None:
    lock = {"lockfileVersion": 3, "packages": {}}

    def found(path: str, *versions: str) -> list[Any]:
        lock["packages"] = {f"node_modules/x{n}/node_modules/npm-pad": {"version": v} for n, v in enumerate(versions)}
        return list(scan_one(tmp_path, {path: json.dumps(lock)}, url, source={"locks": [path]}).findings)

    with feed_of(NPM_PAD) as (_, url):
        [first] = found("a/package-lock.json", "1.0.0")
        [second] = found("a/package-lock.json", "1.1.0")
        [other] = found("b/package-lock.json", "1.0.0")
        two = found("a/package-lock.json", "1.0.0", "1.1.0", "2.0.0")
    assert first.key == second.key and first.key != other.key and first.body == other.body
    assert [one.version for one in two] == ["1.0.0", "1.1.0"] and two[0].key == first.key != two[1].key


def test_a_digest_names_what_a_scan_rests_on(tmp_path: Path) -> None:
    files = {"requirements.txt": "-r more.txt\na==1\n", "more.txt": "b==1\n"}

    def digest(changed: Mapping[str, str] | None = None, **how: Any) -> str:
        [job] = jobs_of(
            tmp_path, files | dict(changed or {}), "http://127.0.0.1:9", {"locks": ["requirements.txt"]}, **how
        )
        assert job.reuse_for == timedelta(hours=12)
        return job.digest

    same = digest()
    assert digest() == same
    assert digest({"other.py": "x"}) == same
    assert digest({"more.txt": "b==2\n"}) != same
    files["more.txt"] = "b==1\n"
    assert digest(advisories={"python_canary": "a==1"}) != same
    assert digest(advisories={"source": "pypi"}) != same
    assert digest(advisories={"index_url": "pip"}) != same


def test_a_scanner_that_is_not_installed_is_a_failed_scan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> Distribution:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(Distribution, "from_name", missing)
    files = {"requirements.txt": "a==1", "package-lock.json": NPM_LOCK}
    npm, python = jobs_of(tmp_path, files, "http://127.0.0.1:9", {"locks": ["package-lock.json", "requirements.txt"]})
    assert outcome(npm) == (FAILED, "The advisory endpoint 127.0.0.1 cannot be reached")
    assert outcome(python)[1].startswith("pip-audit was not run: it is not installed")


def test_lock_files_of_both_ecosystems_and_what_none_of_them_pins(tmp_path: Path) -> None:
    files = {
        "requirements.txt": "",
        "uv.lock": "",
        "web/yarn.lock": "",
        "admin/package.json": '{"dependencies": {"a": "1"}}',
    }
    jobs = jobs_of(tmp_path, files, "http://127.0.0.1:9", {"environment": "."})
    assert [(job.target.scanner, job.target.name) for job in jobs] == [
        ("pip-audit", "requirements.txt"),
        ("pip-audit", "uv.lock"),
        ("osv", "web/yarn.lock"),
        ("pip-audit", "."),
        ("osv", "(no lock file)"),
    ]
    assert outcome(jobs[-1])[0] is FAILED
    assert [left.what for left in jobs[-1].run(NOW).coverage.left_out] == ["admin/package.json"]


@pytest.mark.deep
def test_a_page_at_a_time(tmp_path: Path) -> None:
    many = [advisory(f"GHSA-{n:04}-aaaa-aaaa", "npm-pad", ecosystem="npm") for n in range(25)]
    with feed_of(*many, page=4) as (_, url):
        assert len(scan_one(tmp_path, NPM, url).findings) == 25


@pytest.mark.deep
def test_twenty_thousand_packages(tmp_path: Path) -> None:
    packages = {f"node_modules/p{n}": {"version": "1.0.0"} for n in range(20_000)}
    with feed_of(advisory("GHSA-p777-p777-p777", "p777", ecosystem="npm")) as (feed, url):
        lock = json.dumps({"lockfileVersion": 3, "packages": packages})
        scan = scan_one(tmp_path, {"package-lock.json": lock}, url, advisories={"timeout_s": 60})
    assert (scan.completeness, len(scan.findings), feed.asked.count("/v1/querybatch")) == (COMPLETE, 1, 21)
