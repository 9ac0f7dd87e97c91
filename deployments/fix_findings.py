"""The upgrades of a service's vulnerable packages, and their trial in a copy of its tree."""

from collections.abc import Sequence

from tasks.deadline import Deadline
from tasks.errors import UsageError
from tasks.security.facts.scans import Known
from tasks.security.fix.files import read_requirements_texts
from tasks.security.fix.patch import Fix, make_fix
from tasks.security.fix.trial import Trial, try_fix
from tasks.security.fix.updates import find_updates
from tasks.security.settings import Source
from tasks.security.tree.read import read_tree
from tasks.settings import Settings

_MOST_FILE_KB = 20_000


def make_fix_of(settings: Settings, known: Sequence[Known]) -> Fix:
    """What fixes the open findings of packages. Raises UsageError without a source tree."""
    updates = find_updates(known)
    root = settings.path.parent / _source(settings).path
    return make_fix(updates, read_requirements_texts(root, updates))


def try_fix_of(settings: Settings, fix: Fix) -> Trial | None:
    """How `[security] test` ends in a patched copy of the tree; None when it is not set.

    The copy holds what is excluded from scans, too. It may take `[source] deadline_min`.
    """
    command = () if settings.security is None else settings.security.test
    if not command:
        return None
    source = _source(settings)
    whole = source.model_copy(update={"exclude": (), "max_file_kb": _MOST_FILE_KB})
    deadline_s = source.deadline_min * 60
    tree = read_tree(whole, settings.path.parent / source.path, Deadline.after(deadline_s))
    return try_fix(tree.root, [file.path for file in tree.files], fix.changed, command, deadline_s)


def _source(settings: Settings) -> Source:
    if settings.source is None:
        raise UsageError(f"{settings.path}: [source] is missing: it says where the source tree is")
    return settings.source
