"""A real S3 server for tests: Ceph's mon, osd (in memory) and radosgw on loopback, up in seconds.

    with running_ceph() as endpoint: ...
    python -m tests.e2e.ceph            # prints what to export, and runs until it is interrupted

It checks signatures, their expiry and conditions, which in-process doubles do not. It needs Debian's packages
ceph-mon, ceph-osd, radosgw and ceph-common. All state is thrown away at the end.
"""

import contextlib
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.loopback import closed_ports
from tests.s3_endpoint import S3Endpoint

PROGRAMS = (
    "ceph-mon",
    "ceph-osd",
    "radosgw",
    "radosgw-admin",
    "ceph",
    "ceph-authtool",
    "monmaptool",
    "setpriv",
)
HOW_TO_GET = "apt-get install --no-install-recommends ceph-mon ceph-osd radosgw ceph-common"
_TIED_TO_US = ("setpriv", "--pdeathsig", "KILL")
"""So that the kernel ends a daemon even where these tests are killed and clean up nothing."""
_PATIENCE = 120
"""Seconds until the server must answer; a busy machine takes several times as long as an idle one."""

_CONFIG = """\
[global]
fsid = {fsid}
mon_host = [v2:127.0.0.1:{mon_v2},v1:127.0.0.1:{mon_v1}]
mon_initial_members = a
public_addr = 127.0.0.1
cluster_addr = 127.0.0.1
auth_cluster_required = none
auth_service_required = none
auth_client_required = none
ms_mon_client_mode = crc
auth_allow_insecure_global_id_reclaim = true
mon_allow_pool_size_one = true
mon_max_pg_per_osd = 1000
mon_data_avail_crit = 1
mon_data_avail_warn = 2
paxos_propose_interval = 0.05
paxos_min_wait = 0.01
osd_pool_default_size = 1
osd_pool_default_min_size = 1
osd_pool_default_pg_num = 4
osd_pool_default_pgp_num = 4
osd_pool_default_pg_autoscale_mode = off
osd_crush_chooseleaf_type = 0
osd_objectstore = memstore
memstore_device_bytes = 2147483648
osd_op_num_shards = 2
rgw_enable_usage_log = false
rgw_enable_ops_log = false
rgw_thread_pool_size = 64
rgw_run_sync_thread = false
run_dir = {home}
admin_socket = {home}/$name.asok
log_file = {home}/$name.log
pid_file = {home}/$name.pid
keyring = {home}/keyring
mon_data = {home}/mon.a
osd_data = {home}/osd.0
rgw_data = {home}/rgw
"""


def missing_programs() -> tuple[str, ...]:
    """Return the programs that are not installed."""
    return tuple(name for name in PROGRAMS if shutil.which(name) is None)


@contextmanager
def running_ceph() -> Iterator[S3Endpoint]:
    """Start the server, yield its address and keys once it answers, and stop it."""
    with contextlib.ExitStack() as stack:
        home = Path(
            stack.enter_context(tempfile.TemporaryDirectory(prefix="ceph-", ignore_cleanup_errors=True))
        )
        # Reserved for as long as the daemons run, which set SO_REUSEADDR: a port that is only looked up may be
        # somebody else's by the time they listen.
        mon_v1, mon_v2, port = stack.enter_context(closed_ports(3))
        for folder in ("mon.a", "osd.0", "rgw"):
            (home / folder).mkdir()
        config = _CONFIG.format(fsid=uuid.uuid4(), mon_v1=mon_v1, mon_v2=mon_v2, home=home)
        (home / "ceph.conf").write_text(config)
        endpoint = S3Endpoint(
            url=f"http://127.0.0.1:{port}",
            access_key_id=f"AKIACEPH{secrets.token_hex(6).upper()}",
            secret_access_key=secrets.token_hex(20),
        )
        # The stack ends them in reverse: radosgw first, or it waits two minutes for the osd.
        _make_monitor(home, mon_v1, mon_v2)
        stack.enter_context(_daemon(home, "ceph-mon", "-i", "a"))
        osd = str(uuid.uuid4())
        _run(home, "ceph", "osd", "new", osd)
        _run(home, "ceph-osd", "-i", "0", "--mkfs", "--osd-uuid", osd)
        stack.enter_context(_daemon(home, "ceph-osd", "-i", "0"))
        _run(
            home,
            *("radosgw-admin", "user", "create", "--uid=tests", "--display-name=tests"),
            *("--access-key", endpoint.access_key_id, "--secret-key", endpoint.secret_access_key),
        )
        front = f"beast endpoint=127.0.0.1:{port} tcp_nodelay=1"
        server = _daemon(home, "radosgw", "-n", "client.admin", "--rgw-frontends", front)
        _await_answer(endpoint.url, stack.enter_context(server), home)
        yield endpoint


def _make_monitor(home: Path, mon_v1: int, mon_v2: int) -> None:
    caps = ("--cap", "mon", "allow *")
    ring = str(home / "keyring")
    fsid = (home / "ceph.conf").read_text().split("fsid = ")[1].split()[0]
    _run(home, "ceph-authtool", ring, "--create-keyring", "--gen-key", "-n", "mon.", *caps)
    _run(home, "ceph-authtool", ring, "--gen-key", "-n", "client.admin", *caps, "--cap", "osd", "allow *")
    address = f"[v2:127.0.0.1:{mon_v2},v1:127.0.0.1:{mon_v1}]"
    monmap = str(home / "monmap")
    _run(home, "monmaptool", "--create", "--clobber", "--fsid", fsid, "--addv", "a", address, monmap)
    _run(home, "ceph-mon", "--mkfs", "-i", "a", "--monmap", monmap, "--keyring", ring)


def _environment(home: Path) -> dict[str, str]:
    return {**os.environ, "CEPH_CONF": str(home / "ceph.conf")}


def _run(home: Path, *command: str) -> None:
    done = subprocess.run(
        command, env=_environment(home), capture_output=True, text=True, timeout=_PATIENCE, check=False
    )
    if done.returncode:
        raise RuntimeError(f"{command[0]} failed: {done.stderr[-2000:]}")


@contextmanager
def _daemon(home: Path, *command: str) -> Iterator["subprocess.Popen[bytes]"]:
    with (home / f"{command[0]}.out").open("wb") as out:
        process = subprocess.Popen(
            (*_TIED_TO_US, *command, "-f"),
            env=_environment(home),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            start_new_session=True,  # a Ctrl-C meant for the tests must not end them out of order
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def _await_answer(url: str, server: "subprocess.Popen[bytes]", home: Path) -> None:
    deadline = time.monotonic() + _PATIENCE
    while time.monotonic() < deadline and server.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except urllib.error.HTTPError as error:
            error.close()  # its socket is open; else the garbage collector warns in the midst of some test
            time.sleep(0.05)
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            time.sleep(0.05)
    said = (home / "radosgw.out").read_text(errors="replace")[-2000:]
    raise RuntimeError(f"radosgw does not answer: {said}")


def _main() -> None:
    if missing := missing_programs():
        sys.exit(f"not installed: {', '.join(missing)}; {HOW_TO_GET}")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with running_ceph() as endpoint, contextlib.suppress(KeyboardInterrupt):
        for name, value in endpoint.environment.items():
            sys.stdout.write(f"export {name}={value}\n")
        sys.stdout.flush()
        signal.pause()


if __name__ == "__main__":
    _main()
