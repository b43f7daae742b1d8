# SPDX-License-Identifier: Apache-2.0
"""Facts: subsystems, listeners, namespaces, hosts, and what is listed of them."""

from factcheck import R, Row, absent, both, err, exactly, ok, uuid
from facts_general import KEY
from facts_lvol import create

NQN, OTHER = "nqn.2024-01.io.example:a", "nqn.2024-01.io.example:b"
HOST = "nqn.2014-08.org.nvmexpress:uuid:00000000-0000-4000-8000-000000000001"
HOST2 = "nqn.2026-01.dev.csi.nvmetcp:node.i.n2"
INVALID, INTERNAL = err(-32602, "Invalid parameters"), err(-32603, "Internal error")
MISSING = err(-32602, "Subsystem with NQN '%s' not found" % NQN)
HEAD = (26, 9)


def subsystem(nqn=NQN, **more):
    return ("nvmf_create_subsystem", {"nqn": nqn, **more})


def address(port="4420", **more):
    return {"trtype": "tcp", "adrfam": "ipv4", "traddr": "127.0.0.1", "trsvcid": port, **more}


def listen(port="4420", nqn=NQN, **more):
    return ("nvmf_subsystem_add_listener", {"nqn": nqn, "listen_address": address(port), **more})


def namespace(bdev="lvs0/v", nqn=NQN, **more):
    return ("nvmf_subsystem_add_ns", {"nqn": nqn, "namespace": {"bdev_name": bdev, **more}})


def host(name=HOST, **more):
    return ("nvmf_subsystem_add_host", {"nqn": NQN, "host": name, **more})


def shows(**wanted):
    return ("nvmf_get_subsystems", {"nqn": NQN}, ok([wanted]))


def shows_ns(wanted):
    return shows(namespaces=[wanted])


def unknown(method, **params):
    """The same method without its subsystem: what releases up to 26.05 say, and what the head says."""
    params = {"nqn": NQN, **params}
    return [Row("%s: unknown subsystem" % method, method, params, INVALID, until=HEAD),
            Row("%s: unknown subsystem" % method, method, params, MISSING, since=HEAD)]


SUBSYSTEMS = [
    Row("the transport", "nvmf_get_transports", None, ok([{"trtype": "TCP", "max_io_size": lambda n: n > 0}])),
    Row("an unknown transport", "nvmf_get_transports", {"trtype": "RDMA"}, err(-19, "No such device")),
    Row("the transport again", "nvmf_create_transport", {"trtype": "TCP"},
        err(-32603, "Transport type 'TCP' already exists")),
    Row("transport: the table is relaxed", "nvmf_create_transport", {"trtype": "TCP", "no_such": 1},
        err(-32603, "Transport type 'TCP' already exists")),
    Row("no transport of that kind", "nvmf_create_transport", {"trtype": "X"}, err(-32602, "Invalid transport type 'X'")),
    Row("create", *subsystem(), ok(True), then=[shows(
        nqn=NQN, subtype="NVMe", listen_addresses=[], allow_any_host=False, hosts=[], serial_number="0" * 20,
        model_number="SPDK bdev Controller", max_namespaces=32, min_cntlid=1, max_cntlid=65519, namespaces=[])]),
    Row("create with all", *subsystem(serial_number="S1", model_number="M", max_namespaces=2, allow_any_host=True,
                                      ana_reporting=True, min_cntlid=1, max_cntlid=9), ok(True),
        then=[shows(serial_number="S1", model_number="M", max_namespaces=2, allow_any_host=True, max_cntlid=9)]),
    Row("create twice", *subsystem(), err(-32603, "Unable to create subsystem " + NQN), given=[subsystem()]),
    Row("a bad NQN", *subsystem("nqn.2024-01.io.example"), err(-32603, "Unable to create subsystem nqn.2024-01.io.example")),
    Row("a domain label that ends in a hyphen", *subsystem("nqn.2024-01.io.a-:b"),
        err(-32603, "Unable to create subsystem nqn.2024-01.io.a-:b")),
    Row("an NQN of 223 bytes", *subsystem(NQN + "x" * (223 - len(NQN))), ok(True)),
    Row("an NQN of 224 bytes", *subsystem(NQN + "x" * (224 - len(NQN))),
        err(-32603, "Unable to create subsystem " + NQN + "x" * (224 - len(NQN)))),
    Row("a serial number of 21", *subsystem(serial_number="s" * 21), INVALID),
    Row("a model number of 41", *subsystem(model_number="s" * 41), INVALID),
    Row("controller ids the wrong way round", *subsystem(min_cntlid=9, max_cntlid=8),
        err(-32602, "Invalid cntlid range [9-8]"), then=[(*subsystem(), ok(True))]),
    Row("create: an unknown param", *subsystem(color="red"), INVALID),
    Row("delete", "nvmf_delete_subsystem", {"nqn": NQN}, ok(True), given=[subsystem(), listen(), host()],
        then=[("nvmf_get_subsystems", None, ok(lambda value: [each["nqn"] for each in value] == [
            "nqn.2014-08.org.nvmexpress.discovery"]))]),
    Row("one that is not there", "nvmf_get_subsystems", {"nqn": NQN}, err(-19, "No such device"), until=HEAD),
    Row("one that is not there", "nvmf_get_subsystems", {"nqn": NQN}, MISSING, since=HEAD),
    Row("the discovery subsystem is listed", "nvmf_get_subsystems", None, ok([both(
        absent("serial_number", "namespaces"), {"subtype": "Discovery", "nqn": "nqn.2014-08.org.nvmexpress.discovery"})])),
    Row("any host", "nvmf_subsystem_allow_any_host", {"nqn": NQN, "allow_any_host": True}, ok(True), given=[subsystem()],
        then=[shows(allow_any_host=True)]),
    *unknown("nvmf_delete_subsystem"), *unknown("nvmf_subsystem_allow_any_host", allow_any_host=True),
    *unknown("nvmf_subsystem_get_controllers"), *unknown("nvmf_subsystem_get_qpairs"),
    *unknown("nvmf_subsystem_get_listeners"),
]

