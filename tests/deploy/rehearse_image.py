"""Does what the Dockerfile does, one instruction after another, in a root of its own: no container engine is needed.

    python -m tests.deploy.rehearse_image [DIRECTORY]      # as root, on Debian 12; the stages are left in DIRECTORY

Each FROM begins a root that holds this machine's Debian, read-only, with this interpreter in the place of the image's;
what RUN and COPY write, and nothing else, is new. docs/operation/image.md says what that does not prove.
"""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

PROJECT = Path(__file__).parents[2]
BASE = "python:3.11-slim-bookworm"
# Run in a mount namespace of its own: what it mounts is gone with it. $1 is the stage, $2 the interpreter's prefix.
ENTER = """
set -eu
stage=$1 prefix=$2 readonly=$3 wheels=$4; shift 4
root=$stage/root new=$stage/new
mkdir -p $root/dev $root/proc
for place in bin lib lib64 sbin; do test -L $root/$place || ln -s usr/$place $root/$place; done
for place in usr etc; do
    mkdir -p $new/$place $stage/work/$place $root/$place
    mount -t overlay overlay -o lowerdir=/$place,upperdir=$new/$place,workdir=$stage/work/$place $root/$place
done
mount --bind $prefix $root/usr/local
mount -o remount,bind,ro $root/usr/local
for place in opt src var tmp; do
    mkdir -p $new/$place $root/$place
    mount --bind $new/$place $root/$place
done
mount --rbind /dev $root/dev
mount -t proc proc $root/proc
for place in $wheels; do mkdir -p $root$place; mount --rbind $place $root$place; done
if [ ! -e $stage/begun ]; then
    /usr/sbin/chroot $root /sbin/ldconfig
    mkdir -p $new/var/lib $new/var/log $new/var/cache/apt/archives/partial
    cp -a /var/lib/dpkg /var/lib/apt $new/var/lib/
    chmod 1777 $new/tmp
    touch $stage/begun
fi
if [ "$readonly" = yes ]; then
    for place in usr etc opt src var; do mount -o remount,bind,ro $root/$place; done
    mount -t tmpfs -o mode=1777 tmpfs $root/tmp
fi
exec "$@"
"""


@dataclass
class Stage:
    """One FROM: where what it writes lies, its environment, its working directory and its account."""

    at: Path
    env: dict[str, str] = field(default_factory=dict)
    workdir: str = "/"
    user: str = ""
    entrypoint: tuple[str, ...] = ()

    def run(self, *words: str, readonly: bool = False, **more: str) -> None:
        """Run words in the root, with the stage's environment and, where one is named, its account."""
        there = ["/bin/sh", "-c", 'cd "$0" && exec "$@"', self.workdir, *words]
        if self.user:
            owner, _, group = self.user.partition(":")
            account = [f"--reuid={owner}", f"--regid={group}", "--clear-groups"]
            there = ["/usr/bin/setpriv", *account, "--no-new-privs", "--bounding-set=-all", *there]
        mounts = " ".join(each for each in ("/opt/wheels", "/opt/pypi", "/opt/pypi-more") if Path(each).exists())
        env = {"PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", **_pip(), **self.env, **more}
        command = ["unshare", "--mount", "--fork", "sh", "-c", ENTER, "enter"]
        arguments = [
            self.at,
            sys.base_prefix,
            "yes" if readonly else "no",
            mounts,
            "/usr/sbin/chroot",
            self.at / "root",
            *there,
        ]
        subprocess.run([*command, *map(str, arguments)], env=env, check=True)


def _pip() -> dict[str, str]:
    """Where this machine's pip looks for packages."""
    return {name: value for name, value in os.environ.items() if name.startswith(("PIP_", "SSL_"))}


def instructions(text: str) -> Iterator[tuple[str, str]]:
    """Yield a Dockerfile's instructions: the word and the rest, lines joined, comments left out."""
    lines = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#"))
    for line in filter(None, (each.strip() for each in lines.replace("\\\n", " ").splitlines())):
        word, _, rest = line.partition(" ")
        yield word, rest.strip()


