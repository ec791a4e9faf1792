"""The fuzz targets of a libFuzzer build and where their inputs lie.

tests/fuzz/corpus/NAME   seeds, in the repository; the ordinary test run replays them
BUILD/corpus/NAME        what the searching found; grows from run to run
BUILD/crashes/NAME       inputs at which the target failed
"""
import os

HERE = os.path.dirname(os.path.abspath(__file__))
QUIET = {"UBSAN_OPTIONS": "print_stacktrace=1", "ASAN_OPTIONS": "detect_stack_use_after_return=1"}


def names(build, only=None):
    found = sorted(name[:-5] for name in os.listdir(build)
                   if name.endswith("_fuzz") and os.access(os.path.join(build, name), os.X_OK))
    return [name for name in found if not only or name in only.split(",")]


def program(build, name):
    return os.path.join(build, name + "_fuzz")


def seeds(name):
    return os.path.join(HERE, "corpus", name)


def grown(build, name):
    return os.path.join(build, "corpus", name)


def crashes(build, name):
    return os.path.join(build, "crashes", name)


def inputs(folder):
    """The files of a corpus, in order."""
    if not os.path.isdir(folder):
        return []
    return [os.path.join(folder, file) for file in sorted(os.listdir(folder))]


def environment():
    return {**QUIET, **os.environ}
