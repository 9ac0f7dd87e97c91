"""A confinement of its own for each test, with small bounds."""

from pathlib import Path

import pytest

from tasks.postgres.installation import server_account
from tasks.sandbox.available import NoSandbox, own_account, usable_bwrap
from tasks.sandbox.bounds import MIB, Bounds
from tasks.sandbox.confinement import Confinement

SMALL = Bounds(
    memory=400 * MIB, disk=60 * MIB, file=40 * MIB, processes=40, files=300, shared_memory=8 * MIB, temporary=8 * MIB
)


@pytest.fixture
def confinement(tmp_path: Path) -> Confinement:
    """Programs in it are in a sandbox."""
    try:
        usable_bwrap(own_account())
    except NoSandbox as error:
        pytest.skip(f"programs cannot be confined here: {error}")
    folder = tmp_path / "drill"
    folder.mkdir(mode=0o700)
    return Confinement(folder, server_account(), SMALL, required=True)
