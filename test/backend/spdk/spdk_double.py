#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A double of an SPDK NVMe-oF target: its management API, its HTTP proxy and its failures.

It keeps lvol stores, lvols, subsystems, namespaces, listeners and hosts as SPDK does and answers with
SPDK's codes and texts, by release. There is no data path: what a host writes is told by the control
channel. It does the dangerous things as SPDK does them: an exported lvol can be deleted and made
smaller, a restart forgets every export.

Where its knowledge is from
  the fact sheet    methods, parameters, shapes, codes, texts, differences of releases, limits; what
                    survives a restart; the habits of the proxy. The sheet was made from SPDK's source
                    at ten releases and has no trace of a running target.
  SPDK's source     read again for this double: the proxy passes a request on before it understands it
                    and answers 200 with nothing when the target hangs up; a request without an id gets
                    its errors; hosts and listeners are listed newest first, subsystems by name; a
                    snapshot is listed as one once it had a clone, after a restart only while it has
                    one; rename takes a name that is too long, and the next load does not list it;
                    an unknown psk is "Internal error"; an unknown subsystem in set_ana_state is named.
  guesses           the size of lvs block_size before 23.09, from which release on max_growable_size,
                    claim_type and the twin "transport" are (not) there; metadata takes one cluster of
                    a store; creating a store on a bdev that is taken; the numbers of nvmf_get_transports.
  not there         external snapshots (clone_bdev, set_parent_bdev, is_degraded), delete_lvstore and
                    rename_lvstore, referrals, nvmf_set_config, aliases of methods, iostat other than
                    zero, I/O.
"""

import argparse
import asyncio
import signal
import sys

from double import control, faults
from double.jsonrpc import Server
from double.proxy import Proxy
from double.rpc import RELEASES, release_of
from double.target import DIVERGENCES, Options, Target

UNITS = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}


def size(text):
    try:
        return int(text[:-1]) * UNITS[text[-1]] if text[-1:] in UNITS else int(text)
    except ValueError:
        raise argparse.ArgumentTypeError("%r: a number of bytes, or one with K, M, G or T" % text) from None


def store(text):
    words = text.split(":")
    if not 2 <= len(words) <= 3 or not words[0]:
        raise argparse.ArgumentTypeError("%r: NAME:SIZE or NAME:SIZE:CLUSTER, such as lvs0:10G:4M" % text)
    return words[0], size(words[1]), size(words[2]) if len(words) == 3 else 0


def release(text):
    try:
        return release_of(text)
    except ValueError as e:
        raise argparse.ArgumentTypeError(e) from None


def arguments():
    parser = argparse.ArgumentParser(
        formatter_class=argparse.RawDescriptionHelpFormatter, description=__doc__,
        epilog="The control channel\n%s\nFaults\n%s" % (control.__doc__, faults.__doc__))
    parser.add_argument("--socket", required=True, metavar="PATH", help="Unix socket of the JSON-RPC server")
    parser.add_argument("--control", metavar="PATH", help="Unix socket of the control channel")
    parser.add_argument("--release", type=release, default=RELEASES[-1], metavar="YY.MM",
                        help="one of %s; default the last" % ", ".join("%d.%02d" % r for r in RELEASES))
    parser.add_argument("--lvstore", type=store, action="append", default=[], metavar="NAME:SIZE[:CLUSTER]",
                        help="a store on a bdev of the operator's configuration; made if the disks are empty")
    parser.add_argument("--block-size", type=int, default=512, choices=(512, 4096), help="of these bdevs")
    parser.add_argument("--state", default="", metavar="FILE", help="keeps the disks over the end of the process")
    parser.add_argument("--transport", action="append", metavar="TYPE",
                        help="transports of the operator's configuration; default TCP, - for none")
    parser.add_argument("--rpcs-allowed", default="", metavar="NAMES", help="only these methods, by commas")
    parser.add_argument("--wait-for-rpc", action="store_true", help="start before framework_start_init")
    parser.add_argument("--http", metavar="[ADDRESS:]PORT", help="the proxy; port 0: the one printed at the start")
    parser.add_argument("--user", default="user")
    parser.add_argument("--password", default="password")
    parser.add_argument("--cert", metavar="PEM", help="the proxy speaks TLS")
    parser.add_argument("--key", metavar="PEM", help="its key, if it is not in --cert")
    parser.add_argument("--diverge", action="append", default=[], choices=sorted(DIVERGENCES),
                        help="wrong on purpose, to test the tests: " +
                        "; ".join("%s: %s" % each for each in sorted(DIVERGENCES.items())))
    return parser.parse_args()


def start_proxy(args, server, rules, target):
    host, _, port = args.http.rpartition(":")
    loop = asyncio.get_running_loop()

    async def restart():
        server.restart()

    proxy = Proxy((host or "127.0.0.1", int(port)), args.user, args.password, args.socket, rules,
                  lambda: asyncio.run_coroutine_threadsafe(restart(), loop).result(), target.diverges,
                  (args.cert, args.key) if args.cert else None)
    proxy.start()
    return "%s:%d" % proxy.server_address[:2]


async def run(args):
    transports = ("TCP",) if args.transport is None else tuple(t.upper() for t in args.transport if t != "-")
    target = Target(Options(release=args.release, state=args.state, stores=tuple(args.lvstore), block=args.block_size,
                            transports=transports, allowed=tuple(filter(None, args.rpcs_allowed.split(","))),
                            wait_for_rpc=args.wait_for_rpc, diverge=frozenset(args.diverge)))
    rules = faults.Faults()
    server = Server(target, args.socket, rules)
    server.listen()
    if args.control:
        await control.Control(target, server, rules).listen(args.control)
    address = start_proxy(args, server, rules, target) if args.http else "-"
    print("ready socket=%s http=%s" % (args.socket, address), flush=True)
    end = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, end.set)
    await end.wait()
    server.down()


if __name__ == "__main__":
    asyncio.run(run(arguments()))
    sys.exit(0)
