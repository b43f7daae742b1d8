# SPDX-License-Identifier: Apache-2.0
"""What the target tells of the hosts that are connected, and of its own configuration."""

import uuid

from .bdev import TICK_RATE
from .rpc import INVALID_PARAMS, NVMF, RpcError, boolean, may, need, rpc, text

GROUP = "nvmf_tgt_poll_group_000"


class NvmfStateService:
    def __init__(self, target):
        self.target = target

    def connect(self, nqn, host, count=4):
        """A host connects to each listener: what the control channel does in place of a host."""
        subsystem = self.target.nvmf.subsystems.get(nqn)
        if not subsystem or not subsystem.listeners or not (subsystem.any_host or host in subsystem.hosts):
            raise ValueError("%s may not connect to %s: no such subsystem, no listener, or not in its hosts" % (host, nqn))
        used = {each["cntlid"] for each in subsystem.controllers}
        for listener in reversed(subsystem.listeners):
            cntlid = next(n for n in range(subsystem.cntlids[0], subsystem.cntlids[1] + 1) if n not in used)
            used.add(cntlid)
            subsystem.controllers.append({"cntlid": cntlid, "hostnqn": host, "address": listener.address,
                                          "hostid": str(uuid.uuid5(uuid.NAMESPACE_DNS, host)), "queues": count})

    @rpc("nvmf_subsystem_get_controllers", NVMF, nqn=need(text))
    async def get_controllers(self, call, args):
        subsystem = self.target.nvmf.find(args.nqn)
        async with self.target.nvmf.change(subsystem, call):
            return [{"cntlid": each["cntlid"], "cntrltype": "io", "hostnqn": each["hostnqn"], "hostid": each["hostid"],
                     "num_io_qpairs": each["queues"]} for each in subsystem.controllers]

    @rpc("nvmf_subsystem_get_qpairs", NVMF, nqn=need(text))
    async def get_qpairs(self, call, args):
        subsystem, out = self.target.nvmf.find(args.nqn), []
        async with self.target.nvmf.change(subsystem, call):
            for each in subsystem.controllers:
                address = self.target.nvmf.address_shape(each["address"])
                peer = {**address, "traddr": "127.0.0.1", "trsvcid": "40000"}
                keys = subsystem.hosts.get(each["hostnqn"], {})
                auth = {"auth": {"state": "completed", "digest": "sha256", "dhgroup": "null"}}
                for qid in range(each["queues"] + 1):
                    out.append({"cntlid": each["cntlid"], "qid": qid, "state": "enabled", "thread": GROUP,
                                "hostnqn": each["hostnqn"], "listen_address": address, "peer_address": peer,
                                **(auth if keys.get("dhchap_key") else {})})
        return out

    @rpc("nvmf_get_stats", NVMF, optional=True)
    async def get_stats(self, _call, _args):
        controllers = [each for subsystem in self.target.nvmf.subsystems.values() for each in subsystem.controllers]
        io = sum(each["queues"] for each in controllers)
        return {"tick_rate": TICK_RATE,
                "poll_groups": [{"name": GROUP, "admin_qpairs": len(controllers), "io_qpairs": io,
                                 "current_admin_qpairs": len(controllers), "current_io_qpairs": io,
                                 "pending_bdev_io": 0, "completed_nvme_io": 0,
                                 "transports": [{"trtype": kind} for kind in self.target.nvmf.transports]}]}

    @rpc("framework_get_config", NVMF, name=need(text), with_batches=may(boolean, since=(26, 5)))
    async def framework_get_config(self, _call, args):
        """The live configuration as calls: the only place that shows what the lists leave out."""
        parts = {"nvmf": self.config, "bdev": self.target.bdev.config, "keyring": self.target.keyring.config}
        if args.name not in parts:
            raise RpcError(INVALID_PARAMS, "Subsystem '%s' not found" % args.name)
        return parts[args.name]()

    def config(self):
        nvmf = self.target.nvmf
        out = [{"method": "nvmf_create_transport", "params": dict(each)} for each in nvmf.transports.values()]
        for key in sorted(nvmf.subsystems):
            if not nvmf.subsystems[key].discovery:
                out += self.subsystem_config(nvmf.subsystems[key])
        return out

    def subsystem_config(self, subsystem):
        def entry(method, **params):
            return {"method": method, "params": {"nqn": subsystem.nqn, **params}}
        out = [entry("nvmf_create_subsystem", allow_any_host=subsystem.any_host, serial_number=subsystem.serial,
                     model_number=subsystem.model, max_namespaces=subsystem.slots, min_cntlid=subsystem.cntlids[0],
                     max_cntlid=subsystem.cntlids[1], ana_reporting=subsystem.ana)]
        for host, keys in subsystem.hosts.items():
            out.append(entry("nvmf_subsystem_add_host", host=host, **{k: v for k, v in keys.items() if v}))
        for nsid in sorted(subsystem.namespaces):
            ns = subsystem.namespaces[nsid]
            shape = {"nsid": nsid, "bdev_name": ns.bdev, "nguid": ns.nguid.upper(), "uuid": ns.uuid}
            if ns.eui64:
                shape["eui64"] = ns.eui64.upper()
            if self.target.release >= (24, 5):
                shape["no_auto_visible"] = ns.hidden
            if subsystem.ana:
                shape["anagrpid"] = ns.anagrpid
            out.append(entry("nvmf_subsystem_add_ns", namespace=shape))
            out += [entry("nvmf_ns_add_host", nsid=nsid, host=host) for host in sorted(ns.hosts)]
        for listener in reversed(subsystem.listeners):
            sock = {"sock_impl": listener.sock_impl} if listener.sock_impl else {}
            out.append(entry("nvmf_subsystem_add_listener", listen_address=listener.address,
                             secure_channel=listener.secure, **sock))
        return out
