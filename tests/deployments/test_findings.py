"""`rounds findings`: what is listed, waived, exported and fixed, and what is refused whole."""

import csv
import io
import json
import re
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from typer.testing import CliRunner

from deployments.cli.app import app
from tasks.check_result import msg
from tasks.security.facts.scans import Completeness, Coverage, Finding, Kind, Rating, Scan, Target
from tasks.security.findings.waiver_file import read_waivers
from tasks.security.store.findings import read_findings
from tasks.security.store.scans import store_scans
from tasks.settings import find_services, load_settings
from tests.known_findings import known_finding

if TYPE_CHECKING:
    from tests.operated import Operate, Operated

SOURCE = '[source]\npath = "../tree"\nno_python = "a test"\n[security]\n'
EVIL = "[red]<b>\x1b[31m\u202e boo"
LATER = (datetime.now(UTC) + timedelta(days=30)).date()
CODE, DEPENDENCY, SECRET = (known_finding(n, kind).finding for n, kind in enumerate(Kind, 1))


def scanned(*findings: Finding, at: datetime) -> list[Scan]:
    """Complete scans of one target a kind, with these findings."""
    return [
        Scan(
            Target(scanner, "shop", kind),
            "1.0",
            at,
            1.0,
            Completeness.COMPLETE,
            msg("All was scanned"),
            Coverage(1, 1),
            "0" * 64,
            tuple(finding for finding in findings if finding.kind is kind),
        )
        for scanner, kind in (("bandit", Kind.CODE), ("pip-audit", Kind.DEPENDENCY), ("detect-secrets", Kind.SECRET))
    ]


@pytest.fixture
def shop(operate: "Operate", monkeypatch: pytest.MonkeyPatch) -> "Operated":
    """A service with an open finding of each kind, one whose words are hostile, and one that is fixed."""
    monkeypatch.setenv("COLUMNS", "200")
    shop = operate(more=SOURCE)
    tree = shop.settings.path.parent.parent / "tree"
    tree.mkdir()
    (tree / "requirements.txt").write_text("flask==3.0.0\njinja2==2.10  # templates\n")
    evil = known_finding(4, title=EVIL, path=f"a/{EVIL}", rating=Rating.LOW).finding
    fixed = known_finding(5, rule="B101", title="assert used").finding
    now = datetime.now(UTC)
    for at, findings in ((now - timedelta(days=20), (CODE, fixed)), (now, (CODE, DEPENDENCY, SECRET, evil))):
        store_scans(shop.history, shop.name, scanned(*findings, at=at), at)
    return shop


def rounds(shop: "Operated", *arguments: str) -> tuple[int, str, str]:
    """A command's exit status, its stdout and its stderr."""
    result = CliRunner().invoke(app, ["findings", *arguments, "--service", str(shop.settings.path)])
    return result.exit_code, result.stdout, result.stderr


def waive(shop: "Operated", finding: str, **more: str) -> tuple[int, str, str]:
    values = {"reason": "risk_accepted", "owner": "kim", "expires": str(LATER)} | more
    return rounds(shop, "waive", finding, *(word for key, value in values.items() for word in (f"--{key}", value)))


def test_the_list_has_the_open_findings_the_worst_first(shop: "Operated") -> None:
    status, listed, _ = rounds(shop, "list")
    assert status == 0 and listed.startswith("4 findings ")
    assert [line.split()[:3] for line in listed.splitlines() if line.startswith(" 0")] == [
        ["00000001", "open", "high"],
        ["00000002", "new", "high"],
        ["00000003", "new", "high"],
        ["00000004", "new", "low"],
    ]
    due = datetime.now(UTC).astimezone(shop.settings.zone) + timedelta(days=10)  # high: 30 days, 20 of them over
    assert f"{due:%Y-%m-%d}" in listed and "app/run.py:12" in listed and "jinja2 2.10 (requirements.txt)" in listed
    assert "assert used" not in listed and "fixed" in rounds(shop, "list", "--all")[1]
    assert rounds(shop, "list", "--kind", "secret")[1].startswith("1 finding ")
    assert "\x1b" not in listed and "\u202e" not in listed and "[red]" in listed
    assert "00000004" not in rounds(shop, "list", "--severity", "medium")[1]


def test_show_has_everything_of_a_finding(shop: "Operated") -> None:
    status, shown, _ = rounds(shop, "show", "00000002")
    assert status == 0
    for word in ("CVE-2019-10906", "GHSA-462w-v97r-4m45", "Sandbox escape", "jinja2 2.10.1", "found", "new"):
        assert word in shown
    assert waive(shop, "00000002", note="behind the proxy")[0] == 0
    assert f"risk_accepted, kim, until {LATER}: behind the proxy" in rounds(shop, "show", "00000002")[1]
    assert "fixed" in rounds(shop, "show", "00000005")[1]
    assert rounds(shop, "show", "ffffffff")[0] == rounds(shop, "show", "0000")[0] == 2


