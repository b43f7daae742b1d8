# SPDX-License-Identifier: Apache-2.0
"""Facts: lvol stores, lvols, snapshots, clones, and what becomes of their clusters."""

from factcheck import R, Row, absent, both, err, ok, uuid
from facts_general import DECODE, NO_DEVICE

INVALID, LATE_INVALID = err(-22, "Invalid argument"), err(-32602, "Invalid argument")
EXISTS, LATE_EXISTS = err(-17, "File exists"), err(-32602, "File exists")
LATE_FULL, LATE_PERM = err(-32602, "No space left on device"), err(-32602, "Operation not permitted")
HUGE = 1 << 30  # MiB; more than any store has


def create(name, mib=8, thin=True):
    return ("bdev_lvol_create", {"lvs_name": "lvs0", "lvol_name": name, "@MiB": mib, "thin_provision": thin})


def snapshot(source, name):
    return ("bdev_lvol_snapshot", {"lvol_name": "lvs0/" + source, "snapshot_name": name})


def clone(source, name):
    return ("bdev_lvol_clone", {"snapshot_name": "lvs0/" + source, "clone_name": name})


def write(name, clusters):
    return ("@write", {"lvol": "lvs0/" + name, "clusters": clusters})


def subsystem_with(bdev):
    nqn = "nqn.2024-01.io.example:lvol"
    return [("nvmf_create_subsystem", {"nqn": nqn}),
            ("nvmf_subsystem_add_ns", {"nqn": nqn, "namespace": {"bdev_name": bdev}})]


def shows(name, **lvol):
    """A step: bdev_get_bdevs says this in driver_specific.lvol; None = the field is not there."""
    gone = [key for key, value in lvol.items() if value is None]
    there = {key: value for key, value in lvol.items() if value is not None}
    return ("bdev_get_bdevs", {"name": "lvs0/" + name}, ok([{"driver_specific": {"lvol": both(there, absent(*gone))}}]))


def blocks(name, mib):
    return ("bdev_get_bdevs", {"name": "lvs0/" + name},
            ok(lambda value: value[0]["num_blocks"] * value[0]["block_size"] == mib << 20))


def gone(name):
    return ("bdev_get_bdevs", {"name": "lvs0/" + name}, NO_DEVICE)


STORES = [
    Row("stores without params", "bdev_lvol_get_lvstores", None, ok(lambda value: any(matches_lvs0(each) for each in value))),
    Row("stores: {} is refused", "bdev_lvol_get_lvstores", {}, INVALID),
    Row("a store by name", "bdev_lvol_get_lvstores", {"lvs_name": "lvs0"}, ok([{
        "uuid": uuid, "name": "lvs0", "base_bdev": lambda v: isinstance(v, str), "total_data_clusters": lambda n: n > 0,
        "free_clusters": lambda n: n > 0, "block_size": lambda n: n in (512, 4096), "cluster_size": 4 << 20}])),
    Row("a store by name and uuid", "bdev_lvol_get_lvstores", {"lvs_name": "lvs0", "uuid": "x"}, INVALID),
    Row("an unknown store", "bdev_lvol_get_lvstores", {"lvs_name": "none"}, NO_DEVICE),
    Row("stores: an unknown param", "bdev_lvol_get_lvstores", {"name": "lvs0"}, DECODE),
    Row("a store on an unknown bdev", "bdev_lvol_create_lvstore", {"bdev_name": "none", "lvs_name": "l"}, NO_DEVICE),
    Row("a store without a name", "bdev_lvol_create_lvstore", {"bdev_name": "none"}, DECODE),
    Row("grow an unknown store", "bdev_lvol_grow_lvstore", {"lvs_name": "none"}, NO_DEVICE),
    Row("grow a store", "bdev_lvol_grow_lvstore", {"lvs_name": "lvs0"}, ok(True)),
]


def matches_lvs0(store):
    return store["name"] == "lvs0"


