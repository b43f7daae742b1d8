#!/usr/bin/python3 -IS
# SPDX-License-Identifier: Apache-2.0
"""A make-believe lvm and dmsetup, for tests without a device mapper.

It is called through links named lvm and dmsetup in a folder, which is its world:

    vg.json     the volume group: {"vg", "vg_uuid", "extent", "lvs": {name: {...}}}
    dm/NAME     an active device, a line each: UUID, suspended (0 or 1), bytes, target, status
    dev/NAME    its node
    held/NAME   this logical volume can neither be removed nor activated
    faults      what goes wrong, a line each, used once: VERB before|after STATUS TEXT...
                STATUS "hang": wait until somebody opens the FIFO `gate` for writing, and then go on.
                STATUS "late": write the group's metadata, but do not tell the kernel.
    lvm.conf    settings that differ, a line each: KEY=VALUE
    log         the verbs that were called
    twice       is made when two commands were at work at once

What it does not know it refuses, as lvm would.
"""

import json
import os
import sys

WORLD = os.path.dirname(os.path.abspath(sys.argv[0]))
PROGRAM = os.path.basename(sys.argv[0])
# Options that take a value, and those that do not.
VALUES = {"--config", "--reportformat", "--units", "-o", "--wipesignatures", "--virtualsize", "--thinpool",
          "--name", "--addtag", "--permission", "--setactivationskip", "--activate", "--size", "--select", "--type"}
FLAGS = {"--yes", "--nosuffix", "--snapshot", "--ignoreactivationskip", "--refresh", "--nolockfs", "--noudevsync"}


def path(*parts):
    return os.path.join(WORLD, *parts)


def end(status, *lines):
    for line in lines:
        print("  " + line, file=sys.stderr)
    sys.exit(status)


class Group:
    def __init__(self):
        with open(path("vg.json"), encoding="utf-8") as f:
            self.__dict__.update(json.load(f))
        self.late = False

    def save(self):
        with open(path("vg.json.new"), "w", encoding="utf-8") as f:
            json.dump({k: v for k, v in self.__dict__.items() if k != "late"}, f)
        os.rename(path("vg.json.new"), path("vg.json"))

    def find(self, what):
        """A row by "vg/lv"."""
        vg, _, name = what.partition("/")
        self.check(vg)
        if name not in self.lvs:
            end(5, f'Failed to find logical volume "{what}"')
        return name, self.lvs[name]

    def check(self, vg):
        if vg != self.vg:
            end(5, f'Volume group "{vg}" not found', f"Cannot process volume group {vg}")

    def device(self, name, layer=""):
        double = [part.replace("-", "--") for part in (self.vg, name)]
        return "-".join(double) + (f"-{layer}" if layer else "")

    def activate(self, name):
        """Make the kernel's view what the metadata say."""
        lv = self.lvs[name]
        pool = lv["segtype"] == "thin-pool"
        device = self.device(name, "tpool" if pool else "")
        uuid = f"LVM-{self.vg_uuid}{lv['uuid']}".replace("LVM-", "LVM+").replace("-", "").replace("LVM+", "LVM-")
        status = lv["status"] if pool else f"{lv.get('mapped', 0)} -"
        with open(path("dm", device), "w", encoding="utf-8") as f:
            f.write(f"{uuid}{'-tpool' if pool else ''}\n0\n{lv['size']}\n{lv['segtype']}\n{status}\n")
        with open(path("dev", device), "a", encoding="utf-8"):
            pass
        if not pool and not os.path.exists(path("dm", self.device(lv["pool"], "tpool"))):
            self.activate(lv["pool"])

    def add(self, options, row):
        name = options["--name"]
        if name in self.lvs:
            end(5, f'Logical Volume "{name}" already exists in volume group "{self.vg}"')
        self.next = getattr(self, "next", 0) + 1
        self.lvs[name] = {"uuid": f"lv{self.next:04d}-0000-0000-0000-0000-0000-000000", "segtype": "thin",
                          "tags": [options["--addtag"]], **row}
        self.save()
        if not self.late:
            self.activate(name)


def lvs(group, options, words):
    fields = options["-o"].split(",")
    if "/" in words[0]:
        vg, _, name = words[0].partition("/")
        group.check(vg)
        rows = {name: group.lvs[name]} if name in group.lvs else None
    else:
        group.check(words[0])
        rows = group.lvs
    if rows is None:
        print(json.dumps({"report": [{"lv": []}], "log": [{
            "log_message": f'Failed to find logical volume "{words[0]}"', "log_errno": "-1"}]}, separators=(", ", ":")))
        sys.exit(5)
    values = {
        "lv_name": lambda n, r: n, "vg_uuid": lambda n, r: group.vg_uuid, "lv_uuid": lambda n, r: r["uuid"],
        "segtype": lambda n, r: r["segtype"], "zero": lambda n, r: r.get("zero", ""),
        "lv_when_full": lambda n, r: r.get("when_full", ""), "lv_tags": lambda n, r: ",".join(r["tags"]),
        "lv_size": lambda n, r: r["size"], "chunk_size": lambda n, r: r.get("chunk", 0),
        "vg_extent_size": lambda n, r: group.extent, "vg_mda_size": lambda n, r: 1044480,
        "pool_lv": lambda n, r: r.get("pool", ""),
    }
    print("  WARNING: this line belongs to nobody", file=sys.stderr)
    print(json.dumps({"report": [{"lv": [{f: str(values[f](n, r)) for f in fields} for n, r in rows.items()]}],
                      "log": []}))


