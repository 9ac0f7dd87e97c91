"""The real detect-secrets: it sees every line that matters, and no secret comes out of it."""

import hashlib
import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from detect_secrets.filters.heuristic import IGNORED_FILE_EXTENSIONS

from tasks.deadline import Deadline
from tasks.observation import ObservationError
from tasks.processes import run
from tasks.security.facts.scans import Completeness, Confidence, Kind, Rating, Scan
from tasks.security.scanners.secrets.detect_secrets import secrets_job
from tasks.security.scanners.secrets.texts import is_read
from tasks.security.settings import Source
from tasks.security.tree.read import read_tree
from tests.deep import rows

NOW = datetime(2026, 11, 26, 2, 0, tzinfo=UTC)
COMPLETE, PARTIAL, FAILED = Completeness.COMPLETE, Completeness.PARTIAL, Completeness.FAILED
HIGH, MEDIUM, LOW = Confidence.HIGH, Confidence.MEDIUM, Confidence.LOW
PASSWORD = "Tr0ub4dor" + "AndThree"
AWS = "AKIA" + "Z7QXW2ERT5YUI9OP"
HEX = "9f86d081884c7d65" + "9a2feaa0c55ad015"
RANDOM = "kJ8vQ2mN5xR7tY1w" + "Z3pL6sD9fG4hB0cV"
KEY_FILE = "-----BEGIN RSA " + "PRIVATE KEY-----\n"
SHA512 = "sha512-" + "zxQ4mJpN8kLr2VtY7wBcD1eF6gHsAuIo3dXyKqPnMvTzRbWj5lCfGhUiSaOe9x0EBzFmNs4DtQoYpVkCwR=="


def put(root: Path, name: str, text: str | bytes) -> None:
    place = root / name
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(text if isinstance(text, bytes) else text.encode())


def scanned(root: Path, *, python: str = sys.executable, **settings: Any) -> Scan:
    source = Source(path=root, **settings)
    return secrets_job(read_tree(source, root, Deadline.after(60)), source, python=python).run(NOW)


def left_out(scan: Scan) -> dict[str, str]:
    return {left.what: left.reason.text.format(**left.reason.params) for left in scan.coverage.left_out}


def places(scan: Scan) -> set[tuple[str, str, int | None]]:
    return {(finding.path, finding.title, finding.line) for finding in scan.findings}


def bare(root: Path, *options: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "detect_secrets", "scan", "--all-files", "-n", *options, "."]
    results: dict[str, Any] = json.loads(run(command, deadline_s=60, cwd=root).stdout)
    return results


def instead(folder: Path, body: str) -> str:
    program = folder / "python"
    program.write_text(f"#!/bin/sh\n{body}\n")
    program.chmod(0o755)
    return str(program)


FOUND: dict[str, tuple[str, str, str, Rating, Confidence]] = {
    "keyword": ("app.py", f'x = 1\n\ndb_password = "{PASSWORD}"\n', "Secret Keyword", Rating.HIGH, MEDIUM),
    "in a test": ("tests/test_a.py", f'\n\npassword = "{PASSWORD}"\n', "Secret Keyword", Rating.HIGH, LOW),
    "placeholder": ("app.py", '\n\npassword = "changeme"\n', "Secret Keyword", Rating.HIGH, LOW),
    "cloud key": ("deep/settings.py", f'\n\nx = "{AWS}"\n', "AWS Access Key", Rating.CRITICAL, HIGH),
    "private key": ("tests/key.pem", f"\n\n{KEY_FILE}", "Private Key", Rating.CRITICAL, HIGH),
    "address": ("app.js", f'\n\nf("amqp://u:{PASSWORD}@mq/")\n', "Basic Auth Credentials", Rating.HIGH, MEDIUM),
    "env": (".env", f"A=1\n\nPASSWORD={PASSWORD}\n", "Secret Keyword", Rating.HIGH, MEDIUM),
    "yaml": ("a.yaml", f"a: 1\n\nsecret_value: {PASSWORD}\n", "Secret Keyword", Rating.HIGH, MEDIUM),
    "ini": ("a.ini", f"[db]\n\npassword = {PASSWORD}\n", "Secret Keyword", Rating.HIGH, MEDIUM),
    "token": ("app.py", f'\n\nAPI_TOKEN = "{HEX}"\n', "Hex High Entropy String", Rating.HIGH, MEDIUM),
    "latin-1": ("a.py", f'n = "café"\n\npassword = "{PASSWORD}"\n', "Secret Keyword", Rating.HIGH, MEDIUM),
    "utf-16": ("a.ps1", f'\n\n$password = "{PASSWORD}"\n', "Secret Keyword", Rating.HIGH, MEDIUM),
    "line ends": ("a.py", f'\r\rpassword = "{PASSWORD}"\r', "Secret Keyword", Rating.HIGH, MEDIUM),
    "swagger": ("swagger.py", f'\n\npassword = "{PASSWORD}"\n', "Secret Keyword", Rating.HIGH, MEDIUM),
    "long line": ("a.js", f'\n\n{"x;" * 600}password = "{PASSWORD}"\n', "Secret Keyword", Rating.HIGH, LOW),
}


