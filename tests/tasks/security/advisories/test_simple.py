"""Pages of a simple index, as PyPI, mirrors and proxies write them."""

import json
from typing import Any

import pytest
from packaging.version import Version

from tasks.security.advisories.simple import has, versions_of

JSON = "application/vnd.pypi.simple.v1+json"
HTML = """<!DOCTYPE html>
<html><head>{meta}</head><body><h1>Links for my-pkg</h1>
<a href="https://files.example.com/a/My_Pkg-1.0.tar.gz#sha256=ab">My_Pkg-1.0.tar.gz</a>
<a href="../../b/my_pkg-1.1-py3-none-any.whl" data-yanked="broken">my_pkg-1.1</a>
<a href="my_pkg-1.2%2Bcu118-cp311-cp311-linux_x86_64.whl">wheel</a>
<a href="my_pkg-0.9-py2.7.egg">egg</a>
<a href="my-pkg-0.8.zip">zip</a><a href="my-pkg-0.7.tar.bz2">bz2</a>
<a href="other-7.0.tar.gz">another's</a><a href="my-pkg-latest.tar.gz">no version</a><a>no address</a>
</body></html>"""


def versions(content: str, kind: str = "text/html") -> list[str]:
    return sorted(map(str, versions_of("my-pkg", content.encode(), kind)))


def page(**content: Any) -> str:
    return json.dumps({"name": "My.Pkg", "files": [], **content})


def test_links_of_a_page_of_html() -> None:
    assert versions(HTML) == ["0.7", "0.8", "0.9", "1.0", "1.1", "1.2+cu118"]


def test_a_page_of_json() -> None:
    files = [{"filename": "my_pkg-1.0-py3-none-any.whl"}, {"filename": "my-pkg-2.0.tar.gz", "yanked": True}]
    assert versions(page(files=files), JSON) == ["1.0", "2.0"]
    assert versions(page(files=files, versions=["1.0", "3.0rc1", "old"]), JSON) == ["1.0", "3.0rc1"]
    assert versions(page(), "application/json") == []


def test_an_empty_page_is_one_only_if_it_says_so() -> None:
    assert versions('<html><meta name="pypi:repository-version" content="1.0"></html>') == []
    with pytest.raises(ValueError, match="not a page"):
        versions("<html><body></body></html>")


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        ("<html><a href='/login'>Sign in</a><a href='https://[/x'>y</a></html>", "text/html"),
        ("{", JSON),
        ("[]", JSON),
        ("{}", JSON),
        ('{"files": [1]}', JSON),
        ('{"files": [{"filename": 1}]}', JSON),
        (page(versions=5), JSON),
        (page(name="other"), JSON),
        (page(), "text/plain"),
        ("[" * 100_000, JSON),
    ],
)
def test_what_is_no_page_of_the_package(content: str, kind: str) -> None:
    with pytest.raises(ValueError):
        versions(content, kind)


@pytest.mark.parametrize(
    ("pinned", "there"),
    [
        ("1.0", True),
        ("1", True),
        ("1.2", True),
        ("1.2+cu118", True),
        ("1.2+cpu", False),
        ("1.3", False),
        ("2.0a1", True),
    ],
)
def test_a_pin_is_compared_as_a_version(pinned: str, there: bool) -> None:
    assert has([Version("1.0.0"), Version("1.2+cu118"), Version("2.0a1")], Version(pinned)) is there