LISTENERS = [
    Row("listen", *listen(), ok(True), given=[subsystem()], then=[shows(listen_addresses=[
        {"trtype": "TCP", "adrfam": "IPv4", "traddr": "127.0.0.1", "trsvcid": "4420"}])]),
    Row("listen: the twin of trtype", *listen(), ok(True), given=[subsystem()],
        then=[shows(listen_addresses=[{"transport": "TCP"}])], until=(24, 5)),
    Row("listen: no twin", *listen(), ok(True), given=[subsystem()],
        then=[shows(listen_addresses=[exactly("trtype", "adrfam", "traddr", "trsvcid")])], since=(25, 5)),
    Row("listen twice", *listen(), INVALID, given=[subsystem(), listen()]),
    Row("two subsystems at one address", *listen(nqn=OTHER), ok(True), given=[subsystem(), subsystem(OTHER), listen()]),
    Row("listen: the outer object is relaxed", *listen(no_such=1), ok(True), given=[subsystem()]),
    Row("listen: the address is not", "nvmf_subsystem_add_listener",
        {"nqn": NQN, "listen_address": address(no_such=1)}, INVALID, given=[subsystem()]),
    Row("listen without an address", "nvmf_subsystem_add_listener", {"nqn": NQN}, INVALID, given=[subsystem()]),
    Row("a secure listener for any host", *listen(secure_channel=True),
        err(-32603, "Cannot establish secure channel, when 'allow_any_host' is set"),
        given=[subsystem(allow_any_host=True)]),
    Row("16 listeners, not 17", *listen("4436"), INVALID,
        given=[subsystem()] + [listen(str(4420 + i)) for i in range(16)]),
    Row("the port is another program's", *listen("4439"), INVALID,
        given=[subsystem(), ("@port", {"traddr": "127.0.0.1", "trsvcid": "4439", "taken": True})],
        then=[("@port", {"traddr": "127.0.0.1", "trsvcid": "4439", "taken": False}, ok(None)), (*listen("4439"), ok(True))]),
    Row("listen no more", "nvmf_subsystem_remove_listener", {"nqn": NQN, "listen_address": address()}, ok(True),
        given=[subsystem(), listen()], then=[
            shows(listen_addresses=[]),
            ("nvmf_subsystem_remove_listener", {"nqn": NQN, "listen_address": address()}, INVALID)]),
    Row("ANA: an entry for each slot", "nvmf_subsystem_get_listeners", {"nqn": NQN}, ok([{
        "address": {"trtype": "TCP", "traddr": "127.0.0.1", "trsvcid": "4420"},
        "ana_states": [{"ana_group": n, "ana_state": "optimized"} for n in (1, 2, 3)]}]),
        given=[subsystem(ana_reporting=True, max_namespaces=3), listen()]),
    Row("ANA: one group", "nvmf_subsystem_listener_set_ana_state",
        {"nqn": NQN, "listen_address": address(), "ana_state": "inaccessible", "anagrpid": 2}, ok(True),
        given=[subsystem(ana_reporting=True, max_namespaces=2), listen()],
        then=[("nvmf_subsystem_get_listeners", {"nqn": NQN}, ok([{"ana_states": [
            {"ana_group": 1, "ana_state": "optimized"}, {"ana_group": 2, "ana_state": "inaccessible"}]}]))]),
    Row("ANA: all groups", "nvmf_subsystem_listener_set_ana_state",
        {"nqn": NQN, "listen_address": address(), "ana_state": "non_optimized"}, ok(True),
        given=[subsystem(ana_reporting=True, max_namespaces=1), listen()],
        then=[("nvmf_subsystem_get_listeners", {"nqn": NQN}, ok([{"ana_states": [{"ana_state": "non_optimized"}]}]))]),
    Row("ANA is not reported", "nvmf_subsystem_listener_set_ana_state",
        {"nqn": NQN, "listen_address": address(), "ana_state": "optimized"}, err(-32603, "error setting ANA state: -22"),
        given=[subsystem(), listen()]),
    Row("ANA: no such state", "nvmf_subsystem_listener_set_ana_state",
        {"nqn": NQN, "listen_address": address(), "ana_state": "gone"}, INVALID, given=[subsystem(), listen()]),
    Row("ANA: an unknown subsystem is named", "nvmf_subsystem_listener_set_ana_state",
        {"nqn": NQN, "listen_address": address(), "ana_state": "optimized"},
        err(-32602, "Unable to find subsystem with NQN " + NQN), until=HEAD),
    *unknown("nvmf_subsystem_add_listener", listen_address=address()),
    *unknown("nvmf_subsystem_remove_listener", listen_address=address()),
]