def test_every_kind_of_file_is_looked_at(tmp_path: Path) -> None:
    """One scan of all rows, each in a folder of its own."""
    expected = set()
    for name, (path, text, title, rating, confidence) in FOUND.items():
        folder = name.replace(" ", "-")
        put(tmp_path, f"{folder}/{path}", text.encode(name if name in ("latin-1", "utf-16") else "utf-8"))
        expected.add((f"{folder}/{path}", title, 3, rating, confidence))
    scan = scanned(tmp_path)
    assert {(f.path, f.title, f.line, f.rating, f.confidence) for f in scan.findings} == expected
    assert (scan.completeness, scan.coverage.asked, scan.coverage.scanned) == (COMPLETE, len(FOUND), len(FOUND))
    assert {f.kind for f in scan.findings} == {Kind.SECRET} and scan.target.scanner == "detect-secrets"
    for planted in (PASSWORD, AWS, HEX, "changeme"):
        assert planted not in repr(scan)
        assert hashlib.sha1(planted.encode()).hexdigest() not in repr(scan)


def test_digests_and_identifiers_are_no_findings(tmp_path: Path) -> None:
    put(tmp_path, "pnpm-lock.yaml", f"lodash@4:\n  resolution: {{integrity: {SHA512}}}\n")
    put(tmp_path, "pylock.toml", f'[[packages]]\nname = "token"\nhashes = {{sha256 = "{HEX * 2}"}} # key\n')
    put(tmp_path, "package-lock.json", f'{{"integrity": "{SHA512}", "key": "{RANDOM}"}}\n')
    put(tmp_path, "requirements.txt", f"a==1 \\\n    --hash=sha256:{HEX * 2}\n")
    put(tmp_path, "uv.lock", f'[[package]]\nsdist = {{ hash = "sha256:{HEX * 2}" }}\n')
    put(tmp_path, "yarn.lock", f'a@1:\n  integrity "{SHA512}"\n')
    put(tmp_path, "migrate.py", f'revision = "{HEX}"\nCOMMIT = "{RANDOM}"\n')
    put(tmp_path, "page.min.js", f'var a={{token:"{RANDOM}"}};{"f();" * 400}\n')
    scan = scanned(tmp_path)
    assert (scan.completeness, scan.findings) == (COMPLETE, ())


EXAMPLES = (
    f'api_key = "{RANDOM}"\nx = "{HEX}"\ny = "{RANDOM}"\n',
    f"password: {PASSWORD}\nnested:\n  token: {RANDOM}\n",
    f"[a]\nkey = {RANDOM}\n; {KEY_FILE}",
    f'{{"secret": "{PASSWORD}", "n": 1}}\n# pragma: allowlist nextline secret\npassword = "{PASSWORD}"\n',
    f'# pragma: allowlist nextline secret\n\n\npassword = "{PASSWORD}"\nuse(1)\n',
    f"use it\npassword = {PASSWORD}\n",
    f'A=1\nsecret = {RANDOM}\nB="{HEX}"\n',
    f'password = get("{PASSWORD}")\nif "{PASSWORD}" == my_password: pass\n',
    f"xoxb-{'1' * 12}-{'a' * 24} ghp_{'a1' * 18} {'a' * 32}-us12 AC{'0a' * 16} {'1' * 9}:{'Ab' * 17}c\n",
    f"SG.{'a' * 22}.{'b' * 43} sk_live_{'a1' * 12} glpat-{'ab' * 10} AKC{'a' * 12} npm //x/:_authToken=npm_{'a' * 9}\n",
    f"M{'a' * 23}.{'b' * 6}.{'c' * 27} sq0csp-{'a' * 43} sk-{'a' * 20}T3BlbkFJ{'b' * 20}\n"
    f"x pypi-AgEIcHlwaS5vcmc{'a' * 70}\n",
    f'cloudant_password = "{HEX * 2}" softlayer-api-key: "{HEX * 2}" ibm_cloud_iam_api_key = "{"aB3_" * 11}"\n',
    f'clou_pw:{"a" * 24}\nSL_TOKEN={HEX * 2}\niam-key => {"aB3_" * 11} \ncos_hmac_secret_access_key="{"a1" * 24}"\n',
    f"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.{'a' * 40} AccountKey={'a' * 86}== hooks.slack.com\n",
    f'paſſword = "{PASSWORD}"\napi_\u212aey = "{PASSWORD}"\nCONTRASEÑA = "{PASSWORD}"\n',
    f"https://hooks.slack.com/services/T{'A1' * 4}/B{'B2' * 4}/{'c' * 24} http://api.softlayer.com/soap/v3/{HEX * 2}\n",
)
ENDINGS = {
    "code and settings": (".py", ".yaml", ".txt"),
    "all": (".py", ".js", ".yaml", ".ini", ".toml", ".json", ".txt", ".env", ".go", ".md", ""),
}