LVOLS = [
    Row("thin", *create("v", 10), ok(uuid), then=[
        blocks("v", 12), shows("v", thin_provision=True, num_allocated_clusters=0, clone=False, snapshot=False)]),
    Row("thick", *create("v", 8, False), ok(uuid), then=[shows("v", thin_provision=False, num_allocated_clusters=2)]),
    Row("thick by default", "bdev_lvol_create", {"lvs_name": "lvs0", "lvol_name": "v", "@MiB": 8}, ok(uuid),
        then=[shows("v", thin_provision=False)]),
    Row("thin is never too large", *create("v", HUGE), ok(uuid)),
    Row("thick is", *create("v", HUGE, False), LATE_FULL, then=[gone("v")]),
    Row("a name that is taken: found at once", *create("v", 16), EXISTS, given=[create("v")], then=[blocks("v", 8)]),
    Row("names are shared with snapshots", *create("s"), EXISTS, given=[create("v"), snapshot("v", "s")]),
    Row("an empty name", *create(""), INVALID),
    Row("a name of 63 bytes", *create("n" * 63), ok(uuid)),
    Row("a name of 64 bytes", *create("n" * 64), INVALID),
    Row("an unknown store", "bdev_lvol_create", {"lvs_name": "none", "lvol_name": "v", "@MiB": 8}, NO_DEVICE),
    Row("no store", "bdev_lvol_create", {"lvol_name": "v", "@MiB": 8}, INVALID),
    Row("without a size", "bdev_lvol_create", {"lvs_name": "lvs0", "lvol_name": "v"}, DECODE, since=(24, 5)),
    Row("without a size, when there were two", "bdev_lvol_create", {"lvs_name": "lvs0", "lvol_name": "v"}, INVALID,
        since=(23, 9), until=(24, 5)),
    Row("size in bytes, no more", "bdev_lvol_create", {"lvs_name": "lvs0", "lvol_name": "v", "size": 8 << 20}, DECODE,
        since=(24, 5)),
    Row("size in bytes, still", "bdev_lvol_create", {"lvs_name": "lvs0", "lvol_name": "v", "size": 8 << 20}, ok(uuid),
        until=(24, 5), then=[blocks("v", 8)]),
    Row("size in MiB, not yet", "bdev_lvol_create", {"lvs_name": "lvs0", "lvol_name": "v", "size_in_mib": 8}, DECODE,
        until=(23, 9)),
    Row("both sizes", "bdev_lvol_create", {"lvs_name": "lvs0", "lvol_name": "v", "size": 1, "size_in_mib": 8}, INVALID,
        since=(23, 9), until=(24, 5)),
    Row("a size of 8e0", "bdev_lvol_create", {"lvs_name": "lvs0", "lvol_name": "v", "size_in_mib": 8.0}, ok(uuid),
        since=(23, 9), then=[blocks("v", 8)]),
    Row("a size of 8.5", "bdev_lvol_create", {"lvs_name": "lvs0", "lvol_name": "v", "size_in_mib": 8.5}, DECODE,
        since=(23, 9)),
    Row("a size in a string", "bdev_lvol_create", {"lvs_name": "lvs0", "lvol_name": "v", "size_in_mib": "8"}, DECODE,
        since=(23, 9)),
    Row("an unknown param", "bdev_lvol_create", {"lvs_name": "lvs0", "lvol_name": "v", "@MiB": 8, "qos": 1}, DECODE),
    Row("lvols", "bdev_lvol_get_lvols", None, ok([{
        "alias": "lvs0/v", "uuid": uuid, "name": "v", "is_thin_provisioned": True, "is_snapshot": False,
        "is_clone": False, "is_degraded": False, "lvs": {"name": "lvs0", "uuid": uuid}}]), given=[create("v")],
        since=(23, 5)),
    Row("lvols of an unknown store", "bdev_lvol_get_lvols", {"lvs_name": "none"}, NO_DEVICE, since=(23, 5)),
    Row("lvols: {} is refused", "bdev_lvol_get_lvols", {}, INVALID, since=(23, 5)),
    Row("resize to more", "bdev_lvol_resize", {"name": "lvs0/v", "@MiB": 17}, ok(True), given=[create("v")],
        then=[blocks("v", 20), shows("v", num_allocated_clusters=0)]),
    Row("resize to the same", "bdev_lvol_resize", {"name": "lvs0/v", "@MiB": 8}, ok(True), given=[create("v")]),
    Row("resize to less: it is done", "bdev_lvol_resize", {"name": "lvs0/v", "@MiB": 4}, ok(True), given=[create("v")],
        then=[blocks("v", 4)]),
    Row("resize to less under a host: truncated, then refused", "bdev_lvol_resize", {"name": "lvs0/v", "@MiB": 4},
        err(-32602, "Device or resource busy"), given=[create("v", 8, False), *subsystem_with("lvs0/v")],
        then=[blocks("v", 8), shows("v", num_allocated_clusters=1)]),
    Row("resize to more under a host", "bdev_lvol_resize", {"name": "lvs0/v", "@MiB": 16}, ok(True),
        given=[create("v"), *subsystem_with("lvs0/v")], then=[blocks("v", 16)]),
    Row("resize thick, too much", "bdev_lvol_resize", {"name": "lvs0/v", "@MiB": HUGE}, LATE_FULL,
        given=[create("v", 8, False)], then=[blocks("v", 8)]),
    Row("resize a snapshot", "bdev_lvol_resize", {"name": "lvs0/s", "@MiB": 16}, LATE_PERM,
        given=[create("v"), snapshot("v", "s")]),
    Row("resize what is not there", "bdev_lvol_resize", {"name": "lvs0/v", "@MiB": 16}, NO_DEVICE),
    Row("rename", "bdev_lvol_rename", {"old_name": "lvs0/v", "new_name": "w"}, ok(True), given=[create("v")],
        then=[gone("v"), blocks("w", 8), (*create("v"), ok(uuid))]),
    Row("rename to the same", "bdev_lvol_rename", {"old_name": "lvs0/v", "new_name": "v"}, ok(True), given=[create("v")]),
    Row("rename to a name that is taken", "bdev_lvol_rename", {"old_name": "lvs0/v", "new_name": "w"}, LATE_EXISTS,
        given=[create("v"), create("w")]),
    Row("rename what is not there", "bdev_lvol_rename", {"old_name": "lvs0/v", "new_name": "w"}, NO_DEVICE),
    Row("read-only", "bdev_lvol_set_read_only", {"name": "lvs0/v"}, ok(True), given=[create("v")], then=[
        ("bdev_get_bdevs", {"name": "lvs0/v"}, ok([{"supported_io_types": {"read": True, "write": False}}]))]),
    Row("read-only, not there", "bdev_lvol_set_read_only", {"name": "lvs0/v"}, NO_DEVICE),
    Row("delete", "bdev_lvol_delete", {"name": "lvs0/v"}, ok(True), given=[create("v")], then=[
        gone("v"), ("bdev_lvol_delete", {"name": "lvs0/v"}, NO_DEVICE)]),
    Row("delete by uuid", "bdev_lvol_delete", {"name": R[0]}, ok(True), given=[create("v")], then=[gone("v")]),
    Row("delete under a host: nothing prevents it", "bdev_lvol_delete", {"name": "lvs0/v"}, ok(True),
        given=[create("v"), *subsystem_with("lvs0/v")], then=[
            gone("v"), ("nvmf_get_subsystems", {"nqn": "nqn.2024-01.io.example:lvol"}, ok([{"namespaces": []}]))]),
]

