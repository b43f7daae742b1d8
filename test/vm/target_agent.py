#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""nvmetcp-target against the kernel: runs inside one VM, which is target and initiator at once.

The initiator is the kernel itself through /dev/nvme-fabrics, written by hand. Every check looks at
the kernel (sysfs, configfs) or at bytes, never at what the agent says of itself alone.
"""

import contextlib
import glob
import http.client
import json
import mmap
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.parse
import uuid

BIN = sys.argv[1]
DISK = "/dev/vda"
POOL = "/srv/pool"
SOCKET = "/run/target.sock"
CONFIG = "/run/target.json"
NVMET = "/sys/kernel/config/nvmet"
PORTALS = ["127.0.0.1:4420", "127.0.0.2:4420"]
MIB = 1 << 20
HOST_A = "nqn.2026-01.dev.csi.nvmetcp:node.test.a"
HOST_B = "nqn.2026-01.dev.csi.nvmetcp:node.test.b"


def run(*argv, check=True):
    done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if check and done.returncode != 0:
        raise AssertionError(f"{argv}: {done.returncode}: {done.stdout}")
    return done


def until(what, condition, seconds=30):
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"not within {seconds} s: {what}")
        time.sleep(0.05)


def read(path):
    try:
        with open(path) as f:
            return f.read().strip()
    except OSError:
        return None


class Connection(http.client.HTTPConnection):
    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(SOCKET)


def call(method, path, body=None):
    """One request: (status, answer); (None, None) when the agent is not there, or dies over it."""
    connection = Connection("agent", timeout=90)
    try:
        connection.request(method, path, json.dumps(body) if body is not None else None)
        answer = connection.getresponse()
        text = answer.read()
        return answer.status, json.loads(text) if text[:1] == b"{" else text.decode()
    except (OSError, http.client.HTTPException):
        return None, None
    finally:
        connection.close()


def want(status, method, path, body=None):
    got, answer = call(method, path, body)
    assert got == status, f"{method} {path}: {got} {answer}, not {status}"
    return answer


def host_path(volume, host):
    return f"/v1/volumes/{volume}/hosts/{urllib.parse.quote(host, safe='')}"


def volume_body(size, **more):
    return {"pool": "pool", "instance": "test", "size": size, **more}


class Agent:
    def __init__(self):
        self.child = None

    def start(self, faults="", wait=True):
        environment = dict(os.environ)
        if faults:
            environment["NVMETCP_FAULTS"] = faults
        with open("/out/agent.log", "a") as log:
            self.child = subprocess.Popen(
                [f"{BIN}/nvmetcp-target", "--config", CONFIG, "--log-level", "debug"],
                stderr=log, env=environment)
        if wait:
            until("agent healthy", self.healthy)

    def healthy(self):
        assert self.child.poll() is None, "the agent ended: " + run("tail", "-n5", "/out/agent.log").stdout
        return call("GET", "/healthz")[0] == 200

    def kill(self):
        self.child.send_signal(signal.SIGKILL)
        self.child.wait()

    def stop(self):
        self.child.send_signal(signal.SIGTERM)
        assert self.child.wait(30) == 0

    def died(self):
        return self.child.wait(30) == -signal.SIGKILL


def configure(**more):
    config = {
        "listen": "unix:" + SOCKET, "stateDir": "/srv/state", "portals": PORTALS,
        "poolWaitSeconds": 1, "pools": [{"name": "pool", "type": "file", "path": POOL}], **more}
    with open(CONFIG, "w") as f:
        json.dump(config, f)


def connect(export, host, portal=PORTALS[0]):
    """Connect by hand. Return: the controller's name."""
    address, port = portal.rsplit(":", 1)
    options = (f"nqn={export['nqn']},transport=tcp,traddr={address},trsvcid={port},hostnqn={host},"
               f"hostid={uuid.uuid5(uuid.NAMESPACE_URL, host)},ctrl_loss_tmo=-1,reconnect_delay=1,nr_io_queues=1")
    fd = os.open("/dev/nvme-fabrics", os.O_RDWR)
    try:
        os.write(fd, options.encode())
        answer = os.read(fd, 256).decode()
    finally:
        os.close(fd)
    return "nvme" + dict(p.split("=") for p in answer.strip().split(","))["instance"]