def test_a_waiver_is_written_beside_the_service_file(shop: "Operated") -> None:
    status, said, _ = waive(shop, "00000001", note='said "no"')
    path = shop.settings.path.parent / "waivers.toml"
    assert status == 0 and said == (
        f"{path}: waiver 1: finding 00000001 (1 open finding): risk_accepted, kim, until {LATER}\n"
    )
    assert [waiver.note for waiver in read_waivers(path)] == ['said "no"']
    assert re.search(r"00000001\s+waived", rounds(shop, "list")[1])
    assert waive(shop, "00000002", scope="package", reason="fix_planned")[0] == 0
    assert read_waivers(path)[1].package == "jinja2"
    assert list(find_services(path.parent)) == ["shop"]  # it is no service file


@pytest.mark.parametrize(
    ("finding", "more", "why"),
    [
        ("ffffffff", {}, "no finding has the fingerprint ffffffff"),
        ("0000", {}, "the first 8 or more characters"),
        ("00000005", {}, "no open finding is covered by finding 00000005"),
        ("00000001", {"expires": "2020-01-31"}, "expires: 2020-01-31 is past"),
        ("00000001", {"expires": "soon"}, "does not match the format"),
        ("00000001", {"reason": "because"}, "'because' is not one of"),
        ("00000001", {"owner": " "}, "owner: "),
        ("00000001", {"scope": "package"}, "is no finding of a package"),
    ],
)
def test_a_waiver_that_cannot_be_is_refused(shop: "Operated", finding: str, more: dict[str, str], why: str) -> None:
    status, _, said = waive(shop, finding, **more)
    assert status == 2 and why in " ".join(said.replace("│", " ").split())
    assert not shop.settings.waivers.exists()


def test_a_broken_waivers_file_waives_nothing_and_is_said(shop: "Operated") -> None:
    waive(shop, "00000001")
    with shop.settings.waivers.open("a") as file:
        file.write('[[waiver]]\nrule = "B1"\n')
    status, listed, said = rounds(shop, "list")
    assert status == 3 and "waived" not in listed and "waiver 2: reason: is required" in said
    assert rounds(shop, "show", "00000001")[0] == 3
    status, exported, said = rounds(shop, "export", "--format", "csv", "--output", "-")
    assert (status, exported) == (2, "") and "nothing is exported" in said
    assert waive(shop, "00000002")[0] == 2
    checked = CliRunner().invoke(app, ["config", "check", str(shop.settings.path)])
    assert checked.exit_code == 2 and "security.waivers: waivers.toml: waiver 2: reason: is required" in checked.stderr
    (shop.settings.path.parent / "other.toml").write_text("[service]\n")
    with pytest.raises(Exception, match=r"other\.toml"):  # only the waivers file is passed over
        find_services(shop.settings.path.parent)


def test_each_format_is_exported_whole(shop: "Operated", tmp_path: Path) -> None:
    waive(shop, "00000002")
    file = tmp_path / "out"
    assert rounds(shop, "export", "--format", "sarif", "--output", str(file))[:2] == (0, "")
    document = json.loads(file.read_text())
    assert [len(run["results"]) for run in document["runs"]] == [2, 1, 1]
    assert all(run["invocations"][0]["executionSuccessful"] for run in document["runs"])
    table = rounds(shop, "export", "--format", "csv", "--output", "-", "--all")[1]
    rows = list(csv.DictReader(io.StringIO(table)))
    assert sorted(row["state"] for row in rows) == ["fixed", "new", "new", "open", "waived"]
    status, bill, _ = rounds(shop, "export", "--format", "cyclonedx", "--output", "-")
    assert status == 0
    assert [component["name"] for component in json.loads(bill)["components"]] == ["flask", "jinja2"]


def test_a_bill_of_materials_is_whole_or_not_made(shop: "Operated", tmp_path: Path) -> None:
    lock, file = tmp_path / "tree" / "requirements.txt", tmp_path / "out"
    export = ("export", "--format", "cyclonedx", "--output", str(file))
    lock.write_text("flask>=2\n")
    assert rounds(shop, *export)[0] == 3
    lock.unlink()
    assert rounds(shop, *export)[0] == 2
    assert not file.exists()
    lock.write_text("flask==3.0.0\n")
    assert rounds(shop, *export[:-1], str(tmp_path / "gone" / "out"))[0] == 2


