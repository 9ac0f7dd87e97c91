"""Lists the off-site copies of backups: in a path, or in a store that speaks S3."""

from collections.abc import Iterator
from contextlib import closing
from datetime import datetime
from importlib import import_module
from pathlib import Path
from typing import Any

from tasks.backups.facts import OffsiteCopy
from tasks.backups.files.find import find_files
from tasks.backups.files.manifest import SUFFIX
from tasks.backups.settings import Offsite
from tasks.check_result import Message, msg
from tasks.deadline import Deadline
from tasks.observation import ObservationError, printable

TIMEOUT_S = 10.0
_ATTEMPTS = 3
_LONGEST_S = 120.0
"""A listing of many pages is given up after so long."""

_MOST_KEYS = 500_000
_REFUSED_KEY = frozenset({"InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "InvalidToken"})
_DENIED = frozenset({"AccessDenied", "AllAccessDisabled"})
_NO_BUCKET = frozenset({"NoSuchBucket", "InvalidBucketName"})


def list_offsite(
    offsite: Offsite, folder: Path, access_key: str | None, secret_key: str | None, timeout_s: float = TIMEOUT_S
) -> tuple[OffsiteCopy, ...]:
    """The files and folders of the off-site location; a relative pattern starts from `folder`.

    Without keys, boto3 finds some itself. Raises ObservationError, which never repeats a key.
    """
    if offsite.pattern is not None:
        return tuple(
            OffsiteCopy(found.path.name, found.bytes, found.at) for found in find_files(folder, offsite.pattern)
        )
    try:
        # Imported here: it is an extra, and takes half a second.
        boto3, errors = import_module("boto3"), import_module("botocore.exceptions")
        parsers = import_module("botocore.parsers")
    except ImportError:
        raise ObservationError(msg("boto3 is not installed: install opsrounds[s3]")) from None
    try:
        with closing(_client(boto3, offsite, access_key, secret_key, timeout_s)) as client:
            return _grouped(_objects(client, offsite))
    except (errors.BotoCoreError, errors.ClientError, parsers.ResponseParserError) as error:
        raise ObservationError(_why(error, errors, offsite, timeout_s)) from None


def _place(offsite: Offsite) -> tuple[str, str]:
    """The bucket, and the prefix with the slash that ends it."""
    bucket, _, prefix = (offsite.s3 or "").removeprefix("s3://").partition("/")
    prefix = prefix.strip("/")
    return bucket, f"{prefix}/" if prefix else ""


def _client(boto3: Any, offsite: Offsite, access_key: str | None, secret_key: str | None, timeout_s: float) -> Any:
    config = import_module("botocore.config").Config(
        connect_timeout=timeout_s,
        read_timeout=timeout_s,
        retries={"total_max_attempts": _ATTEMPTS, "mode": "standard"},
        signature_version="s3v4",
        # A store of one's own seldom has a name in DNS for each bucket.
        s3={"addressing_style": "path"} if offsite.endpoint_url else {},
    )
    session = boto3.session.Session(
        aws_access_key_id=access_key, aws_secret_access_key=secret_key, region_name=offsite.region
    )
    try:
        return session.client("s3", endpoint_url=offsite.endpoint_url, config=config)
    except ValueError:  # a host with an underscore, as Docker names them
        raise ObservationError(
            msg(
                "boto3 does not accept the address {endpoint}: correct offsite.endpoint_url (a host name has "
                "no underscore)",
                endpoint=_endpoint(offsite),
            )
        ) from None


def _objects(client: Any, offsite: Offsite) -> Iterator[tuple[str, int, datetime]]:
    """Each object's name below the prefix, its bytes and when it arrived."""
    bucket, prefix = _place(offsite)
    deadline, seen = Deadline.after(_LONGEST_S), 0
    for page in client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
        if "Name" not in page:  # a web server's page is read as a listing of nothing
            raise ObservationError(_no_s3(offsite))
        contents = page.get("Contents", ())
        seen += len(contents)
        if seen > _MOST_KEYS or deadline.passed:
            raise ObservationError(
                msg(
                    "{place} has too many objects to list ({n} so far): set a longer prefix in offsite.s3",
                    place=printable(offsite.s3 or ""),
                    n=seen,
                )
            )
        for each in contents:
            yield each["Key"].removeprefix(prefix), each["Size"], each["LastModified"]


def _grouped(objects: Iterator[tuple[str, int, datetime]]) -> tuple[OffsiteCopy, ...]:
    """Objects by the first part of their names: those of a folder are one copy."""
    copies: dict[str, OffsiteCopy] = {}
    for key, size, at in objects:
        name = key.split("/")[0]
        if name and not name.startswith(".") and not name.endswith((SUFFIX, ".partial")):
            copy = copies.get(name, OffsiteCopy(name, 0, at))
            copies[name] = OffsiteCopy(name, copy.bytes + size, max(copy.at, at))
    return tuple(copies.values())


def _why(error: Exception, errors: Any, offsite: Offsite, timeout_s: float) -> Message:
    """Never the error's own text, which may contain what was sent."""
    place, endpoint = printable(offsite.s3 or ""), _endpoint(offsite)
    if isinstance(error, errors.ClientError):
        return _refusal(str(error.response.get("Error", {}).get("Code", "")), offsite)
    if isinstance(error, errors.NoCredentialsError | errors.PartialCredentialsError):
        return msg("There are no credentials for {place}: set offsite.access_key and secret_key", place=place)
    if isinstance(error, errors.ConnectTimeoutError | errors.ReadTimeoutError):
        return msg("{endpoint} did not answer within {seconds} s", endpoint=endpoint, seconds=timeout_s)
    if isinstance(error, errors.SSLError):
        return msg("No trusted TLS connection to {endpoint}: check its certificate", endpoint=endpoint)
    if isinstance(error, errors.HTTPClientError | errors.ConnectionError):
        return msg("{endpoint} cannot be reached: check offsite.endpoint_url and the network", endpoint=endpoint)
    if isinstance(error, errors.BotoCoreError):
        return msg("{place} cannot be listed ({why}): check offsite", place=place, why=type(error).__name__)
    return _no_s3(offsite)


def _refusal(code: str, offsite: Offsite) -> Message:
    bucket, endpoint = printable(_place(offsite)[0]), _endpoint(offsite)
    if code in _NO_BUCKET:
        return msg("There is no bucket {bucket} at {endpoint}: correct offsite.s3", bucket=bucket, endpoint=endpoint)
    if code in _DENIED:
        return msg("The access key may not list bucket {bucket}: grant it s3:ListBucket", bucket=bucket)
    if code in _REFUSED_KEY:
        return msg("{endpoint} refused the key: correct offsite.access_key and secret_key", endpoint=endpoint)
    if not code or code.isdecimal():  # not an S3 error code, only the HTTP status
        return _no_s3(offsite)
    return msg(
        "{endpoint} refused to list {bucket}: {code}", endpoint=endpoint, bucket=bucket, code=printable(code, 80)
    )


def _no_s3(offsite: Offsite) -> Message:
    return msg("{endpoint} does not speak S3: correct offsite.endpoint_url", endpoint=_endpoint(offsite))


def _endpoint(offsite: Offsite) -> str:
    return printable(offsite.endpoint_url or f"S3 ({offsite.region})")