def rehearse(place: Path, arguments: dict[str, str]) -> Stage:
    """Follow the Dockerfile; return its last stage."""
    stages: dict[str, Stage] = {}
    stage = Stage(place)
    for word, rest in instructions((PROJECT / "Dockerfile").read_text()):
        began = time.monotonic()
        if word == "FROM":
            image, _, name = rest.partition(" AS ")
            assert image == BASE, f"this root stands in for {BASE} alone"
            stage = stages[name] = Stage(place / (name or "final"))
        else:
            _follow(word, rest, stage, stages, arguments)
        print(f"{time.monotonic() - began:6.1f} s  {word} {rest[:100]}", flush=True)
    return stage


def _follow(word: str, rest: str, stage: Stage, stages: dict[str, Stage], arguments: dict[str, str]) -> None:
    if word == "RUN":
        stage.run("/bin/sh", "-c", rest, **arguments)
    elif word == "COPY":
        _copy(rest.split(), stage, stages)
    elif word == "ENV":
        stage.env |= dict(each.split("=", 1) for each in shlex.split(rest))
    elif word == "WORKDIR":
        stage.workdir = rest
        (stage.at / "new" / rest.lstrip("/")).mkdir(parents=True, exist_ok=True)
    elif word == "USER":
        stage.user = rest
    elif word in ("ENTRYPOINT", "CMD"):
        stage.entrypoint = (*stage.entrypoint, *json.loads(rest))
    else:
        assert word in ("ARG", "LABEL"), f"{word} is not rehearsed"


def _copy(words: list[str], stage: Stage, stages: dict[str, Stage]) -> None:
    origin = PROJECT
    if words[0].startswith("--from="):
        origin = stages[words.pop(0).partition("=")[2]].at / "new"
    *sources, target = words
    for source in sources:
        to = stage.at / "new" / (target if target.startswith("/") else f"{stage.workdir}/{target}").lstrip("/")
        found = origin / source.lstrip("/")
        if found.is_dir() and origin != PROJECT:
            to.parent.mkdir(parents=True, exist_ok=True)
            subprocess.run(["cp", "--archive", found, to], check=True)
        elif found.is_dir():
            shutil.copytree(found, to, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            to.mkdir(parents=True, exist_ok=True)
            shutil.copy2(found, to)


def check(image: Stage) -> None:
    """Let the image say what it is, read an ECG and write its report, on a read-only root, without any privilege."""
    sample = image.at / "new" / "var" / "sample.dcm"
    shutil.copy(PROJECT.joinpath(_sample()), sample)
    version, out = ("--version",), ("read", "/var/sample.dcm", "--out", "/tmp/report")
    image.run(*image.entrypoint[:1], *version, readonly=True)
    image.run("/bin/sh", "-c", 'test "$(id -u)" = 10001 && ! touch /opt/x /usr/x /etc/x 2> /dev/null', readonly=True)
    command = shlex.join([*image.entrypoint[:1], *out])
    image.run("/bin/sh", "-c", f"{command} && test -s /tmp/report/report.pdf && pdftoppm -v", readonly=True)
    held = subprocess.run(
        ["find", image.at / "new" / "opt", "-name", "*.safetensors"], capture_output=True, check=True, text=True
    ).stdout
    assert held, "no weights are in the image"
    size = sum(each.lstat().st_size for each in (image.at / "new" / "opt").rglob("*")) / 1e6
    print(f"in order: {size:.0f} MB in /opt/twelvelead")


def _sample() -> str:
    from pydicom.data import get_testdata_file

    return str(get_testdata_file("waveform_ecg.dcm", download=False))


def main(place: Path) -> None:
    """Build and check."""
    if os.geteuid() != 0 or not re.search(r"VERSION_ID=\"12\"", Path("/etc/os-release").read_text()):
        sys.exit("The image cannot be rehearsed here: that needs root on Debian 12.")
    index = os.environ.get("TORCH_INDEX", "https://pypi.org/simple")
    check(rehearse(place, {"TORCH_INDEX": index}))


if __name__ == "__main__":
    if len(sys.argv) > 1:
        main(Path(sys.argv[1]))
    else:
        with tempfile.TemporaryDirectory(prefix="image-") as temporary:
            main(Path(temporary))