def bytes_of(text, unit):
    if not text.endswith("b") or int(text[:-1]) % unit:
        end(3, f"Size {text} is not a multiple of the extent's {unit}b")
    return int(text[:-1])


def lvcreate(group, options, words):
    if "--snapshot" in options:
        _, origin = group.find(words[0])
        group.add(options, {"size": origin["size"], "mapped": origin.get("mapped", 0), "pool": origin["pool"],
                            "permission": options["--permission"]})
    else:
        group.check(words[0])
        if options["--thinpool"] not in group.lvs:
            end(5, f"Thin pool {words[0]}/{options['--thinpool']} not found.")
        group.add(options, {"size": bytes_of(options["--virtualsize"], group.extent), "pool": options["--thinpool"]})


def lvextend(group, options, words):
    name, lv = group.find(words[0])
    size = bytes_of(options["--size"], group.extent)
    if size == lv["size"]:
        end(5, "New size (2 extents) matches existing size (2 extents).")
    if size < lv["size"]:
        end(3, "New size given is not larger than existing size.")
    lv["size"] = size
    group.save()
    if not group.late:
        group.activate(name)


def lvchange(group, options, words):
    for what in words:
        name, lv = group.find(what)
        if "--addtag" in options:
            gone = [options["--addtag"], *options.get("--deltag", [])]
            lv["tags"] = [tag for tag in lv["tags"] if tag not in gone] + [options["--addtag"]]
            group.save()
        elif options.get("--activate") == "y" or "--refresh" in options:
            if os.path.exists(path("held", name)):
                end(5, f"device-mapper: reload ioctl on ({name}) failed: No data available")
            group.activate(name)
        else:
            end(3, "nothing to change")


def lvremove(group, options, words):
    group.check(words[0])
    wanted = dict(part.split("=") for part in options["--select"].split(" && "))
    for name, lv in list(group.lvs.items()):
        if name == wanted["lv_name"] and wanted["lv_tags"] in lv["tags"] and lv.get("pool") == wanted["pool_lv"]:
            if os.path.exists(path("held", name)):
                end(5, f"Logical volume {group.vg}/{name} in use.")
            del group.lvs[name]
            group.save()
            for folder in ("dm", "dev"):
                if not group.late and os.path.exists(path(folder, group.device(name))):
                    os.unlink(path(folder, group.device(name)))


def set_suspended(words, value):
    name = path("dm", words[0])
    if not os.path.exists(name):
        end(1, f"device-mapper: ioctl on {words[0]} failed: No such device or address")
    with open(name, encoding="utf-8") as f:
        lines = f.read().split("\n")
    lines[1] = value
    with open(name, "w", encoding="utf-8") as f:
        f.write("\n".join(lines))


def suspend(_group, _options, words):
    set_suspended(words, "1")


def resume(_group, _options, words):
    set_suspended(words, "0")


def lvmconfig(_group, _options, words):
    """The file `lvm.conf` has "key=value" lines that differ from these."""
    settings = {"scan_lvs": "0", "thin_pool_autoextend_threshold": "100", "thin_check_executable": '""'}
    if os.path.exists(path("lvm.conf")):
        with open(path("lvm.conf"), encoding="utf-8") as f:
            settings.update(line.strip().split("=", 1) for line in f)
    for word in words:
        print(f"{word.split('/')[1]}={settings[word.split('/')[1]]}")


VERBS = {"lvm": {"lvmconfig": lvmconfig, "lvs": lvs, "lvcreate": lvcreate, "lvextend": lvextend, "lvchange": lvchange, "lvremove": lvremove},
         "dmsetup": {"suspend": suspend, "resume": resume}}


def take_fault(verb, when):
    """The first fault of this verb, taken from the list: (status, text), or None."""
    try:
        with open(path("faults"), encoding="utf-8") as f:
            lines = f.read().splitlines()
    except FileNotFoundError:
        return None
    for i, line in enumerate(lines):
        words = line.split(" ", 3)
        if words[:2] == [verb, when]:
            del lines[i]
            with open(path("faults"), "w", encoding="utf-8") as f:
                f.write("\n".join(lines))
            return words[2], words[3] if len(words) > 3 else ""
    return None


def suffer(group, verb, when):
    fault = take_fault(verb, when)
    if not fault:
        return
    status, text = fault
    if status == "hang":
        with open(path("gate"), encoding="utf-8"):
            return
    if status == "late":
        group.late = True
        return
    end(int(status), text)


def parse(arguments):
    options, words = {}, []
    rest = list(arguments)
    while rest:
        word = rest.pop(0)
        if word == "--deltag":
            options.setdefault(word, []).append(rest.pop(0))
        elif word in VALUES:
            options[word] = rest.pop(0)
        elif word in FLAGS:
            options[word] = True
        elif word.startswith("-"):
            end(3, f"unrecognized option '{word}'")
        else:
            words.append(word)
    return options, words


def main():
    verb = sys.argv[1]
    options, words = parse(sys.argv[2:])
    try:
        os.close(os.open(path("running"), os.O_CREAT | os.O_EXCL))
    except FileExistsError:
        with open(path("twice"), "w", encoding="utf-8"):
            pass
    try:
        with open(path("log"), "a", encoding="utf-8") as f:
            f.write(verb + "\n")
        group = Group()
        suffer(group, verb, "before")
        VERBS[PROGRAM][verb](group, options, words)
        suffer(group, verb, "after")
    finally:
        if os.path.exists(path("running")):
            os.unlink(path("running"))
    if group.late:
        end(137)


if __name__ == "__main__":
    main()