FAMILIES = [
    Row("snapshot", *snapshot("v", "s"), ok(uuid), given=[create("v")], then=[
        shows("v", clone=True, base_snapshot="s", snapshot=False, clones=None),
        shows("s", snapshot=True, clones=["v"], clone=False, thin_provision=True, base_snapshot=None),
        ("bdev_get_bdevs", {"name": "lvs0/s"}, ok([{"supported_io_types": {"write": False}}]))]),
    Row("the source keeps its uuid", "bdev_get_bdevs", {"name": R[0]}, ok([{"aliases": ["lvs0/v"]}]),
        given=[create("v"), snapshot("v", "s")]),
    Row("a thick source becomes thin, the snapshot has its clusters", *snapshot("v", "s"), ok(uuid),
        given=[create("v", 8, False)], then=[shows("v", thin_provision=True, num_allocated_clusters=0),
                                             shows("s", num_allocated_clusters=2)]),
    Row("snapshot: a name that is taken: found late", *snapshot("v", "v"), LATE_EXISTS, given=[create("v")]),
    Row("snapshot of what is not there", *snapshot("v", "s"), NO_DEVICE),
    Row("snapshot of a snapshot", *snapshot("s", "t"), LATE_INVALID, given=[create("v"), snapshot("v", "s")]),
    Row("snapshot: a name of 64 bytes", *snapshot("v", "n" * 64), LATE_INVALID, given=[create("v")]),
    Row("a chain", "bdev_get_bdevs", {"name": "lvs0/s2"}, ok([{"driver_specific": {"lvol": {
        "clone": True, "snapshot": True, "base_snapshot": "s1", "clones": ["v"]}}}]),
        given=[create("v"), snapshot("v", "s1"), snapshot("v", "s2")]),
    Row("clone", *clone("s", "c"), ok(uuid), given=[create("v"), snapshot("v", "s")], then=[
        shows("c", clone=True, base_snapshot="s", thin_provision=True, num_allocated_clusters=0), blocks("c", 8),
        ("bdev_get_bdevs", {"name": "lvs0/s"},
         ok(lambda value: sorted(value[0]["driver_specific"]["lvol"]["clones"]) == ["c", "v"]))]),
    Row("clone of what may be written", *clone("v", "c"), LATE_INVALID, given=[create("v")]),
    Row("clone: a name that is taken", *clone("s", "v"), LATE_EXISTS, given=[create("v"), snapshot("v", "s")]),
    Row("clone of what is not there", *clone("s", "c"), NO_DEVICE),
    Row("delete a snapshot with two clones", "bdev_lvol_delete", {"name": "lvs0/s"},
        err(-32603, "Operation not permitted"), given=[create("v"), snapshot("v", "s"), clone("s", "c")],
        then=[blocks("s", 8)]),
    Row("delete a snapshot with one clone: merged", "bdev_lvol_delete", {"name": "lvs0/s"}, ok(True),
        given=[create("v", 8, False), snapshot("v", "s")],
        then=[shows("v", num_allocated_clusters=2, clone=False, base_snapshot=None)]),
    Row("delete one in the middle of a chain", "bdev_lvol_delete", {"name": "lvs0/s2"}, ok(True),
        given=[create("v"), snapshot("v", "s1"), snapshot("v", "s2")], then=[shows("v", base_snapshot="s1")]),
    Row("delete the source: the snapshot stays", "bdev_lvol_delete", {"name": "lvs0/v"}, ok(True),
        given=[create("v"), snapshot("v", "s")], then=[shows("s", clones=None), (*clone("s", "c"), ok(uuid))]),
    Row("inflate", "bdev_lvol_inflate", {"name": "lvs0/c"}, ok(True),
        given=[create("v"), snapshot("v", "s"), clone("s", "c")], then=[
            shows("c", thin_provision=False, num_allocated_clusters=2, clone=False),
            ("bdev_lvol_delete", {"name": "lvs0/s"}, ok(True))]),
    Row("inflate, too large", "bdev_lvol_inflate", {"name": "lvs0/v"}, LATE_FULL, given=[create("v", HUGE)]),
    Row("inflate what is not there", "bdev_lvol_inflate", {"name": "lvs0/v"}, NO_DEVICE),
    Row("decouple", "bdev_lvol_decouple_parent", {"name": "lvs0/c"}, ok(True),
        given=[create("v", 4, False), ("bdev_lvol_resize", {"name": "lvs0/v", "@MiB": 4}), snapshot("v", "s"),
               clone("s", "c")],
        then=[shows("c", thin_provision=True, num_allocated_clusters=1, clone=False), shows("s", clones=["v"])]),
    Row("decouple in a chain: the grandparent takes over", "bdev_lvol_decouple_parent", {"name": "lvs0/v"}, ok(True),
        given=[create("v"), snapshot("v", "s1"), snapshot("v", "s2")], then=[shows("v", clone=True, base_snapshot="s1")]),
    Row("decouple without a parent", "bdev_lvol_decouple_parent", {"name": "lvs0/v"}, LATE_INVALID, given=[create("v")]),
    Row("decouple what is not there", "bdev_lvol_decouple_parent", {"name": "lvs0/v"}, NO_DEVICE),
    Row("another parent", "bdev_lvol_set_parent", {"lvol_name": "lvs0/w", "parent_name": "lvs0/s"}, ok(True),
        given=[create("v"), snapshot("v", "s"), create("w")], then=[shows("w", base_snapshot="s")], since=(24, 5)),
    Row("a parent of another size", "bdev_lvol_set_parent", {"lvol_name": "lvs0/w", "parent_name": "lvs0/s"},
        LATE_INVALID, given=[create("v"), snapshot("v", "s"), create("w", 12)], since=(24, 5)),
    Row("shallow copy of what may be written", "bdev_lvol_start_shallow_copy",
        {"src_lvol_name": "lvs0/v", "dst_bdev_name": "none"}, LATE_PERM, given=[create("v")], since=(24, 5)),
    Row("an unknown shallow copy", "bdev_lvol_check_shallow_copy", {"operation_id": 4000}, NO_DEVICE, since=(24, 5)),
    Row("a shallow copy, to its end", "bdev_lvol_start_shallow_copy",
        {"src_lvol_name": "lvs0/s", "dst_bdev_name": "factc"}, ok({"operation_id": lambda n: n >= 1}), since=(24, 5),
        given=[create("v"), snapshot("v", "s"),
               ("bdev_malloc_create", {"name": "factc", "num_blocks": 16384, "block_size": 512})],
        then=[("bdev_malloc_delete", {"name": "factc"}, ok(True))]),
]

