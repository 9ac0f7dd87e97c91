"""What came of the story, as the process that plays it hands it on."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from pydantic import TypeAdapter

from tasks.check_result import Message
from tasks.files import write_whole

NAME = "kondate-alerts"
"""The service of the story."""
OUTCOME = "story.json"


@dataclass(frozen=True, slots=True)
class Beat:
    """Something that happened."""

    at: datetime
    what: Message


@dataclass(frozen=True, slots=True)
class Way:
    """Messages to one recipient: as many as the history says were sent, and as many as arrived."""

    to: str
    sent: int
    arrived: int


@dataclass(frozen=True, slots=True)
class Story:
    """What happened, in that order, what became of the messages, and why it is not what should have happened."""

    beats: tuple[Beat, ...] = ()
    ways: tuple[Way, ...] = ()
    pages: tuple[str, ...] = ()
    problems: tuple[Message, ...] = ()

    @property
    def good(self) -> bool:
        """True when all of it happened, and each message arrived once."""
        return bool(self.beats) and not self.problems and all(way.sent == way.arrived for way in self.ways)


_STORY = TypeAdapter(Story)


def write_story(story: Story, file: Path) -> None:
    """Keep it for whoever started the process."""
    write_whole(file, _STORY.dump_json(story))


def read_story(file: Path) -> Story:
    """Raises OSError where there is none."""
    return _STORY.validate_json(file.read_bytes())
