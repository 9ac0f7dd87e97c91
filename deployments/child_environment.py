"""What the processes that `rounds up` starts are given of its environment."""

import os
from collections.abc import Iterable
from fnmatch import fnmatchcase

from tasks.secrets import named_variables
from tasks.settings import Settings

PASS_VARIABLE = "OPSROUNDS_PASS"
_PROGRAMS = (
    *("PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LANGUAGE", "LC_*", "TZ", "TMPDIR", "TEMP", "TMP"),
    *("PYTHON*", "VIRTUAL_ENV", "LD_LIBRARY_PATH", "XDG_*", "DO_NOT_TRACK"),
)
"""What every program may need; none of it is a secret."""
_ROUNDS = (
    *("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "all_proxy", "no_proxy"),
    *("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "NODE_EXTRA_CA_CERTS"),
    *("PIP_*", "npm_config_registry", "NPM_CONFIG_REGISTRY"),
    *("PG[A-OQ-Z]*", "PGPASSFILE", "PGPORT", "KRB5CCNAME", "KRB5_CONFIG", "GNUPGHOME", "SSH_AUTH_SOCK"),
    *("AWS_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"),
    *("GOOGLE_APPLICATION_CREDENTIALS", "AZURE_CONFIG_DIR", "KUBECONFIG", "DOCKER_HOST", "DOCKER_CONFIG"),
    *("OPSROUNDS_*", "PREFECT_HOME", "PREFECT_LOGGING_*", "PREFECT_RUNNER_*", "PREFECT_CLIENT_MAX_RETRIES"),
)
"""What rounds and the programs they start may need besides: the network, package indexes, names of files."""


def program_environment() -> dict[str, str]:
    """For a server: what every program needs, and no secret."""
    return _kept(_PROGRAMS)


def rounds_environment(services: Iterable[Settings]) -> dict[str, str]:
    """For the runner and its rounds: the same, what the rounds need, and the variables that the service files name.

    Whatever else is needed stands in OPSROUNDS_PASS, such as `AWS_* SHOP_TOKEN`.
    """
    named = set[str]().union(*map(named_variables, services))
    return _kept((*_PROGRAMS, *_ROUNDS, *os.environ.get(PASS_VARIABLE, "").replace(",", " ").split())) | _named(named)


def _kept(patterns: Iterable[str]) -> dict[str, str]:
    wanted = tuple(patterns)
    return {name: value for name, value in os.environ.items() if any(fnmatchcase(name, pattern) for pattern in wanted)}


def _named(names: Iterable[str]) -> dict[str, str]:
    return {name: os.environ[name] for name in names if name in os.environ}