def controllers(nqn):
    """Live or not: {name: (host, state)} of the subsystem."""
    found = {}
    for path in glob.glob("/sys/class/nvme/nvme*"):
        if read(path + "/subsysnqn") == nqn:
            found[os.path.basename(path)] = (read(path + "/hostnqn"), read(path + "/state"))
    return found


def disk(export):
    """The head of the namespace, found by its UUID."""
    def find():
        for path in glob.glob("/sys/block/nvme*n*"):
            if read(path + "/uuid") == export["uuid"] and read(path + "/hidden") == "0":
                return os.path.basename(path)
        return None
    name = until("the namespace's head", find)
    device = f"/dev/{name}"
    until(device, lambda: os.path.exists(device))
    return device


def disconnect(nqn):
    for name in controllers(nqn):
        with open(f"/sys/class/nvme/{name}/delete_controller", "w") as f:
            f.write("1")
    until("controllers gone", lambda: not controllers(nqn))


def block(text):
    buffer = mmap.mmap(-1, 4096)
    buffer.write((text.encode() * 4096)[:4096])
    return buffer


def write_block(device, offset, text):
    fd = os.open(device, os.O_RDWR | os.O_DIRECT)
    try:
        assert os.pwritev(fd, [block(text)], offset) == 4096
    finally:
        os.close(fd)


def read_block(device, offset):
    buffer = mmap.mmap(-1, 4096)
    fd = os.open(device, os.O_RDONLY | os.O_DIRECT)
    try:
        assert os.preadv(fd, [buffer], offset) == 4096
    finally:
        os.close(fd)
    return bytes(buffer)


def text_of(text):
    return (text.encode() * 4096)[:4096]


class Writer(threading.Thread):
    """Writes one block again and again; keeps the first error."""

    def __init__(self, device, offset):
        super().__init__(daemon=True)
        self.device, self.offset, self.error, self.count, self.ended = device, offset, None, 0, False
        self.start()

    def run(self):
        fd = os.open(self.device, os.O_RDWR | os.O_DIRECT)
        try:
            while not self.ended:
                os.pwritev(fd, [block(f"w{self.count:07d}")], self.offset)
                self.count += 1
        except OSError as error:
            self.error = error
        finally:
            os.close(fd)

    def end(self):
        self.ended = True
        self.join(60)
        assert not self.is_alive()
        return self.error


@contextlib.contextmanager
def ended(agent):
    """At its end the agent is, too; what went wrong comes with its last words and the kernel's."""
    try:
        yield
    except BaseException:
        print(run("tail", "-n30", "/out/agent.log", check=False).stdout)
        print(run("sh", "-c", "dmesg | tail -n 20", check=False).stdout)
        raise
    finally:
        if agent.child and agent.child.poll() is None:
            agent.kill()


def mount_pool():
    """A new file system where the pool is to be."""
    run("mkfs.xfs", "-q", DISK)
    os.makedirs(POOL)
    run("mount", DISK, POOL)


def init_pool():
    """Return: what nvmetcp-target says of it."""
    return run(f"{BIN}/nvmetcp-target", "--init-pool", POOL, "pool").stdout


def subsystems():
    return [n for n in os.listdir(NVMET + "/subsystems") if "discovery" not in n]


def nothing_exported():
    assert subsystems() == [], subsystems()
    assert os.listdir(NVMET + "/hosts") == []
    for port in os.listdir(NVMET + "/ports"):
        assert os.listdir(f"{NVMET}/ports/{port}/subsystems") == []
    assert "nvmetcp_target" not in run("nft", "list", "tables").stdout


