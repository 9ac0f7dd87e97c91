"""What `rounds init` says, in English."""

from deployments.init.notes import Note, said
from reports.words import Words


def english(*notes: Note) -> tuple[str, ...]:
    """Each note as a line."""
    return tuple(said(note, Words("en", "UTC")) for note in notes)
