"""Real processes: a scanner sees nothing of our environment, and nothing of the tree that it scans runs."""

import json
import sys
from pathlib import Path

import pytest

from tasks.observation import ObservationError
from tasks.security.scanners.supervised import MOST_OUTPUT_BYTES, network_environment, run_scanner, scanner_version

PATIENT_S = 60.0
SEES = "import json, os, sys; print(json.dumps([dict(os.environ), os.getcwd(), sys.path]))"


def instead(folder: Path, body: str) -> str:
    """A program that stands where Python stands."""
    program = folder / "python"
    program.write_text(f"#!/bin/sh\n{body}\n")
    program.chmod(0o755)
    return str(program)


def reason(python: str, deadline_s: float = PATIENT_S, memory_mb: int = 512) -> str:
    with pytest.raises(ObservationError) as raised:
        run_scanner("bandit", ["--version"], cwd=None, deadline_s=deadline_s, memory_mb=memory_mb, python=python)
    return str(raised.value)


def test_a_scanner_runs_in_a_clean_environment_and_its_folder_is_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SMTP_PASSWORD", "planted-in-our-environment")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    seeing = instead(tmp_path, f'exec {sys.executable} -I -c "{SEES}"')
    finished = run_scanner("bandit", [], cwd=None, deadline_s=PATIENT_S, memory_mb=512, env={"OWN": "1"}, python=seeing)
    environment, cwd, path = json.loads(finished.stdout)
    assert "planted" not in finished.stdout.decode() and str(tmp_path) not in path
    assert environment["HOME"] == environment["TMPDIR"] == cwd
    assert environment["LC_ALL"] == "C.UTF-8" and environment["OWN"] == "1"
    assert not Path(cwd).exists()


def test_modules_and_settings_in_the_folder_change_nothing(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    tree.mkdir()
    for name in ("bandit", "ast", "json", "argparse", "sitecustomize", "usercustomize", "yaml"):
        (tree / f"{name}.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'a').write('{name}')\n")
    finished = run_scanner("bandit", ["--version"], cwd=tree, deadline_s=PATIENT_S, memory_mb=512)
    assert finished.returncode == 0 and scanner_version("bandit").encode() in finished.stdout
    assert not (tmp_path / "ran").exists()


def test_a_scanner_that_is_not_installed_was_not_run() -> None:
    said = "no-such-scanner was not run: it is not installed"
    with pytest.raises(ObservationError, match=said):
        run_scanner("no_such_scanner", [], cwd=None, deadline_s=PATIENT_S, memory_mb=512)
    with pytest.raises(ObservationError, match="no-such-scanner was not run"):
        scanner_version("no-such-scanner")
    assert "bandit was not run: it is not installed" in reason("/no/such/python")


def test_the_bounds_of_a_scanner_are_reasons(tmp_path: Path) -> None:
    greedy = instead(tmp_path, f'exec {sys.executable} -I -c "bytearray(10**9)"')
    assert reason(greedy) == "bandit needs more memory than the 512 MiB that it may use"
    assert reason(instead(tmp_path, "sleep 60"), 0.3) == "bandit did not end within 0.01 minutes and was ended"
    assert reason(instead(tmp_path, "kill -9 $$")) == "bandit was ended by signal 9"
    much = f"exec head -c {MOST_OUTPUT_BYTES + 1} /dev/zero"
    assert reason(instead(tmp_path, much), memory_mb=4096) == "bandit wrote more than 128 MiB and was ended"


def test_proxies_and_certificates_are_let_through(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTPS_PROXY", "no_proxy", "SSL_CERT_FILE"):
        monkeypatch.setenv(name, f"of {name}")
    monkeypatch.setenv("TOKEN", "planted")
    seen = network_environment()
    assert {"HTTPS_PROXY", "no_proxy", "SSL_CERT_FILE"} <= set(seen) and "TOKEN" not in seen