def pool_files():
    return sorted(os.listdir(POOL + "/volumes") + os.listdir(POOL + "/snapshots"))


# --- what is shown, one after the other -------------------------------------------------------

def test_refusals(agent):
    os.makedirs("/run/plain")
    done = run(f"{BIN}/nvmetcp-target", "--init-pool", "/run/plain", "pool", check=False)
    assert done.returncode == 1 and "reflink" in done.stdout, done.stdout
    assert os.listdir("/run/plain") == []
    configure(listen="10.1.2.3:8443")
    done = run(f"{BIN}/nvmetcp-target", "--config", CONFIG, check=False)
    assert done.returncode == 2 and "tlsCert" in done.stdout, done.stdout
    mount_pool()
    configure()
    agent.start(wait=False)
    until("the API", lambda: os.path.exists(SOCKET))
    status, answer = call("PUT", "/v1/volumes/v1", volume_body(256 * MIB))
    assert status == 503 and "--init-pool" in answer["error"]["message"], answer
    agent.stop()
    assert init_pool() == init_pool()
    agent.start()
    nothing_exported()


def test_create_and_export(agent):
    made = want(201, "PUT", "/v1/volumes/v1", volume_body(256 * MIB, metadata={"csiName": "pvc-1"}))
    assert made["written"] is False and made["allocated"] == 0 and made["hosts"] == []
    again = want(200, "PUT", "/v1/volumes/v1", volume_body(256 * MIB, metadata={"csiName": "pvc-1"}))
    assert again == made
    assert "size" in want(409, "PUT", "/v1/volumes/v1", volume_body(512 * MIB, metadata={"csiName": "pvc-1"}))["error"]["message"]
    assert "S" in run("lsattr", f"{POOL}/volumes/v1.img").stdout.split()[0]
    assert subsystems() == []
    export = want(200, "PUT", host_path("v1", HOST_A))
    assert export["portals"] == PORTALS and export["written"] is False
    assert subsystems() == [export["nqn"]]
    for portal in PORTALS:
        connect(export, HOST_A, portal)
    device = disk(export)
    name = os.path.basename(device)
    assert int(read(f"/sys/block/{name}/size")) * 512 == 256 * MIB
    assert read(f"/sys/block/{name}/nguid").replace("-", "") == export["nguid"]
    assert len(controllers(export["nqn"])) == 2
    assert read_block(device, 0) == bytes(4096)
    write_block(device, 0, "old")
    write_block(device, 128 * MIB, "old")
    seen = want(200, "GET", "/v1/volumes/v1")
    assert seen["written"] is True and seen["extents"] >= 2 and seen["allocated"] == 2 * MIB, seen
    assert want(200, "PUT", host_path("v1", HOST_A))["written"] is True
    assert want(423, "DELETE", "/v1/volumes/v1")["error"]["code"] == "FAILED_PRECONDITION"
    return export, device


def test_snapshot_and_clone(device):
    writer = Writer(device, 64 * MIB)
    snap = want(201, "PUT", "/v1/snapshots/s1", {"volume": "v1"})
    # Blocks that were reserved but not written are not shared.
    assert snap["size"] == 256 * MIB and 8192 <= snap["allocated"] <= 2 * MIB, snap
    assert writer.end() is None
    write_block(device, 0, "new")
    want(200, "PUT", "/v1/snapshots/s1", {"volume": "v1"})
    want(409, "PUT", "/v1/snapshots/s1", {"volume": "other"})
    want(201, "PUT", "/v1/volumes/v2", volume_body(300 * MIB, source={"snapshot": "s1"}))
    want(400, "PUT", "/v1/volumes/v3", volume_body(100 * MIB, source={"snapshot": "s1"}))
    want(201, "PUT", "/v1/volumes/v3", volume_body(256 * MIB, source={"volume": "v1"}))
    for volume, expected in (("v2", "old"), ("v3", "new")):
        export = want(200, "PUT", host_path(volume, HOST_A))
        connect(export, HOST_A)
        other = disk(export)
        assert read_block(other, 0) == text_of(expected), volume
        assert read_block(other, 128 * MIB) == text_of("old"), volume
        write_block(other, 0, volume)
    assert read_block(device, 0) == text_of("new")
    snapshots = want(200, "GET", "/v1/snapshots?volume=v1")["snapshots"]
    assert [s["id"] for s in snapshots] == ["s1"]
    page = want(200, "GET", "/v1/volumes?limit=2")
    assert [v["id"] for v in page["volumes"]] == ["v1", "v2"] and page["next"] == "v2"
    rest = want(200, "GET", "/v1/volumes?limit=2&token=v2")
    assert [v["id"] for v in rest["volumes"]] == ["v3"] and "next" not in rest


