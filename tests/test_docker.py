"""The image's files fit together, and its seccomp profile is enough and not too much.

There is no Docker engine where these tests run: the Dockerfile is read, the profile is really
loaded into the kernel.
"""

from __future__ import annotations

import ctypes.util
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
PROFILE = ROOT / "docker" / "seccomp.json"
DANGEROUS = {
    "acct", "add_key", "bpf", "delete_module", "fanotify_init", "finit_module", "fsconfig",
    "fsmount", "fsopen", "init_module", "io_uring_enter", "io_uring_register", "io_uring_setup",
    "ioperm", "iopl", "kcmp", "kexec_file_load", "kexec_load", "keyctl", "mount", "mount_setattr",
    "move_mount", "open_by_handle_at", "open_tree", "perf_event_open", "pivot_root",
    "process_vm_readv", "process_vm_writev", "ptrace", "quotactl", "reboot", "request_key",
    "setdomainname", "sethostname", "setns", "settimeofday", "swapoff", "swapon", "syslog",
    "umount2", "userfaultfd",
}  # fmt: skip
SANDBOX = {"clone", "clone3", "unshare", "chroot", "seccomp", "prctl"}

needs_seccomp = pytest.mark.skipif(
    os.geteuid() != 0 or ctypes.util.find_library("seccomp") is None,
    reason="loading a seccomp profile the way a container does needs root and libseccomp",
)


@pytest.fixture
def profile() -> dict[str, Any]:
    return dict(json.loads(PROFILE.read_text()))


@pytest.fixture(scope="module")
def instructions() -> list[tuple[str, str]]:
    """(instruction, arguments) of the Dockerfile, continued lines joined."""
    lines = [
        line for line in (ROOT / "Dockerfile").read_text().splitlines() if not line.startswith("#")
    ]
    joined = re.sub(r"\\\n\s*", " ", "\n".join(lines))
    return [tuple(line.split(None, 1)) for line in joined.splitlines() if line.strip()]  # type: ignore[misc]


def under_profile(*command: str, profile: Path = PROFILE) -> subprocess.CompletedProcess[str]:
    runner = [sys.executable, "-m", "tests.instruments.under_seccomp", str(profile)]
    return subprocess.run(
        [*runner, *command], capture_output=True, text=True, timeout=100, cwd=ROOT
    )


def sandbox_state() -> tuple[str, ...]:
    code = "from mixer.doctor.browser import sandbox; print(sandbox().state)"
    return (sys.executable, "-c", code)


def test_every_copied_file_is_there_and_in_the_context(
    instructions: list[tuple[str, str]],
) -> None:
    """Each COPY source exists and .dockerignore lets it through."""
    allowed = {
        line[1:]
        for line in (ROOT / ".dockerignore").read_text().splitlines()
        if line.startswith("!")
    }
    sources = [
        source
        for name, arguments in instructions
        if name == "COPY" and "--from=" not in arguments
        for source in arguments.split()[:-1]
    ]
    assert sources
    for source in sources:
        assert (ROOT / source).exists()
        assert source in allowed


def test_the_image_is_not_root_and_has_what_names_need(
    instructions: list[tuple[str, str]],
) -> None:
    """Unprivileged user, required sandbox, fonts of all scripts, tini first, Janus by argument."""
    said = dict(instructions)  # the last of each
    text = "\n".join(arguments for _, arguments in instructions)
    assert said["USER"] == "10001:10001"
    assert json.loads(said["ENTRYPOINT"])[:2] == ["/usr/bin/tini", "--"]
    assert "MIXER_SANDBOX=require" in said["ENV"]
    assert said["ARG"] == "WITH_JANUS=1"
    assert said["STOPSIGNAL"] == "SIGTERM"
    for package in ("fonts-noto-core", "fonts-noto-cjk", "fonts-noto-color-emoji"):
        assert package in text
    assert "chromium-headless-shell" in text
    assert "no-sandbox" not in text


def test_the_image_has_the_python_that_is_tested(instructions: list[tuple[str, str]]) -> None:
    """Both stages stand on one base, of a Python version that the project allows."""
    bases = {arguments.split()[0] for name, arguments in instructions if name == "FROM"}
    (base,) = bases
    version = re.fullmatch(r"python:3\.(\d+)-slim-bookworm", base)
    assert version and int(version[1]) >= 11


