# SPDX-License-Identifier: Apache-2.0
"""Virtual machines with a real NVMe kernel, under plain software emulation.

Every VM runs on the build root that this process itself runs in: read-only over 9p, with a
temporary layer of its own. VMs of one Lab share two bridges (eth0: 10.77.0.0/24, eth1:
10.78.0.0/24) in a network namespace that the Lab made; nothing leaves it.
"""

import base64
import concurrent.futures
import fcntl
import glob
import hashlib
import json
import lzma
import os
import queue
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time

SRC = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
CACHE = os.environ.get("NVMETCP_CACHE", "/cache")
GUEST = os.path.join(SRC, "test/vm/guest")
# How many labs may run at once on this machine; each emulates at least one guest on both cores, so more than that
# only makes each slower.
LABS_AT_ONCE = int(os.environ.get("NV_LABS", "2"))
# How often a machine may boot that the emulator spoils before its first answer, and after how many complaints of
# the kernel its clock counts as lost: two may be a busy machine.
BOOTS = 3
CLOCK_COMPLAINTS = 3


class Failed(Exception):
    """A command in a VM ended with another status than 0; .output holds what it printed."""

    def __init__(self, text, output, status):
        super().__init__(text)
        self.output = output
        self.status = status


class BootSpoiled(Exception):
    """A kernel ended or stood still before anything of ours was there."""


def run(*argv, **kwargs):
    return subprocess.run(argv, check=True, capture_output=True, text=True, **kwargs).stdout


def kernel_version():
    names = sorted(glob.glob("/boot/vmlinuz-*"))
    if not names:
        raise SystemExit("no kernel in /boot: is this the build root?")
    return names[-1].removeprefix("/boot/vmlinuz-")


def make_initramfs(version):
    """The smallest thing that can mount the build root; kept in the cache by its content."""
    with open(os.path.join(GUEST, "initramfs-init"), "rb") as f:
        init = f.read()
    key = hashlib.sha256(version.encode() + init).hexdigest()[:16]
    path = os.path.join(CACHE, f"initramfs-{key}.img")
    if os.path.exists(path):
        return path
    work = path + f".{os.getpid()}.d"
    for folder in ("bin", "proc", "sys", "dev", "mnt", "lib"):
        os.makedirs(os.path.join(work, folder), exist_ok=True)
    shutil.copy("/bin/busybox", os.path.join(work, "bin/busybox"))
    order = []
    for module in ("9p", "9pnet_virtio", "overlay"):
        for line in run("modprobe", "-S", version, "--show-depends", module).splitlines():
            words = line.split()
            if words[0] != "insmod" or os.path.basename(words[1]).removesuffix(".xz") in order:
                continue
            name = os.path.basename(words[1]).removesuffix(".xz")
            opener = lzma.open if words[1].endswith(".xz") else open
            with opener(words[1], "rb") as source, open(os.path.join(work, "lib", name), "wb") as to:
                shutil.copyfileobj(source, to)
            order.append(name)
    with open(os.path.join(work, "lib/order"), "w") as f:
        f.write("\n".join(order) + "\n")
    with open(os.path.join(work, "init"), "wb") as f:
        f.write(init)
    os.chmod(os.path.join(work, "init"), 0o755)
    subprocess.run(
        f"find . | cpio -o -H newc --quiet | gzip -1 >{path}.{os.getpid()}",
        shell=True, check=True, cwd=work)
    os.rename(f"{path}.{os.getpid()}", path)
    shutil.rmtree(work)
    return path


