"""A scanner as a supervised process: its own folder, a clean environment, bounds of time, memory and output."""

import os
import sys
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

from tasks.check_result import msg
from tasks.observation import ObservationError
from tasks.processes import Finished, run
from tasks.scratch import scratch

MOST_OUTPUT_BYTES: Final = 128 * 1024 * 1024
_MIB = 1024 * 1024
_NETWORK = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")
_CERTIFICATES = ("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")


def run_scanner(
    module: str,
    args: Sequence[str],
    *,
    cwd: Path | None,
    deadline_s: float,
    memory_mb: int,
    env: Mapping[str, str] | None = None,
    python: str = sys.executable,
) -> Finished:
    """Run `python -m module`, and give what it wrote, whatever its exit status.

    Nothing of `cwd` is imported or run (None: its own empty folder); `env` is added to an environment that holds none
    of ours. Raises ObservationError when it is not installed, does not end in time, is ended by a signal, runs out of
    memory, or writes more than MOST_OUTPUT_BYTES.
    """
    with scratch() as own:
        try:
            finished = run(
                [python, "-I", "-m", module, *args],
                deadline_s=deadline_s,
                env=_environment(str(own)) | dict(env or {}),
                cwd=own if cwd is None else cwd,
                max_output_bytes=MOST_OUTPUT_BYTES,
                max_memory_bytes=memory_mb * _MIB,
            )
        except FileNotFoundError:
            raise _not_installed(module.replace("_", "-")) from None
    _ended_well(module, finished, deadline_s, memory_mb)
    return finished


def scanner_version(distribution: str) -> str:
    """The installed version of a scanner; raises ObservationError when it is not installed."""
    try:
        return version(distribution)
    except PackageNotFoundError:
        raise _not_installed(distribution) from None


def network_environment() -> dict[str, str]:
    """What of our environment a scanner needs that asks the network: proxies and CA certificates."""
    names = (*_NETWORK, *(name.lower() for name in _NETWORK), *_CERTIFICATES)
    return {name: os.environ[name] for name in names if name in os.environ}


def _environment(own: str) -> dict[str, str]:
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "LANG": "C.UTF-8",
        "LC_ALL": "C.UTF-8",
        "HOME": own,
        "TMPDIR": own,
        # -I does not reach the interpreters that a scanner starts itself.
        "PYTHONSAFEPATH": "1",
        "PYTHONNOUSERSITE": "1",
    }


def _ended_well(module: str, finished: Finished, deadline_s: float, memory_mb: int) -> None:
    scanner = module.replace("_", "-")
    if finished.timed_out:
        minutes = round(deadline_s / 60, 2)
        raise ObservationError(
            msg("{scanner} did not end within {minutes} minutes and was ended", scanner=scanner, minutes=minutes)
        )
    if finished.truncated:
        limit = MOST_OUTPUT_BYTES // _MIB
        raise ObservationError(msg("{scanner} wrote more than {limit} MiB and was ended", scanner=scanner, limit=limit))
    last = finished.stderr.rstrip().rpartition(b"\n")[2]
    if last.endswith(b"No module named " + module.encode()):
        raise _not_installed(scanner)
    if finished.returncode and last.startswith(b"MemoryError"):
        raise ObservationError(
            msg("{scanner} needs more memory than the {limit} MiB that it may use", scanner=scanner, limit=memory_mb)
        )
    if finished.returncode < 0:
        raise ObservationError(
            msg("{scanner} was ended by signal {signal}", scanner=scanner, signal=-finished.returncode)
        )


def _not_installed(scanner: str) -> ObservationError:
    return ObservationError(
        msg("{scanner} was not run: it is not installed. Install opsrounds with its dependencies", scanner=scanner)
    )
