"""The demo service's source tree: its own code with two lock files, and what is planted in them."""

import json
import shutil
from collections.abc import Collection
from importlib.resources import as_file, files
from pathlib import Path

from deployments.demo.faults import Fault
from tasks.files import new_folder

SOURCE, LOCK, NPM_LOCK = "source", "requirements.txt", "package-lock.json"
_CODE = "kondate"
_CLEAN, _VULNERABLE = "1.4.2", "1.4.0"
_REQUIREMENTS = """\
# The packages of the demo service. kondate-labels exists in this demo alone, and so does its advisory.
httpx==0.28.1
kondate-labels=={version}
psycopg==3.2.9
starlette==0.47.2
"""
_NPM_CONTENT = """\
{
  "name": "kondate-web",
  "lockfileVersion": 3,
  "packages": {
    "": { "name": "kondate-web", "version": "1.4.2" },
    "node_modules/kondate-menu": { "version": "2.0.3" }
  }
}
"""
_CODE_FINDING = '''\
"""Exports a shopping list as PDF."""

import subprocess


def export(list_id: str) -> bytes:
    return subprocess.run(f"render --list {list_id}", shell=True, capture_output=True, check=True).stdout
'''


def bring_source(folder: Path, faults: Collection[Fault]) -> Path:
    """Make the source tree anew in `folder`, with what is planted; the same faults give the same tree."""
    shutil.rmtree(folder, ignore_errors=True)
    with new_folder(folder, durable=False) as tree:
        _copy_code(tree / _CODE)
        version = _VULNERABLE if Fault.VULNERABLE_DEPENDENCY in faults else _CLEAN
        (tree / LOCK).write_text(_REQUIREMENTS.format(version=version), encoding="utf-8")
        (tree / NPM_LOCK).write_text(_NPM_CONTENT, encoding="utf-8")
        if Fault.CODE_FINDING in faults:
            (tree / _CODE / "export.py").write_text(_CODE_FINDING, encoding="utf-8")
        if Fault.LEAKED_SECRET in faults:
            (tree / "deploy.env").write_text(f"AWS_ACCESS_KEY_ID={_made_up_key()}\n", encoding="utf-8")
    return folder


def demo_packages() -> dict[str, dict[str, frozenset[str]]]:
    """Versions of the packages that the lock files name, with anything planted or nothing, by ecosystem and name."""
    lines = [line for version in (_CLEAN, _VULNERABLE) for line in _REQUIREMENTS.format(version=version).splitlines()]
    pins = [line.split("==") for line in lines if not line.startswith("#")]
    entries = json.loads(_NPM_CONTENT)["packages"].items()
    return {
        "PyPI": {name: frozenset(version for other, version in pins if other == name) for name, _ in pins},
        "npm": {path.rpartition("node_modules/")[2]: frozenset({entry["version"]}) for path, entry in entries if path},
    }


def _copy_code(to: Path) -> None:
    to.mkdir()
    with as_file(files("deployments.demo.service")) as code:
        for file in sorted(code.glob("*.py")):
            shutil.copyfile(file, to / file.name)


def _made_up_key() -> str:
    """Of the form of a cloud key, put together here so that this file itself holds none."""
    return "AKIA" + "KONDATE" + "DEMO" + "ONLY2"
