# SPDX-License-Identifier: Apache-2.0
"""Each rule finds the violation planted for it, and leaves good code alone."""

import rules

LAYERS = {
    "common/base": {"common/base"},
    "node/core": {"node/core", "common/base", "node/mount"},
    "node/mount": {"node/mount", "common/base"},
}
HEAD = "/* SPDX-License-Identifier: Apache-2.0 */\n"


def found(path, text):
    return [f.split(": ")[1] for f in rules.Checker(LAYERS).check(path, HEAD + text).findings]


def test_good_code_is_left_alone():
    text = '#include "common/base/err.h"\nint f(const struct step *in)\n{\n\tmount(a, b);\n}\n'
    assert found("node/mount/x.c", text) == []


def test_forbidden_include_edge():
    assert found("common/base/x.c", '#include "node/core/stage.h"\n') == ["layer"]
    assert found("node/mount/x.c", '#include "node/core/stage.h"\n') == ["layer"]
    assert found("node/core/x.c", '#include "node/mount/mnt.h"\n') == []


def test_third_party_header_outside_its_folder():
    assert found("node/core/x.c", "#include <grpc/grpc.h>\n") == ["third-party"]
    assert found("node/mount/x.c", "#include <libmount/libmount.h>\n") == []


def test_banned_calls_but_not_in_strings_or_members():
    assert found("node/core/x.c", "\tsprintf(a, b);\n") == ["banned"]
    assert found("node/core/x.c", '\tputs("sprintf(a)"); ops->system(x); my_system(y);\n') == []
    assert found("node/core/x.c", "\tsleep(1);\n") == ["banned"]


def test_world_changing_call_without_a_step():
    text = "int f(int a)\n{\n\tmount(a, b);\n}\n"
    assert found("node/mount/x.c", text) == ["step"]
    assert found("node/mount/x.c", "int f(int fd)\n{\n\tioctl(fd, FICLONE, 1);\n}\n") == ["step"]


def test_size_header_todo_and_spaces():
    assert "size" in found("node/core/x.c", "\n" * 700)
    assert [f.split(": ")[1] for f in rules.Checker(LAYERS).check("node/core/x.c", "int a;\n").findings] == ["header"]
    assert found("node/core/x.c", "/* TODO later */\n") == ["todo"]
    assert found("node/core/x.c", "int a; \n") == ["space"]
