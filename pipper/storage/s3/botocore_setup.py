"""What this machine gives to botocore: certificates, and a terminal to ask for an MFA code."""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from pipper.errors import MachineError
from pipper.storage.s3.identity import Identity, certificates_fault, no_terminal

if TYPE_CHECKING:
    import boto3


def require_certificates(session: "boto3.Session") -> None:
    """Raise MachineError if the file that botocore takes certificates from is not a usable certificate file."""
    named = session._session.get_config_variable("ca_bundle")
    if not named or not (fault := certificates_fault(Path(named))):
        return
    where = "AWS_CA_BUNDLE" if os.environ.get("AWS_CA_BUNDLE") else "`ca_bundle` of the profile"
    raise MachineError(
        f"cannot read the certificates in {named}",
        cause=f"{where} names it: {fault}",
        hint=f"correct {where}, or remove it",
    )


def ask_codes_in_terminals(session: "boto3.Session", identity: Identity) -> None:
    """Have an MFA code asked for where somebody can type it, and AccessError raised anywhere else."""
    provider = session._session.get_component("credential_provider").get_provider("assume-role")

    def ask(prompt: str) -> str:
        import getpass  # noqa: PLC0415 - only a profile with MFA asks

        if not _has_terminal():
            raise no_terminal(prompt, identity)
        return getpass.getpass(prompt)

    if hasattr(provider, "_prompter"):
        provider._prompter = ask


def _has_terminal() -> bool:
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY))
    except OSError:
        return sys.stdin is not None and sys.stdin.isatty()
    return True