def test_the_profile_allows_namespaces_and_denies_the_dangerous(
    profile: dict[str, Any],
) -> None:
    """Denied unless named; what the sandbox needs is named, without conditions."""
    assert profile["defaultAction"] == "SCMP_ACT_ERRNO"
    rules = profile["syscalls"]
    assert {rule["action"] for rule in rules} == {"SCMP_ACT_ALLOW"}
    names = [name for rule in rules for name in rule["names"]]
    assert not set(names) & DANGEROUS
    free = {name for rule in rules if "args" not in rule for name in rule["names"]}
    assert free >= SANDBOX
    assert "socket" not in free
    assert len(names) - len(set(names)) == names.count("socket") - 1


@needs_seccomp
@pytest.mark.system
def test_the_browser_has_its_sandbox_under_the_profile() -> None:
    """With the shipped profile loaded, the browser starts inside its sandbox."""
    run = under_profile(*sandbox_state())
    assert run.stdout.strip() == "ok", run.stderr


@needs_seccomp
@pytest.mark.system
def test_without_the_profiles_namespaces_the_sandbox_fails(
    profile: dict[str, Any], tmp_path: Path
) -> None:
    """The same profile with namespaces refused, as Docker's own does, fails: the test above can."""
    namespaces = 0x7E020000  # CLONE_NEW*: mount, cgroup, UTS, IPC, user, process, network
    for rule in profile["syscalls"]:
        if "clone" in rule["names"]:
            rule["names"] = [n for n in rule["names"] if n not in ("clone", "clone3", "unshare")]
    profile["syscalls"].append(
        {
            "names": ["clone"],
            "action": "SCMP_ACT_ALLOW",
            "args": [{"index": 0, "value": namespaces, "valueTwo": 0, "op": "SCMP_CMP_MASKED_EQ"}],
        }
    )
    narrow = tmp_path / "seccomp.json"
    narrow.write_text(json.dumps(profile))
    run = under_profile(*sandbox_state(), profile=narrow)
    assert run.stdout.strip() == "failed", run.stderr


@needs_seccomp
@pytest.mark.system
def test_the_kernel_refuses_what_is_not_named() -> None:
    """In a new user namespace, where one is root, mounting and netfilter do not exist."""
    code = (
        "import ctypes, os, socket\n"
        "assert ctypes.CDLL(None).unshare(0x10000000 | 0x40000000) == 0\n"
        "libc = ctypes.CDLL(None, use_errno=True)\n"
        "print(libc.mount(b'x', b'/mnt', b'tmpfs', 0, None), ctypes.get_errno())\n"
        "for family, kind, protocol in ((16, 3, 12), (17, 3, 0), (38, 5, 0), (2, 1, 0)):\n"
        "    try:\n"
        "        socket.socket(family, kind, protocol).close()\n"
        "        print('open')\n"
        "    except OSError as error:\n"
        "        print(error.errno)\n"
    )
    run = under_profile(sys.executable, "-c", code)
    assert run.stdout.split() == ["-1", "38", "38", "38", "38", "open"], run.stderr


def test_the_apparmor_profiles_allow_user_namespaces() -> None:
    """Both profiles are closed, allow userns, and the container's denies mounting."""
    text = re.sub(r"#.*", "", (ROOT / "docker" / "apparmor-mixer").read_text())
    assert "abi <abi/4.0>," in text
    found = dict(re.findall(r"^profile (\S+)[^\n]*\{\n(.*?)^\}", text, re.MULTILINE | re.DOTALL))
    assert set(found) == {"mixer", "mixer-browser"}
    for body in found.values():
        rules = [line.strip() for line in body.splitlines() if line.strip()]
        assert "userns," in rules
        assert all(rule.endswith(",") or rule.startswith("include ") for rule in rules)
    assert "deny mount," in found["mixer"]


def test_the_documentation_names_files_that_are_there() -> None:
    """Every docker/ file that docs/docker.md speaks of exists, and every one is spoken of."""
    named = set(re.findall(r"docker/[\w.-]+\w", (ROOT / "docs" / "docker.md").read_text()))
    assert named == {f"docker/{path.name}" for path in (ROOT / "docker").iterdir()}
