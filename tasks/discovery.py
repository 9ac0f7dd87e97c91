"""Finds what each system's folder holds under a name that is the same for all: checks, tables, translations."""

from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from pkgutil import iter_modules
from types import ModuleType

import tasks


def modules(name: str) -> list[ModuleType]:
    """`tasks.<system>.<name>` of every system that has one, in the order of their names."""
    systems = sorted(system.name for system in iter_modules(tasks.__path__) if system.ispkg)
    names = [f"tasks.{system}.{name}" for system in systems]
    return [import_module(module) for module in names if find_spec(module) is not None]


def folders(name: str) -> list[Path]:
    """`tasks/<system>/<name>` of every system that has one."""
    return sorted(folder for place in tasks.__path__ for folder in Path(place).glob(f"*/{name}") if folder.is_dir())


def files(name: str) -> list[Path]:
    """`tasks/<system>/<name>` of every system that has one."""
    return sorted(file for place in tasks.__path__ for file in Path(place).glob(f"*/{name}") if file.is_file())
