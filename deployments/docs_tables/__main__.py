"""Writes what the code knows into the documentation: `python -m deployments.docs_tables` at the root."""

import sys
from pathlib import Path

from deployments.docs_tables.pages import write_pages

if __name__ == "__main__":
    sys.stdout.writelines([*write_pages(Path.cwd())])
