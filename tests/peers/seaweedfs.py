"""SeaweedFS, an S3 server of its own that checks signatures, for as long as a block lasts."""

import json
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from service.bucket import BucketSettings

WEED = Path(__file__).parents[2] / ".peers" / "seaweedfs" / "bin" / "weed"
KEY, SECRET = "PLANTEDKEY", "planted secret"
PARTS = ("master", "volume", "filer", "s3")


@contextmanager
def s3_server(place: Path) -> Iterator[BucketSettings]:
    """Run the server on loopback; give the settings of a bucket that it makes when it is first written to."""
    if not WEED.exists():
        pytest.skip("SeaweedFS is not installed: run `make peers`")
    identity = {"name": "us", "credentials": [{"accessKey": KEY, "secretKey": SECRET}], "actions": ["Admin"]}
    (place / "s3.json").write_text(json.dumps({"identities": [identity]}))
    ports = free_ports(2 * len(PARTS))
    numbered = [f"-{part}.port{of}={ports.pop()}" for part in PARTS for of in ("", ".grpc")]
    port = next(each.partition("=")[2] for each in numbered if each.startswith("-s3.port="))
    command = [WEED, "-logtostderr=true", "server", f"-dir={place}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1"]
    more = ["-s3", f"-s3.config={place / 's3.json'}", "-s3.port.iceberg=0", "-s3.port.lance=0", *numbered]
    with (place / "log").open("w") as log, subprocess.Popen([*command, *more], stdout=log, stderr=log) as process:
        try:
            until_it_answers(f"http://127.0.0.1:{port}/")
            yield BucketSettings("s3://twelvelead/ward", f"http://127.0.0.1:{port}", "us-east-1", KEY, SECRET)
        finally:
            process.kill()  # nothing of it is kept, and it takes long to say goodbye
            process.wait(60)
            for each in numbered:
                for left in Path("/tmp").glob(f"seaweedfs-*-{each.partition('=')[2]}.sock"):
                    left.unlink(missing_ok=True)


def free_ports(count: int) -> list[int]:
    with ExitStack() as stack:
        probes = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [each.getsockname()[1] for each in probes]


def until_it_answers(url: str) -> None:
    end = time.monotonic() + 60
    while time.monotonic() < end:
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except urllib.error.HTTPError as error:
            error.close()
            return  # it wants a signature
        except OSError:
            time.sleep(0.1)
    raise TimeoutError("SeaweedFS does not answer")
