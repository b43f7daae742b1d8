# SPDX-License-Identifier: Apache-2.0
"""Read a recipe and gather what it asks for.

Fields: title, description, references ({version}: that of what is in it), user, entrypoint, command,
built (programs of build/release, to /usr/bin), programs (of the machine, with their libraries),
files and folders (of the machine; empty), certificates (the authorities that Debian trusts),
applets (busybox with a link for each of its tools), go (a program of hack/gotools),
c (a C file of a Go module, compiled statically).
"""

import os
import platform
import re
import subprocess
import tempfile
import tomllib

import debian
import sbom
from tree import Tree, is_dynamic, output

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
FOLDERS = [os.path.join(TOP, "deploy/image/recipes"), os.path.join(TOP, "test/image/recipes")]
RELEASE = os.path.join(TOP, "build/release")
MODULES = os.path.join(TOP, "test/kubernetes/go")
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
FIELDS = {"title", "description", "references", "user", "entrypoint", "command", "built", "programs", "files",
          "folders", "certificates", "applets", "go", "c"}

PASSWD = ("root:x:0:0:root:/root:/sbin/nologin\n"
          "nobody:x:65534:65534:nobody:/nonexistent:/sbin/nologin\n"
          "nonroot:x:65532:65532:nonroot:/nonexistent:/sbin/nologin\n")
GROUP = "root:x:0:\nnogroup:x:65534:\nnonroot:x:65532:\n"
# /etc/hosts, where a pod's hostAliases are, before DNS.
NSSWITCH = "passwd: files\ngroup: files\nhosts: files dns\n"


def names():
    """Of all recipes; ours first."""
    return [name[:-len(".toml")] for folder in FOLDERS if os.path.isdir(folder)
            for name in sorted(os.listdir(folder)) if name.endswith(".toml")]


def read(name):
    """The fields of a recipe."""
    for folder in FOLDERS:
        path = os.path.join(folder, f"{name}.toml")
        if os.path.exists(path):
            with open(path, "rb") as f:
                fields = tomllib.load(f)
            if set(fields) - FIELDS:
                raise SystemExit(f"{path}: unknown field {', '.join(sorted(set(fields) - FIELDS))}")
            return fields
    raise SystemExit(f"no recipe '{name}' in {' or '.join(FOLDERS)}")


def project_version():
    with open(os.path.join(TOP, "CMakeLists.txt"), encoding="utf-8") as f:
        return re.search(r"^project\(nvmetcp-csi VERSION ([0-9.]+)", f.read(), re.M).group(1)


def static_packages(program):
    """The Debian packages whose archives the linker was given for a program of ours."""
    link = output("ninja", "-C", RELEASE, "-t", "commands", program).strip().split("\n")[-1]
    archives = re.findall(r"(?<=\s)(/usr/\S+\.a)(?=\s|$)", link)
    if "stdc++" in link:
        archives.append(output("gcc", "-print-file-name=libstdc++.a").strip())
    return {debian.owner(os.path.realpath(path)).name for path in archives}


def certificates():
    """The bundle as update-ca-certificates makes it from the package's own files: what an administrator
    added to this machine must not get into an image."""
    with open("/etc/ca-certificates.conf", encoding="utf-8") as f:
        chosen = [line.strip() for line in f if line.strip() and line[0] not in "#!"]
    parts = []
    for name in sorted(chosen):
        with open(os.path.join("/usr/share/ca-certificates", name), encoding="ascii") as f:
            parts.append(f.read().rstrip("\n") + "\n")
    return "".join(parts)


