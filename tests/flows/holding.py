"""A process that holds one round and delivers its letters, to be killed: `holding.py SERVICE-FILE`.

It says `ready` after its imports, begins at a line on stdin, and says `done` at its end.
"""

import sys
from pathlib import Path

from deployments.run import hold_round
from flows.options import DailyOptions
from tasks.settings import load_settings, use_services


def main(file: Path) -> None:
    """Wait for the word, hold the round, and say so."""
    use_services(file)
    settings = load_settings(file)
    print("ready", flush=True)
    sys.stdin.readline()
    held = hold_round("daily-checklist", settings, DailyOptions(mail=True), lambda text: print(text, file=sys.stderr))
    print(f"done {held.state}", flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
