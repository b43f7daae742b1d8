# SPDX-License-Identifier: Apache-2.0
"""schemathesis asks the API of nvmetcp-target all that target/api/openapi.yaml allows, and much that
it does not: no answer is a server's error, each is one that the document names and has its form,
nothing is answered without the token, and the token is in no answer.

The wheels come from hack/pytools; they are unpacked for the test, and nothing is installed.
"""

import os
import pathlib
import re
import subprocess
import sys
import zipfile

import pytest

HERE = pathlib.Path(__file__).parent
WHEELS = pathlib.Path(os.environ.get("NVMETCP_CACHE", "/nonexistent"), "python")
DOCUMENT = HERE.parent.parent / "target" / "api" / "openapi.yaml"
TOKEN = "a-token-that-no-answer-may-hold"
SEED = "7"
EXAMPLES = "12"
CHECKS = ("serves,status_code_conformance,content_type_conformance,response_headers_conformance,"
          "response_schema_conformance,negative_data_rejection,ignored_auth,allow_header_conformance,"
          "ensure_resource_availability,use_after_free,token_is_kept")


def wheels():
    """The wheels of requirements.txt; None when one is missing."""
    found = []
    for line in (HERE / "requirements.txt").read_text().splitlines():
        match = re.match(r"([\w-]+)==([\w.]+) ", line)
        if match:
            name = "%s-%s-*.whl" % (match[1].replace("-", "_"), match[2])
            found += list(WHEELS.glob(name)) or [None]
    return None if None in found else found


if wheels() is None:
    assert not os.environ.get("CI"), "wheels are missing in %s: hack/pytools fetches them" % WHEELS
    pytest.skip("wheels are missing in %s: hack/pytools fetches them" % WHEELS, allow_module_level=True)


@pytest.fixture(scope="module")
def packages(tmp_path_factory):
    folder = tmp_path_factory.mktemp("packages")
    for wheel in wheels():
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(folder)
    return folder


@pytest.fixture
def served():
    """The API on a port of loopback; it must live to the end, and end well."""
    with subprocess.Popen([os.environ["SERVED"], TOKEN], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True) as server:
        port = server.stdout.readline().strip()
        assert port, server.stderr.read()
        yield "http://127.0.0.1:" + port
        assert server.poll() is None, "it has ended"
        _, said = server.communicate()
        assert server.returncode == 0, said


def ask(packages, url, folder):
    env = {"PATH": os.environ["PATH"], "HOME": str(folder), "PYTHONPATH": str(packages), "LANG": "C.UTF-8",
           "PYTHONDONTWRITEBYTECODE": "1", "SCHEMATHESIS_HOOKS": str(HERE / "hooks.py"), "API_TOKEN": TOKEN}
    return subprocess.run([sys.executable, "-m", "schemathesis.cli", "run", str(DOCUMENT), "--url", url,
                           "--header", "Authorization: Bearer " + TOKEN, "--seed", SEED,
                           "--phases", "coverage,fuzzing", "--max-examples", EXAMPLES, "--checks", CHECKS,
                           # How quick this machine is just now is no matter.
                           "--suppress-health-check", "all", "--continue-on-failure"],
                          cwd=folder, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          check=False)


def test_the_api_is_as_its_document_says(packages, served, tmp_path):
    done = ask(packages, served, tmp_path)
    print(done.stdout)
    assert done.returncode == 0
    # It did ask: all operations, and many times.
    operations = DOCUMENT.read_text().count("operationId:")
    assert f"{operations} selected / {operations} total" in done.stdout
    generated = re.search(r"(\d+) generated", done.stdout)
    assert generated and int(generated[1]) > 400, done.stdout[-2000:]


def test_it_would_see_a_wrong_answer(packages, served, tmp_path):
    """The same program with a document that promises another answer to /healthz than it gives."""
    wrong = DOCUMENT.read_text().replace("/healthz:", "/v1/nothing-here:")
    (tmp_path / "wrong.yaml").write_text(wrong)
    done = subprocess.run([sys.executable, "-m", "schemathesis.cli", "run", "wrong.yaml", "--url", served,
                           "--include-path", "/v1/nothing-here", "--max-examples", "2", "--seed", SEED],
                          cwd=tmp_path, env={"PATH": os.environ["PATH"], "PYTHONPATH": str(packages),
                                             "HOME": str(tmp_path), "PYTHONDONTWRITEBYTECODE": "1"},
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    assert done.returncode == 1, done.stdout
