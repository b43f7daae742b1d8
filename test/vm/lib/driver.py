# SPDX-License-Identifier: Apache-2.0
"""The three programs as a test meets them: started in a VM, spoken to over their sockets."""

import json
import os
import shlex
import time

import thin

BIN = f"/src/build/{os.environ.get('NV_PRESET', 'dev')}/bin"
NAME = "nvmetcp.csi.dev"
KUBELET = "/var/lib/kubelet"
INSTANCE = "test"
WRITER = "SINGLE_NODE_SINGLE_WRITER"


class CsiError(Exception):
    """An RPC that failed: .code is gRPC's name of it, .message what a person would read."""

    def __init__(self, rpc, code, message):
        super().__init__(f"{rpc}: {code}: {message}")
        self.code = code
        self.message = message


def until_done(call, timeout=180):
    """Repeat a call as kubelet would, while its code asks for that."""
    end = time.monotonic() + timeout
    while True:
        try:
            return call()
        except CsiError as error:
            assert error.code in ("ABORTED", "DEADLINE_EXCEEDED", "UNAVAILABLE"), error
            if time.monotonic() > end:
                raise
        time.sleep(1)


class Program:
    """One of our programs, running in the background of a VM; its log goes to /out."""

    def __init__(self, vm, name, arguments, socket):
        self.vm = vm
        self.name = name
        self.arguments = arguments
        self.socket = socket
        self.pid = None

    def start(self, environment=""):
        log = f"/out/{self.name}.log"
        self.pid = int(self.vm.run(
            f"{environment} setsid {BIN}/{self.name} {self.arguments} </dev/null >>{log} 2>&1 & echo $!"))
        # A killed program leaves its socket's file behind, so that is no sign of life.
        kind = "-Hltn" if ":" in self.socket else "-Hlx"
        listens = f"ss {kind} 'src {self.socket}' | grep -q ."
        self.vm.wait_for(f"{listens} || ! kill -0 {self.pid}", what=f"{self.name} to listen")
        if self.vm.run(f"kill -0 {self.pid}", check=False)[0] != 0:
            raise AssertionError(f"{self.name} ended at its start:\n" + self.vm.run(f"tail -n 20 {log}"))
        return self

    def signal(self, name):
        self.vm.run(f"kill -{name} {self.pid}")
        self.vm.wait_for(f"! kill -0 {self.pid}", what=f"{self.name} to end")

    def stop(self):
        self.signal("TERM")

    def kill(self):
        self.signal("KILL")

    def log(self):
        return self.vm.run(f"cat /out/{self.name}.log")


class Csi(Program):
    """A CSI plugin: call(RPC, field=value...) is one request, its answer a dict."""

    def call(self, rpc, timeout=60, **request):
        status, output = self.vm.run(
            [f"{BIN}/csic", "--socket", self.socket, "--timeout", str(timeout), rpc, json.dumps(request)],
            timeout=timeout + 30, check=False)
        if status == 0:
            return json.loads(output)
        code, _, message = output.strip().partition(": ")
        raise CsiError(rpc, code, message)


class Tls:
    """A certificate authority of the test's own, a server certificate, and a token."""

    def __init__(self, vm, address, folder):
        self.token = "a-token-for-this-test-only"
        self.server = {"tlsCert": f"{folder}/server.pem", "tlsKey": f"{folder}/server.key",
                       "tokenFile": f"{folder}/token"}
        self.client = {"caFile": "/etc/nv/ca.pem", "tokenFile": "/etc/nv/token"}
        write(vm, f"{folder}/token", self.token)
        key = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes"
        vm.run(
            f"cd {folder} && chmod 600 token && "
            f"openssl req -x509 {key} -days 2 -subj /CN=test-ca -keyout ca.key -out ca.pem && "
            f"openssl req {key} -subj /CN=target -keyout server.key -out server.csr && "
            f"printf 'subjectAltName=IP:{address}' >ext && "
            "openssl x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 "
            "-extfile ext -out server.pem && chmod 600 server.key")
        self.ca = vm.run(f"cat {folder}/ca.pem")

    def install(self, vm):
        """Put what a client needs into another machine."""
        write(vm, "/etc/nv/ca.pem", self.ca)
        write(vm, "/etc/nv/token", self.token)
        vm.run("chmod 600 /etc/nv/token")


def mount_system_disk(vm, disk="/dev/vdb"):
    """A disk that outlives a power cut, for what a real machine has in /etc and /var."""
    vm.run(f"mkdir -p /srv/system; blkid {disk} >/dev/null || mkfs.ext4 -q {disk}; mount {disk} /srv/system")
    return "/srv/system"


def target(vm, pool="/srv/pool", disk="/dev/vda", fs="xfs", listen="unix:/run/nvmetcp-target.sock",
           portals=("127.0.0.1:4420",), system="/srv/system", options=None):
    """nvmetcp-target on a fresh pool on a disk of the VM."""
    vm.run(f"modprobe -a nvmet-tcp; mkfs.{fs} -q {disk} && mkdir -p {pool} && mount {disk} {pool} && "
           f"{BIN}/nvmetcp-target --init-pool {pool} pool")
    return agent(vm, {"name": "pool", "type": "file", "path": pool}, listen, portals, system, options)


def thin_target(vm, disk="/dev/vda", listen="unix:/run/nvmetcp-target.sock", portals=("127.0.0.1:4420",),
                system="/srv/system", options=None):
    """The same with its pool in a thin pool of LVM."""
    vm.run(["bash", "-ec", "modprobe -a nvmet-tcp dm-thin-pool; cp /src/deploy/57-nvmetcp-target.rules /etc/udev/rules.d/; "
            "/usr/lib/systemd/systemd-udevd --daemon; udevadm trigger --settle\n"
            f"PATH={BIN}:$PATH\n{thin.commands(disk, apt=False)}"])
    return agent(vm, thin.POOL, listen, portals, system, options)