@pytest.mark.parametrize("endings", rows(ENDINGS, ["code and settings"]))
def test_no_line_is_kept_back_from_its_detectors(tmp_path: Path, endings: tuple[str, ...]) -> None:
    """The same secrets as a bare scan, but for words that only look random."""
    for number, text in enumerate(EXAMPLES):
        for ending in endings:
            put(tmp_path, f"{number}{ending}", f"x\n{text}")
            put(tmp_path, f"{number}-first{ending}", text)
            put(tmp_path, f"{number}-far{ending}", f"{text}{'plain = 1' + chr(10)}" * 2)
    random = {"Base64 High Entropy String", "Hex High Entropy String"}
    expected = {
        (path, secret["type"], secret["line_number"])
        for path, secrets in bare(tmp_path)["results"].items()
        for secret in secrets
    }
    ours = places(scanned(tmp_path))
    assert len({title for _, title, _ in expected}) >= 24
    assert {one for one in expected - ours if one[1] not in random} == set() and ours <= expected


def test_names_that_detect_secrets_passes_over_are_those() -> None:
    assert not [ending for ending in IGNORED_FILE_EXTENSIONS if is_read(f"a{ending}")]
    assert all(map(is_read, ("a.py", "a.xlsy", "lock", ".lock", "a.lock.txt", "Makefile", "a.tar.txt")))


def test_a_baseline_and_marks_take_out_and_are_counted(tmp_path: Path) -> None:
    put(tmp_path, "app.py", f'a_password = "{PASSWORD}"\n')
    put(tmp_path, "b.py", f'secret = "{PASSWORD}"\n')
    listed = bare(tmp_path)
    put(tmp_path, ".secrets.baseline", json.dumps(listed))
    put(tmp_path, "new.py", f'secret = "{PASSWORD}1"\npassword = "{PASSWORD}"  # pragma: allowlist secret\n')
    scan = scanned(tmp_path, secrets_baseline=".secrets.baseline")
    assert (scan.completeness, scan.suppressed, places(scan)) == (COMPLETE, 3, {("new.py", "Secret Keyword", 1)})
    assert scan.coverage.asked == 3
    without = scanned(tmp_path)
    assert {path for path, _, _ in places(without)} == {"app.py", "b.py", "new.py"}


BASELINES: dict[str, tuple[str | None, str]] = {
    "missing": (None, "cannot be read: No such file or directory"),
    "empty": ("", "is not a baseline"),
    "other": ('{"results": []}', "is not a baseline"),
    "digest": ('{"results": {"a": [{"type": "x", "hashed_secret": "y"}]}}', "is not a baseline"),
    "truncated": ('{"results": {', "is not a baseline"),
}


@pytest.mark.parametrize("baseline", BASELINES.values(), ids=BASELINES)
def test_a_baseline_that_cannot_be_used_fails_the_scan(tmp_path: Path, baseline: tuple[str | None, str]) -> None:
    text, why = baseline
    put(tmp_path, "app.py", f'password = "{PASSWORD}"\n')
    if text is not None:
        put(tmp_path, "known.json", text)
    scan = scanned(tmp_path, secrets_baseline="known.json")
    reason = scan.reason.text.format(**scan.reason.params)
    assert scan.completeness is FAILED and "known.json" in reason and why in reason and not scan.findings


