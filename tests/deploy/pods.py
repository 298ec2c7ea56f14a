"""Runs a chart's pods as processes: each in a network and on a read-only root of its own, as nobody in particular.

What a kubelet would do with the rendered manifests, as far as it can be done without one. To be run in a network
namespace of its own, which is the node.
"""

import ctypes
import json
import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import yaml

ROOT = Path(__file__).parents[2]
CHART = ROOT / "deploy" / "helm" / "twelvelead"
HELM = ROOT / ".peers" / "helm-4" / "helm"
NODE = "10.88.0.1"
UID = 10001
BIN = Path(sys.executable).parent
SEEN = sorted({str(ROOT), sys.prefix, sys.base_prefix})  # what of this machine a pod sees beside /usr and /etc
# $1: where the pod's root is made; then words "FROM:TO" of what is mounted, after "--" the command.
ENTER = """
set -eu
at=$1; shift
root=$at/root
mkdir -p $root; mount -t tmpfs tmpfs $root
mkdir -p $root/usr $root/etc $root/proc $root/dev $root/.etc/new $root/.etc/work
for place in bin lib lib64 sbin; do ln -s usr/$place $root/$place; done
mount --bind /usr $root/usr; mount -o remount,bind,ro $root/usr
mount -t overlay overlay -o lowerdir=/etc,upperdir=$root/.etc/new,workdir=$root/.etc/work $root/etc
echo 'twelvelead:x:10001:10001::/tmp:/usr/sbin/nologin' >> $root/etc/passwd
if [ -e $at/hosts ]; then cat $at/hosts >> $root/etc/hosts; fi
mount --rbind /dev $root/dev
mount -t proc proc $root/proc
while [ "$1" != -- ]; do
    from=${1%%:*} to=$root${1#*:} how=${1##*=}; to=${to%%=*}
    if [ -d $from ]; then mkdir -p $to; else mkdir -p $(dirname $to); touch $to; fi
    mount --bind $from $to
    if [ "$how" = ro ]; then mount -o remount,bind,ro $to; fi
    shift
done
shift
mount -o remount,bind,ro $root/etc
mount -o remount,ro $root
exec /usr/sbin/chroot $root "$@"
"""
CONFINED = (
    *("/usr/bin/setpriv", f"--reuid={UID}", f"--regid={UID}", f"--groups={UID}", "--no-new-privs"),
    *("--bounding-set=-all", "--inh-caps=-all"),
)
ANYONE = ssl.create_default_context()
ANYONE.check_hostname, ANYONE.verify_mode = False, ssl.CERT_NONE  # a kubelet looks at no certificate


def run(*words: str) -> None:
    subprocess.run(words, check=True, capture_output=True)


def rendered(values: Mapping[str, Any], at: Path) -> list[dict[str, Any]]:
    """Return the manifests that the chart makes of values."""
    file = at / "values.yaml"
    file.write_text(json.dumps(values))
    command = [HELM, "template", "ecg", CHART, "--namespace", "ecg", "--values", file]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return [each for each in yaml.safe_load_all(text) if each]


