"""Blobs in a bucket of an S3 server; the server has made an object durable when it has answered."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit
from uuid import uuid4

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError
from obstore.store import S3Store

from ecg.errors import Overloaded, SetupError

if TYPE_CHECKING:
    from obstore.store import S3Config

PARTS: Final = "parts"  # parts/<key of the folder>/<sha256>
LOOPBACK: Final = ("127.0.0.1", "::1", "localhost")
CONNECT: Final = timedelta(seconds=5)
REQUEST: Final = timedelta(seconds=60)  # for one request, of up to 1 GB
PATIENCE: Final = timedelta(seconds=20)  # for a server that fails, over all repeats of a request
REPEATS: Final = 5


@dataclass(frozen=True)
class BucketSettings:
    """Which bucket, and by whom.

    Attributes:
        url: 's3://bucket/prefix'.
        endpoint: URL of an S3 server; empty: AWS, or AWS_ENDPOINT_URL.
        region: empty: AWS_REGION, or us-east-1.
        access_key, secret_key: empty: the usual AWS variables, web identity, or the instance's role.
    """

    url: str
    endpoint: str = ""
    region: str = ""
    access_key: str = ""
    secret_key: str = field(default="", repr=False)


class S3Blobs:
    """Blobs as objects. A folder is an object too, its manifest: file names and digests of its parts.

    The parts are there before the manifest is, and they are named by their digests, so that a folder is complete when
    its manifest stands, and never a mixture of two attempts.

    Raises:
        SetupError: it is no URL of a bucket, or the endpoint is none that may be used.
    """

    def __init__(self, settings: BucketSettings) -> None:
        parts = urlsplit(settings.url)
        if parts.scheme != "s3" or not parts.netloc or parts.query or parts.fragment:
            raise SetupError("TWELVELEAD_STORE must be empty or a bucket's URL, such as s3://bucket/prefix.")
        plain = _is_plain(settings.endpoint)
        chosen: S3Config = {"disable_bulk_delete": True}  # not every server has it
        if settings.endpoint:
            chosen["endpoint"] = settings.endpoint
        if settings.region:
            chosen["region"] = settings.region
        if settings.access_key:
            chosen |= {"access_key_id": settings.access_key, "secret_access_key": settings.secret_key}
        try:
            self._bucket = S3Store(
                parts.netloc,
                prefix=parts.path.strip("/") or None,
                config=chosen,
                client_options={
                    "allow_http": plain,
                    "connect_timeout": CONNECT,
                    "timeout": REQUEST,
                },
                retry_config={"max_retries": REPEATS, "retry_timeout": PATIENCE},
            )
        except (BaseError, ValueError) as error:
            raise SetupError(f"The settings of the bucket are wrong ({type(error).__name__}).") from error

    def put_if_absent(self, key: str, data: bytes) -> None:
        """Keep a blob, unless one stands there: the first one stays."""
        with _asked():
            if not self._stands(key):
                self._create(key, data)

    def put(self, key: str, data: bytes) -> None:
        """Keep a blob in the place of what stands there; a reader sees the one or the other."""
        with _asked():
            obstore.put(self._bucket, key, data, mode="overwrite", use_multipart=False)

    def put_folder(self, key: str, files: Mapping[str, bytes]) -> None:
        """Keep a folder, unless one stands there: the first one stays."""
        with _asked():
            if self._stands(key):
                return
            digests = {}
            for name, data in files.items():
                digests[name] = hashlib.sha256(data).hexdigest()
                self.put(_part(key, digests[name]), data)
            self._create(key, json.dumps(digests, sort_keys=True).encode())

    def get(self, key: str) -> bytes | None:
        """Return a blob, or None where there is none."""
        with _asked(), suppress(FileNotFoundError):
            return bytes(obstore.get(self._bucket, key).bytes())
        return None

    def get_folder(self, key: str) -> dict[str, bytes]:
        """Return all files of a folder by name, none where there is no folder."""
        parts = {name: self.get(_part(key, digest)) for name, digest in self._manifest(key).items()}
        whole = {name: data for name, data in parts.items() if data is not None}
        return whole if len(whole) == len(parts) else {}  # else it is being deleted, manifest first

    def get_from(self, key: str, name: str) -> bytes | None:
        """Return one file of a folder, or None where there is none."""
        digest = self._manifest(key).get(name)
        return None if digest is None else self.get(_part(key, digest))

    def has_folder(self, key: str) -> bool:
        """Say whether a folder stands there; what stands below the key is none of its files."""
        return bool(self._manifest(key))

    def names(self, key: str) -> list[str]:
        """Return the names that stand directly below a key, in order. Some servers go on to name an emptied folder."""
        with _asked():
            found = obstore.list_with_delimiter(self._bucket, key)
            paths = {*found["common_prefixes"], *(each["path"] for each in found["objects"])}
            return sorted(PurePosixPath(path).name for path in paths - {key})  # SeaweedFS lists the folder in itself

    def delete(self, key: str) -> None:
        """Remove what stands at a key and below it. Again, it finishes what a crash left."""
        with _asked():
            obstore.delete(self._bucket, key)
            for home in (key, f"{PARTS}/{key}"):
                paths = [each["path"] for batch in obstore.list(self._bucket, home) for each in batch]
                if paths:
                    obstore.delete(self._bucket, paths)

    def sweep(self) -> None:
        """Nothing is left unfinished but parts, which go with their folder's key."""

    def check(self) -> None:
        """Keep and remove a blob."""
        probe = f"ready/{uuid4().hex}"
        self.put(probe, b"ready?")
        self.delete(probe)

    def _stands(self, key: str) -> bool:
        with suppress(FileNotFoundError):
            obstore.head(self._bucket, key)
            return True
        return False

    def _create(self, key: str, data: bytes) -> None:
        """Put an object that is not there (If-None-Match: *, RFC 9110 13.1.2)."""
        try:
            obstore.put(self._bucket, key, data, mode="create", use_multipart=False)
        except AlreadyExistsError:
            return  # another was quicker, or the answer to our own first attempt was lost
        except NotImplementedError:
            # AWS_CONDITIONAL_PUT=disabled, for a server that has no conditions: of two at once, the later stays.
            self.put(key, data)

    def _manifest(self, key: str) -> dict[str, str]:
        digests: dict[str, str] = json.loads(self.get(key) or b"{}")
        return digests


def _is_plain(endpoint: str) -> bool:
    """Say whether an endpoint has no TLS, which only this machine's own may lack."""
    parts = urlsplit(endpoint)
    plain = parts.scheme == "http" and parts.hostname in LOOPBACK
    if endpoint and not (plain or (parts.scheme == "https" and parts.hostname)):
        raise SetupError("TWELVELEAD_S3_ENDPOINT must be an https URL; http is for 127.0.0.1 alone.")
    return plain


def _part(key: str, digest: str) -> str:
    return f"{PARTS}/{key}/{digest}"


@contextmanager
def _asked() -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as error:  # the object was looked for before, so it is the bucket
        raise Overloaded("There is no such bucket.") from error
    except (BaseError, OSError, ValueError) as error:
        raise Overloaded(f"The bucket does not take or give it ({type(error).__name__}).") from error