NAMESPACES = [
    Row("add", *namespace(), ok(1), given=[create("v"), subsystem()], then=[
        shows_ns({"nsid": 1, "bdev_name": R[0], "name": R[0], "uuid": R[0]}),
        ("nvmf_get_subsystems", {"nqn": NQN}, ok(lambda value: absent("anagrpid", "eui64", "no_auto_visible")(
            value[0]["namespaces"][0]))),
        ("bdev_get_bdevs", {"name": "lvs0/v"}, ok([{"claimed": True}]))]),
    Row("nguid is the uuid, in capitals", "nvmf_get_subsystems", {"nqn": NQN}, ok(
        lambda value: value[0]["namespaces"][0]["nguid"] == value[0]["namespaces"][0]["uuid"].replace("-", "").upper()),
        given=[create("v"), subsystem(), namespace()]),
    Row("add with all", *namespace(nsid=7, nguid="0123456789abcdef0123456789abcdef", eui64="0123456789abcdef",
                                   uuid="11111111-2222-4333-8444-555555555555", anagrpid=3), ok(7),
        given=[create("v"), subsystem(ana_reporting=True)], then=[shows_ns({
            "nsid": 7, "nguid": "0123456789ABCDEF0123456789ABCDEF", "eui64": "0123456789ABCDEF",
            "uuid": "11111111-2222-4333-8444-555555555555", "anagrpid": 3})]),
    Row("the same bdev twice", *namespace(), INVALID, given=[create("v"), subsystem(), namespace()]),
    Row("the same bdev in another subsystem", *namespace(nqn=OTHER), INVALID,
        given=[create("v"), subsystem(), subsystem(OTHER), namespace()]),
    Row("an nsid that is taken", *namespace("lvs0/w", nsid=1), INVALID,
        given=[create("v"), create("w"), subsystem(), namespace()]),
    Row("an nsid over the slots", *namespace(nsid=33), INVALID, given=[create("v"), subsystem()]),
    Row("no slot left", *namespace("lvs0/w"), INVALID,
        given=[create("v"), create("w"), subsystem(max_namespaces=1), namespace()]),
    Row("a group over the slots", *namespace(anagrpid=33), INVALID, given=[create("v"), subsystem(ana_reporting=True)]),
    Row("an unknown bdev", *namespace("lvs0/none"), INVALID, given=[subsystem()]),
    Row("a bad nguid", *namespace(nguid="xyz"), INVALID, given=[create("v"), subsystem()], until=HEAD),
    Row("a bad nguid is named", *namespace(nguid="xyz"), err(-32602, "Invalid nguid"), given=[create("v"), subsystem()],
        since=HEAD),
    Row("a bad eui64 is named", *namespace(eui64="xyz"), err(-32602, "Invalid eui64"), given=[create("v"), subsystem()],
        since=HEAD),
    Row("add: the outer object is relaxed", "nvmf_subsystem_add_ns",
        {"nqn": NQN, "namespace": {"bdev_name": "lvs0/v"}, "no_such": 1}, ok(1), given=[create("v"), subsystem()]),
    Row("add: the inner one is not", *namespace(no_such=1), INVALID, given=[create("v"), subsystem()]),
    Row("no_auto_visible, not yet", *namespace(no_auto_visible=True), INVALID, given=[create("v"), subsystem()],
        until=(24, 5)),
    Row("remove", "nvmf_subsystem_remove_ns", {"nqn": NQN, "nsid": 1}, ok(True),
        given=[create("v"), subsystem(), namespace()], then=[
            shows(namespaces=[]), ("nvmf_subsystem_remove_ns", {"nqn": NQN, "nsid": 1}, INVALID), (*namespace(), ok(1))]),
    Row("another group", "nvmf_subsystem_set_ns_ana_group", {"nqn": NQN, "nsid": 1, "anagrpid": 2}, ok(True),
        given=[create("v"), subsystem(ana_reporting=True), namespace()], then=[shows_ns({"anagrpid": 2})], since=(24, 5)),
    Row("group 0", "nvmf_subsystem_set_ns_ana_group", {"nqn": NQN, "nsid": 1, "anagrpid": 0}, INVALID,
        given=[create("v"), subsystem(ana_reporting=True), namespace()], since=(24, 5)),
    Row("a host of a namespace, twice", "nvmf_ns_add_host", {"nqn": NQN, "nsid": 1, "host": HOST}, ok(True), since=(24, 5),
        given=[create("v"), subsystem(), namespace(no_auto_visible=True)], then=[
            ("nvmf_ns_add_host", {"nqn": NQN, "nsid": 1, "host": HOST}, ok(True)),
            ("framework_get_config", {"name": "nvmf"}, ok(lambda value: [
                each["params"] for each in value if each["method"] == "nvmf_ns_add_host"] == [
                    {"nqn": NQN, "nsid": 1, "host": HOST}])),
            ("nvmf_ns_remove_host", {"nqn": NQN, "nsid": 1, "host": HOST}, ok(True)),
            ("nvmf_ns_remove_host", {"nqn": NQN, "nsid": 1, "host": HOST}, ok(True))]),
    Row("a host of a namespace that all see", "nvmf_ns_add_host", {"nqn": NQN, "nsid": 1, "host": HOST}, INVALID,
        given=[create("v"), subsystem(), namespace()], since=(24, 5)),
    Row("a host of a namespace that is not there", "nvmf_ns_remove_host", {"nqn": NQN, "nsid": 1, "host": HOST}, INVALID,
        given=[subsystem()], since=(24, 5)),
    *unknown("nvmf_subsystem_add_ns", namespace={"bdev_name": "x"}), *unknown("nvmf_subsystem_remove_ns", nsid=1),
]

