"""Where the lock files of npm, pnpm and yarn say that a package comes from."""

import re

_REPOSITORY = re.compile(
    r"git[+:@]|git\+|(?:github|gitlab|bitbucket|gist):|ssh://|[a-z+]+://[^\s]*\.git(?:#|$)"
    r"|https://(?:codeload\.github\.com|gitlab\.com/[^\s]*/-/archive|bitbucket\.org/[^\s]*/get)/"
    r"|https?://[^\s]*#(?:commit=)?[0-9a-f]{7,40}$"
)
_HOSTED_TARBALL = re.compile(r"#[0-9a-f]{40}$")
_FOLDER = re.compile(r"(?:file|link|portal|workspace):")
_TARBALL = re.compile(r"\.(?:tgz|tar\.gz)(?:[#?].*)?$")


def is_repository(source: object) -> bool:
    """True for a repository's commit, also as an archive of its host."""
    if not isinstance(source, str):
        return False
    # yarn 1 puts the tarball's checksum behind #, as repositories do their commit.
    if _TARBALL.search(source) and _HOSTED_TARBALL.search(source) and "codeload" not in source:
        return False
    return _REPOSITORY.match(source) is not None


def is_folder(source: object) -> bool:
    """True for a folder of the service, and not for a tarball in it."""
    return isinstance(source, str) and _FOLDER.match(source) is not None and _TARBALL.search(source) is None


def unaliased(name: object, version: object) -> tuple[object, object]:
    """`alias` and `npm:real@1.0.0` as the package that is meant."""
    if isinstance(version, str) and version.startswith("npm:"):
        real, _, exact = version[4:].rpartition("@")
        return real, exact
    return name, version


def split_name(text: str) -> tuple[str, str]:
    """`name@rest` of a package with or without a scope; the rest is empty without `@`."""
    name, _, rest = text[1:].partition("@")
    return text[:1] + name, rest
