# SPDX-License-Identifier: Apache-2.0
"""What hack/demo --no-kubernetes shows: one volume's life, from CreateVolume to nothing left."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../vm/lib"))
import driver  # noqa: E402
import vm as lab  # noqa: E402
from story import Story, bold  # noqa: E402

GIB = 1 << 30


def checksum(machine, folder):
    return machine.run(f"cd {folder} && sha256sum data").split()[0]


def create(story, ctl, name, size, source=None):
    request = {
        "name": name, "capacity_range": {"required_bytes": size},
        "volume_capabilities": [driver.capability("ext4")],
        "parameters": {"backend": "linux"},
    }
    if source:
        request["volume_content_source"] = {"snapshot": {"snapshot_id": source}}
    volume = ctl.call("CreateVolume", **request)["volume"]
    story.tell(f"volume   {volume['volume_id']}\nsize     {int(volume['capacity_bytes']) // GIB} GiB")
    return volume


def attach(story, ctl, plugin, volume, pod):
    link = driver.Attachment(ctl, plugin, volume, driver.capability("ext4"), pod)
    link.publish_controller()
    story.tell(f"granted to {link.node_id}\nsubsystem  {link.context['nqn']}\nportals    {link.context['portals']}")
    link.stage()
    story.tell(plugin.vm.run(f"findmnt -no SOURCE,FSTYPE,SIZE,OPTIONS {link.staging}"))
    link.publish()
    story.tell(f"mounted in the pod at {link.target}")
    return link


def walk(story, machine, programs):
    target, ctl, plugin = programs
    story.step("Start the target's agent, the controller plugin and the node plugin")
    target.start()
    ctl.start()
    plugin.start()
    for program in programs:
        story.tell(f"{program.name:20} " + machine.run(
            f"awk '/VmRSS/{{print $2, $3}} /Threads/{{print $2, \"threads\"}}' /proc/{program.pid}/status"
        ).replace("\n", ", ").rstrip(", "))
    checker = driver.Checker(machine)

    story.step("CreateVolume: one GiB on the Linux target")
    first = create(story, ctl, "demo", GIB)

    story.step("ControllerPublish, NodeStage, NodePublish: connect, format, mount")
    link = attach(story, ctl, plugin, first, "pod1")

    story.step("Write 64 MiB and remember their checksum")
    machine.run(f"dd if=/dev/urandom of={link.target}/data bs=1M count=64 conv=fsync status=none")
    before = checksum(machine, link.target)
    story.tell(f"sha256   {before}")

    story.step("CreateSnapshot, while the volume is mounted")
    snapshot = ctl.call("CreateSnapshot", name="demo-snap", source_volume_id=first["volume_id"])["snapshot"]
    story.tell(f"snapshot {snapshot['snapshot_id']}")

    story.step("Restore the snapshot into a second volume and mount it beside the first")
    second = create(story, ctl, "demo-restored", GIB, snapshot["snapshot_id"])
    link2 = attach(story, ctl, plugin, second, "pod2")
    after = checksum(machine, link2.target)
    story.tell(f"sha256   {after}")
    if after != before:
        raise SystemExit("the restored data differs")
    story.tell("the same: nothing was lost")

    story.step("Expand the first volume to 2 GiB while it is in use")
    ctl.call("ControllerExpandVolume", volume_id=first["volume_id"], capacity_range={"required_bytes": 2 * GIB})
    plugin.call("NodeExpandVolume", volume_id=first["volume_id"], volume_path=link.target,
                staging_target_path=link.staging, capacity_range={"required_bytes": 2 * GIB})
    story.tell(machine.run(f"df -h --output=size,used,avail,target {link.target}"))
    if checksum(machine, link.target) != before:
        raise SystemExit("the data changed under the expansion")

    story.step("Unpublish, unstage, delete: both volumes and the snapshot")
    for each in (link, link2):
        each.down()
    ctl.call("DeleteVolume", volume_id=second["volume_id"])
    ctl.call("DeleteSnapshot", snapshot_id=snapshot["snapshot_id"])
    ctl.call("DeleteVolume", volume_id=first["volume_id"])

    story.step("Count what is left: exports, connections, disks, mounts, files, processes")
    nothing, text = checker.left()
    story.tell(text)
    story.done()
    return nothing


def main():
    print(bold("nvmetcp-csi: the life of one volume, on a real NVMe/TCP kernel in a VM\n"))
    story = Story()
    with lab.Lab() as private:
        story.step("Boot a VM: Debian's own 6.12 kernel, with an empty disk for the pool")
        machine = private.vm("demo", disks={"pool": 8192})
        story.tell(machine.run("uname -r"))
        programs = (driver.target(machine), driver.controller(machine), driver.node(machine))
        try:
            nothing = walk(story, machine, programs)
        except (driver.CsiError, lab.Failed) as failure:
            print(f"\nThe demo failed: {failure}\nLogs of the programs: {machine.out}", file=sys.stderr)
            return 1
    print(bold("Done: the data came back whole and nothing is left." if nothing else "Something is left behind."))
    return 0 if nothing else 1


if __name__ == "__main__":
    sys.exit(main())