def test_what_is_no_text_is_not_missed(tmp_path: Path) -> None:
    put(tmp_path, "app.py", "x = 1\n")
    put(tmp_path, "logo.png", b"\x89PNG" * 2000)
    put(tmp_path, "data.sqlite", b"SQLite\0" * 2000)
    put(tmp_path, "dump.sql", "x" * 5000)
    scan = scanned(tmp_path, max_file_kb=3)
    assert scan.completeness is PARTIAL and left_out(scan) == {"dump.sql": "5 KB: [source] max_file_kb is 3"}
    scan = scanned(tmp_path, exclude=("dump.sql",))
    assert (scan.completeness, scan.coverage.asked) == (COMPLETE, 1)


@pytest.mark.parametrize("name", ["app.py", "settings.ini", ".env"])
def test_a_nul_hides_no_secret_of_code_and_settings(tmp_path: Path, name: str) -> None:
    put(tmp_path, name, f'password = "{PASSWORD}"\n\0'.encode())
    put(tmp_path, "other.py", "x = 1\n")
    scan = scanned(tmp_path)
    assert scan.completeness is PARTIAL and left_out(scan) == {name: "It is not text: it holds a NUL"}


def test_a_file_that_changes_before_it_is_scanned_is_missed(tmp_path: Path) -> None:
    source = Source(path=tmp_path)
    for name in ("stays", "gone", "changed"):
        put(tmp_path, f"{name}.py", f"# {name}\n")
    job = secrets_job(read_tree(source, tmp_path, Deadline.after(60)), source)
    (tmp_path / "gone.py").unlink()
    put(tmp_path, "changed.py", f'password = "{PASSWORD}"\n')
    scan = job.run(NOW)
    assert scan.completeness is PARTIAL and scan.findings == ()
    assert left_out(scan) == dict.fromkeys(("changed.py", "gone.py"), "It changed while it was scanned")


def test_a_tree_without_text_is_a_failure(tmp_path: Path) -> None:
    assert scanned(tmp_path).completeness is FAILED


DAMAGED = {
    "nothing": (":", "output is damaged, at JSON"),
    "status": ("exit 2", "ended with exit status 2"),
    "truncated": ('{python} "$@" | head -c 300', "output is damaged, at JSON"),
    "blind": ('echo \'{{"plugins_used": [], "results": {{}}}}\'', "did not find the made-up secrets"),
    "newer": ('{python} "$@" | sed s/TwilioKeyDetector/Other/', "detectors that are not known here: Other"),
    "limit": ('{python} "$@" | sed "s/\\"limit\\": 3.0/\\"limit\\": 2.0/"', "not known here: HexHigh"),
    "digest": ('{python} "$@" | sed "s/hashed_secret\\": \\"/&zz/"', "output is damaged, at results."),
    "not asked": ('{python} "$@" | sed s/canary.py/other.py/', "files that it was not asked for"),
    "time": ("sleep 60", "did not end within"),
}


@pytest.mark.parametrize("damaged", rows(DAMAGED, ["blind", "newer", "truncated"]))
def test_an_output_that_is_not_whole_is_no_scan(tmp_path: Path, damaged: tuple[str, str]) -> None:
    body, why = damaged
    put(tmp_path, "tree/app.py", f'password = "{PASSWORD}"\n')
    with pytest.raises(ObservationError, match=why) as raised:
        python = instead(tmp_path, body.format(python=sys.executable))
        scanned(tmp_path / "tree", python=python, deadline_min=1 / 60 if "sleep" in body else 5)
    assert PASSWORD not in str(raised.value)


def test_settings_and_modules_of_the_tree_change_nothing(tmp_path: Path) -> None:
    for name in ("detect_secrets", "json", "re", "sitecustomize", "multiprocessing", "requests"):
        put(tmp_path, f"{name}.py", "open(__file__ + '.ran', 'w')\n")
    put(tmp_path, "app.py", f'password = "{PASSWORD}"\n')
    put(tmp_path, ".git/config", '[core]\nfsmonitor = "touch /ran"\n')
    assert places(scanned(tmp_path)) == {("app.py", "Secret Keyword", 1)}
    assert not list(tmp_path.glob("*.ran"))


def test_the_digest_names_what_the_result_rests_on(tmp_path: Path) -> None:
    def digest(**settings: Any) -> str:
        source = Source(path=tmp_path, **settings)
        return secrets_job(read_tree(source, tmp_path, Deadline.after(60)), source).digest

    put(tmp_path, "app.py", "x = 1\n")
    put(tmp_path, "known.json", '{"results": {}}')
    first = digest(secrets_baseline="known.json")
    assert first == digest(secrets_baseline="known.json", deadline_min=1)
    put(tmp_path, "known.json", '{"results": {} }')
    assert len({first, digest(secrets_baseline="known.json"), digest()}) == 3
