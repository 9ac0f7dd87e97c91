"""The environment in which the team's own commands run."""

import os

_KEPT = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "GNUPGHOME", "USER", "LOGNAME", "VIRTUAL_ENV", "PYTHONPATH")
_KEPT_BY_PREFIX = ("AWS_", "GOOGLE_", "AZURE_", "SSL_")
"""What the tools of the large clouds are told their account by."""


def command_environment(**more: str) -> dict[str, str]:
    """What a command finds: where programs are and who it is, accounts of clouds, and nothing else of ours."""
    kept = {name: value for name, value in os.environ.items() if name in _KEPT or name.startswith(_KEPT_BY_PREFIX)}
    return kept | more
