"""Instrument: runs a command under a seccomp profile in Docker's format, as a container would.

    python -m tests.instruments.under_seccomp docker/seccomp.json COMMAND…

Needs libseccomp and, as no_new_privs stays off like in a container, root. Understands what
docker/seccomp.json uses: a default action, allowed names, conditions on arguments.
"""

from __future__ import annotations

import ctypes
import json
import os
import sys
from pathlib import Path
from typing import Any

ALLOW = 0x7FFF0000
ERRNO = 0x00050000
NO_NEW_PRIVILEGES = 3  # SCMP_FLTATR_CTL_NNP
OPERATORS = {"SCMP_CMP_EQ": 4, "SCMP_CMP_MASKED_EQ": 7}
NATIVE = {"x86_64": "SCMP_ARCH_X86_64", "aarch64": "SCMP_ARCH_AARCH64"}


class _Argument(ctypes.Structure):
    _fields_ = (
        ("arg", ctypes.c_uint),
        ("op", ctypes.c_int),
        ("datum_a", ctypes.c_uint64),
        ("datum_b", ctypes.c_uint64),
    )


def confine(profile: dict[str, Any]) -> None:
    """Puts this process, and all that it will start, under `profile`."""
    library = ctypes.CDLL("libseccomp.so.2", use_errno=True)
    library.seccomp_init.restype = ctypes.c_void_p
    assert profile["defaultAction"] == "SCMP_ACT_ERRNO"
    assert NATIVE[os.uname().machine] in profile["architectures"]
    made = library.seccomp_init(ctypes.c_uint32(ERRNO | profile["defaultErrnoRet"]))
    context = ctypes.c_void_p(made)
    _check(library.seccomp_attr_set(context, NO_NEW_PRIVILEGES, ctypes.c_uint32(0)))
    for rule in profile["syscalls"]:
        assert rule["action"] == "SCMP_ACT_ALLOW"
        for name in rule["names"]:
            _allow(library, context, name, rule.get("args", []))
    _check(library.seccomp_load(context))


def _allow(
    library: ctypes.CDLL, context: ctypes.c_void_p, name: str, wanted: list[dict[str, Any]]
) -> None:
    number = library.seccomp_syscall_resolve_name(name.encode())
    if number < 0:
        return  # another architecture's, or newer than this libseccomp: runc skips it too
    conditions = (_Argument * len(wanted))(
        *(
            _Argument(each["index"], OPERATORS[each["op"]], each["value"], each.get("valueTwo", 0))
            for each in wanted
        )
    )
    _check(
        library.seccomp_rule_add_array(
            context, ctypes.c_uint32(ALLOW), number, len(wanted), conditions
        )
    )


def _check(result: int) -> None:
    if result:
        raise OSError(-result, os.strerror(-result))


def main() -> None:
    profile, *command = sys.argv[1:]
    confine(json.loads(Path(profile).read_text()))
    os.execvp(command[0], command)


if __name__ == "__main__":
    main()
