"""An environment's packages, read from its files."""

import sys
from importlib.metadata import distributions
from pathlib import Path

import pytest
from packaging.utils import canonicalize_name

from tasks.check_result import in_english
from tasks.security.locks.environment import read_environment


def install(site: Path, name: str, metadata: str, **files: str) -> None:
    folder = site / f"{name}.dist-info"
    folder.mkdir(parents=True)
    (folder / "METADATA").write_text(metadata)
    for file, content in files.items():
        (folder / f"{file}.json").write_text(content)


def test_installed_packages_are_read(tmp_path: Path) -> None:
    site = tmp_path / "env/lib/python3.12/site-packages"
    install(site, "Jinja2-2.10", "Metadata-Version: 2.1\nName: Jinja2\nVersion: 2.10\n")
    own = '{"url": "file:///srv", "dir_info": {"editable": true}}'
    install(site, "shop-1", "Name: shop\nVersion: 1\n", direct_url=own)
    install(site, "fork-1", "Name: fork\nVersion: 1\n", direct_url='{"url": "x", "vcs_info": {"vcs": "git"}}')
    install(site, "old-1", "Name: old\nVersion: 2004d\n")
    install(site, "torn-1", "\xff\n")
    install(site, "bad_origin-1", "Name: bad-origin\nVersion: 1\n", direct_url="[" * 10_000)
    lock = read_environment(tmp_path / "env", "env")
    assert [(package.name, package.version) for package in lock.packages] == [("bad-origin", "1"), ("jinja2", "2.10")]
    assert [entry.what for entry in lock.left_out] == ["shop"]
    assert sorted(entry.what for entry in lock.unmatched) == ["fork", "old 2004d", "torn-1.dist-info"]
    assert lock.problems == ()


def test_our_own_environment_is_read_whole() -> None:
    lock = read_environment(Path(sys.prefix), ".venv")
    names = {canonicalize_name(found.metadata["Name"]) for found in distributions()}
    assert {package.name for package in lock.packages} >= names - {"opsrounds"} - {e.what for e in lock.unmatched}
    assert len(lock.packages) > 50


@pytest.mark.parametrize(("made", "said"), [(False, "does not exist"), (True, "has no site-packages")])
def test_what_is_no_environment_is_a_problem(tmp_path: Path, made: bool, said: str) -> None:
    folder = tmp_path / "env"
    if made:
        folder.mkdir()
    lock = read_environment(folder, "env")
    [problem] = lock.problems
    assert in_english(problem) == f"The environment env {said}: correct [source] environment"
