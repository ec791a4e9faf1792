#!/usr/bin/env python3
"""Whether what was answered 250 arrives: a load of messages with ids, while the gateway is killed (SIGKILL), the
downstream dies and fails in every way, and calls on the spool fail. Prints the account, and ends with 1 if a message was
lost, a refused one arrived, or a copy too many has no reason. `./dev crash`; needs a folder with a build."""
import argparse
import asyncio
import contextlib
import os
import pathlib
import resource
import sys
import time

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1] / "end_to_end"))
import crash  # noqa: E402


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", type=pathlib.Path, default=pathlib.Path("build"))
    parser.add_argument("--messages", type=int, default=100000)
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--sessions", type=int, default=60)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--spool", choices=(*crash.MODES, "all"), default="all", help="all: a third of the messages each")
    arguments = parser.parse_args()
    os.environ["GATEPOST"] = str(arguments.build.resolve() / "gatepost")
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
    modes = crash.MODES if arguments.spool == "all" else [arguments.spool]
    print(f"seed {arguments.seed}: {arguments.messages} messages, {arguments.kills} kills, spool {', '.join(modes)}", flush=True)
    is_right = True
    for mode in modes:
        share = len(modes)
        run = crash.Run(mode, arguments.messages // share, -(-arguments.kills // share), arguments.sessions, arguments.seed)
        with contextlib.closing(run):
            began = time.monotonic()
            asyncio.run(run.run(patience=3600, progress=True))
            print(f"\nspool: {mode}, {time.monotonic() - began:.0f} s")
            print(run.table(), flush=True)
            is_right = run.is_right and is_right
    print("nothing was lost" if is_right else "NOT RIGHT")
    return not is_right


if __name__ == "__main__":
    sys.exit(main())