WRITTEN = [
    Row("what a host wrote", "bdev_get_bdevs", {"name": "lvs0/v"},
        ok([{"driver_specific": {"lvol": {"num_allocated_clusters": 1}}}]), given=[create("v"), write("v", 1)]),
    Row("after a snapshot a write is the clone's own", "bdev_get_bdevs", {"name": "lvs0/v"},
        ok([{"driver_specific": {"lvol": {"num_allocated_clusters": 1}}}]),
        given=[create("v"), write("v", 2), snapshot("v", "s"), write("v", 1)],
        then=[shows("s", num_allocated_clusters=2)]),
    Row("a merge keeps the newer clusters", "bdev_lvol_delete", {"name": "lvs0/s"}, ok(True),
        given=[create("v"), write("v", 1), snapshot("v", "s"), write("v", [1, 2])],
        then=[shows("v", num_allocated_clusters=2, clone=False)]),
    Row("decouple copies the parent's clusters only", "bdev_lvol_decouple_parent", {"name": "lvs0/v"}, ok(True),
        given=[create("v", 16), write("v", 1), snapshot("v", "s1"), write("v", [1, 2]), snapshot("v", "s2")],
        then=[shows("v", num_allocated_clusters=1, base_snapshot="s1")]),
]

ROWS = STORES + LVOLS + FAMILIES + WRITTEN
