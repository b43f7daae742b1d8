# SPDX-License-Identifier: Apache-2.0
"""Keys: names that stand for files on the target's machine."""

import errno
import os
import stat

from .rpc import KEYRING, RpcError, errno_error, need, rpc, text


class KeyringService:
    def __init__(self, target):
        self.target = target
        self.paths = {}

    def known(self, name):
        return name in self.paths or self.target.release < (24, 5)

    @rpc("keyring_file_add_key", KEYRING, since=(24, 5), name=need(text), path=need(text))
    async def add(self, _call, args):
        if args.name in self.paths:
            raise errno_error(errno.EEXIST)
        if not os.path.isabs(args.path):
            raise errno_error(errno.EPERM)
        try:
            found = os.stat(args.path)
        except OSError as e:
            raise errno_error(e.errno) from None
        if stat.S_IMODE(found.st_mode) & 0o077 or found.st_uid != os.getuid():
            raise errno_error(errno.EPERM)
        self.paths[args.name] = args.path
        return True

    @rpc("keyring_file_remove_key", KEYRING, since=(24, 5), name=need(text))
    async def remove(self, _call, args):
        if args.name not in self.paths:
            raise RpcError(-errno.ENOKEY, os.strerror(errno.ENOKEY))
        del self.paths[args.name]
        return True

    @rpc("keyring_get_keys", KEYRING, since=(24, 5), optional=True)
    async def keys(self, _call, _args):
        return [{"name": name, "module": "keyring_file", "removed": False, "probed": False, "refcnt": 1, "path": path}
                for name, path in self.paths.items()]

    def config(self):
        return [{"method": "keyring_file_add_key", "params": {"name": name, "path": path}}
                for name, path in self.paths.items()]