def agent(vm, pool, listen, portals, system, options=None):
    """nvmetcp-target with @pool, as the configuration says it."""
    vm.run(f"mkdir -p {system}")
    config = {
        "listen": listen, "stateDir": f"{system}/state", "portals": list(portals), "pools": [pool], **(options or {}),
    }
    write(vm, f"{system}/target.json", json.dumps(config))
    return Program(vm, "nvmetcp-target", f"--config {system}/target.json", listen.removeprefix("unix:"))


def controller(vm, url="unix:///run/nvmetcp-target.sock", options=None, more=()):
    backend = {"name": "linux", "type": "linux", "url": url, "pool": "pool", **(options or {})}
    config = {"instance": INSTANCE, "backends": [backend, *more]}
    write(vm, "/etc/nvmetcp-controller.json", json.dumps(config))
    vm.run("mkdir -p /run/csi-controller")
    return Csi(vm, "nvmetcp-controller",
               "--config /etc/nvmetcp-controller.json --endpoint unix:///run/csi-controller/csi.sock",
               "/run/csi-controller/csi.sock")


def node(vm, name="node1", options=""):
    plugin = f"{KUBELET}/plugins/{NAME}"
    vm.run(f"mkdir -p {plugin}/state {KUBELET}/plugins_registry {KUBELET}/pods")
    return Csi(vm, "nvmetcp-node",
               f"--endpoint unix://{plugin}/csi.sock --state-dir {plugin}/state --instance {INSTANCE} "
               f"--node-name {name} --kubelet-registration-dir {KUBELET}/plugins_registry {options}",
               f"{plugin}/csi.sock")


def write(vm, path, text):
    vm.run(f"mkdir -p {os.path.dirname(path)} && printf %s {shlex.quote(text)} >{path} && sync {path}")


def capability(fs="ext4", mode=WRITER, flags=()):
    """A volume capability: fs is a filesystem's name, or "block"."""
    access = {"block": {}} if fs == "block" else {"mount": {"fs_type": fs, "mount_flags": list(flags)}}
    return {**access, "access_mode": {"mode": mode}}


class Attachment:
    """One volume on one node, from ControllerPublish to NodePublish and back, as kubelet does it."""

    def __init__(self, ctl, node_plugin, volume, cap, pod="pod1", readonly=False):
        self.ctl, self.node, self.volume, self.cap = ctl, node_plugin, volume, cap
        self.readonly = readonly
        self.node_id = None
        self.context = {}
        handle = volume["volume_id"].replace("/", "~")
        self.staging = f"{KUBELET}/plugins/kubernetes.io/csi/{NAME}/{handle}/globalmount"
        self.target = f"{KUBELET}/pods/{pod}/volumes/kubernetes.io~csi/{handle}/mount"

    def common(self):
        return {"volume_id": self.volume["volume_id"], "volume_capability": self.cap,
                "volume_context": self.volume.get("volume_context", {})}

    def publish_controller(self):
        self.node_id = self.node_id or self.node.call("NodeGetInfo")["node_id"]
        answer = self.ctl.call("ControllerPublishVolume", node_id=self.node_id, **self.common())
        self.context = answer.get("publish_context", {})
        return self

    def stage(self, timeout=60):
        self.node.vm.run(f"mkdir -p {self.staging}")
        self.node.call("NodeStageVolume", timeout=timeout, publish_context=self.context,
                       staging_target_path=self.staging, **self.common())
        return self

    def publish(self):
        self.node.vm.run(f"mkdir -p {os.path.dirname(self.target)}")
        self.node.call("NodePublishVolume", publish_context=self.context, staging_target_path=self.staging,
                       target_path=self.target, readonly=self.readonly, **self.common())
        return self

    def up(self):
        return self.publish_controller().stage().publish()

    def _remove_empty(self, path):
        """What kubelet made, kubelet removes: the folder and the empty ones above it."""
        relative = os.path.relpath(path, KUBELET)
        self.node.vm.run(f"cd {KUBELET} && test ! -d {relative} || rmdir -p --ignore-fail-on-non-empty {relative}; "
                         f"mkdir -p {KUBELET}/pods")

    def unpublish(self):
        self.node.call("NodeUnpublishVolume", volume_id=self.volume["volume_id"], target_path=self.target)
        self._remove_empty(os.path.dirname(self.target))

    def unstage(self):
        self.node.call("NodeUnstageVolume", volume_id=self.volume["volume_id"], staging_target_path=self.staging)
        self._remove_empty(self.staging)

    def unpublish_controller(self):
        self.ctl.call("ControllerUnpublishVolume", volume_id=self.volume["volume_id"], node_id=self.node_id)

    def down(self):
        self.unpublish()
        self.unstage()
        self.unpublish_controller()


class Checker:
    """Counts before and after with the separate checker; .left() is what it reports. The counts outlive a power cut."""

    def __init__(self, vm, trees=(KUBELET, "/srv/pool")):
        self.vm = vm
        words = " ".join(f"--tree {t}" for t in trees) + " --name nvmetcp-node --name mkfs.ext4 --name e2fsck"
        self.command = f"python3 /src/test/checker/nvcheck.py {{}} {words}"
        vm.run(self.command.format("take") + " >/out/nvcheck-before.json")

    def left(self):
        status, output = self.vm.run(self.command.format("compare /out/nvcheck-before.json"), check=False)
        return (status == 0, output.strip())