HOSTS = [
    Row("allow", *host(), ok(True), given=[subsystem()], then=[shows(hosts=[exactly("nqn")]), shows(hosts=[{"nqn": HOST}])]),
    Row("allow twice", *host(), INTERNAL, given=[subsystem(), host()]),
    Row("a bad NQN of a host", *host("host"), INTERNAL, given=[subsystem()]),
    Row("allow: the table is relaxed", *host(no_such=1), ok(True), given=[subsystem()]),
    Row("two hosts, the newest first", *host(HOST2), ok(True), given=[subsystem(), host()],
        then=[shows(hosts=[{"nqn": HOST2}, {"nqn": HOST}])]),
    Row("allow with an unknown key", *host(dhchap_key="k"), INVALID, given=[subsystem()], since=(24, 5)),
    Row("allow with keys", *host(dhchap_key="k", dhchap_ctrlr_key="k"), ok(True), since=(24, 5),
        given=[subsystem(), ("keyring_file_add_key", {"name": "k", "path": KEY})],
        then=[shows(hosts=[{"dhchap_key": "k", "dhchap_ctrlr_key": "k"}])]),
    Row("a key of the controller alone", *host(dhchap_ctrlr_key="k"), INTERNAL, since=(24, 5),
        given=[subsystem(), ("keyring_file_add_key", {"name": "k", "path": KEY})]),
    Row("the psk is listed nowhere but in the configuration", *host(psk="k"), ok(True), since=(24, 9),
        given=[subsystem(), ("keyring_file_add_key", {"name": "k", "path": KEY})], then=[
            shows(hosts=[exactly("nqn")]),
            ("framework_get_config", {"name": "nvmf"}, ok(lambda value: any(
                each["method"] == "nvmf_subsystem_add_host" and each["params"].get("psk") == "k" for each in value)))]),
    Row("an unknown psk", *host(psk="none"), INTERNAL, given=[subsystem()], since=(24, 9)),
    Row("other keys: what is left out is cleared", "nvmf_subsystem_set_keys", {"nqn": NQN, "host": HOST, "dhchap_key": "k"},
        ok(True), since=(24, 9), given=[subsystem(), ("keyring_file_add_key", {"name": "k", "path": KEY}),
                                        host(dhchap_key="k", dhchap_ctrlr_key="k")],
        then=[shows(hosts=[both({"dhchap_key": "k"}, absent("dhchap_ctrlr_key"))])]),
    Row("keys of an unknown host", "nvmf_subsystem_set_keys", {"nqn": NQN, "host": HOST}, err(-22, "Invalid argument"),
        given=[subsystem()], since=(24, 9)),
    Row("unknown keys", "nvmf_subsystem_set_keys", {"nqn": NQN, "host": HOST, "dhchap_key": "none"}, INVALID,
        given=[subsystem(), host()], since=(24, 9)),
    Row("revoke", "nvmf_subsystem_remove_host", {"nqn": NQN, "host": HOST}, ok(True), given=[subsystem(), host()],
        then=[shows(hosts=[]), ("nvmf_subsystem_remove_host", {"nqn": NQN, "host": HOST}, INTERNAL)]),
    Row("revoke with a timeout, not yet", "nvmf_subsystem_remove_host", {"nqn": NQN, "host": HOST, "timeout_ms": 1}, INVALID,
        given=[subsystem(), host()], until=(26, 5)),
    Row("revoke disconnects", "nvmf_subsystem_remove_host", {"nqn": NQN, "host": HOST}, ok(True),
        given=[subsystem(), host(), listen(), ("@connect", {"nqn": NQN, "host": HOST})],
        then=[("nvmf_subsystem_get_controllers", {"nqn": NQN}, ok([]))]),
    Row("controllers", "nvmf_subsystem_get_controllers", {"nqn": NQN}, ok([
        {"cntlid": 1, "cntrltype": "io", "hostnqn": HOST, "hostid": uuid, "num_io_qpairs": lambda n: n > 0}]),
        given=[subsystem(), host(), listen(), ("@connect", {"nqn": NQN, "host": HOST})]),
    Row("queues", "nvmf_subsystem_get_qpairs", {"nqn": NQN}, ok(lambda value: [each["qid"] for each in value] == list(
        range(len(value))) and value[0]["state"] == "enabled" and value[0]["peer_address"]["trtype"] == "TCP"),
        given=[subsystem(), host(), listen(), ("@connect", {"nqn": NQN, "host": HOST})]),
    Row("statistics", "nvmf_get_stats", None, ok({"tick_rate": lambda n: n > 0,
                                                  "poll_groups": lambda v: "current_io_qpairs" in v[0]})),
    *unknown("nvmf_subsystem_add_host", host=HOST), *unknown("nvmf_subsystem_remove_host", host=HOST),
]

ROWS = SUBSYSTEMS + LISTENERS + NAMESPACES + HOSTS
