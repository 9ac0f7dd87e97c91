"""An installed wheel has every file that is no module."""

import tomllib
from pathlib import Path

ROOT = Path(__file__).parent.parent


def test_every_file_beside_the_modules_is_package_data() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    patterns = project["tool"]["setuptools"]["package-data"]["*"]
    folders = [ROOT / part for part in ("flows", "tasks", "reports", "deployments", "docs/en/checks", "docs/ja/checks")]
    files = [file.relative_to(ROOT) for folder in folders for file in folder.rglob("*") if file.is_file()]
    data = [file for file in files if file.suffix not in {".py", ".pyc"} and file.parts[:2] != ("reports", "output")]
    assert data
    assert [str(file) for file in data if not any(file.match(pattern) for pattern in patterns)] == []