class Lab:
    """A private network and the VMs in it; everything ends with the `with` block."""

    def __init__(self, out=None):
        self.out = out or os.path.join(SRC, "build/vm", f"{int(time.time())}-{os.getpid()}")
        self.vms = []
        self.slot = None
        # A VM ends with the thread that started it: this one is there to the end.
        self.launcher = concurrent.futures.ThreadPoolExecutor(1)

    def __enter__(self):
        os.makedirs(self.out, exist_ok=True)
        self.slot = self._take_slot()
        os.unshare(os.CLONE_NEWNET)
        run("ip", "link", "set", "lo", "up")
        for net, bridge in ((77, "br0"), (78, "br1")):
            run("ip", "link", "add", bridge, "type", "bridge")
            run("ip", "addr", "add", f"10.{net}.0.1/24", "dev", bridge)
            run("ip", "link", "set", bridge, "up")
        # The thread is made by the first work it gets, and here in the network of this one.
        self.launcher.submit(os.getpid).result()
        return self

    def __exit__(self, *_):
        for vm in self.vms:
            vm.kill()
        self.launcher.shutdown()
        self.slot.close()

    @staticmethod
    def _take_slot():
        os.makedirs(CACHE, exist_ok=True)
        waiting = False
        while True:
            for number in range(LABS_AT_ONCE):
                f = open(os.path.join(CACHE, f"vm-{number}.lock"), "w")
                try:
                    fcntl.flock(f, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    return f
                except BlockingIOError:
                    f.close()
            if not waiting:
                print("vm: waiting for a free slot", file=sys.stderr)
                waiting = True
            time.sleep(1)

    def vm(self, name, **kwargs):
        """Boot one more VM. memory in MiB; disks: name to size in MiB, or to a file to copy."""
        vm = self.add(name, **kwargs)
        vm.start()
        return vm

    def add(self, name, **kwargs):
        """One more VM that the caller starts; its number and so its addresses are settled here."""
        vm = VM(self, name, len(self.vms) + 2, **kwargs)
        self.vms.append(vm)
        return vm


class VM:
    def __init__(self, lab, name, number, memory=2048, cpus=2, disks=None, boot_timeout=900, init=None):
        """init="systemd": a machine with a service manager; what it writes is kept on its disk
        "system", if there is one, over power cuts."""
        self.lab = lab
        self.name = name
        self.number = number
        self.memory = memory
        self.cpus = cpus
        self.boot_timeout = boot_timeout
        self.init = init
        self.ip = f"10.77.0.{number}"
        self.ip2 = f"10.78.0.{number}"
        self.out = os.path.join(lab.out, name)
        os.makedirs(self.out, exist_ok=True)
        self.disks = []
        for disk, size in (disks or {}).items():
            path = os.path.join(lab.out, f"{name}-{disk}.img")
            if isinstance(size, str):
                run("cp", "--sparse=always", size, path)
            else:
                with open(path, "wb") as f:
                    f.truncate(size << 20)
            self.disks.append((disk, path))
        self.qemu = None
        self.channel = None

    def _init_options(self):
        if not self.init:
            return ""
        # udev would load drivers for all that QEMU emulates; these take seconds and are of no use.
        text = (f" nv.init={self.init} systemd.unit=multi-user.target"
                " module_blacklist=kvm_amd,kvm,ata_piix,psmouse,pcspkr,i2c_piix4,floppy,button")
        for i, (disk, _) in enumerate(self.disks):
            if disk == "system":
                text += " nv.system=/dev/vd" + chr(ord("a") + i)
        return text

    def _arguments(self, agent_path):
        version = kernel_version()
        n = self.number
        args = [
            # A test that is killed takes its VMs along.
            "setpriv", "--pdeathsig", "KILL", "qemu-system-x86_64", "-accel", "tcg,thread=multi", "-cpu", "max",
            "-smp", str(self.cpus), "-m", f"{self.memory}M",
            "-display", "none", "-no-reboot", "-nodefaults", "-monitor", "none",
            "-kernel", f"/boot/vmlinuz-{version}", "-initrd", make_initramfs(version),
            "-append", "console=ttyS0 quiet panic=-1 net.ifnames=0 log_buf_len=8M "
            f"nv.name={self.name} nv.eth0={self.ip}/24 nv.eth1={self.ip2}/24"
            + self._init_options(),
            "-serial", f"file:{self.out}/console.log",
            "-virtfs", "local,path=/,mount_tag=root,security_model=none,readonly=on,multidevs=remap",
            "-virtfs", f"local,path={self.out},mount_tag=out,security_model=none,multidevs=remap",
            "-device", "virtio-serial-pci",
            "-chardev", f"socket,id=agent,path={agent_path},server=on,wait=off",
            "-device", "virtserialport,chardev=agent,name=nv.agent",
        ]
        for i in range(2):
            args += ["-netdev", f"tap,id=net{i},ifname=tap{i}n{n},script=no,downscript=no",
                     "-device", f"virtio-net-pci,netdev=net{i},mac=52:54:00:77:{i:02x}:{n:02x}"]
        # cache=unsafe: flushes are not passed on to the machine's own disk. What the guest wrote is
        # in this machine's page cache and outlives qemu, so a power cut loses just what it should.
        for i, (_, path) in enumerate(self.disks):
            args += ["-drive", f"file={path},format=raw,if=none,id=disk{i},cache=unsafe,discard=unmap",
                     "-device", f"virtio-blk-pci,drive=disk{i}"]
        return args

    def start(self):
        self.launch()
        self.wait_ready()

    def launch(self):
        """The first half of start()."""
        for i in range(2):
            tap = f"tap{i}n{self.number}"
            if not os.path.exists(f"/sys/class/net/{tap}"):
                subprocess.run(["ip", "tuntap", "add", tap, "mode", "tap"], capture_output=True, check=False)
            run("ip", "link", "set", tap, "master", f"br{i}", "up")
        agent_path = os.path.join("/tmp", f"nv-agent-{os.getpid()}-{self.number}.sock")
        if os.path.exists(agent_path):
            os.unlink(agent_path)
        log = open(os.path.join(self.out, "qemu.log"), "ab")
        self.qemu = self.lab.launcher.submit(subprocess.Popen, self._arguments(agent_path),
                                             stdin=subprocess.DEVNULL, stdout=log, stderr=log).result()
        self.channel = Channel(self, agent_path)

    def wait_ready(self):
        for _ in range(BOOTS - 1):
            try:
                self.channel.wait_ready(self.boot_timeout)
                return
            except BootSpoiled as spoiled:
                print(f"vm: {spoiled}; it boots again:\n" + self.console()[-2000:], file=sys.stderr)
                self.kill()
                self.launch()
        self.channel.wait_ready(self.boot_timeout)

    def spoiled_boot(self):
        """What the emulator, with several processors, did to the kernel: now and then it runs what was just patched,
        finds no clock, or forgets that of one processor."""
        text = self.console()
        if "Kernel panic" in text and ("kernel_init_freeable" in text or "IO-APIC + timer" in text):
            return "its kernel panicked before the first process"
        if text.count("kthread timer wakeup didn't happen") >= CLOCK_COMPLAINTS:
            return "a processor of it has lost its clock"
        return None

    def run(self, command, timeout=300, check=True, live=False):
        """Run a shell command (or argv list) in the guest. Return: what it printed."""
        argv = command if isinstance(command, list) else ["/bin/bash", "-c", command]
        status, output = self.channel.run(argv, timeout, live)
        if check and status != 0:
            raise Failed(f"{self.name}: {command!r} ended with {status}:\n{output}", output, status)
        return output if check else (status, output)

    def wait_for(self, command, timeout=60, what=None):
        """Run a command until it succeeds; for conditions that have no event to wait for."""
        end = time.monotonic() + timeout
        while True:
            began = time.monotonic()
            status, output = self.run(command, check=False)
            if status == 0:
                return output
            if time.monotonic() > end:
                raise Failed(f"{self.name}: not within {timeout} s: {what or command}\n{output}", output, status)
            # Half of the time is the guest's own: asking must not be what it is busy with.
            time.sleep(max(0.2, time.monotonic() - began))

    def kill(self):
        """Power off as a power cut does."""
        if self.qemu and self.qemu.poll() is None:
            self.qemu.send_signal(signal.SIGKILL)
        if self.qemu:
            self.qemu.wait()
        if self.channel:
            self.channel.close()

    def power_cycle(self):
        self.kill()
        self.start()

    def console(self):
        path = os.path.join(self.out, "console.log")
        if not os.path.exists(path):
            return ""
        with open(path, errors="replace") as f:
            return f.read()


class Channel:
    """The host's end of the guest agent's port."""

    def __init__(self, vm, path):
        self.vm = vm
        self.path = path
        self.socket = None
        self.lock = threading.Lock()
        self.last_id = 0
        self.queues = {}
        self.ready = threading.Event()
        self.ended = False

    def wait_ready(self, timeout):
        end = time.monotonic() + timeout
        while self.socket is None:
            if self.vm.qemu.poll() is not None:
                raise SystemExit(f"{self.vm.name}: qemu ended with {self.vm.qemu.returncode}; see {self.vm.out}/qemu.log")
            try:
                s = socket.socket(socket.AF_UNIX)
                s.connect(self.path)
                self.socket = s
            except OSError:
                s.close()
                if time.monotonic() > end:
                    raise
                time.sleep(0.05)
        threading.Thread(target=self._read, daemon=True).start()
        while not self.ready.wait(0.5):
            spoiled = self.vm.spoiled_boot()
            if spoiled:
                raise BootSpoiled(f"{self.vm.name}: {spoiled}")
            if self.vm.qemu.poll() is not None or time.monotonic() > end:
                tail = self.vm.console()[-2000:]
                raise SystemExit(f"{self.vm.name}: no answer from the guest within {timeout} s; its console:\n{tail}")

    def _read(self):
        with self.socket.makefile("rb") as lines:
            try:
                for line in lines:
                    message = json.loads(line)
                    if message["id"] == 0:
                        self.ready.set()
                    elif message["id"] in self.queues:
                        self.queues[message["id"]].put(message)
            except (OSError, ValueError):
                pass
        with self.lock:
            self.ended = True
            for q in list(self.queues.values()):
                q.put(None)

    def run(self, argv, timeout, live):
        with self.lock:
            self.last_id += 1
            number = self.last_id
            q = self.queues[number] = queue.Queue()
            if self.ended:
                q.put(None)
            self.socket.sendall(json.dumps({"id": number, "argv": argv}).encode() + b"\n")
        output = b""
        end = time.monotonic() + timeout
        try:
            while True:
                try:
                    message = q.get(timeout=max(0.01, end - time.monotonic()))
                except queue.Empty:
                    raise Failed(f"{self.vm.name}: no end of {argv} within {timeout} s:\n"
                                 + output.decode(errors="replace"), output, None) from None
                if message is None:
                    raise Failed(f"{self.vm.name}: the VM went away under {argv}:\n"
                                 + output.decode(errors="replace"), output, None)
                if "rc" in message:
                    return message["rc"], output.decode(errors="replace")
                data = base64.b64decode(message["out"])
                output += data
                if live:
                    sys.stdout.buffer.write(data)
                    sys.stdout.buffer.flush()
        finally:
            del self.queues[number]

    def close(self):
        if self.socket:
            self.socket.close()
            self.socket = None
