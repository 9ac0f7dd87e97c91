"""How Locust is started for one load test: its files, its arguments, its environment."""

import hashlib
import json
import os
import sys
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Final

from tasks.http import write_bundle
from tasks.load.settings import Load, Profile
from tasks.processes import free_port
from tasks.settings import Settings

_OWN: Final = ("rounds_fence.py", "rounds_record.py", "rounds_load.py")
_INHERITED: Final = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR")


@dataclass(frozen=True, slots=True)
class Plan:
    """What one load test is to do; `folder` is where its processes write, `scenarios` are whole paths."""

    load: Load
    profile: Profile
    folder: Path
    scenarios: tuple[Path, ...]
    ca_file: Path | None

    @property
    def local_workers(self) -> int:
        """Workers on this machine; 0 if the one process makes the load itself, or only others do."""
        return self.load.workers.processes if self.load.workers.processes > 1 else 0

    @property
    def workers(self) -> int:
        """All workers."""
        return self.local_workers + self.load.workers.remote

    @property
    def stop_timeout_s(self) -> float:
        """How long users may take for what they are at when the test ends."""
        return self.load.probe.timeout_s


def scenario_files(settings: Settings, load: Load) -> tuple[Path, ...]:
    """The team's Locust files, as whole paths."""
    return tuple((settings.path.parent / path).absolute() for path in load.scenarios)


def script_digest(settings: Settings, load: Load, profile: Profile) -> str:
    """What makes two tests comparable: the content of the Locust files, the profile and the number of processes."""
    digest = hashlib.sha256()
    for path in scenario_files(settings, load):
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    about = {
        "steps": [(step.users, step.seconds) for step in profile.steps],
        "ramp_up_s": profile.ramp_up_s,
        "processes": load.workers.processes,
        "remote": load.workers.remote,
    }
    digest.update(json.dumps(about, sort_keys=True).encode())
    return digest.hexdigest()


def locust_command(plan: Plan) -> list[str]:
    """Writes the plan where Locust's processes read it, and gives the command that starts them."""
    written = plan.folder / "rounds_plan.py"
    about = {
        "steps": [(step.users, step.seconds) for step in plan.profile.steps],
        "ramp_up_s": plan.profile.ramp_up_s,
        "hosts": plan.load.hosts,
        "folder": str(plan.folder),
        "scenarios": [path.name for path in plan.scenarios],
        "workers": plan.workers,
        "ca_file": None if plan.ca_file is None else str(write_bundle(plan.ca_file, plan.folder)),
    }
    written.write_text(f"import json\n\nPLAN = json.loads({json.dumps(about)!r})\n", encoding="utf-8")
    own = resources.files("tasks.load.generator.locustfiles")
    files = (written, *(Path(str(own / name)) for name in _OWN), *plan.scenarios)
    return [
        *(sys.executable, "-m", "locust", "--headless", "--only-summary", "--loglevel", "WARNING"),
        *("--locustfile", ",".join(map(str, files)), "--host", plan.load.base_url),
        *("--stop-timeout", f"{plan.stop_timeout_s:g}"),
        *_distribution(plan),
    ]


def _distribution(plan: Plan) -> list[str]:
    """One process; or a master with workers that it forks, others that come over the network, or both."""
    workers = plan.load.workers
    if not plan.workers:
        return []
    local = ["--processes", str(plan.local_workers)] if plan.local_workers else ["--master", "--expect-workers", "1"]
    bind = workers.bind if workers.remote else "127.0.0.1"
    port = str(workers.port if workers.remote else free_port())
    near = "127.0.0.1" if bind in ("*", "0.0.0.0") else bind
    return [
        *local,
        *("--expect-workers-max-wait", f"{max(round(workers.wait_s), 1)}"),
        *("--master-bind-host", bind, "--master-bind-port", port),
        *("--master-host", near, "--master-port", port),
    ]


def locust_environment(variables: dict[str, str]) -> dict[str, str]:
    """All that Locust's processes see of this one's environment, and the team's variables."""
    inherited = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    # The team's folder is not ours to put compiled files into.
    return {**inherited, "PYTHONDONTWRITEBYTECODE": "1", **variables}
