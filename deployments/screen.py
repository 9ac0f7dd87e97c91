"""Tables and coloured texts on the terminal."""

from collections.abc import Iterable
from typing import Any

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment

from deployments.terminal import lines_spelt_out


class Screen(Console):
    """A console on which no text is markup, and none moves the cursor, colours what follows or hides as a link."""

    def __init__(self, **options: Any) -> None:
        super().__init__(highlight=False, markup=False, emoji=False, **options)

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """The segments as rich makes them, their texts spelt out."""
        for text, style, control in super().render(renderable, options):
            yield Segment(text if control else lines_spelt_out(text), style, control)
