"""yarn.lock: of Yarn 1 in its own format, of Yarn 2 and later in YAML."""

import re
from pathlib import Path
from urllib.parse import unquote

from tasks.check_result import msg
from tasks.outside import external_text
from tasks.security.locks.content import read_whole, unexpected
from tasks.security.locks.interface import GIT, LOCAL, NPM, Collected, Lock
from tasks.security.locks.npm_source import is_folder, is_repository, split_name, unaliased
from tasks.security.locks.yaml_file import parse_yaml

_FIELD = re.compile(r'  (version|resolved) "?([^"\s]*)"?\s*')
_BERRY = re.compile(r"^__metadata:", re.MULTILINE)


def read_yarn_lock(root: Path, path: str) -> Lock:
    """All packages of the file, in every version that is installed, also those of development."""
    return read_whole(root, path, NPM, _collect)


def _collect(text: str, collected: Collected) -> None:
    if _BERRY.search(text):
        _berry(text, collected)
    else:
        _classic(text, collected)


def _classic(text: str, collected: Collected) -> None:
    """Blocks: a line of patterns that ends in a colon, then indented fields."""
    key, fields = "", dict[str, str]()
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip() or line.startswith("#"):
            continue
        if line.startswith(" "):
            if field := _FIELD.fullmatch(line):
                fields[field[1]] = field[2]
            continue
        _block(key, fields, collected)
        key, fields = "", {}
        if line.rstrip().endswith(":") and "@" in line:
            key = line.rstrip()[:-1]
        else:
            file = external_text(collected.path)
            collected.problem(msg("{file}, line {line}: this is not an entry of yarn.lock", file=file, line=number))
    _block(key, fields, collected)


def _block(key: str, fields: dict[str, str], collected: Collected) -> None:
    if not key:
        return
    name, wanted = split_name(key.partition(",")[0].strip().strip('"'))
    real, _ = unaliased(name, wanted if "@" in wanted[5:] else f"npm:{wanted[4:]}@" if wanted[:4] == "npm:" else wanted)
    source = fields.get("resolved", wanted)
    if is_repository(source) or is_repository(wanted):
        collected.unmatched(name, GIT)
    elif is_folder(source) or (is_folder(wanted) and "resolved" not in fields):
        collected.leave_out(name, LOCAL)
    else:
        collected.pin(real, fields.get("version"))


def _berry(text: str, collected: Collected) -> None:
    """Entries whose resolution names the real package and its source."""
    for document in parse_yaml(text, collected.path):
        if not isinstance(document, dict):
            raise unexpected(collected.path, "yarn.lock")
        for key, entry in document.items():
            if key == "__metadata":
                continue
            if not isinstance(entry, dict):
                raise unexpected(collected.path, "yarn.lock")
            _resolved(str(entry.get("resolution") or key), entry.get("version"), collected)


def _resolved(resolution: str, version: object, collected: Collected) -> None:
    name, source = split_name(resolution)
    if source.startswith("patch:"):  # the patched package is still of its version
        name, source = split_name(unquote(source[6:]).partition("#")[0])
    if is_folder(source):
        collected.leave_out(name, LOCAL)
    elif is_repository(source):
        collected.unmatched(name, GIT)
    else:
        collected.pin(name, version)
