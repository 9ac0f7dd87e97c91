"""Every fault of the matrix in a real dump that has no manifest: found, or said to be what nothing else can show."""

from pathlib import Path

import pytest

from tasks.backups.facts import DrillVerdict
from tasks.check_result import Status
from tests.shop_backups import Shop, text
from tests.shop_faults import CONTENTS, FILES, FORMS, Fault, good
