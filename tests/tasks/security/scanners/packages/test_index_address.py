"""Where the package indexes are, as the service file, the environment, pip's and npm's own files have it."""

from pathlib import Path

import pytest

from tasks.deadline import Deadline
from tasks.observation import ObservationError
from tasks.security.advisories.index import Index, unknown_packages
from tasks.security.facts.scans import Package
from tasks.security.scanners.packages.index_address import NPM_REGISTRY, PYPI_INDEX, npm_index, python_index
from tasks.security.settings import Advisories
from tests.package_indexes import Known, index_of

CA = Path("/ca.pem")


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("PIP_INDEX_URL", "PIP_CERT", "npm_config_registry", "NPM_CONFIG_REGISTRY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("PIP_CONFIG_FILE", str(tmp_path / "pip.conf"))


def test_the_index_of_pip(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert python_index(
        Advisories(index_url="https://own.example.com/simple/", ca_file=CA), Deadline.after(60)
    ) == Index("https://own.example.com/simple", ca_file=CA)
    (tmp_path / "pip.conf").write_text("[global]\ncert = /pip.pem\n")
    assert python_index(Advisories(ca_file=CA), Deadline.after(60)) == Index(PYPI_INDEX, ca_file=Path("/pip.pem"))
    monkeypatch.setenv("PIP_INDEX_URL", "https://a%40b:c%3Ad@environment.example.com/simple")
    own = python_index(Advisories(), Deadline.after(60))
    assert (own.url, own.user) == ("https://environment.example.com/simple", ("a@b", "c:d"))
    assert "c:d" not in repr(own) and "environment" not in repr(own)


def test_of_several_files_of_pip_the_one_that_pip_prefers_stands(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """pip's own file of the environment overrides the system's, whichever name is the first of the alphabet."""
    system = tmp_path / "system"
    for folder, name in ((system / "pip", "system"), (tmp_path / "a", "first"), (tmp_path / "z", "last")):
        folder.mkdir(parents=True)
        (folder / "pip.conf").write_text(f"[global]\nindex-url = https://{name}.example.com/simple\n")
    monkeypatch.setenv("XDG_CONFIG_DIRS", str(system))
    for name, folder in (("first", "a"), ("last", "z")):
        monkeypatch.setenv("PIP_CONFIG_FILE", str(tmp_path / folder / "pip.conf"))
        found = python_index(Advisories(), Deadline.after(60))
        assert found.url == f"https://{name}.example.com/simple"


def test_the_registry_of_npm(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert npm_index(Advisories()) == Index(NPM_REGISTRY)
    monkeypatch.setenv("NPM_HOST", "file.example.com")
    lines = "; a comment\nregistry=https://first.example.com\n@web:registry=https://web.example.com\n"
    (tmp_path / ".npmrc").write_text(f'{lines}registry = "https://${{NPM_HOST}}/npm/"\n')
    assert npm_index(Advisories()) == Index("https://file.example.com/npm")
    monkeypatch.setenv("NPM_CONFIG_REGISTRY", "https://token-of-mine@environment.example.com/")
    assert npm_index(Advisories()) == Index("https://environment.example.com", ("token-of-mine", ""))
    assert npm_index(Advisories(npm_index_url="https://own.example.com")) == Index("https://own.example.com")


@pytest.mark.parametrize("address", ["file:///npm", "https://host:port/", "nonsense", "https://[/"])
def test_an_address_that_is_none_is_not_repeated(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    monkeypatch.setenv("npm_config_registry", address)
    with pytest.raises(ObservationError) as caught:
        npm_index(Advisories())
    assert str(caught.value) == "The package index could not be asked: its address is not one of http or https"


@pytest.mark.parametrize("value", ["npm", "ftp://x", "https://a:b@host/simple", ""])
def test_an_index_that_the_service_file_cannot_name(value: str) -> None:
    with pytest.raises(ValueError, match="index_url"):
        Advisories(index_url=value)


def test_a_password_is_not_taken_to_another_server() -> None:
    known = Known({"clean": ("clean-1.0.tar.gz",)}, user="aki:hunter2hunter2")
    package = Package("PyPI", "clean", "1.0")
    with index_of(known) as url:
        here = Index(f"{url}/moved", ("aki", "hunter2hunter2"))
        assert not unknown_packages(here, "PyPI", [package], timeout_s=5, deadline=Deadline.after(60))
        there = Known(elsewhere=f"{url}/simple")
        with index_of(there) as other:
            away = Index(f"{other}/away", ("aki", "hunter2hunter2"))
            with pytest.raises(ObservationError, match="HTTP 401"):
                unknown_packages(away, "PyPI", [package], timeout_s=5, deadline=Deadline.after(60))
