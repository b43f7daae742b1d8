# SPDX-License-Identifier: Apache-2.0
"""I/O that checks itself: fio in a machine. Each block carries a checksum and is read back some
blocks later; the first that is wrong, or the first error, ends its job."""

import json
import time


class Load:
    """Runs from start() to stop() in the background of a VM. paths: {job's name: file or device};
    writers: how many write at once to each, which then cannot be verified."""

    def __init__(self, vm, name, paths, size="8M", offset="0", rate=None, writers=1):
        self.vm, self.name, self.paths = vm, name, list(paths.values())
        words = [
            "fio", f"--output=/out/{name}.json", "--output-format=json", "--rw=randwrite", "--bs=4k",
            f"--size={size}", f"--offset={offset}", "--direct=1", "--time_based", "--runtime=100000",
            "--verify_state_save=0", "--ioengine=psync",
        ]
        words += ["--verify=crc32c", "--verify_backlog=16", "--verify_fatal=1"] if writers == 1 else \
            [f"--numjobs={writers}", "--group_reporting", "--randrepeat=0", "--refill_buffers=1"]
        words += [f"--rate_iops={rate}"] if rate else []
        words += [f"--name={job} --filename={path}" for job, path in paths.items()]
        self.command = " ".join(words)
        self.pid = None

    def start(self):
        self.vm.run(f"rm -f /out/{self.name}.json")
        self.pid = int(self.vm.run(
            f"setsid {self.command} </dev/null >/out/{self.name}.log 2>&1 & echo $!"))
        return self

    def goes_on(self, timeout=240):
        """Wait until each of its disks has more written to it than now."""
        disks = {self._disk(path) for path in self.paths}
        since = sectors_written(self.vm)
        end = time.monotonic() + timeout
        while True:
            now = sectors_written(self.vm)
            still = [disk for disk in disks if now.get(disk, 0) <= since.get(disk, 0)]
            if not still:
                return
            assert time.monotonic() < end, f"{self.vm.name}: no write within {timeout} s to {still}"
            time.sleep(1)

    def _disk(self, path):
        """The multipath disk of a block device, or below a file's folder."""
        return self.vm.run(
            f"if [ -b {path} ]; then basename $(readlink /sys/dev/block/$((0x$(stat -c %t {path}))):$((0x$(stat -c %T {path})))); "
            f"else basename $(findmnt -no SOURCE -T $(dirname {path})); fi").strip()

    def running(self):
        return self.vm.run(f"kill -0 {self.pid}", check=False)[0] == 0

    def wait(self, timeout=180):
        """Until it has ended, by itself. Return: what fio says of each job."""
        self.vm.wait_for(f"! kill -0 {self.pid} 2>/dev/null", timeout=timeout, what=f"{self.name} to end")
        text = self.vm.run(f"cat /out/{self.name}.json /out/{self.name}.log")
        assert "{" in text, f"{self.name} ended without a word:\n" + self.vm.run("dmesg | tail -n 30")
        jobs = json.JSONDecoder().raw_decode(text[text.index("{"):])[0]["jobs"]
        assert len(jobs) == len(self.paths), text
        return jobs

    def stop(self, timeout=180):
        """End it. Return: what fio says of each job; AssertionError when one had an error."""
        self.vm.run(f"kill -INT {self.pid}", check=False)
        jobs = self.wait(timeout)
        failed = [f"{job['jobname']}: error {job['error']}" for job in jobs if job["error"]]
        assert not failed, f"{failed}\n" + self.vm.run(f"cat /out/{self.name}.log")
        return jobs


def sectors_written(vm):
    """{disk: sectors written so far} of the multipath disks."""
    lines = vm.run("cd /sys/block && grep -H . nvme*/stat || true").splitlines()
    return {line.partition("/")[0]: int(line.partition(":")[2].split()[6]) for line in lines}


def blocks_verified(jobs):
    return sum(job["read"]["total_ios"] for job in jobs)


def longest_request(jobs):
    """Seconds."""
    return max(job[way]["clat_ns"]["max"] for job in jobs for way in ("read", "write")) / 1e9
