"""The process that runs what is due."""

import subprocess
import sys

import pytest


@pytest.mark.deep
def test_the_runner_loads_nothing_that_only_a_report_needs() -> None:
    heavy = ("pandas", "scipy.optimize", "matplotlib", "duckdb", "locust", "distributed", "prefect.server")
    program = f"import sys\nimport deployments.runner\nprint([name for name in {heavy} if name in sys.modules])"
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ended.stdout.splitlines()[-1] == "[]"
