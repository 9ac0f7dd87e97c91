"""The story as a process beside the rounds of the demo."""

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from importlib.resources import files
from pathlib import Path
from string import Template

from deployments.child_environment import program_environment
from deployments.demo.environment import Apart
from deployments.demo.story.facts import NAME, OUTCOME, Story, read_story
from tasks.check_result import msg
from tasks.processes import Child, free_port
from tasks.settings import SERVICES_VARIABLE

_ROOT = Path(__file__).resolve().parents[3]
"""Where `deployments` is found, installed or not."""
_WAIT_S = 240.0
_LAST_LINES = 15


def write_service_file(folder: Path, service: Apart, output: Path, locales: Sequence[str]) -> Path:
    """The service file of the story."""
    template = Template(files("deployments.demo.story").joinpath("service.toml").read_text(encoding="utf-8"))
    file = folder / f"{NAME}.toml"
    text = template.substitute(
        name=NAME,
        base_url=service.base_url,
        faults_file=service.faults_file,
        receiver=f"127.0.0.1:{free_port()}",
        python=sys.executable,
        output=output,
        locales=json.dumps(list(locales)),
    )
    file.write_text(text, encoding="utf-8")
    return file


class Beside:
    """The story while it is played."""

    def __init__(self, child: Child, outcome: Path) -> None:
        self._child, self._outcome = child, outcome

    def end(self) -> Story:
        """Wait for its end; a story that broke has its last lines as its problem."""
        if self._child.wait(_WAIT_S) == 0:
            with suppress(OSError):
                return read_story(self._outcome)
        return Story(problems=(msg("It broke: {error}", error=self._child.tail(_LAST_LINES)),))


@contextmanager
def playing(file: Path, server: Mapping[str, str]) -> Iterator[Beside]:
    """The story of a service file, on the Prefect server of these client settings; stopped at the end."""
    folder = file.parent / NAME
    outcome = folder / OUTCOME
    outcome.unlink(missing_ok=True)
    own = {SERVICES_VARIABLE: str(file.absolute()), "PYTHONPATH": str(_ROOT)}
    with Child(
        [sys.executable, "-m", "deployments.demo.story.play", str(file.absolute())],
        log=folder / "story.log",
        env=program_environment() | dict(server) | own,
        cwd=_ROOT,
    ) as child:
        yield Beside(child, outcome)
