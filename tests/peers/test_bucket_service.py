"""`twelvelead serve` on a real S3 server: reports are in the bucket, and no patient's file is in the data directory."""

import os
import re
import subprocess
import sys
import urllib.request
from functools import partial
from pathlib import Path

import pytest

from service.bucket import S3Blobs
from tests.peers.seaweedfs import s3_server
from tests.peers.spine import ask, until

COMMAND = str(Path(sys.executable).with_name("twelvelead"))


def test_an_ecg_goes_into_the_bucket_and_its_report_comes_out_of_it(
    tmp_path_factory: pytest.TempPathFactory, sample: Path
) -> None:
    place, data = tmp_path_factory.mktemp("s3"), tmp_path_factory.mktemp("data")
    with s3_server(place) as bucket:
        secret = place / "secret"
        secret.write_text(bucket.secret_key)
        env = os.environ | {
            "TWELVELEAD_DATA": str(data),
            "TWELVELEAD_STORE": bucket.url,
            "TWELVELEAD_S3_ENDPOINT": bucket.endpoint,
            "TWELVELEAD_S3_ACCESS_KEY": bucket.access_key,
            "TWELVELEAD_S3_SECRET_KEY_FILE": str(secret),
            "TWELVELEAD_DICOM_PORT": "0",
        }
        command = [COMMAND, "serve", "--port", "0"]
        with subprocess.Popen(command, env=env, stdout=subprocess.PIPE, text=True) as serve:
            try:
                address = re.search(r"http://\S+?:\d+", serve.stdout.readline())  # type: ignore[union-attr]
                assert address is not None
                assert until(partial(ask, f"{address.group()}/health/ready")) == {"status": "ready"}
                (given,) = ask(f"{address.group()}/v1/ecgs", sample.read_bytes())["reports"]
                with urllib.request.urlopen(address.group() + given["links"]["pdf"], timeout=60) as pdf:
                    assert pdf.read(5) == b"%PDF-"
                assert ask(address.group() + given["links"]["fhir"])["id"] == given["id"]
            finally:
                serve.terminate()
                serve.wait(120)
        assert S3Blobs(bucket).names("reports") == [given["id"]]
        assert {each.name for each in data.iterdir()} == {"postgres", "postgres.lock"}