def test_grow(device):
    name = os.path.basename(device)
    want(200, "POST", "/v1/volumes/v1/resize", {"size": 384 * MIB})
    until("the new size", lambda: int(read(f"/sys/block/{name}/size")) * 512 == 384 * MIB)
    assert want(200, "POST", "/v1/volumes/v1/resize", {"size": 256 * MIB})["size"] == 384 * MIB
    want(200, "PUT", "/v1/volumes/v1", volume_body(256 * MIB, metadata={"csiName": "pvc-1"}))
    want(507, "POST", "/v1/volumes/v1/resize", {"size": 1 << 44})


def test_fence_one_of_two(export, device):
    """Host B stays and sees no error; host A is thrown out and refused."""
    want(200, "PUT", host_path("v1", HOST_B))
    b = connect(export, HOST_B)
    until("B live", lambda: controllers(export["nqn"])[b][1] == "live")
    writer = Writer(device, 64 * MIB)
    until("writes", lambda: writer.count > 5)
    want(204, "DELETE", host_path("v1", HOST_A))
    until("A's controllers gone", lambda: all(h == HOST_B for h, _ in controllers(export["nqn"]).values()))
    until("B live again", lambda: controllers(export["nqn"]).get(b, ("", ""))[1] == "live")
    before = writer.count
    until("writes go on", lambda: writer.count > before + 5 or writer.error)
    assert writer.end() is None
    try:
        connect(export, HOST_A)
        raise AssertionError("a fenced host got in")
    except OSError:
        pass
    want(204, "DELETE", host_path("v1", HOST_A))


def test_fence_last(export, device):
    """The file does not change any more once the fence is answered, and nothing is exported."""
    writer = Writer(device, 64 * MIB)
    until("writes", lambda: writer.count > 5)
    want(204, "DELETE", "/v1/volumes/v1/hosts")
    with open(f"{POOL}/volumes/v1.img", "rb") as f:
        f.seek(64 * MIB)
        fenced = f.read(4096)
    assert export["nqn"] not in subsystems()
    until("controllers gone", lambda: not controllers(export["nqn"]))
    assert writer.end() is not None
    with open(f"{POOL}/volumes/v1.img", "rb") as f:
        f.seek(64 * MIB)
        assert f.read(4096) == fenced
    assert want(200, "GET", "/v1/volumes/v1")["hosts"] == []
    want(204, "DELETE", host_path("v1", HOST_A))


def test_kill_and_restart(agent):
    """The kernel keeps exporting; the restarted agent finds all as it was and disturbs nobody."""
    export = want(200, "PUT", host_path("v2", HOST_A))
    device = disk(export)
    before = controllers(export["nqn"])
    writer = Writer(device, 32 * MIB)
    agent.kill()
    count = writer.count
    until("writes without the agent", lambda: writer.count > count + 5)
    agent.start()
    assert want(200, "GET", "/v1/volumes/v2")["hosts"] == [HOST_A]
    assert writer.end() is None
    assert controllers(export["nqn"]) == before
    assert "nvmetcp_target" not in run("nft", "list", "tables").stdout


