#!/usr/bin/python3
"""seccomp_run.py UNIT PROGRAM [ARGUMENT…]: runs PROGRAM under the system call restrictions of a systemd unit, where
no systemd runs. A call that the unit forbids ends the program with SIGSYS instead of failing, so none goes unnoticed.

Understood are SystemCallFilter=, MemoryDenyWriteExecute=, RestrictAddressFamilies= and RestrictNamespaces=.
"""
import ctypes
import os
import re
import socket
import subprocess
import sys

KILL_PROCESS = 0x80000000
ALLOW = 0x7FFF0000
UNKNOWN_CALL = -1
MASKED_EQUAL, EQUAL = 7, 4
PROT_WRITE, PROT_EXEC = 2, 4
NAMESPACES = 0x7E020080  # CLONE_NEW*


class Comparison(ctypes.Structure):
    _fields_ = [("argument", ctypes.c_uint), ("operation", ctypes.c_int), ("first", ctypes.c_uint64),
                ("second", ctypes.c_uint64)]


def settings_of(unit):
    settings = {}
    with open(unit, encoding="utf-8") as lines:
        for key, value in re.findall(r"^(\w+)=(.*)$", lines.read(), re.MULTILINE):
            settings.setdefault(key, []).append(value.strip())
    return settings


def calls_of(group):
    """The system calls of @group, or the one of that name."""
    if not group.startswith("@"):
        return {group}
    listing = subprocess.run(["systemd-analyze", "syscall-filter", group], capture_output=True, check=True, text=True)
    members = [line.strip() for line in listing.stdout.splitlines()[1:] if line.startswith(" ")]
    return set().union(*(calls_of(member) for member in members if not member.startswith("#")))


def allowed_calls(lines):
    # What systemd adds to every list: the program has to be started.
    calls = calls_of("@default") | {"execve"}
    for line in lines:
        named = set().union(*(calls_of(word) for word in line.lstrip("~").split()))
        calls = calls - named if line.startswith("~") else calls | named
    return calls


class Filter:
    def __init__(self):
        self.library = ctypes.CDLL("libseccomp.so.2")
        self.library.seccomp_init.restype = ctypes.c_void_p
        self.context = ctypes.c_void_p(self.library.seccomp_init(ctypes.c_uint32(ALLOW)))

    def forbid(self, name, *comparisons):
        number = self.library.seccomp_syscall_resolve_name(name.encode())
        if number == UNKNOWN_CALL:
            return
        rows = (Comparison * len(comparisons))(*comparisons)
        self.library.seccomp_rule_add_array(self.context, ctypes.c_uint32(KILL_PROCESS), number, len(comparisons), rows)

    def load(self):
        if self.library.seccomp_load(self.context) != 0:
            sys.exit("seccomp_run: the filter cannot be loaded")


def all_calls():
    """Every system call that libseccomp has a name for."""
    library = ctypes.CDLL("libseccomp.so.2")
    resolve = library.seccomp_syscall_resolve_num_arch
    resolve.restype = ctypes.c_char_p
    names = (resolve(ctypes.c_uint32(0), number) for number in range(1024))
    return {name.decode() for name in names if name}


def restrict(settings):
    rules = Filter()
    for name in all_calls() - allowed_calls(settings["SystemCallFilter"]):
        rules.forbid(name)
    if settings.get("MemoryDenyWriteExecute") == ["yes"]:
        both = PROT_WRITE | PROT_EXEC
        rules.forbid("mmap", Comparison(2, MASKED_EQUAL, both, both))
        rules.forbid("mprotect", Comparison(2, MASKED_EQUAL, PROT_EXEC, PROT_EXEC))
        rules.forbid("pkey_mprotect", Comparison(2, MASKED_EQUAL, PROT_EXEC, PROT_EXEC))
    families = {getattr(socket, name) for line in settings.get("RestrictAddressFamilies", []) for name in line.split()}
    for family in set(range(64)) - families if families else ():
        rules.forbid("socket", Comparison(0, EQUAL, family, 0))
    if settings.get("RestrictNamespaces") == ["yes"]:
        for bit in (1 << n for n in range(32) if NAMESPACES & 1 << n):
            rules.forbid("unshare", Comparison(0, MASKED_EQUAL, bit, bit))
            rules.forbid("clone", Comparison(0, MASKED_EQUAL, bit, bit))
        rules.forbid("setns")
    rules.load()


if __name__ == "__main__":
    restrict(settings_of(sys.argv[1]))
    os.execv(sys.argv[2], sys.argv[2:])
