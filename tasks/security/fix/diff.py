"""A changed file as a unified diff."""

import re
from dataclasses import dataclass
from difflib import unified_diff


@dataclass(frozen=True, slots=True)
class Changed:
    """A file of the tree as it would be after the updates."""

    path: str
    before: str
    after: str

    @property
    def diff(self) -> str:
        """The change as a unified diff, for `git apply` and `patch -p1`."""
        before, after = lines_of(self.before), lines_of(self.after)
        lines = unified_diff(before, after, _name("a", self.path), _name("b", self.path))
        return "".join(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines)


def lines_of(text: str) -> list[str]:
    """Lines as patch knows them: other line ends than \\n belong to their line."""
    return re.findall(r"[^\n]*\n|[^\n]+", text)


def _name(side: str, path: str) -> str:
    """A file's name in the head of a diff, quoted as git does where it must be."""
    name = f"{side}/{path}"
    if name.isprintable() and name.isascii() and '"' not in name and "\\" not in name:
        return f"{name}\t" if " " in name else name
    quoted = "".join(
        chr(byte) if 0x20 <= byte < 0x7F and byte not in (0x22, 0x5C) else f"\\{byte:03o}"
        for byte in name.encode(errors="surrogateescape")
    )
    return f'"{quoted}"'