# Operation, how it is asked for, and the names of its steps.
CRASHES = [
    ("PutVolume", ["intent", "data", "ready"], lambda: call("PUT", "/v1/volumes/c1", volume_body(64 * MIB))),
    ("PutSnapshot", ["intent", "data", "ready"], lambda: call("PUT", "/v1/snapshots/cs", {"volume": "c1"})),
    ("ResizeVolume", ["intent", "data", "tell"], lambda: call("POST", "/v1/volumes/c1/resize", {"size": 96 * MIB})),
    ("GrantHost", ["intent", "namespace", "allow", "link"], lambda: call("PUT", host_path("c1", HOST_A))),
    ("RevokeHost", ["intent", "unlink-host", "unlink-ports", "disable", "remove", "forget"],
     lambda: call("DELETE", host_path("c1", HOST_A))),
    ("DeleteSnapshot", ["intent", "data", "state"], lambda: call("DELETE", "/v1/snapshots/cs")),
    ("DeleteVolume", ["intent", "unexport", "data", "state"], lambda: call("DELETE", "/v1/volumes/c1")),
]


def crash_once(agent, operation, step, ask):
    """Killed before or after the step; the restart and the retry converge."""
    agent.stop()
    agent.start(faults=f"{operation}.{step}=kill")
    status, _ = ask()
    assert status is None, f"{operation}.{step}: answered {status}"
    assert agent.died()
    agent.start()


def test_crash_at_every_step(agent):
    for operation, steps, ask in CRASHES:
        for step in steps:
            for point in (step, step + ".done"):
                crash_once(agent, operation, point, ask)
                status, answer = ask()
                gone = operation.startswith("Delete") and status == 404
                assert status in (200, 201, 204) or gone, f"{operation}.{point}: {status} {answer}"
                prepare(operation, point == steps[-1] + ".done")
        print(f"  {operation}: {2 * len(steps)} crash points", flush=True)
    assert [f for f in pool_files() if f.startswith("c")] == []


def prepare(operation, last):
    """Before the next crash of the same operation its work must be there to do again."""
    if last:
        return
    undo = {
        "PutVolume": lambda: want(204, "DELETE", "/v1/volumes/c1"),
        "PutSnapshot": lambda: want(204, "DELETE", "/v1/snapshots/cs"),
        "ResizeVolume": regrow,
        "GrantHost": lambda: want(204, "DELETE", host_path("c1", HOST_A)),
        "RevokeHost": lambda: want(200, "PUT", host_path("c1", HOST_A)),
        "DeleteSnapshot": lambda: want(201, "PUT", "/v1/snapshots/cs", {"volume": "c1"}),
        "DeleteVolume": lambda: want(201, "PUT", "/v1/volumes/c1", volume_body(64 * MIB)),
    }
    undo[operation]()


def regrow():
    want(204, "DELETE", "/v1/snapshots/cs")
    want(204, "DELETE", "/v1/volumes/c1")
    want(201, "PUT", "/v1/volumes/c1", volume_body(64 * MIB))
    want(201, "PUT", "/v1/snapshots/cs", {"volume": "c1"})


def test_shared_subsystem():
    """Two volumes in one subsystem, for tests of drivers: two namespaces, one controller."""
    exports = []
    for volume in ("m1", "m2"):
        want(201, "PUT", f"/v1/volumes/{volume}", volume_body(16 * MIB, subsystem="many"))
        exports.append(want(200, "PUT", host_path(volume, HOST_A)))
    assert exports[0]["nqn"] == exports[1]["nqn"] and exports[0]["shared"]
    assert [e["nsid"] for e in exports] == [1, 2]
    connect(exports[0], HOST_A)
    devices = [disk(e) for e in exports]
    assert devices[0] != devices[1]
    want(204, "DELETE", host_path("m1", HOST_A))
    until("m1 gone", lambda: not os.path.exists("/sys/block/" + os.path.basename(devices[0])))
    write_block(devices[1], 0, "kept")
    want(204, "DELETE", host_path("m2", HOST_A))
    until("controllers gone", lambda: not controllers(exports[0]["nqn"]))
    for volume in ("m1", "m2"):
        want(204, "DELETE", f"/v1/volumes/{volume}")


