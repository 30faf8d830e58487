"""A process that has pipper imported and forks for each command: a command takes a tenth of the processor time.

python -m tests.preloaded serve SOCKET            serves until its standard input ends
python tests/preloaded.py ask SOCKET ARGS…        runs `pipper ARGS` there, with this process's files, folder
                                                  and variables, and ends with its exit code
"""

import json
import os
import socket
import sys

_PART = 1 << 16
"""Bytes of a request that are read at once."""


def serve(address: str) -> None:
    """Answer requests one after the other."""
    import importlib
    import pkgutil
    import select

    import boto3  # noqa: F401 - commands import it
    import rich.progress  # noqa: F401 - commands import it

    import pipper

    for module in pkgutil.walk_packages(pipper.__path__, "pipper."):
        if module.name not in ("pipper.__main__", "pipper.python.probe", "pipper.apply.compiling"):
            importlib.import_module(module.name)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(address)
        listener.listen()
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        while listener in select.select([listener, sys.stdin], [], [])[0]:
            connection, _ = listener.accept()
            with connection:
                body, files, _, _ = socket.recv_fds(connection, _PART, 3)
                while part := connection.recv(_PART):
                    body += part
                if not (child := os.fork()):
                    _become(files, **json.loads(body))
                for file in files:
                    os.close(file)
                _, status = os.waitpid(child, 0)
                connection.sendall(bytes([os.waitstatus_to_exitcode(status) & 0xFF]))


def _become(files: list[int], arguments: list[str], folder: str, environment: dict[str, str]) -> None:
    """Do in a forked process what a fresh one would do."""
    from pipper.cli import main

    for number, file in enumerate(files):
        os.dup2(file, number)
    sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115 - until the process ends
    sys.stderr = open(2, "w", encoding="utf-8", closefd=False, buffering=1)  # noqa: SIM115 - the same
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    sys.argv = ["pipper", *arguments]
    code: object = 1
    try:
        main()
        code = 0
    except SystemExit as end:
        code = end.code or 0
    finally:
        sys.stdout.flush()
        os._exit(code if isinstance(code, int) else 1)


def ask(address: str, arguments: list[str]) -> int:
    """Run a command in the server and return its exit code."""
    folder = os.getcwd()  # noqa: PTH109 - pathlib takes longer to import than all the rest
    body = json.dumps({"arguments": arguments, "folder": folder, "environment": dict(os.environ)})
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(address)
        socket.send_fds(connection, [body.encode()], [0, 1, 2])
        connection.shutdown(socket.SHUT_WR)
        return connection.recv(1)[0]


if __name__ == "__main__":
    if sys.argv[1] == "ask":
        sys.exit(ask(sys.argv[2], sys.argv[3:]))
    serve(sys.argv[2])
