# SPDX-License-Identifier: Apache-2.0
"""What the pages say is there: links, files, chart values, error texts, parameters; and the examples are
Kubernetes objects that fit together."""

import functools
import glob
import os
import re
import subprocess

import chart
import pytest
import texts
import transcript
import yaml

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
EXAMPLES = os.path.join(TOP, "deploy/examples")
PAGES = sorted(os.path.relpath(path, TOP) for path in [
    os.path.join(TOP, "README.md"), *glob.glob(f"{TOP}/docs/*.md"), *glob.glob(f"{EXAMPLES}/**/*.md", recursive=True),
    *glob.glob(f"{TOP}/charts/*/README.md")])
SOURCES = ("common/**/*.c", "controller/**/*.c", "node/**/*.c", "target/**/*.c")
# A person must do something about these, so the page has each of them.
TO_BE_EXPLAINED = {"FAILED_PRECONDITION", "UNAUTHENTICATED", "PERMISSION_DENIED", "DATA_LOSS"}


@functools.cache
def page(path):
    with open(os.path.join(TOP, path)) as f:
        return f.read()


def without_code(text):
    return re.sub(r"^```.*?^```$|^    [^\n]*$|`[^`\n]*`", "", text, flags=re.MULTILINE | re.DOTALL)


def anchor(heading):
    """As GitHub makes them."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


# Links

@pytest.mark.parametrize("path", PAGES)
def test_links(path):
    for target in re.findall(r"\]\(([^)\s]+)\)", without_code(page(path))):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, part = target.partition("#")
        where = os.path.normpath(os.path.join(TOP, os.path.dirname(path), name)) if name else os.path.join(TOP, path)
        assert os.path.exists(where), f"{path}: {target} is not there"
        if part:
            headings = re.findall(r"^#+ (.*)$", page(os.path.relpath(where, TOP)), re.MULTILINE)
            assert part in map(anchor, headings), f"{path}: {target} has no such heading"


# Chart values

def schema_of(lines):
    """Names that values.yaml documents, from its comments: backends[].name and the like."""
    names = re.findall(r"^# ([a-zA-Z]+\[\](?:\.[a-zA-Z]+)+) --", lines, re.MULTILINE)
    return {name[:at] for name in names for at in [m.start() for m in re.finditer(r"\.|$", name)]}


def flat(value, prefix=""):
    for key, below in value.items() if isinstance(value, dict) else ():
        yield prefix + key
        yield from flat(below, f"{prefix}{key}.")


@functools.cache
def chart_values():
    with open(f"{TOP}/charts/nvmetcp-csi/values.yaml") as f:
        text = f.read()
    known = set(flat(yaml.safe_load(text)))
    return known, known | schema_of(text)


def set_options(text):
    """Names given to --set in commands."""
    return [re.sub(r"\[\d+\]", "[]", name) for name in re.findall(r"--set(?:-string)? '?([\w.\[\]]+)=", text)]


def named_values(text):
    """Words in backticks that look like a value of the chart: their first part is one."""
    top = {name for name in chart_values()[0] if "." not in name} - {"image", "controller", "node", "metrics"}
    for word in re.findall(r"`([a-zA-Z]+(?:\[\])?(?:\.[a-zA-Z]+(?:\[\])?)*)`", text):
        first, dot, _ = word.partition(".")
        if first.removesuffix("[]") in top or (dot and first in ("image", "controller", "node", "metrics")):
            yield word


@pytest.mark.parametrize("path", PAGES)
def test_chart_values(path):
    # The controller's own configuration has keys of the same names.
    text = page(path).split("## The controller's configuration")[0]
    known = chart_values()[1]
    for name in [*set_options(text), *named_values(text)]:
        assert name in known or name.removesuffix("[]") in known, f"{path}: the chart has no value {name}"


def values_blocks():
    """YAML blocks of pages that are values of the chart."""
    for path in PAGES:
        for block in re.findall(r"^```yaml\n(.*?)^```$", page(path), re.MULTILINE | re.DOTALL):
            for document in yaml.safe_load_all(block):
                if "kind" not in document:
                    yield path, document


def test_values_in_yaml_blocks():
    known = chart_values()[1]
    blocks = list(values_blocks())
    assert blocks
    for path, document in blocks:
        for key, value in document.items():
            assert key in known, f"{path}: the chart has no value {key}"
            for item in value if isinstance(value, list) else ():
                for name in flat(item):
                    first = name.split(".")[0]
                    if first != "parameters" or name == first:
                        assert f"{key}[].{name}" in known or f"{key}[].{first}" in known, f"{path}: {key}[].{name}"


# Parameters of a StorageClass

def code_parameters():
    found = set()
    with open(f"{TOP}/controller/core/params.c") as f:
        found |= set(re.findall(r'\{"([^"]+)", false, PARAM_', f.read()))
    with open(f"{TOP}/common/nvmf/connect.c") as f:
        text = f.read()
    found |= set(re.findall(r'NUMBER\("(\w+)",', text)) | set(re.findall(r'\{"(\w+)", offsetof', text))
    return found | set(re.findall(r'kv_get\(params, "(\w+)"\)', text))


def test_parameters_are_all_on_their_page():
    table = page("docs/storageclass.md").split("| Parameter |")[1].split("\n\n")[0]
    rows = re.findall(r"^\| `([^`]+)` \|", table, re.MULTILINE)
    assert len(rows) == len(set(rows))
    assert set(rows) == code_parameters()


# docs/observe.md

@pytest.mark.parametrize("source, begin, end", [
    ("node/core/health.c", "**NodeGetVolumeHealth**", "**NodeGetStorageHealth**"),
    ("controller/core/volume_health.c", "**ControllerListVolumeHealth**", "### Who reads them")])
def test_reasons_of_health_are_all_on_their_page(source, begin, end):
    """Each reason with its status, as the code has them."""
    with open(f"{TOP}/{source}") as f:
        code = {(name, "INACCESSIBLE" if lost == "true" else "DEGRADED")
                for name, lost in re.findall(r'\[\w+\] = \{"(\w+)", (true|false)\}', f.read())}
    table = page("docs/observe.md").split(begin)[1].split(end)[0]
    rows = re.findall(r"^\| `(\w+)` \| `(\w+)` \|", table, re.MULTILINE)
    assert code and len(rows) == len(set(rows))
    assert set(rows) == code


# docs/install.md

def blocks(path, language):
    return re.findall(rf"^```{language}\n(.*?)^```$", page(path), re.MULTILINE | re.DOTALL)


def test_install_certificates(tmp_path):
    """The commands make a token and a certificate that the authority stands for, at the address."""
    script = next(block for block in blocks("docs/install.md", "sh") if "openssl" in block)
    subprocess.run(["bash", "-ec", script.replace("/etc/nvmetcp", str(tmp_path))], check=True, capture_output=True)
    told = subprocess.run(["openssl", "verify", "-CAfile", "ca.pem", "-verify_ip", "10.0.0.5", "server.pem"],
                          cwd=tmp_path, check=True, capture_output=True, text=True).stdout
    assert told == "server.pem: OK\n"
    for name in ("token", "server.key", "ca.key"):
        assert (tmp_path / name).stat().st_mode & 0o077 == 0
    assert re.fullmatch(r"[0-9a-f]{64}\n", (tmp_path / "token").read_text())


def test_install_target_config(tmp_path):
    """The program itself says whether the configuration of the page is one."""
    config = tmp_path / "target.json"
    config.write_text(blocks("docs/install.md", "json")[0])
    done = subprocess.run([os.environ["NVMETCP_TARGET"], "--check-config", config], check=False, capture_output=True,
                          text=True)
    assert done.returncode == 0, done.stderr


def test_install_values(tmp_path):
    """helm takes the values of the page, and makes the names that pages and examples use of them."""
    values = tmp_path / "values.yaml"
    values.write_text(blocks("docs/install.md", "yaml")[0])
    status, made, complaint = chart.template("--values", values)
    assert status == 0, complaint
    names = {(d["kind"], d["metadata"]["name"]) for d in yaml.safe_load_all(made) if d}
    assert {("StorageClass", "nvmetcp"), ("StorageClass", "nvmetcp-xfs"), ("VolumeSnapshotClass", "nvmetcp"),
            ("CSIDriver", "nvmetcp.csi.dev"), ("Deployment", "nvmetcp-csi-controller"),
            ("DaemonSet", "nvmetcp-csi-node")} <= names


# Error texts

def quotes(text):
    return re.findall(r"^\| `([^`]+)` \|", text, re.MULTILINE)


def own_quotes():
    return quotes(page("docs/troubleshooting.md").split("## What Kubernetes itself says")[0])


@functools.cache
def all_texts():
    return [text for path in texts.files(TOP, *SOURCES) for _, text in texts.literals(path)]


def test_quoted_texts_are_in_the_sources():
    found = own_quotes()
    assert len(found) > 100
    gone = [quote for quote in found if len(quote.replace("…", "")) < 12
            or not any(texts.says(quote, text) for text in all_texts())]
    assert not gone, "docs/troubleshooting.md quotes what no source says:\n" + "\n".join(gone)


def test_refusals_are_explained():
    found = own_quotes()
    missing = [f"{os.path.relpath(path, TOP)}:{line}: {text}"
               for path in texts.files(TOP, "controller/**/*.c", "node/**/*.c")
               for line, text in texts.refusals(path, TO_BE_EXPLAINED)
               if not any(texts.says(quote, text) for quote in found)]
    assert not missing, "no row in docs/troubleshooting.md:\n" + "\n".join(missing)


def test_texts_are_taken_apart_as_the_compiler_does():
    source = 'err_set(err, ERR_DATA_LOSS, "a \\"%s\\": %" PRId64 " of " NAME "; 5%% x", y /* "no" */, \'"\', "second");'
    assert [text for _, text in texts.joined(source)] == ['a "…": … of …; 5% x', "second"]
    assert texts.says("of …; 5%", 'a "…": … of …; 5% x') and not texts.says("5% … of", "… of …; 5% x")


# Examples

def documents(path):
    with open(path) as f:
        return [document for document in yaml.safe_load_all(f) if document]


def example_files():
    return sorted(glob.glob(f"{EXAMPLES}/*/*.yaml"))


@pytest.mark.parametrize("path", example_files(), ids=lambda path: os.path.relpath(path, EXAMPLES))
def test_example_file(path):
    found = documents(path)
    assert found
    for document in found:
        assert {"apiVersion", "kind", "metadata", "spec"} <= set(document)
        spec = document["spec"].get("template", document)["spec"]
        for container in spec.get("containers", ()):
            assert container["image"] == IMAGE


IMAGE = "registry.k8s.io/e2e-test-images/busybox:1.37.0-1"


@pytest.mark.parametrize("folder", sorted(os.listdir(EXAMPLES)))
def test_example_folder(folder):
    if folder == "README.md":
        index = re.findall(r"^\| \[([a-z-]+)\]", page("deploy/examples/README.md"), re.MULTILINE)
        assert sorted(index) == sorted(set(os.listdir(EXAMPLES)) - {"README.md"})
        return
    path = f"deploy/examples/{folder}/README.md"
    commands = [command for command, _ in transcript.commands(page(path))]
    named = set(re.findall(r"[\w-]+\.yaml", " ".join(commands)))
    files = {os.path.basename(name) for name in glob.glob(f"{EXAMPLES}/{folder}/*.yaml")}
    assert named == files if "-f ." not in " ".join(commands) else named <= files
    claims = {d["metadata"]["name"] for name in files for d in documents(f"{EXAMPLES}/{folder}/{name}")
              if d["kind"] == "PersistentVolumeClaim"}
    for name in files:
        for document in documents(f"{EXAMPLES}/{folder}/{name}"):
            for volume in document["spec"].get("volumes", ()):
                assert volume["persistentVolumeClaim"]["claimName"] in claims


# The runner of the examples' commands

PAGE = """
```console
$ word=two
$ echo one; echo "  $word   blanks"
one
two blanks
$ printf 'a\\nb\\nc'
a
…
$ echo name-123 done
name-… done
$ echo anything
```
"""


def run(text, tmp_path):
    transcript.run(text, tmp_path, dict(os.environ))


def test_transcript(tmp_path):
    assert len(transcript.commands(PAGE)) == 5
    run(PAGE, tmp_path)


@pytest.mark.parametrize("old,new,why", [
    ("two blanks", "three blanks", "should print"), ("one\n", "one\nmore\n", "should print"),
    ("one\n", "", "should print"), ("name-… done", "name-… doing", "should print"),
    ("echo anything", "exit 3", "the shell ended early"), ("echo anything", "false", "ended with 1")])
def test_transcript_fails(tmp_path, old, new, why):
    with pytest.raises(AssertionError, match=why):
        run(PAGE.replace(old, new, 1) if old != "one\n" else PAGE.replace("\none\n", "\n" + new, 1), tmp_path)
