#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Inside a VM: nvmetcp-target over a thin pool of LVM, with real dm-thin, lvm and udev.

As in target_agent.py the initiator is the kernel itself, and every check looks at the kernel, at
LVM or at bytes.
"""

import json
import os
import time

import target_agent as ta

MIB = ta.MIB
VG = "vg-nv"
THIN = f"{VG}/thin"
EXTENT = 4 * MIB
CHUNK = 64 * 1024
SIZE = 256 * MIB


def thin_pool(**more):
    return {"name": "pool", "type": "lvmthin", "path": ta.POOL, "vg": VG, "thinPool": "thin", **more}


def device_of(volume):
    return f"vg--nv-nvmetcp.v.{volume.replace('-', '.')}"


def logical_volumes():
    """Those of ours: {name: row}."""
    report = ta.run("lvm", "lvs", "--reportformat", "json", "--units", "b", "--nosuffix", "-o",
                    "lv_name,lv_size,lv_tags,lv_active,lv_permissions", VG).stdout
    rows = json.loads(report[report.index("{"):])["report"][0]["lv"]
    return {r["lv_name"]: r for r in rows if r["lv_name"].startswith("nvmetcp.")}


def devices():
    return {line.split()[0] for line in ta.run("dmsetup", "ls").stdout.splitlines()}


def suspended():
    table = ta.run("dmsetup", "info", "-c", "--noheadings", "--separator", " ", "-o", "name,suspended").stdout
    return [line.split()[0] for line in table.splitlines() if line.split()[1] == "Suspended"]


def states(kind):
    return {n.removesuffix(".json") for n in os.listdir(f"{ta.POOL}/{kind}")}


def agree():
    """States, logical volumes and devices say the same, and nothing is half done."""
    wanted = {f"nvmetcp.v.{i.replace('-', '.')}" for i in states("volumes")}
    wanted |= {f"nvmetcp.s.{i.replace('-', '.')}" for i in states("snapshots")}
    assert set(logical_volumes()) == wanted, (logical_volumes(), wanted)
    assert all(f"vg--nv-{name}" in devices() for name in wanted), (devices(), wanted)
    assert suspended() == []


def size_at_host(device):
    return int(ta.read(f"/sys/block/{os.path.basename(device)}/size")) * 512


def set_up():
    """A machine with udev, a volume group, a file system for states, and a thin pool."""
    ta.run("cp", "deploy/57-nvmetcp-target.rules", "/etc/udev/rules.d/")
    ta.run("/usr/lib/systemd/systemd-udevd", "--daemon")
    ta.run("udevadm", "trigger", "--settle")
    ta.run("lvm", "vgcreate", "--metadatasize", "8m", VG, ta.DISK)
    ta.run("lvm", "lvcreate", "--yes", "-L", "64m", "-n", "state", VG)
    ta.run("mkfs.ext4", "-q", f"/dev/{VG}/state")
    os.makedirs(ta.POOL)
    ta.run("mount", f"/dev/{VG}/state", ta.POOL)
    ta.run("lvm", "lvcreate", "--yes", "--type", "thin-pool", "-L", f"{SIZE}b", "-n", "thin",
           "--chunksize", "64k", "--zero", "n", VG)


def init(check=True):
    return ta.run(f"{ta.BIN}/nvmetcp-target", "--init-pool", ta.POOL, "pool", THIN, check=check)


def test_init(agent):
    for option in ("--zero", "--errorwhenfull"):
        refused = init(check=False)
        assert refused.returncode == 1 and f"lvchange {option} y" in refused.stdout, refused.stdout
        ta.run("lvm", "lvchange", "--yes", option, "y", THIN)
    assert init().stdout == init().stdout
    ta.configure(pools=[thin_pool(ratio=3)])
    agent.start()
    pool = ta.want(200, "GET", "/v1/pools")["pools"][0]
    assert pool["type"] == "lvmthin" and pool["granularity"] == EXTENT, pool
    assert SIZE * 9 // 10 < pool["size"] < SIZE and pool["free"] == SIZE, pool
    assert pool["metadataSize"] == 4 * MIB and 3 * MIB < pool["metadataFree"] < 4 * MIB, pool
    assert ta.want(200, "GET", "/v1/info")["granularity"] == EXTENT


def test_create_and_export():
    asked = ta.volume_body(64 * MIB + 4096)
    made = ta.want(201, "PUT", "/v1/volumes/v-1", asked)
    assert made["size"] == 68 * MIB and made["written"] is False and made["allocated"] == 0, made
    assert "extents" not in made
    assert ta.want(200, "PUT", "/v1/volumes/v-1", asked) == made
    export = ta.want(200, "PUT", ta.host_path("v-1", ta.HOST_A))
    for portal in ta.PORTALS:
        ta.connect(export, ta.HOST_A, portal)
    device = ta.disk(export)
    assert size_at_host(device) == 68 * MIB
    assert ta.read_block(device, 0) == bytes(4096)
    assert ta.want(200, "GET", "/v1/volumes/v-1")["written"] is False
    ta.write_block(device, 8 * MIB, "old")
    seen = ta.want(200, "GET", "/v1/volumes/v-1")
    assert seen["written"] is True and seen["allocated"] == CHUNK, seen
    # udev has not looked into it, nor will when it is closed after a write.
    properties = ta.run("udevadm", "info", "--query=property", f"/dev/mapper/{device_of('v-1')}").stdout
    assert "DM_UDEV_DISABLE_OTHER_RULES_FLAG=1" in properties and "ID_FS" not in properties, properties
    return export, device


def test_zeros():
    """What one volume held is not in the next one, also in chunks that it writes in part."""
    export = None
    for round_ in range(2):
        ta.want(201, "PUT", "/v1/volumes/z", ta.volume_body(16 * MIB))
        export = ta.want(200, "PUT", ta.host_path("z", ta.HOST_A))
        ta.connect(export, ta.HOST_A)
        device = ta.disk(export)
        if round_ == 0:
            ta.run("sh", "-c", f"tr '\\0' s </dev/zero | dd of={device} bs=1M count=16 iflag=fullblock oflag=direct")
        else:
            for chunk in range(256):
                ta.write_block(device, chunk * CHUNK + 4096, "new")
            with open(device, "rb") as f:
                found = f.read(16 * MIB)
            assert found.count(b"s") == 0 and found.count(b"new") > 0
        ta.disconnect(export["nqn"])
        ta.want(204, "DELETE", "/v1/volumes/z/hosts")
        ta.want(204, "DELETE", "/v1/volumes/z")


def test_snapshot_and_clone(device):
    writer = ta.Writer(device, 64 * MIB)
    snapshot = ta.want(201, "PUT", "/v1/snapshots/s1", {"volume": "v-1"})
    assert snapshot["size"] == 68 * MIB and snapshot["allocated"] in (CHUNK, 2 * CHUNK), snapshot
    ta.until("writes after the snapshot", lambda: writer.count > 5 or writer.error)
    assert writer.end() is None
    ta.write_block(device, 8 * MIB, "new")
    ta.want(201, "PUT", "/v1/volumes/c1", ta.volume_body(100 * MIB, source={"snapshot": "s1"}))
    ta.want(201, "PUT", "/v1/volumes/c2", ta.volume_body(68 * MIB, source={"volume": "v-1"}))
    rows = logical_volumes()
    assert rows["nvmetcp.s.s1"]["lv_permissions"] == "read-only", rows
    assert rows["nvmetcp.v.c1"]["lv_size"] == str(100 * MIB), rows
    # The origin first.
    ta.want(204, "DELETE", "/v1/snapshots/s1")
    for volume, text in (("c1", "old"), ("c2", "new")):
        export = ta.want(200, "PUT", ta.host_path(volume, ta.HOST_A))
        assert export["written"] is True
        ta.connect(export, ta.HOST_A)
        other = ta.disk(export)
        assert ta.read_block(other, 8 * MIB) == ta.text_of(text), volume
        ta.write_block(other, 8 * MIB, volume)
        ta.disconnect(export["nqn"])
        ta.want(204, "DELETE", f"/v1/volumes/{volume}/hosts")
    assert ta.read_block(device, 8 * MIB) == ta.text_of("new")
    agree()


def test_grow(device):
    writer = ta.Writer(device, 64 * MIB)
    ta.want(200, "POST", "/v1/volumes/v-1/resize", {"size": 81 * MIB})
    ta.until("the new size", lambda: size_at_host(device) == 84 * MIB)
    assert writer.end() is None
    ta.write_block(device, 80 * MIB, "far")


def test_fence(export):
    """Host B goes on while host A is thrown out; what had reached the volume is waited for."""
    ta.want(200, "PUT", ta.host_path("c1", ta.HOST_A))
    ta.want(200, "PUT", ta.host_path("c1", ta.HOST_B))
    other = ta.want(200, "GET", "/v1/volumes/c1")
    a, b = ta.connect(other, ta.HOST_A), ta.connect(other, ta.HOST_B)
    writer = ta.Writer(ta.disk(other), 4 * MIB)
    ta.until("writes", lambda: writer.count > 5)
    ta.want(204, "DELETE", ta.host_path("c1", ta.HOST_A))
    ta.until("A gone, B live", lambda: list(ta.controllers(other["nqn"]).items()) == [(b, (ta.HOST_B, "live"))])
    before = writer.count
    ta.until("writes go on", lambda: writer.count > before + 5 or writer.error)
    assert writer.end() is None and a != b
    assert suspended() == []
    ta.disconnect(other["nqn"])
    ta.want(204, "DELETE", "/v1/volumes/c1/hosts")
    assert export["nqn"] in ta.subsystems()


def test_restarts(agent, device):
    writer = ta.Writer(device, 64 * MIB)
    agent.stop()
    agent.start()
    agent.kill()
    agent.start()
    before = writer.count
    ta.until("writes go on", lambda: writer.count > before + 5 or writer.error)
    assert writer.end() is None
    agree()


def put(name, size, **more):
    return ta.call("PUT", f"/v1/volumes/{name}", ta.volume_body(size, **more))


def gone(*paths):
    for path in paths:
        status, answer = ta.call("DELETE", path)
        assert status in (204, 404), (path, status, answer)


def two_hosts():
    put("k1", 8 * MIB)
    for host in (ta.HOST_A, ta.HOST_B):
        ta.want(200, "PUT", ta.host_path("k1", host))


# Each point of the store at which something has changed: what must be so before, and the call.
KILLS = [
    ("PutVolume.data.volume", lambda: gone("/v1/volumes/k1"), lambda: put("k1", 8 * MIB)),
    ("PutVolume.data.size", lambda: gone("/v1/volumes/k2"), lambda: put("k2", 72 * MIB + EXTENT, source={"volume": "c2"})),
    ("PutSnapshot.data.clone", lambda: None, lambda: ta.call("PUT", "/v1/snapshots/k", {"volume": "c2"})),
    ("ResizeVolume.data.size", two_hosts, lambda: ta.call("POST", "/v1/volumes/k1/resize", {"size": 24 * MIB})),
    ("RevokeHost.drain.suspended", two_hosts, lambda: ta.call("DELETE", ta.host_path("k1", ta.HOST_A))),
    ("DeleteSnapshot.data.removed", lambda: None, lambda: ta.call("DELETE", "/v1/snapshots/k")),
    ("DeleteVolume.data.removed", lambda: gone("/v1/volumes/k1/hosts"), lambda: ta.call("DELETE", "/v1/volumes/k1")),
]


def test_kills(agent):
    for point, arrange, ask in KILLS:
        arrange()
        agent.stop()
        agent.start(faults=f"{point}=kill")
        assert ask() == (None, None), point
        assert agent.died(), point
        agent.start()
        agree()
        status, answer = ask()
        assert status in (200, 201, 204) or (point.startswith("Delete") and status == 404), (point, status, answer)
        agree()
    gone("/v1/volumes/k2")


def test_reboot(agent, export):
    """All but the disk is gone: devices, configfs, connections."""
    ta.disconnect(export["nqn"])
    agent.stop()
    ta.teardown()
    ta.run("umount", ta.POOL)
    ta.run("lvm", "vgchange", "-an", VG)
    assert not any("nvmetcp" in name for name in devices())
    agent.start(wait=False)
    ta.until("the API", lambda: ta.call("GET", "/healthz")[0] is not None)
    assert ta.call("GET", "/v1/volumes/v-1")[0] == 503
    ta.run("lvm", "lvchange", "-ay", f"{VG}/state")
    ta.run("mount", f"/dev/{VG}/state", ta.POOL)
    ta.until("agent healthy", agent.healthy, 60)
    ta.connect(export, ta.HOST_A)
    device = ta.disk(export)
    assert ta.read_block(device, 80 * MIB) == ta.text_of("far")
    agree()
    return device


def test_absent_and_wrong_group(agent):
    agent.stop()
    ta.run("lvm", "vgrename", VG, "elsewhere")
    agent.start(wait=False)
    ta.until("the API", lambda: ta.call("GET", "/healthz")[0] is not None)
    status, answer = ta.call("DELETE", "/v1/volumes/c1")
    assert status == 503 and "not found" in answer["error"]["message"], answer
    ta.run("lvm", "vgrename", "elsewhere", VG)
    ta.until("agent healthy", agent.healthy, 60)
    agree()


def test_older_group(agent):
    """The group as it was before the agent's last end, as an administrator's mistake brings it back."""
    ta.run("lvm", "vgcfgbackup", "--file", "/run/older", VG)
    agent.stop()
    ta.run("lvm", "vgcfgbackup", "--file", "/run/newest", VG)
    ta.run("lvm", "vgcfgrestore", "--yes", "--force", "--file", "/run/older", VG)
    agent.start(wait=False)
    ta.until("the API", lambda: ta.call("GET", "/healthz")[0] is not None)
    status, answer = ta.call("DELETE", "/v1/volumes/c1")
    assert status == 503 and f"{THIN} is an older copy" in answer["error"]["message"], answer
    ta.run("lvm", "vgcfgrestore", "--yes", "--force", "--file", "/run/newest", VG)
    ta.until("agent healthy", agent.healthy, 60)
    agree()


def test_guest_group(export, device):
    """A host makes a volume group and a RAID signature in its volumes; the target never sees it."""
    config = "devices{filter=[\"a|^" + device + "$|\",\"r|.*|\"]}"
    ta.run("lvm", "vgcreate", "--config", config, "guest", device)
    ta.run("lvm", "lvcreate", "--config", config, "--yes", "-Wn", "-Zn", "-L", "8m", "-n", "inner", "guest")
    ta.run("lvm", "vgchange", "--config", config, "-an", "guest")
    ta.disconnect(export["nqn"])
    ta.want(204, "DELETE", "/v1/volumes/v-1/hosts")
    # Closed after it was written, deactivated, activated: each makes udev look at a disk.
    ta.run("lvm", "lvchange", "-an", f"{VG}/nvmetcp.v.v.1")
    ta.run("lvm", "lvchange", "-ay", f"{VG}/nvmetcp.v.v.1")
    ta.run("udevadm", "trigger", "--action=change", "--settle")
    assert "guest" not in ta.run("lvm", "vgs").stdout
    assert not any(name.startswith("guest") for name in devices()), devices()
    export = ta.want(200, "PUT", ta.host_path("v-1", ta.HOST_A))
    ta.connect(export, ta.HOST_A)
    return export, ta.disk(export)


def fill(device, start=0):
    """Write from there on until the pool has nothing more. Return: how far it went."""
    block = ta.block("fill")
    fd = os.open(device, os.O_RDWR | os.O_DIRECT)
    try:
        for offset in range(start, size_at_host(device), MIB):
            assert os.pwritev(fd, [block] * 256, offset) == MIB
    except OSError as error:
        assert error.errno == 28, error
        return offset
    finally:
        os.close(fd)
    raise AssertionError("the pool took more than it has")


def test_full(agent, device):
    """A pool that was promised three times over: what a host sees, what is refused, what still works."""
    ta.write_block(device, 40 * MIB, "kept")
    made = ta.want(201, "PUT", "/v1/volumes/big", ta.volume_body(448 * MIB))
    export = ta.want(200, "PUT", ta.host_path("big", ta.HOST_A))
    ta.connect(export, ta.HOST_A)
    big = ta.disk(export)
    assert made["size"] == 448 * MIB
    reached = fill(big)
    assert reached > SIZE // 2
    pool = ta.want(200, "GET", "/v1/pools")["pools"][0]
    assert pool["free"] == 0 and pool["state"] == "ready", pool
    # What was written is there, and can be written again; nobody lost a connection.
    for at in (0, reached // 2 // 4096 * 4096):
        assert ta.read_block(big, at) == ta.text_of("fill"), at
    ta.write_block(device, 40 * MIB, "over")
    assert ta.read_block(device, 40 * MIB) == ta.text_of("over")
    assert [s for _, s in ta.controllers(export["nqn"]).values()] == ["live"]
    answer = ta.want(507, "PUT", "/v1/volumes/more", ta.volume_body(EXTENT))
    assert "is full" in answer["error"]["message"], answer
    ta.want(507, "PUT", "/v1/snapshots/more", {"volume": "v-1"})
    for _ in range(3):
        ta.want(200, "PUT", ta.host_path("c1", ta.HOST_A))
        ta.want(204, "DELETE", ta.host_path("c1", ta.HOST_A))
    agent.kill()
    agent.start()
    ta.want(204, "DELETE", "/v1/volumes/c1")
    agree()
    # Space again, by what was deleted, and by the operator.
    reached = fill(big, reached)
    ta.run("lvm", "lvextend", "-L", f"+{SIZE // 2}b", THIN)
    ta.write_block(big, reached + MIB, "more")
    assert ta.read_block(big, reached + MIB) == ta.text_of("more")
    assert ta.read_block(device, 40 * MIB) == ta.text_of("over")
    ta.want(201, "PUT", "/v1/volumes/more", ta.volume_body(EXTENT))
    before = ta.want(200, "GET", "/v1/pools")["pools"][0]["free"]
    ta.disconnect(export["nqn"])
    ta.want(204, "DELETE", "/v1/volumes/big/hosts")
    ta.want(204, "DELETE", "/v1/volumes/big")
    assert ta.want(200, "GET", "/v1/pools")["pools"][0]["free"] >= before + reached


def test_nothing_left(agent, export):
    ta.disconnect(export["nqn"])
    for volume in ("v-1", "c2", "more"):
        ta.want(204, "DELETE", f"/v1/volumes/{volume}/hosts")
        ta.want(204, "DELETE", f"/v1/volumes/{volume}")
    assert logical_volumes() == {} and states("volumes") == set() and states("snapshots") == set()
    ta.nothing_exported()
    pool = ta.want(200, "GET", "/v1/pools")["pools"][0]
    assert pool["committed"] == 0 and pool["free"] == SIZE * 3 // 2, pool
    agent.stop()


def main():
    agent = ta.Agent()
    began = time.monotonic()

    def step(name, function, *arguments):
        result = function(*arguments)
        print(f"[{time.monotonic() - began:5.1f}s] ok: {name}", flush=True)
        return result

    with ta.ended(agent):
        step("set up", set_up)
        step("init", test_init, agent)
        export, device = step("create and export", test_create_and_export)
        step("zeros", test_zeros)
        step("snapshot and clone", test_snapshot_and_clone, device)
        step("grow", test_grow, device)
        step("fence", test_fence, export)
        step("restarts", test_restarts, agent, device)
        step("kills", test_kills, agent)
        device = step("reboot", test_reboot, agent, export)
        step("absent and wrong group", test_absent_and_wrong_group, agent)
        step("older group", test_older_group, agent)
        export, device = step("guest group", test_guest_group, export, device)
        step("full", test_full, agent, device)
        step("nothing left", test_nothing_left, agent, export)
        print("all of it was seen", flush=True)


if __name__ == "__main__":
    main()
