"""The action of the story: `python -m deployments.demo.story.restart_cache FAULTS` takes back what was planted."""

import sys
from pathlib import Path

from deployments.demo.faults import plant


def main() -> None:
    plant(Path(sys.argv[1]), ())
    sys.stdout.write("the cache was restarted\n")


if __name__ == "__main__":
    main()
