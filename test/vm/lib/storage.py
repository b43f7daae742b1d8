# SPDX-License-Identifier: Apache-2.0
"""A storage server as an administrator makes one: Debian with systemd, nvmetcp-target from its
package, a pool in files on XFS or in a thin pool of LVM, TLS and a token. All of it outlives a power cut."""

import json
import os

import driver
import thin
import vm as machines

CONFIG = "/etc/nvmetcp/target.json"
POOL = "/srv/pool"
UNIT = "nvmetcp-target.service"
API_PORT = 4443
NVME_PORT = 4420


def package():
    """Make the .deb, unless it is made; its path, which is the same in every VM."""
    made = machines.run(os.path.join(machines.SRC, "hack/package")).split()[-1]
    return os.path.join(machines.SRC, made)


def file_pool(vm):
    """The pool in files. Return: its entry in the configuration."""
    vm.run(f"mkfs.xfs -q -L pool /dev/vda && mkdir -p {POOL} && "
           f"echo 'LABEL=pool {POOL} xfs nofail,x-systemd.device-timeout=10min 0 0' >>/etc/fstab && "
           "systemctl daemon-reload && "
           f"mount {POOL} && nvmetcp-target --init-pool {POOL} pool")
    return {"name": "pool", "path": POOL}


def thin_pool(vm):
    """The pool in LVM. Return: as above."""
    vm.run(["bash", "-ec", f"{thin.commands('/dev/vda')}systemctl daemon-reload\n"], timeout=180)
    return thin.POOL


STORES = {"file": file_pool, "lvmthin": thin_pool}


class StorageServer:
    """A machine of a lab, serving the pool "pool" of the kind @store at .url with .ca and .token.

    The constructor settles its address only; boot(), install(), configure() and start() do the rest.
    """

    def __init__(self, lab, name="storage", store="file", pool_mib=8192, memory=1536):
        self.deb = package()
        self.store = store
        self.vm = lab.add(name, memory=memory, cpus=1, init="systemd",
                          disks={"pool": pool_mib, "system": 2048})
        self.settle_addresses()
        self.tls = None

    def settle_addresses(self):
        self.url = f"https://{self.vm.ip}:{API_PORT}"
        self.portals = [f"{self.vm.ip}:{NVME_PORT}", f"{self.vm.ip2}:{NVME_PORT}"]

    def up(self):
        """All of it, on a machine that was launched."""
        self.vm.wait_ready()
        self.install()
        self.configure()
        self.start()

    def boot(self):
        self.vm.start()

    @property
    def ca(self):
        """The certificate authority, PEM."""
        return self.tls.ca

    @property
    def token(self):
        return self.tls.token

    def install(self):
        """apt itself, with the package as a file; what it depends on is in the build root."""
        return self.vm.run(f"DEBIAN_FRONTEND=noninteractive apt-get -q install -y {self.deb}", timeout=180)

    def configure(self, options=None):
        """What docs/target.md tells an administrator to do."""
        vm = self.vm
        pool = STORES[self.store](vm)
        self.tls = driver.Tls(vm, vm.ip, os.path.dirname(CONFIG))
        config = {"listen": f"{vm.ip}:{API_PORT}", "portals": self.portals,
                  "pools": [pool], **self.tls.server, **(options or {})}
        driver.write(vm, CONFIG, json.dumps(config))
        driver.write(vm, f"/etc/systemd/system/{UNIT}.d/pool.conf", f"[Unit]\nRequiresMountsFor={POOL}\n")
        vm.run("systemctl daemon-reload; sync")

    def start(self):
        """Enable and start the service; it is up when this returns."""
        self.vm.run(f"systemctl enable --now {UNIT}; sync")
        self.wait()

    def stop(self):
        self.vm.run(f"systemctl stop {UNIT}")

    def wait(self):
        """Until every pool and portal is there."""
        self.vm.wait_for(f"curl -sf --cacert {os.path.dirname(CONFIG)}/ca.pem {self.url}/healthz",
                         timeout=120, what="nvmetcp-target to be well: "
                         f"journalctl -u {UNIT}")

    def power_cycle(self):
        """A power cut; what comes back comes back by itself."""
        self.vm.power_cycle()
        self.wait()

    def call(self, method, path, body=None, check=True):
        """One call of the API, made in the machine itself. Return: what it answered, parsed."""
        folder = os.path.dirname(CONFIG)
        data = ["-d", json.dumps(body)] if body is not None else []
        text = self.vm.run(
            ["curl", "-sS", "--fail-with-body" if check else "--silent", "--cacert", f"{folder}/ca.pem",
             "-H", f"Authorization: Bearer {self.token}", "-X", method, self.url + path, *data])
        return json.loads(text) if text.strip() else {}
