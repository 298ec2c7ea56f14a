"""A bucket whose settings are wrong, whose server is away or knows no conditions: told without a secret."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from ecg.errors import Overloaded, SetupError
from service.bucket import BucketSettings, S3Blobs
from service.settings import Settings
from service.wiring import place_of
from tests.peers.seaweedfs import SECRET, s3_server


@pytest.fixture(scope="module")
def bucket(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BucketSettings]:
    with s3_server(tmp_path_factory.mktemp("s3")) as settings:
        yield settings


@pytest.mark.parametrize("url", ["bucket", "http://bucket/prefix", "s3://", "s3://bucket?x=1", "/data"])
def test_what_is_no_url_of_a_bucket_is_the_operators_to_mend(url: str) -> None:
    with pytest.raises(SetupError, match="TWELVELEAD_STORE"):
        S3Blobs(BucketSettings(url))


@pytest.mark.parametrize("endpoint", ["127.0.0.1:9000", "http://s3.example.org", "https://", "ftp://127.0.0.1"])
def test_patients_data_leave_the_machine_by_tls_alone(endpoint: str) -> None:
    with pytest.raises(SetupError, match="S3_ENDPOINT"):
        S3Blobs(BucketSettings("s3://bucket", endpoint, "", "key", "secret"))


def test_a_server_that_is_away_takes_and_gives_nothing() -> None:
    away = S3Blobs(BucketSettings("s3://bucket", "http://127.0.0.1:1", "", "key", SECRET))
    for refused in (lambda: away.put_if_absent("a", b""), lambda: away.get("a"), away.check):
        with pytest.raises(Overloaded) as caught:
            refused()
        assert SECRET not in f"{caught.value!r}"


def test_a_wrong_secret_is_refused(bucket: BucketSettings) -> None:
    S3Blobs(bucket).check()
    stranger = S3Blobs(replace(bucket, secret_key="another"))
    for refused in (lambda: stranger.put("a", b""), lambda: stranger.get("a"), lambda: stranger.names("a")):
        with pytest.raises(Overloaded):
            refused()


def test_a_server_without_conditions_keeps_a_blob_that_is_not_there(
    bucket: BucketSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_CONDITIONAL_PUT", "disabled")
    blobs = S3Blobs(replace(bucket, url="s3://twelvelead/without-conditions"))
    for text in (b"first", b"second"):
        blobs.put_if_absent("a/b", text)
        blobs.put_folder("c/d", {"file": text})
    assert blobs.get("a/b") == blobs.get_from("c/d", "file") == b"first"


def test_a_secret_shows_nowhere(bucket: BucketSettings) -> None:
    assert SECRET not in repr(bucket)


def test_the_settings_choose_the_place(bucket: BucketSettings, tmp_path: Path) -> None:
    assert place_of(Settings(data=tmp_path)) == tmp_path
    secret = tmp_path / "secret"
    secret.write_text(f"{SECRET}\n")
    chosen = Settings(
        data=tmp_path,
        store="s3://twelvelead/chosen",
        s3_endpoint=bucket.endpoint,
        s3_access_key=bucket.access_key,
        s3_secret_key_file=secret,
    )
    place = place_of(chosen)
    assert isinstance(place, S3Blobs)
    place.put("a", b"here")
    assert S3Blobs(replace(bucket, url="s3://twelvelead/chosen")).get("a") == b"here"
    for wrong in ({"s3_access_key": ""}, {"s3_secret_key_file": None}, {"s3_secret_key_file": tmp_path / "none"}):
        with pytest.raises(SetupError, match="SECRET_KEY_FILE"):
            place_of(chosen.model_copy(update=wrong))