def test_absent_and_wrong_pool(agent):
    """A pool that is not mounted, or another one in its place, is never believed empty."""
    agent.stop()
    for nqn in subsystems():
        disconnect(nqn)
    teardown()
    run("umount", POOL)
    agent.start(wait=False)
    until("the API", lambda: call("GET", "/healthz")[0] == 503)
    for method, path, body in (("GET", "/v1/volumes/v1", None), ("DELETE", "/v1/volumes/v1", None),
                               ("DELETE", "/v1/volumes/never", None), ("GET", "/v1/volumes", None),
                               ("PUT", "/v1/volumes/v1", volume_body(256 * MIB)),
                               ("PUT", "/v1/snapshots/s9", {"volume": "v1"}),
                               ("DELETE", host_path("v1", HOST_A), None)):
        assert want(503, method, path, body)["error"]["code"] == "UNAVAILABLE"
    assert want(200, "GET", "/v1/pools")["pools"][0]["state"] == "absent"
    run("truncate", "-s", "400M", "/srv/other")
    run("mkfs.xfs", "-q", "/srv/other")
    run("mount", "-o", "loop", "/srv/other", POOL)
    init_pool()
    until("the other pool is noticed",
          lambda: "recorded" in want(200, "GET", "/v1/pools")["pools"][0]["reason"])
    want(503, "DELETE", "/v1/volumes/v1")
    run("umount", POOL)
    run("mount", DISK, POOL)
    until("healthy", agent.healthy)
    assert want(200, "GET", "/v1/volumes/v2")["hosts"] == [HOST_A]
    want(404, "GET", "/v1/volumes/never")
    # What was granted is exported again, with the same identity.
    export = want(200, "PUT", host_path("v2", HOST_A))
    connect(export, HOST_A)
    assert read_block(disk(export), 0) == text_of("v2")


def teardown():
    """What a reboot does to configfs."""
    for port in os.listdir(NVMET + "/ports"):
        for nqn in os.listdir(f"{NVMET}/ports/{port}/subsystems"):
            os.unlink(f"{NVMET}/ports/{port}/subsystems/{nqn}")
        os.rmdir(f"{NVMET}/ports/{port}")
    for nqn in subsystems():
        for host in os.listdir(f"{NVMET}/subsystems/{nqn}/allowed_hosts"):
            os.unlink(f"{NVMET}/subsystems/{nqn}/allowed_hosts/{host}")
        for nsid in os.listdir(f"{NVMET}/subsystems/{nqn}/namespaces"):
            os.rmdir(f"{NVMET}/subsystems/{nqn}/namespaces/{nsid}")
        os.rmdir(f"{NVMET}/subsystems/{nqn}")
    for host in os.listdir(NVMET + "/hosts"):
        os.rmdir(f"{NVMET}/hosts/{host}")


def test_late_portal(agent):
    """An address that comes later is opened for all volumes at once."""
    agent.stop()
    configure(portals=PORTALS + ["10.99.0.1:4420"])
    agent.start(wait=False)
    until("the API", lambda: call("GET", "/v1/info")[0] == 200)
    export = until("granted", lambda: [answer for status, answer in [call("PUT", host_path("v3", HOST_B))]
                                       if status == 200])[0]
    assert "10.99.0.1:4420" in export["portals"]
    assert call("GET", "/healthz")[0] == 503
    run("ip", "addr", "add", "10.99.0.1/32", "dev", "lo")
    until("healthy", agent.healthy)
    connect(export, HOST_B, "10.99.0.1:4420")
    disconnect(export["nqn"])
    agent.stop()
    configure()
    agent.start()
    assert len(os.listdir(NVMET + "/ports")) == len(PORTALS)


