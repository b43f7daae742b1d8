# SPDX-License-Identifier: Apache-2.0
"""A target and its nodes, each a machine of its own; the controller speaks to the agent over TLS
with a token. What a real machine keeps on its disk outlives a power cut here, too."""

import contextlib
import json

import driver

API_PORT = 8443
POOL = "/srv/pool"
MIB = 1 << 20


class Site:
    """.target_vm and .nodes are machines; .target, .ctl and .plugins[i] run on them.

    The controller is on the target's machine when controller="target": then a call's end is known
    there without a network in between. It is on the first node else, and so outlives the target.
    options go into the agent's configuration.
    """

    def __init__(self, lab, nodes=1, pool_mib=4096, memory=1536, controller="node", **options):
        self.target_vm = lab.add("target", disks={"pool": pool_mib, "system": 256}, memory=memory)
        self.nodes = [lab.add(f"node{i + 1}", disks={"system": 256}, memory=memory) for i in range(nodes)]
        machines = [self.target_vm, *self.nodes]
        for machine in machines:
            machine.launch()
        for machine in machines:
            machine.wait_ready()
        self.warm_nft()
        self.url = f"https://{self.target_vm.ip}:{API_PORT}"
        self.tls = driver.Tls(self.target_vm, self.target_vm.ip, driver.mount_system_disk(self.target_vm))
        self.target = driver.target(
            self.target_vm, pool=POOL, listen=f"{self.target_vm.ip}:{API_PORT}",
            portals=(f"{self.target_vm.ip}:4420", f"{self.target_vm.ip2}:4420"),
            options={**self.tls.server, **options}).start()
        ctl_vm = self.target_vm if controller == "target" else self.nodes[0]
        self.tls.install(ctl_vm)
        self.target_vm.run("sync -f /srv/system")
        self.ctl = driver.controller(ctl_vm, url=self.url, options=self.tls.client).start()
        for machine in self.nodes:
            self._node_disk(machine)
        self.plugins = [driver.node(machine, machine.name).start() for machine in self.nodes]
        self.made = []

    @staticmethod
    def _node_disk(machine):
        system = driver.mount_system_disk(machine, "/dev/vda")
        machine.run(f"mkdir -p {system}/kubelet {driver.KUBELET} && mount --bind {system}/kubelet {driver.KUBELET}")

    @contextlib.contextmanager
    def nothing_left(self):
        """What a test made is gone when it ends, on all machines."""
        trees = {self.target_vm: (POOL,), **{machine: (driver.KUBELET,) for machine in self.nodes}}
        checkers = [driver.Checker(machine, trees=those) for machine, those in trees.items()]
        yield
        for checker in checkers:
            nothing, text = checker.left()
            assert nothing, f"{checker.vm.name}: {text}"

    def warm_nft(self):
        """The agent gives it some seconds; on a busy emulated machine its first start takes them to load."""
        self.target_vm.run("nft add table inet warm && nft delete table inet warm")

    def mount_pool(self):
        self.target_vm.run(f"modprobe -a nvmet-tcp; mkdir -p {POOL} && mount /dev/vda {POOL}")

    def power_cycle_target(self, environment=""):
        """A power cut; the agent is started at once, with faults in its environment perhaps."""
        self.target_vm.power_cycle()
        driver.mount_system_disk(self.target_vm)
        self.mount_pool()
        self.warm_nft()
        self.target.start(environment)

    def power_cycle_node(self, i=0):
        """A power cut; nothing is detached, and kubelet's folder is what had reached its disk."""
        self.nodes[i].power_cycle()
        self._node_disk(self.nodes[i])
        self.plugins[i].start()

    def api(self, method, path, body=None):
        """One call to the agent itself, from its machine. Return: (status, text)."""
        data = ["-d", json.dumps(body)] if body is not None else []
        text = self.target_vm.run(
            ["curl", "-sS", "--cacert", "/srv/system/ca.pem", "-H", f"Authorization: Bearer {self.tls.token}",
             "-X", method, "-w", "\n%{http_code}", self.url + path, *data])
        answer, _, status = text.rpartition("\n")
        return int(status), answer

    def create(self, name, fs="ext4", size=256 * MIB, mode=driver.WRITER, source=None, **parameters):
        request = {"name": name, "capacity_range": {"required_bytes": size},
                   "volume_capabilities": [driver.capability(fs, mode)], "parameters": {"backend": "linux", **parameters}}
        if source:
            request["volume_content_source"] = {"snapshot": {"snapshot_id": source["snapshot_id"]}}
        self.made.append(self.ctl.call("CreateVolume", **request)["volume"])
        return self.made[-1]

    def snapshot(self, name, volume):
        return self.ctl.call("CreateSnapshot", name=name, source_volume_id=volume["volume_id"])["snapshot"]

    def attach(self, volume, node=0, fs="ext4", mode=driver.WRITER, **kwargs):
        """Not up yet: .up() it, or its parts."""
        return driver.Attachment(self.ctl, self.plugins[node], volume, driver.capability(fs, mode), **kwargs)

    def delete(self, *volumes):
        for volume in volumes:
            self.ctl.call("DeleteVolume", volume_id=volume["volume_id"])

    def delete_snapshot(self, snapshot):
        self.ctl.call("DeleteSnapshot", snapshot_id=snapshot["snapshot_id"])

    @staticmethod
    def image(volume):
        """The file that holds the volume's data, in the target's machine."""
        return f"{POOL}/volumes/{volume['volume_id'].partition('/')[2]}.img"


def controllers(machine, nqn=None):
    """{name: state} of the initiator's controllers, of one subsystem or of all."""
    found = {"subsysnqn": {}, "state": {}}
    for line in machine.run("cd /sys/class/nvme && grep -H . nvme*/subsysnqn nvme*/state || true").splitlines():
        where, _, value = line.partition(":")
        name, _, attribute = where.partition("/")
        found.get(attribute, {})[name] = value
    return {name: state for name, state in found["state"].items() if nqn in (None, found["subsysnqn"].get(name))}


def paths_live(machine, count, nqn=None, timeout=240):
    """Wait until the initiator has exactly `count` controllers, all live, for one subsystem or for all."""
    those = f"grep -lx {nqn} nvme*/subsysnqn | sed s/subsysnqn/state/" if nqn else "ls nvme*/state"
    machine.wait_for(f"cd /sys/class/nvme && set -- $(cat /dev/null $({those})) && [ $# = {count} ] "
                     f"&& [ \"$(echo $* | tr ' ' '\\n' | sort -u)\" = live ]",
                     timeout=timeout, what=f"{count} live paths to {nqn or 'all subsystems'}")


def given_up(machine):
    """What the kernel says when an initiator gave a volume up by itself, or lost I/O."""
    return machine.run("dmesg | grep -E 'Removing controller|I/O error|remount.*read-only|shutting down filesystem|Shutdown' "
                       "|| true").splitlines()