def configured(shop: "Operated", *command: str) -> None:
    """The tests of the service, from now on."""
    path = shop.settings.path
    path.write_text(f"{path.read_text()}test = {json.dumps(command)}\n")
    load_settings(path)


def test_fix_writes_a_patch_and_tests_a_copy(shop: "Operated", tmp_path: Path) -> None:
    tree, patch = tmp_path / "tree", tmp_path / "fix.patch"
    status, said, _ = rounds(shop, "fix")
    assert status == 0 and "2.10.1" in said and not patch.exists()
    status, _, said = rounds(shop, "fix", "--patch", str(patch))
    assert status == 0 and "[security] test is not set" in said
    read = "import sys; sys.exit('jinja2==2.10.1 ' not in open('requirements.txt').read())"
    configured(shop, sys.executable, "-c", read)
    status, printed, said = rounds(shop, "fix", "--patch", "-")
    assert status == 0 and printed == patch.read_text() and "passed: The tests passed with the patch" in said
    assert "2.10.1" in said and "jinja2==2.10  # templates" in (tree / "requirements.txt").read_text()
    subprocess.run(["git", "apply", str(patch)], cwd=tree, check=True)
    assert "jinja2==2.10.1  # templates" in (tree / "requirements.txt").read_text()
    status, printed, said = rounds(shop, "fix", "--patch", "-")
    assert (status, printed) == (0, "") and "no patch" in said


@pytest.mark.parametrize(
    ("command", "status", "words"),
    [
        (["sh", "-c", "echo broken; exit 4"], 1, "failed: The tests ended with status 4\n  broken\n"),
        (["no-such-program"], 3, "not run: There is no program no-such-program"),
    ],
)
def test_fix_says_how_the_tests_ended(shop: "Operated", command: list[str], status: int, words: str) -> None:
    configured(shop, *command)
    ended, _, said = rounds(shop, "fix", "--patch", "-")
    assert ended == status and words in said
    assert rounds(shop, "fix", "--patch", "-", "--no-test")[0] == 0


def test_without_a_complete_scan_no_finding_is_no_good_news(operate: "Operate", tmp_path: Path) -> None:
    shop: Any = operate(more=SOURCE)
    (tmp_path / "tree").mkdir()
    assert read_findings(shop.history, shop.name) == ()
    for command in (["list"], ["fix"], ["export", "--format", "csv", "--output", "-"]):
        status, _, said = rounds(shop, *command)
        assert (status, said) == (3, "not scanned completely: nothing was scanned yet: rounds run security-scan\n")
    now = datetime.now(UTC)
    code, lock, secrets = scanned(at=now)
    failed = replace(lock, completeness=Completeness.FAILED, reason=msg("The feed is down"))
    store_scans(shop.history, shop.name, [code, failed, secrets], now)
    for command in (["list"], ["fix", "--patch", "-"], ["export", "--format", "sarif", "--output", "-"]):
        status, _, said = rounds(shop, *command)
        assert status == 3 and "not scanned completely: pip-audit shop (" in said
        assert said.endswith("): failed: The feed is down\n")


@pytest.mark.parametrize(("hours", "status"), [(35, 0), (37, 3)])
def test_scans_that_are_old_are_said_to_be_old(operate: "Operate", hours: int, status: int) -> None:
    shop: Any = operate(more=SOURCE)
    at = datetime.now(UTC) - timedelta(hours=hours)
    store_scans(shop.history, shop.name, scanned(at=at), at)
    ended, _, said = rounds(shop, "list")
    assert ended == status and ("older than max_scan_age_h" in said) is bool(status)


def test_every_kind_and_target_is_scanned_lately_and_as_source_says(operate: "Operate") -> None:
    shop: Any = operate(more=SOURCE)
    now = datetime.now(UTC)
    code, lock, secrets = scanned(at=now - timedelta(hours=40))
    store_scans(shop.history, shop.name, [lock], now - timedelta(hours=40))
    store_scans(shop.history, shop.name, [replace(code, reused=True, source="another tree")], now)
    status, _, said = rounds(shop, "list")
    assert status == 3
    gaps = [line.partition("not scanned completely: ")[2] for line in said.splitlines()]
    assert gaps[0] == "secret: never scanned"
    assert gaps[1].startswith("bandit shop (") and gaps[1].endswith("): [source] names something else now")
    assert gaps[2].startswith("pip-audit shop (") and gaps[2].endswith("): the scan is older than max_scan_age_h")
    store_scans(
        shop.history, shop.name, [replace(one, reused=True) for one in (code, lock, secrets)], datetime.now(UTC)
    )
    assert rounds(shop, "list")[0] == 0
