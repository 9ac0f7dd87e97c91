"""The demo service's smoke test: start it on the database of DATABASE_URL and ask for the ingredients."""

import os
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import httpx

from tasks.deadline import Deadline
from tasks.processes import Child, free_port

_READY_S = 60.0
_POLL_S = 0.1


def main() -> str | None:
    """Why the service does not work there, None if it does."""
    with tempfile.TemporaryDirectory() as folder:
        log, port = Path(folder) / "service.log", free_port()
        variables = {"DEMO_DSN": os.environ["DATABASE_URL"], "DEMO_LOG": str(log)}
        argv = [sys.executable, "-m", "deployments.demo.service", "--port", str(port)]
        root = Path(__file__).resolve().parents[2]  # where `deployments` is found, installed or not
        with Child(argv, log=Path(folder) / "output.log", env={**os.environ, **variables}, cwd=root) as service:
            return _asked(f"http://127.0.0.1:{port}/api/ingredients", service)


def _asked(url: str, service: Child) -> str | None:
    deadline = Deadline.after(_READY_S)
    with httpx.Client(timeout=5.0, trust_env=False) as client:
        while service.running and not deadline.passed:
            with suppress(httpx.TransportError):
                answer = client.get(url)
                return None if answer.status_code == 200 and answer.json() else f"error: {url} gave {answer.text[:200]}"
            time.sleep(_POLL_S)
    return f"error: the service did not answer\n{service.tail(3)}"


if __name__ == "__main__":
    sys.exit(main())