def test_btrfs(agent):
    """A second pool, on the other file system that has reflink."""
    agent.stop()
    run("truncate", "-s", "600M", "/srv/btrfs.img")
    run("mkfs.btrfs", "-q", "/srv/btrfs.img")
    os.makedirs("/srv/second")
    run("mount", "-o", "loop", "/srv/btrfs.img", "/srv/second")
    run(f"{BIN}/nvmetcp-target", "--init-pool", "/srv/second", "second")
    configure(pools=[{"name": "pool", "type": "file", "path": POOL}, {"name": "second", "path": "/srv/second"}])
    agent.start()
    body = {"pool": "second", "instance": "test", "size": 64 * MIB}
    want(201, "PUT", "/v1/volumes/b1", body)
    export = want(200, "PUT", host_path("b1", HOST_A))
    connect(export, HOST_A)
    device = disk(export)
    write_block(device, 8 * MIB, "old")
    want(201, "PUT", "/v1/snapshots/bs", {"volume": "b1"})
    write_block(device, 8 * MIB, "new")
    want(200, "PUT", host_path("b1", HOST_B))
    want(204, "DELETE", host_path("b1", HOST_B))
    want(201, "PUT", "/v1/volumes/b2", {**body, "size": 96 * MIB, "source": {"snapshot": "bs"}})
    other = want(200, "PUT", host_path("b2", HOST_A))
    connect(other, HOST_A)
    assert read_block(disk(other), 8 * MIB) == text_of("old")
    assert read_block(device, 8 * MIB) == text_of("new")
    for volume in ("b1", "b2"):
        disconnect(want(200, "GET", f"/v1/volumes/{volume}")["nqn"])
        want(204, "DELETE", f"/v1/volumes/{volume}/hosts")
        want(204, "DELETE", f"/v1/volumes/{volume}")
    want(204, "DELETE", "/v1/snapshots/bs")
    agent.stop()
    run("umount", "/srv/second")
    configure()
    agent.start()


def test_nothing_left(agent):
    for volume in ("v1", "v2", "v3"):
        want(204, "DELETE", f"/v1/volumes/{volume}/hosts")
        want(204, "DELETE", f"/v1/volumes/{volume}")
        want(404, "DELETE", f"/v1/volumes/{volume}")
    want(204, "DELETE", "/v1/snapshots/s1")
    # Nobody listens any more, so initiators are refused a connection and not told to go away.
    for path in glob.glob("/sys/class/nvme/nvme*"):
        assert read(path + "/state") != "live"
        disconnect(read(path + "/subsysnqn"))
    nothing_exported()
    assert pool_files() == [], pool_files()
    pool = want(200, "GET", "/v1/pools")["pools"][0]
    assert pool["committed"] == 0 and pool["volumes"] == 0 and pool["snapshots"] == 0
    assert "nvmetcp_target_pool_ready{pool=\"pool\"} 1" in call("GET", "/metrics")[1]
    agent.stop()


def main():
    agent = Agent()
    began = time.monotonic()

    def step(name, function, *arguments):
        result = function(*arguments)
        print(f"[{time.monotonic() - began:5.1f}s] ok: {name}", flush=True)
        return result

    with ended(agent):
        step("refusals", test_refusals, agent)
        export, device = step("create and export", test_create_and_export, agent)
        step("snapshot and clone", test_snapshot_and_clone, device)
        step("grow", test_grow, device)
        step("fence one of two hosts", test_fence_one_of_two, export, device)
        step("fence the last host", test_fence_last, export, device)
        step("kill -9 and restart", test_kill_and_restart, agent)
        step("shared subsystem", test_shared_subsystem)
        step("crash at every step", test_crash_at_every_step, agent)
        step("absent and wrong pool", test_absent_and_wrong_pool, agent)
        step("late portal", test_late_portal, agent)
        step("btrfs", test_btrfs, agent)
        step("nothing left", test_nothing_left, agent)


if __name__ == "__main__":
    main()
