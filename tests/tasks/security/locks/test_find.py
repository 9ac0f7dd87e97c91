"""Which files are lock files, and which packages nobody pins."""

import hashlib
from pathlib import Path

import pytest

from tasks.check_result import in_english, msg
from tasks.security.facts.scans import LeftOut
from tasks.security.locks.find import lock_files, without_lock
from tasks.security.settings import Source
from tasks.security.tree.tree import SourceFile, SourceTree


def tree_of(root: Path, large: tuple[str, ...] = ()) -> SourceTree:
    files = sorted(path for path in root.rglob("*") if path.is_file())
    names = [path.relative_to(root).as_posix() for path in files]
    listed = [
        SourceFile(name, path.stat().st_size, hashlib.sha256(path.read_bytes()).hexdigest())
        for name, path in zip(names, files, strict=True)
        if name not in large
    ]
    return SourceTree(root, tuple(listed), tuple(LeftOut(name, msg("too large")) for name in large))


def found(root: Path, **source: object) -> list[tuple[str, str]]:
    locks = lock_files(tree_of(root), Source(path=root, **source))
    return [(lock.path, lock.ecosystem) for lock in locks]


def test_lock_files_are_found_by_their_names(write) -> None:
    names = {
        "requirements.txt": "PyPI",
        "requirements-dev.txt": "PyPI",
        "api/requirements/base.txt": "PyPI",
        "pylock.toml": "PyPI",
        "pylock.dev.toml": "PyPI",
        "uv.lock": "PyPI",
        "web/package-lock.json": "npm",
        "web/npm-shrinkwrap.json": "npm",
        "web/pnpm-lock.yaml": "npm",
        "yarn.lock": "npm",
    }
    others = ("README.txt", "requirements.in", "robots.txt", "myrequirements.txt", "poetry.lock", "requirements.lock")
    root = write(dict.fromkeys((*names, *others), ""))
    assert dict(found(root)) == names


def test_named_lock_files_are_the_only_ones(write) -> None:
    root = write({"requirements.txt": "a==1", "requirements.lock": "b==1", "deps/all.txt": "c==1"})
    named = found(root, locks=("requirements.lock", "deps/all.txt"))
    assert named == [("requirements.lock", "PyPI"), ("deps/all.txt", "PyPI")]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("requirements.txt", "requirements.txt does not exist"),
        ("poetry.lock", "poetry.lock does not exist"),
        ("setup.cfg", "setup.cfg is not a supported lock file: see [source] locks for the names"),
        ("Pipfile.lock", "Pipfile.lock is not supported: run `pipenv requirements > requirements.txt`"),
        ("../requirements.txt", "../requirements.txt leads out of the source tree"),
    ],
)
def test_a_named_file_that_cannot_be_used_is_a_problem(write, name: str, said: str) -> None:
    root = write({"setup.cfg": "", "Pipfile.lock": "{}"})
    (root.parent / "requirements.txt").write_text("a==1") if name.startswith("..") else None
    [lock] = lock_files(tree_of(root), Source(path=root, locks=(name,)))
    assert [in_english(problem) for problem in lock.read().problems] == [said]


def test_a_lock_file_too_large_for_a_source_file_is_read_all_the_same(write) -> None:
    root = write({"package-lock.json": '{"lockfileVersion": 3, "packages": {"node_modules/a": {"version": "1.0.0"}}}'})
    [lock] = lock_files(tree_of(root, large=("package-lock.json",)), Source(path=root))
    assert lock.read().packages and lock.digest == hashlib.sha256((root / "package-lock.json").read_bytes()).hexdigest()


PYPROJECT = '[project]\nname = "a"\ndependencies = ["jinja2"]\n'


@pytest.mark.parametrize(
    ("files", "missing"),
    [
        ({"pyproject.toml": PYPROJECT}, ["pyproject.toml"]),
        ({"pyproject.toml": '[project]\nname = "a"\n'}, []),
        ({"pyproject.toml": "no toml"}, []),
        ({"pyproject.toml": '[tool.poetry.dependencies]\npython = "^3"\n'}, []),
        ({"pyproject.toml": '[tool.poetry.dependencies]\njinja2 = "^3"\n'}, ["pyproject.toml"]),
        ({"pyproject.toml": PYPROJECT, "poetry.lock": ""}, ["poetry.lock"]),
        ({"pyproject.toml": PYPROJECT, "requirements/base.txt": ""}, []),
        ({"pyproject.toml": PYPROJECT, "requirements.txt": "", "libs/a/pyproject.toml": PYPROJECT}, []),
        ({"pyproject.toml": PYPROJECT, "docs/requirements.txt": ""}, ["pyproject.toml"]),
        ({"requirements.txt": "", "web/package.json": '{"dependencies": {"a": "*"}}'}, ["web/package.json"]),
        ({"web/package.json": '{"devDependencies": {"a": "*"}}'}, []),
        ({"yarn.lock": "", "web/package.json": '{"dependencies": {"a": "*"}}'}, []),
        ({"Pipfile.lock": "{}", "bun.lockb": b"\0"}, ["Pipfile.lock", "bun.lockb"]),
        ({"setup.py": b"setup(\n    install_requires=['jinja2'],  # \xe4\n)"}, ["setup.py"]),
        ({"setup.py": "print 2\nargs = {'install_requires': NEEDED}\nsetup(**args)"}, ["setup.py"]),
        ({"setup.py": "setup(install_requires=[ ])\n# install_requires"}, []),
        ({"setup.py": "setup(name='a')"}, []),
        ({"setup.cfg": "[options]\ninstall_requires =\n    jinja2"}, ["setup.cfg"]),
        ({"setup.cfg": "[options]\npackages = find:\n[bandit]\nskips = %B101"}, []),
        ({"setup.cfg": "no settings"}, []),
        ({"Pipfile": '[packages]\njinja2 = "*"\n'}, ["Pipfile"]),
        ({"Pipfile": '[dev-packages]\npytest = "*"\n'}, []),
        ({"requirements.in": "jinja2"}, ["requirements.in"]),
        ({"requirements/base.in": "jinja2", "web/yarn.lock": ""}, ["requirements/base.in"]),
        ({"requirements.in": "jinja2", "requirements.txt": "", "setup.py": "install_requires=['jinja2']"}, []),
        ({"package-lock.json": "{}", "setup.py": "setup(install_requires=['jinja2'])"}, ["setup.py"]),
    ],
)
def test_packages_that_no_lock_file_pins_are_told(write, files: dict[str, str], missing: list[str]) -> None:
    tree = tree_of(write(files))
    locks = lock_files(tree, Source(path=tree.root))
    assert sorted(without.file.what for without in without_lock(tree, locks)) == missing
