"""A full and an incremental security scan against the bare tools on the same tree, in one run.

`python -m tests.bench.security_scan [ROUNDS]`: the peers are `bandit -r`, `pip-audit -r` and `detect-secrets scan`, one
after another, on a copy of Python's own library (more than 200,000 lines). Wall seconds of the flow on a running
Prefect server, and the peak memory of the largest process that a scan starts.
"""

import asyncio
import resource
import statistics
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from shutil import copytree, ignore_patterns

from prefect.settings import PREFECT_API_URL, temporary_settings

from deployments.demo.advisories import Feed, demo_advisories, serving
from deployments.prefect_server import PrefectServer
from deployments.run import flush_prefect
from flows.options import SecurityOptions
from flows.security_scan import security_scan
from tasks.settings import use_services

SERVICE = "bench"
_LEFT_OUT = ("__pycache__", "test", "tests", "site-packages", "dist-packages", "lib2to3", "config-*", "*.so", "*.a")
_PINS = "\n".join(("kondate-labels==1.4.0", *(f"package-{n}==1.{n}" for n in range(20)))) + "\n"
_FILE = """
[service]
name = "bench"
base_url = "http://127.0.0.1:9"
[source]
path = "tree"
[security.advisories]
url = "{url}"
index_url = "none"
"""


def bare(tree: Path, url: str) -> dict[str, float]:
    """Seconds of each tool alone."""
    with tempfile.TemporaryDirectory() as name:
        out = Path(name)
        audit = ("-r", str(tree / "requirements.txt"), "--no-deps", "--disable-pip", "-f", "json", "-s", "osv")
        tools = {
            "bandit": ("bandit", "-q", "-r", str(tree), "-f", "json", "-o", str(out / "bandit.json")),
            "pip-audit": ("pip_audit", *audit, "--osv-url", f"{url}/v1/query", "--cache-dir", str(out / "cache")),
            "detect-secrets": ("detect_secrets", "-C", str(tree), "scan", "--all-files", "-n", "."),
        }
        return {name: _seconds(lambda argv=argv: _run(argv)) for name, argv in tools.items()}  # type: ignore[misc]


def scan(part: str, *, rescan: bool) -> None:
    """A round of the security scan."""
    options = SecurityOptions(part=part, rescan=rescan)  # type: ignore[arg-type]
    asyncio.run(security_scan(SERVICE, options, return_state=True))  # type: ignore[arg-type]


def _run(argv: tuple[str, ...]) -> None:
    subprocess.run([sys.executable, "-m", *argv], check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def _seconds(call: Callable[[], None]) -> float:
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


def _peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024


def _make_tree(folder: Path) -> Path:
    tree = folder / "tree"
    copytree(sysconfig.get_path("stdlib"), tree, ignore=ignore_patterns(*_LEFT_OUT), ignore_dangling_symlinks=True)
    (tree / "requirements.txt").write_text(_PINS)
    return tree


def main(rounds: int) -> None:
    """Print seconds, ratios and memory."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="opsrounds-bench-")))
        url = stack.enter_context(serving(Feed(demo_advisories())))
        tree = _make_tree(folder)
        lines = sum(file.read_bytes().count(b"\n") for file in tree.rglob("*.py"))
        (folder / "bench.toml").write_text(_FILE.format(url=url))
        server = PrefectServer(folder / "prefect", auth=None, services=False)
        stack.enter_context(server.child)
        server.wait_until_healthy()
        stack.enter_context(temporary_settings({PREFECT_API_URL: server.api_url}))
        stack.callback(flush_prefect)
        use_services(folder / "bench.toml")
        scan("dependencies", rescan=True)  # imports and the history's schema are paid once
        alone = [bare(tree, url) for _ in range(rounds)]
        bare_mib = _peak_mib()
        full = [
            sum(_seconds(lambda p=p: scan(p, rescan=True)) for p in ("code", "dependencies")) for _ in range(rounds)
        ]  # type: ignore[misc]
        again = [
            sum(_seconds(lambda p=p: scan(p, rescan=False)) for p in ("code", "dependencies")) for _ in range(rounds)
        ]  # type: ignore[misc]
    tools = {name: statistics.median(one[name] for one in alone) for name in alone[0]}
    whole, wall, unchanged = sum(tools.values()), statistics.median(full), statistics.median(again)
    text = ", ".join(f"{name} {seconds:.1f} s" for name, seconds in tools.items())
    sys.stdout.write(
        f"security scan, {lines:,} lines, median of {rounds}: bare {whole:.1f} s ({text}), largest {bare_mib:.0f} MiB\n"
        f"full {wall:.1f} s, ratio {wall / whole:.2f}, largest child {_peak_mib():.0f} MiB; "
        f"incremental {unchanged:.1f} s, ratio {unchanged / whole:.3f}\n"
        f"against bandit and pip-audit alone: full {wall / (tools['bandit'] + tools['pip-audit']):.2f}, "
        f"incremental {unchanged / (tools['bandit'] + tools['pip-audit']):.3f} (spec: at most 1.05 and 0.1)\n"
    )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1)
