#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Inside a VM: kill the agent at each fault point of each call, restart it, repeat the call.

After the restart and after the repeated call the kernel's exports must be what the state files in
the pool say, and the other way round. One more volume is written all the time by the kernel's own
initiator and must not notice anything.
"""

import json
import os
import sys

import target_agent as ta

MIB = ta.MIB
PORTAL = f"/v1/portals/{ta.PORTALS[1]}"
NQN_PREFIX = "nqn.2026-01.dev.csi.nvmetcp:"


def states(kind):
    found = {}
    folder = f"{ta.POOL}/{kind}"
    for name in os.listdir(folder):
        if name.endswith(".json"):
            with open(f"{folder}/{name}") as f:
                found[name.removesuffix(".json")] = json.load(f)
    return found


def agree():
    """The pool's files and the kernel's tree say the same, and nothing is half done."""
    hosts = set()
    nqns = set()
    for kind in ("volumes", "snapshots"):
        found = states(kind)
        files = {n for n in os.listdir(f"{ta.POOL}/{kind}")}
        assert files == {f"{i}{s}" for i in found for s in (".json", ".img")}, (kind, files)
        for name, state in found.items():
            assert state["phase"] == "ready", state
            size = os.stat(f"{ta.POOL}/{kind}/{name}.img").st_size
            assert size == state["size"], (name, size, state["size"])
    for name, state in states("volumes").items():
        assert state["fencing"] == [], state
        if not state["hosts"]:
            continue
        nqn = f"{NQN_PREFIX}{state['instance']}:{state['uuid']}"
        nqns.add(nqn)
        hosts.update(state["hosts"])
        subsystem = f"{ta.NVMET}/subsystems/{nqn}"
        space = f"{subsystem}/namespaces/{state['nsid']}"
        assert sorted(os.listdir(subsystem + "/allowed_hosts")) == sorted(state["hosts"]), state
        assert os.listdir(subsystem + "/namespaces") == [str(state["nsid"])]
        assert ta.read(space + "/enable") == "1"
        assert ta.read(space + "/device_path") == f"{ta.POOL}/volumes/{name}.img"
        assert ta.read(space + "/device_uuid") == state["uuid"]
    assert set(ta.subsystems()) == nqns, (ta.subsystems(), nqns)
    assert set(os.listdir(ta.NVMET + "/hosts")) == hosts
    told = {}
    if os.path.exists("/srv/state/portals.json"):
        with open("/srv/state/portals.json") as f:
            told = json.load(f)
    for port in os.listdir(ta.NVMET + "/ports"):
        path = f"{ta.NVMET}/ports/{port}"
        portal = f"{ta.read(path + '/addr_traddr')}:{ta.read(path + '/addr_trsvcid')}"
        assert ta.read(path + "/ana_groups/1/ana_state") == told.get(portal, "optimized"), (portal, told)
        assert set(os.listdir(f"{ta.NVMET}/ports/{port}/subsystems")) == nqns, port


def gone(path):
    status, answer = ta.call("DELETE", path)
    assert status in (204, 404), (path, status, answer)


def no_volume(name):
    status, answer = ta.call("DELETE", f"/v1/volumes/{name}/hosts")
    assert status in (204, 404), answer
    gone(f"/v1/volumes/{name}")


def put_volume(name="c1", size=16 * MIB, **more):
    return ta.call("PUT", f"/v1/volumes/{name}", ta.volume_body(size, **more))


def fresh_volume():
    no_volume("c1")
    assert put_volume()[0] == 201


def there():
    assert put_volume()[0] in (200, 201)


def granted(*hosts):
    there()
    ta.want(204, "DELETE", "/v1/volumes/c1/hosts")
    for host in hosts:
        ta.want(200, "PUT", ta.host_path("c1", host))


def snapshot():
    return ta.call("PUT", "/v1/snapshots/s1", {"volume": "io"})


# The call, the operation of its fault points, what must be so before it, and the call itself.
CALLS = [
    ("create", "PutVolume", lambda: no_volume("c1"), put_volume),
    ("restore", "PutVolume", lambda: (snapshot(), no_volume("c2")),
     lambda: put_volume("c2", 64 * MIB, source={"snapshot": "s1"})),
    ("grant", "GrantHost", granted, lambda: ta.call("PUT", ta.host_path("c1", ta.HOST_A))),
    ("revoke the last host", "RevokeHost", lambda: granted(ta.HOST_A),
     lambda: ta.call("DELETE", ta.host_path("c1", ta.HOST_A))),
    ("revoke one of two hosts", "RevokeHost", lambda: granted(ta.HOST_A, ta.HOST_B),
     lambda: ta.call("DELETE", ta.host_path("c1", ta.HOST_A))),
    ("expand", "ResizeVolume", lambda: (fresh_volume(), ta.want(200, "PUT", ta.host_path("c1", ta.HOST_A))),
     lambda: ta.call("POST", "/v1/volumes/c1/resize", {"size": 32 * MIB})),
    ("snapshot", "PutSnapshot", lambda: gone("/v1/snapshots/s1"), snapshot),
    ("delete snapshot", "DeleteSnapshot", snapshot, lambda: ta.call("DELETE", "/v1/snapshots/s1")),
    ("portal", "SetPortal", lambda: ta.want(200, "PUT", PORTAL, {"anaState": "optimized"}),
     lambda: ta.call("PUT", PORTAL, {"anaState": "inaccessible"})),
    ("portal back", "SetPortal", lambda: ta.want(200, "PUT", PORTAL, {"anaState": "inaccessible"}),
     lambda: ta.call("PUT", PORTAL, {"anaState": "optimized"})),
    ("delete", "DeleteVolume", lambda: (no_volume("c1"), put_volume()),
     lambda: ta.call("DELETE", "/v1/volumes/c1")),
]


def kill_at(agent, number, operation, arrange, ask, writer):
    """Return: False when there are fewer points, and the call went through."""
    arrange()
    agent.stop()
    agent.start(faults=f"{operation}.*=kill@{number}")
    status, answer = ask()
    if status is not None:
        assert status in (200, 201, 204), (operation, number, status, answer)
        agree()
        agent.stop()
        agent.start()
        return False
    assert agent.died()
    before = writer.count
    agent.start()
    agree()
    status, answer = ask()
    removed = operation.startswith("Delete") and status == 404
    assert status in (200, 201, 204) or removed, (operation, number, status, answer)
    agree()
    ta.until("writes of the other volume", lambda: writer.count > before or writer.error)
    assert writer.error is None, (operation, number, writer.error)
    return True


def main():
    agent = ta.Agent()
    ta.mount_pool()
    ta.init_pool()
    ta.configure(gate="none")  # nothing of it is asked here, and it would take as long as all else
    agent.start()
    with ta.ended(agent):
        assert put_volume("io", 64 * MIB)[0] == 201
        export = ta.want(200, "PUT", ta.host_path("io", ta.HOST_A))
        for portal in ta.PORTALS:
            ta.connect(export, ta.HOST_A, portal)
        writer = ta.Writer(ta.disk(export), 8 * MIB)
        live = ta.controllers(export["nqn"])
        for name, operation, arrange, ask in CALLS:
            number = 1
            while kill_at(agent, number, operation, arrange, ask, writer):
                number += 1
            print(f"{name}: {number - 1} kill points", flush=True)
        assert ta.controllers(export["nqn"]) == live, "a controller of the other volume came or went"
        assert writer.end() is None
        ta.disconnect(export["nqn"])


if __name__ == "__main__":
    main()