@dataclass
class Pod:
    """One pod: its manifest, its address, and the process of the container that runs now."""

    name: str
    spec: dict[str, Any]
    at: Path
    address: str
    process: subprocess.Popen[bytes] | None = None
    containers: list[dict[str, Any]] = field(default_factory=list)

    @property
    def log(self) -> str:
        return (self.at / "log").read_text(errors="replace")

    def declared(self) -> set[int]:
        """Return the ports that the manifest declares."""
        return {int(each["containerPort"]) for each in self.spec["containers"][0].get("ports", ())}

    def listening(self) -> set[tuple[str, int]]:
        """Return the addresses on which anything in the pod's network listens, but for its loopback."""
        command = ["ip", "netns", "exec", self.name, "ss", "--tcp", "--udp", "--listening", "--numeric", "--no-header"]
        lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
        found = {tuple(line.split()[4].rsplit(":", 1)) for line in lines}
        return {(address, int(port)) for address, port in found if address != "127.0.0.1"}

    def env(self, container: Mapping[str, Any]) -> dict[str, str]:
        """Return a container's environment: what the manifest says, and where this machine's `twelvelead` is."""
        env = {"PATH": f"{BIN}:/usr/bin:/bin", "PYTHONUNBUFFERED": "1", "PYTHONDONTWRITEBYTECODE": "1"}
        for each in container.get("env", ()):
            env[each["name"]] = (
                self.address if "valueFrom" in each else each["value"].replace("$(POD_IP)", self.address)
            )
        return env

    def command(self, container: Mapping[str, Any]) -> list[str]:
        return [*container.get("command", ["twelvelead"]), *container.get("args", ())]

    def start(self, container: Mapping[str, Any]) -> subprocess.Popen[bytes]:
        """Start a container of the pod."""
        mounts = [
            f"{self.at / 'volumes' / each['name']}{self._sub(each)}:{each['mountPath']}"
            for each in container.get("volumeMounts", ())
        ]
        mounts = [
            f"{each}={'ro' if held.get('readOnly') else 'rw'}"
            for each, held in zip(mounts, container.get("volumeMounts", ()), strict=True)
        ]
        seen = [f"{each}:{each}=ro" for each in SEEN]
        command = [
            "ip",
            "netns",
            "exec",
            self.name,
            "unshare",
            "--mount",
            "--fork",
            "--kill-child=SIGKILL",
            "sh",
            "-c",
            ENTER,
        ]
        words = [*command, "enter", str(self.at), *seen, *mounts, "--", *CONFINED, *self.command(container)]
        with (self.at / "log").open("ab") as log:
            return subprocess.Popen(words, env=self.env(container), stdout=log, stderr=log, cwd="/")

    def _sub(self, mount: Mapping[str, Any]) -> str:
        return f"/{mount['subPath']}" if "subPath" in mount else ""

    def main(self) -> psutil.Process:
        """Return the container's own process, below the one that made its place.

        Raises:
            LookupError: it has not come so far.
        """
        assert self.process is not None
        for each in psutil.Process(self.process.pid).children():
            if each.uids().real == UID:
                return each
        raise LookupError("the place is not made yet")

    def inside(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run a command in the container, as an exec probe or `kubectl exec` does."""
        (container,) = self.spec["containers"]
        enter = ["nsenter", "--target", str(self.main().pid), "--mount", "--net", "--root", "--wd=/"]
        return subprocess.run(
            [*enter, *CONFINED, *words], env=self.env(container), capture_output=True, text=True, timeout=120
        )

    def probe(self, which: str) -> bool:
        """Ask as the kubelet does."""
        (container,) = self.spec["containers"]
        probe = container[which]
        if "exec" in probe:
            try:
                return self.inside(*probe["exec"]["command"]).returncode == 0
            except (LookupError, subprocess.TimeoutExpired):
                return False
        asked = probe["httpGet"]
        (port,) = [each["containerPort"] for each in container["ports"] if each["name"] == asked["port"]]
        url = f"{asked['scheme'].lower()}://{self.address}:{port}{asked['path']}"
        try:
            with urllib.request.urlopen(url, timeout=probe["timeoutSeconds"], context=ANYONE):
                return True
        except OSError:
            return False

    def until_ready(self, seconds: float = 240) -> None:
        end = time.monotonic() + seconds
        while not (self.probe("startupProbe") and self.probe("readinessProbe")):
            assert self.process is not None and self.process.poll() is None, self.log[-3000:]
            assert time.monotonic() < end, self.log[-3000:]
            time.sleep(1)

    def stop(self) -> int:
        """End it as a kubelet does; return its exit code."""
        assert self.process is not None
        self.main().send_signal(signal.SIGTERM)
        return self.process.wait(self.spec["terminationGracePeriodSeconds"] + 60)


class Node:
    """A node: its bridge, its Secrets, and the pods on it, from which `forwarded` ports of its loopback are reached."""

    def __init__(self, at: Path, secrets: Mapping[str, Mapping[str, bytes]], forwarded: tuple[int, ...]) -> None:
        self.at, self.secrets, self.forwarded = at, secrets, forwarded
        self.manifests: list[dict[str, Any]] = []
        self.pods: list[Pod] = []
        self._number = 1
        run("ip", "link", "add", "br0", "type", "bridge")
        run("ip", "addr", "add", f"{NODE}/24", "dev", "br0")
        run("ip", "link", "set", "br0", "up")

    def render(self, values: Mapping[str, Any]) -> None:
        self.manifests = rendered(values, self.at)

    def manifest(self, kind: str, name: str) -> dict[str, Any]:
        (found,) = [each for each in self.manifests if (each["kind"], each["metadata"]["name"]) == (kind, name)]
        return found

    def pod(self, kind: str, name: str) -> Pod:
        """Make a pod, of a Deployment or a Job or by itself, its network and its volumes."""
        spec = self.manifest(kind, name)["spec"]
        spec = spec["template"]["spec"] if "template" in spec else spec
        self._number += 1
        pod = Pod(f"tl{os.getpid()}-{self._number}", spec, self.at / f"pod-{self._number}", f"10.88.0.{self._number}")
        wire = f"w{self._number}"
        run("ip", "netns", "add", pod.name)
        run("ip", "link", "add", wire, "type", "veth", "peer", "eth0", "netns", pod.name)
        run("ip", "link", "set", wire, "master", "br0", "up")
        for words in (("addr", "add", f"{pod.address}/24", "dev", "eth0"), ("link", "set", "eth0", "up")):
            run("ip", "-n", pod.name, *words)
        run("ip", "-n", pod.name, "link", "set", "lo", "up")
        for port in self.forwarded:
            forward(pod.name, port)
        pod.at.mkdir()
        for volume in spec.get("volumes", ()):
            self._volume(pod.at / "volumes" / volume["name"], volume)
        self.pods.append(pod)
        return pod

    def _volume(self, at: Path, volume: Mapping[str, Any]) -> None:
        at.mkdir(parents=True)
        if "configMap" in volume:
            for name, text in self.manifest("ConfigMap", volume["configMap"]["name"])["data"].items():
                (at / name).write_text(text)
        for each in [volume["secret"]] if "secret" in volume else volume.get("projected", {}).get("sources", ()):
            held = each.get("secret", each)
            data = self.secrets[held.get("secretName") or held["name"]]
            items = held.get("items") or [{"key": key, "path": key} for key in data]
            for item in items:
                file = at / item["path"]
                file.write_bytes(data[item["key"]])
                os.chown(file, 0, UID)
                file.chmod(0o440)
        if "emptyDir" in volume:
            os.chown(at, 0, UID)
            at.chmod(0o2777)

    def serve(self, name: str) -> Pod:
        """Start a pod of a Deployment."""
        pod = self.pod("Deployment", name)
        pod.process = pod.start(pod.spec["containers"][0])
        return pod

    def complete(self, name: str) -> Pod:
        """Run a Job's containers one after another; each must end well."""
        pod = self.pod("Job", name)
        for container in (*pod.spec.get("initContainers", ()), *pod.spec["containers"]):
            assert pod.start(container).wait(240) == 0, pod.log
        return pod

    def test(self, name: str, serving: Iterable[Pod]) -> list[str]:
        """Run the pod of `helm test` to its end, which finds by a Service's name those that serve; return its lines."""
        pod = self.pod("Pod", name)
        (container,) = pod.spec["containers"]
        service = container["args"][1]
        (pod.at / "hosts").write_text("".join(f"{each.address} {service}\n" for each in serving))
        return [pod.log, "failed"] if pod.start(container).wait(240) else sorted(pod.log.splitlines())

    def close(self) -> None:
        for pod in self.pods:
            if pod.process is not None and pod.process.poll() is None:
                with suppress(psutil.Error, subprocess.TimeoutExpired):
                    pod.stop()
                pod.process.kill()
            run("ip", "netns", "delete", pod.name)


@contextmanager
def node(at: Path, secrets: Mapping[str, Mapping[str, bytes]], forwarded: tuple[int, ...]) -> Iterator[Node]:
    """Make a node, until the end of the block."""
    made = Node(at, secrets, forwarded)
    try:
        yield made
    finally:
        made.close()


def forward(namespace: str, port: int) -> None:
    """Let a port of our loopback be reached at the same of another network: plain HTTP is spoken on loopback alone."""
    libc = ctypes.CDLL(None, use_errno=True)
    made: list[socket.socket] = []

    def listen() -> None:  # a thread has a network of its own, and a socket stays in the one where it was made
        with open(f"/run/netns/{namespace}") as other:
            assert libc.setns(other.fileno(), 0x40000000) == 0, os.strerror(ctypes.get_errno())  # CLONE_NEWNET
        made.append(socket.create_server(("127.0.0.1", port)))

    thread = threading.Thread(target=listen)
    thread.start()
    thread.join()
    threading.Thread(target=_accept, args=(made[0], port), daemon=True).start()


def _accept(door: socket.socket, port: int) -> None:
    while True:
        one, _ = door.accept()
        other = socket.create_connection(("127.0.0.1", port))
        for pair in ((one, other), (other, one)):
            threading.Thread(target=_pump, args=pair, daemon=True).start()


def _pump(of: socket.socket, to: socket.socket) -> None:
    with suppress(OSError):
        while data := of.recv(65536):
            to.sendall(data)
    with suppress(OSError):
        to.shutdown(socket.SHUT_WR)


def missing() -> str:
    """Say what is missing to run pods here; nothing if all is there."""
    if os.geteuid() != 0 or not shutil.which("ip") or not shutil.which("nsenter"):
        return "pods need root, iproute2 and util-linux"
    return "" if HELM.exists() else "helm is not installed: run `make check`"