class Image:
    """A recipe with its files gathered."""

    def __init__(self, name):
        self.name = name
        self.fields = read(name)
        self.version = project_version()
        self.tree = Tree()
        self.linked = {}
        self.architecture = ARCHITECTURES[platform.machine()]
        self._gather()
        self.references = [r.format(version=self.version) for r in self.fields["references"]]
        self.labels = {
            "org.opencontainers.image.title": self.fields["title"],
            "org.opencontainers.image.description": self.fields["description"],
            "org.opencontainers.image.version": self.version,
            "org.opencontainers.image.licenses": "Apache-2.0",
        }
        run = {"User": self.fields.get("user"), "Entrypoint": self.fields.get("entrypoint"),
               "Cmd": self.fields.get("command"), "WorkingDir": "/",
               "Env": ["PATH=/usr/sbin:/usr/bin:/sbin:/bin"]}
        self.run = {key: value for key, value in run.items() if value}

    def _gather(self):
        fields = self.fields
        for program in fields.get("built", []):
            self._built(program)
        for program in fields.get("programs", []):
            self.tree.program(program)
        for path in fields.get("files", []):
            self.tree.host_file(path)
        for path in fields.get("folders", []):
            self.tree.folder(path)
        if "go" in fields:
            self._go(**fields["go"])
        if "c" in fields:
            self._c(**fields["c"])
        if fields.get("applets"):
            self._applets()
        if fields.get("certificates"):
            self.tree.text("/etc/ssl/certs/ca-certificates.crt", certificates(), debian.packages()["ca-certificates"])
        self.tree.text("/etc/passwd", PASSWD, None)
        self.tree.text("/etc/group", GROUP, None)
        self.tree.text("/etc/nsswitch.conf", NSSWITCH, None)
        self._documents()

    def _built(self, program):
        path = os.path.join(RELEASE, "bin", program)
        if not os.path.exists(path):
            raise SystemExit(f"{path}: not built; run hack/build release")
        ours = sbom.Component("nvmetcp-csi", self.version, "Apache-2.0", purpose="APPLICATION")
        with tempfile.NamedTemporaryFile() as stripped:
            subprocess.run(["strip", "--strip-all", "-o", stripped.name, path], check=True)
            with open(stripped.name, "rb") as f:
                self.tree.text(f"/usr/bin/{program}", f.read(), ours, 0o755)
        with open(os.path.join(TOP, "LICENSE"), "rb") as f:
            self.tree.text("/usr/share/doc/nvmetcp-csi/LICENSE", f.read(), ours)
        self.tree.closure(path)
        self._links(ours, static_packages(program))

    def _links(self, component, packages):
        """These Debian packages are linked into a program, so their licences come along."""
        self.linked[component] = {sbom.of_debian(debian.packages()[name]) for name in packages}
        for name in packages:
            self._copyright(debian.packages()[name])

    def _go(self, module, program, path):
        folder = output(os.path.join(TOP, "hack/gotools"), module).split()[1]
        source = os.path.join(folder, program)
        lines = [line.split("\t") for line in output("go", "version", "-m", source).split("\n")]
        toolchain = lines[0][0].rsplit(" ", 1)[1].removeprefix("go")
        main = next(line for line in lines if line[1:2] == ["mod"])
        if main[3].startswith("("):
            # Built inside a module of our own: the program's module is among what that one needs.
            package = next(line[2] for line in lines if line[1:2] == ["path"])
            main = next(line for line in lines if line[1:2] == ["dep"] and package.startswith(line[2] + "/"))
        component = sbom.of_go(main[2], main[3])
        self.version = main[3]
        self.linked[component] = {sbom.of_go(line[2], line[3]) for line in lines
                                  if line[1:2] == ["dep"] and line is not main} | {sbom.of_go("stdlib", toolchain)}
        self.tree.file(path, source, component, 0o755)

    def _c(self, module, source, path, flags):
        root, _, inside = source.partition("/build/")
        folder, version = output("go", "-C", os.path.join(MODULES, module), "list", "-m", "-f",
                                 "{{.Dir}} {{.Version}}", root).split()
        component = sbom.of_go(root, version)
        with tempfile.TemporaryDirectory() as work:
            program = os.path.join(work, "program")
            subprocess.run(["gcc", "-Os", "-Wall", "-Werror", "-static", "-s", *flags, "-o", program,
                            os.path.join(folder, "build", inside)], check=True)
            with open(program, "rb") as f:
                self.tree.text(path, f.read(), component, 0o755)
        self.version = version
        self._links(component, {"libc6-dev"})

    def _applets(self):
        self.tree.host_file("/usr/bin/busybox")
        if is_dynamic("/usr/bin/busybox"):
            raise SystemExit("/usr/bin/busybox: must be that of the package busybox-static")
        for applet in output("/usr/bin/busybox", "--list").split():
            if applet != "busybox":
                self.tree.link(f"/usr/bin/{applet}", "busybox")

    def _copyright(self, package):
        with open(package.copyright_file, "rb") as f:
            self.tree.text(f"/usr/share/doc/{package.name}/copyright", f.read(), package)

    def _documents(self):
        """What lawyers and scanners look for: each package's copyright, and its entry in dpkg's words."""
        if self.tree.owners():
            self.tree.host_file("/etc/os-release")
        packages = [p for p in self.tree.owners() if any(
            e.owner is p and not path.endswith("/copyright") for path, e in self.tree.entries.items())]
        for package in packages:
            self._copyright(package)
            self.tree.text(f"/var/lib/dpkg/status.d/{package.name}", package.stanza + "\n", None)

    def add_sbom(self):
        """Write the list of all files so far into the image as well. Return: its text."""
        image = sbom.Component(self.fields["title"], self.version, "NOASSERTION", purpose="CONTAINER",
                               comment=self.fields["description"])
        text = sbom.document(self.name, image, self.tree, self.linked)
        self.tree.text(f"/usr/share/doc/nvmetcp-csi/{self.name}.spdx.json", text, image)
        return text


def load(name):
    return Image(name)
