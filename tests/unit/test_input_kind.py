"""What a file is that `-i` or `--lock` names."""

import pytest

from pipper.ops.context.input_kind import InputKind, input_kind

OURS = b'# by pipper\nlock-version = 1\n[inputs]\nx = "lock-version = "\n'


@pytest.mark.parametrize(
    ("name", "data", "kind"),
    [
        ("pipper.json", b'{"dependencies": ["foo:1.0"]}', InputKind.OLD_MANIFEST),
        ("signed.json", b'{"dependencies": ["https://host.example.com/a"]}', InputKind.OLD_MANIFEST),
        ("pipper.yaml", b"dependencies: [foo]", InputKind.OLD_MANIFEST),
        ("x.yml", b"", InputKind.OLD_MANIFEST),
        ("pipper.toml", b'dependencies = ["foo"]', InputKind.MANIFEST),
        ("pyproject.toml", b"[project]", InputKind.MANIFEST),
        ("pipper.lock", OURS, InputKind.LOCK),
        ("pipper.lock", b"<<<<<<< ours", InputKind.LOCK),
        ("authorized.txt", OURS, InputKind.LOCK),
        ("x.toml", b"\xef\xbb\xbflock-version = 1", InputKind.LOCK),
        ("pylock.toml", b'lock-version = "1.0"', InputKind.PYLOCK),
        ("pipper.lock", b"\xef\xbb\xbf# by uv\nlock-version = '1.0'\r\n", InputKind.PYLOCK),
        ("requirements.txt", b"foo==1.0", InputKind.REQUIREMENTS),
        ("requirements.in", b"foo", InputKind.REQUIREMENTS),
        ("a-1.0-py3-none-any.whl", b"PK\x03\x04\nlock-version = 1", InputKind.PACKAGE),
        ("a.pipper", b"PK\x03\x04", InputKind.PACKAGE),
        ("a.bin", b"\x00\xff", InputKind.OTHER),
        ("", b"", InputKind.OTHER),
    ],
)
def test_a_lock_is_known_by_its_content_and_the_rest_by_suffix(
    name: str, data: bytes, kind: InputKind
) -> None:
    assert input_kind(data, name) is kind
