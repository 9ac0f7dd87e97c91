"""What a program's end says of a backup: the file is at fault where the program runs otherwise."""

from pathlib import Path

import pytest

from tasks.backups.errors import BadBackup
from tasks.backups.tool_words import error_line, require_good
from tasks.check_result import msg
from tasks.observation import ObservationError
from tasks.processes import run


def ended(folder: Path, version: str, script: str) -> None:
    program = folder / "pg_restore"
    program.write_text(f'#!/bin/sh\nif [ "$1" = --version ]; then {version}; fi\n{script}\n')
    program.chmod(0o755)
    finished = run([str(program)], deadline_s=10)
    require_good(finished, lambda why: msg("not readable: {why}", why=why), program=str(program))


@pytest.mark.parametrize(
    ("version", "script", "error", "word"),
    [
        ("exit 0", "kill -SEGV $$", BadBackup, "{program} crashes while reading it"),
        ("kill -SEGV $$", "kill -SEGV $$", ObservationError, "cannot be started on this machine"),
        ("exit 0", "kill -KILL $$", ObservationError, "was ended by signal"),
        ("exit 0", "echo 'pg_restore: error: out of memory' >&2; exit 1", BadBackup, "more memory than there is"),
        ("exit 0", "echo 'out of memory' >&2; exit 1", BadBackup, "more memory than there is"),
        ("exit 0", "echo 'pg_restore: error: could not execute query: ERROR:  out of memory' >&2; exit 1",
         ObservationError, "Out of memory"),
    ],
)  # fmt: skip
def test_who_is_at_fault(tmp_path: Path, version: str, script: str, error: type[Exception], word: str) -> None:
    with pytest.raises(error) as raised:
        ended(tmp_path, version, script)
    assert isinstance(raised.value, BadBackup | ObservationError) and word in raised.value.reason.text


def test_a_parameter_is_named_and_a_value_is_not() -> None:
    assert error_line('ERROR:  unrecognized parameter "pg_attver"') == 'unrecognized parameter "pg_attver"'
    assert "secret" not in error_line('ERROR:  invalid input syntax for type bigint: "secret"')
