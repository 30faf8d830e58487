"""`pipper repository check`: S13 and what else may be wrong; nothing is changed, and every permission is told."""

import json
from pathlib import Path
from typing import Any

import pytest

from pipper.errors import StoreError
from tests.invariants import Workspace
from tests.s3_double import Answer, Rule, S3Double
from tests.s3_endpoint import S3Endpoint
from tests.shelf import Shelf
from tests.wheelhouse import make_wheel


@pytest.fixture(params=["directory", "bucket"])
def shelf(request: pytest.FixtureRequest, tmp_path: Path, s3_server: S3Endpoint) -> Shelf:
    """alpha 1.0.0 and 2.0.0 and beta 1.0.0, published."""
    remote = request.param == "bucket"
    made = Shelf(
        root=tmp_path,
        server=s3_server if remote else None,
        bucket=s3_server.fresh_bucket() if remote else "",
    )
    made.publish(made.wheel("alpha", "1.0.0"), made.wheel("alpha", "2.0.0"), made.wheel("beta"))
    return made


def test_a_sound_repository_has_no_differences_and_stays_as_it_is(shelf: Shelf) -> None:
    before = shelf.contents()
    outcome = shelf.check(days=2)
    assert (outcome.findings, outcome.errors, outcome.exit_code) == ((), (), 0)
    assert (outcome.layout_format, outcome.projects) == (2, 2)
    assert [probe.error for probe in outcome.probes] == [None] * 4
    assert shelf.contents() == before


def test_S13_a_missing_wheel_is_told(shelf: Shelf) -> None:
    key = shelf.key("beta-1.0.0-py3-none-any.whl")
    shelf.drop(key)
    assert shelf.kinds() == {key: "missing wheel"}


def test_a_wheel_with_other_bytes_is_told_with_both_hashes(shelf: Shelf) -> None:
    key = shelf.key("beta-1.0.0-py3-none-any.whl")
    body = bytearray(shelf.body(key))
    body[-1] ^= 1
    shelf.put(key, bytes(body))
    outcome = shelf.check()
    (finding,) = outcome.findings
    assert (finding.kind, finding.subject) == ("damaged wheel", key)
    assert key.split("/")[1] in finding.text
    assert outcome.exit_code == 1


def test_metadata_that_is_not_the_wheels_is_told(shelf: Shelf) -> None:
    missing, other = (
        shelf.key("beta-1.0.0-py3-none-any.whl.metadata"),
        shelf.key("2.0.0-py3-none-any.whl.metadata"),
    )
    shelf.drop(missing)
    shelf.put(other, b"Metadata-Version: 2.1\nName: alpha\nVersion: 2.0.0\nRequires-Dist: evil\n")
    assert shelf.kinds() == {missing: "wrong metadata", other: "wrong metadata"}


@pytest.mark.parametrize(
    ("field", "value", "told"),
    [
        ("size", 3, "size"),
        ("requires-python", ">=3.99", "requires-python"),
        ("core-metadata", {"sha256": "0" * 64}, "hash of METADATA"),
        ("_pipper", {"requires-dist": ["evil"], "dependencies": [], "provides-extra": []}, "requires-dist"),
    ],
)
def test_H28_an_entry_that_is_not_the_wheels_is_told(
    field: str, value: object, told: str, shelf: Shelf
) -> None:
    shelf.edit_page("beta", lambda page: page["files"][0].update({field: value}))
    (finding,) = shelf.check().findings
    assert (finding.kind, finding.subject) == ("wrong entry", shelf.key("beta-1.0.0-py3-none-any.whl"))
    assert f"another {told} than the wheel" in finding.text


def test_a_broken_page_and_a_page_that_is_gone_are_told(shelf: Shelf) -> None:
    shelf.put("beta/index.json", shelf.body("beta/index.json")[:-9])
    shelf.drop("alpha/index.json")
    assert shelf.kinds() == {"beta/index.json": "broken page", "alpha/index.json": "missing page"}


def test_S13_an_unnamed_object_is_a_difference_once_it_is_older_than_a_day(
    shelf: Shelf, tmp_path: Path
) -> None:
    key = "alpha/0123456789abcdef/alpha-3.0.0-py3-none-any.whl"
    shelf.put(key, make_wheel(tmp_path, "alpha", "3.0.0").read_bytes())
    shelf.put(key + ".metadata", b"x")
    assert shelf.kinds() == {}
    assert {finding.kind for finding in shelf.check().findings} == {"recent object"}
    assert shelf.kinds(days=1.1) == {key: "unnamed object", key + ".metadata": "unnamed object"}


def test_a_wheel_that_force_replaced_is_no_difference_for_locks_hold_it(shelf: Shelf) -> None:
    shelf.publish(shelf.wheel("beta", folder="other", files={"beta/__init__.py": "other = 1\n"}), force=True)
    assert shelf.kinds(days=9) == {}


@pytest.mark.parametrize(("harm", "kind"), [("drop", "missing wheel"), ("put", "damaged wheel")])
def test_a_replaced_wheel_that_is_lost_is_found_for_older_locks_name_it(
    shelf: Shelf, harm: str, kind: str
) -> None:
    old = shelf.key("beta-1.0.0-py3-none-any.whl")
    shelf.publish(shelf.wheel("beta", folder="other", files={"beta/__init__.py": "other = 1\n"}), force=True)
    shelf.drop(old) if harm == "drop" else shelf.put(old, b"damaged")
    (finding,) = shelf.check().findings
    assert (finding.kind, finding.subject) == (kind, old)
    assert "older locks" in finding.text


def test_two_entries_for_one_wheel_are_a_conflict(shelf: Shelf) -> None:
    def twice(page: Any) -> None:
        (entry,) = page["files"]
        digest = "f" * 64
        url = f"{digest[:16]}/{entry['filename']}"
        page["files"].append({**entry, "hashes": {"sha256": digest}, "url": url})

    shelf.edit_page("beta", twice)
    assert "conflict" in shelf.kinds().values()


def test_a_bundle_that_0_x_overwrote_is_a_conflict(shelf: Shelf) -> None:
    shelf.put("beta/v1-0-0.pipper", shelf.body("alpha/v1-0-0.pipper"))
    assert shelf.kinds() == {"beta/v1-0-0.pipper": "damaged bundle"}
    other = Shelf(root=shelf.root / "other")
    other.publish(other.wheel("beta", files={"beta/__init__.py": "other = 1\n"}))
    shelf.put("beta/v1-0-0.pipper", other.body("beta/v1-0-0.pipper"))
    (finding,) = shelf.check().findings
    assert (finding.kind, finding.subject) == ("conflict", "beta/v1-0-0.pipper")


def test_a_bundle_of_0_x_is_told_in_format_2_and_only_noted_in_format_1(shelf: Shelf) -> None:
    shelf.fill_legacy() if shelf.server else _copy_into(shelf)
    kinds = shelf.kinds()
    assert len(kinds) == 5
    assert set(kinds.values()) == {"bundle on no page"}
    shelf.put("pipper-repository.json", b'{"format": 1}')
    assert shelf.kinds() == {}
    notes = {finding.subject: finding.kind for finding in shelf.check().findings}
    assert notes["Acme_Base/latest.pipper"] == "strange object"
    assert notes["acme-top/v1-2-0.pipper"] == "bundle without page"


def _copy_into(shelf: Shelf) -> None:
    other = Shelf(root=shelf.root / "legacy")
    other.fill_legacy()
    for key in other.contents():
        shelf.put(key, other.body(key))


def test_S13_a_bundle_with_another_etag_than_noted_is_told(shelf: Shelf) -> None:
    _copy_into(shelf)
    shelf.put("pipper-repository.json", b'{"format": 1}')
    shelf.publish(shelf.wheel("acme-top", "3.0.0"))  # notes what there is
    assert shelf.kinds() == {}
    shelf.put("acme-top/v1-2-0.pipper", _rezipped(shelf.body("acme-top/v1-2-0.pipper")))
    assert shelf.kinds() == {"acme-top/v1-2-0.pipper": "changed bundle"}
    shelf.drop("acme-top/v1-2-0.pipper")
    assert shelf.kinds() == {"acme-top/v1-2-0.pipper": "missing bundle"}


def _rezipped(body: bytes) -> bytes:
    """The same members with other bytes around them."""
    import io
    import zipfile

    target = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(body)) as old, zipfile.ZipFile(target, "w") as new:
        for member in reversed(old.infolist()):
            new.writestr(member.filename, old.read(member))
    return target.getvalue()


def test_an_empty_root_is_no_repository(tmp_path: Path, s3_server: S3Endpoint, bucket: str) -> None:
    from pipper.errors import UsageError

    for shelf in (Shelf(root=tmp_path), Shelf(root=tmp_path, server=s3_server, bucket=bucket)):
        with pytest.raises(UsageError, match="is not a repository"):
            shelf.check()


def test_a_folder_of_other_things_is_no_repository(
    tmp_path: Path, s3_server: S3Endpoint, bucket: str
) -> None:
    from pipper.errors import UsageError

    for shelf in (Shelf(root=tmp_path), Shelf(root=tmp_path, server=s3_server, bucket=bucket)):
        shelf.put("site/index.json", b'{"title": "home"}')
        shelf.put("videos/v1.mp4", b"x")
        for act in (shelf.check, shelf.repair):
            with pytest.raises(UsageError, match="is not a repository"):
                act()
        assert set(shelf.contents()) == {"site/index.json", "videos/v1.mp4"}


def test_a_marker_that_is_gone_is_told_where_there_are_pages(shelf: Shelf) -> None:
    shelf.drop("pipper-repository.json")
    assert shelf.kinds() == {"pipper-repository.json": "missing marker"}
    shelf.repair()
    assert json.loads(shelf.body("pipper-repository.json")) == {"format": 2}
    assert shelf.kinds() == {}


@pytest.fixture
def remote_shelf(s3_double: S3Double, tmp_path: Path) -> Shelf:
    made = Shelf(root=tmp_path, server=s3_double.endpoint, bucket=s3_double.endpoint.fresh_bucket())
    made.publish(made.wheel("alpha"))
    return made


@pytest.mark.parametrize(
    ("operation", "key", "permissions", "code"),
    [
        ("ListObjectsV2", "*", {"list"}, 5),
        ("GetObject", "*", {"read", "tell absent from refused", "write on condition"}, 5),
        ("GetObject", "*.absent", {"tell absent from refused"}, 0),
        ("PutObject", "*", {"write on condition"}, 0),
    ],
)
def test_each_permission_is_tried_by_itself(
    operation: str, key: str, permissions: set[str], code: int, remote_shelf: Shelf, s3_double: S3Double
) -> None:
    fault = Answer(status=403, code="AccessDenied")
    s3_double.script(Rule(operation=operation, key=key, fault=fault, times=float("inf")))
    outcome = remote_shelf.check()
    assert {probe.permission for probe in outcome.probes if probe.error is not None} == permissions
    assert outcome.exit_code == code


def test_S15_a_store_that_ignores_conditions_is_told_and_keeps_its_marker(
    remote_shelf: Shelf, s3_double: S3Double
) -> None:
    s3_double.conditions = False
    before = remote_shelf.contents()
    outcome = remote_shelf.check()
    assert [isinstance(error, StoreError) for error in outcome.errors] == [True]
    assert "does not support conditional writes" in outcome.errors[0].message
    assert outcome.exit_code == 6
    assert remote_shelf.contents() == before


def test_an_object_that_cannot_be_read_is_an_error_and_no_difference(
    remote_shelf: Shelf, s3_double: S3Double
) -> None:
    fault = Answer(status=403, code="AccessDenied")
    s3_double.script(Rule(operation="GetObject", key="*.whl", fault=fault, times=float("inf")))
    outcome = remote_shelf.check()
    assert (outcome.findings, [error.exit_code for error in outcome.errors]) == ((), [5])


def test_the_command_tells_all_of_it_in_words_and_as_json(empty: Workspace) -> None:
    empty.publish(empty.wheel("alpha"))
    done = empty.run("repository", "check", "-b", empty.url)
    location = empty.repository.as_uri()
    assert done.stdout.splitlines() == [
        "conditions honoured: several may publish at the same time",
        "may list",
        "may read",
        "may tell absent from refused",
        "may write on condition",
        f"{location}: format 2, 1 project, no differences",
    ]
    (wheel,) = empty.repository.glob("alpha/*/*.whl")
    wheel.unlink()
    key = wheel.relative_to(empty.repository).as_posix()
    done = empty.run("repository", "check", "-b", empty.url, code=1)
    text = "the page names this wheel, but it does not exist: "
    text += "`pipper repository repair` restores it from a bundle, or removes its entry"
    assert f"missing wheel: {key}: {text}" in done.stdout.splitlines()
    document = json.loads(empty.run("repository", "check", "-b", empty.url, "--json", code=1).stdout)
    assert list(document) == [
        "location",
        "format",
        "projects",
        "abilities",
        "permissions",
        "findings",
        "errors",
    ]
    assert document["findings"] == [
        {
            "kind": "missing wheel",
            "subject": key,
            "text": text,
            "difference": True,
        }
    ]


def test_no_repository_named_and_a_typo_are_exit_2(empty: Workspace) -> None:
    empty.refused("repository", "check", code=2, subject="no repository is named")
    (empty.root / "nothing").mkdir()
    empty.refused("repository", "check", "-b", "file:../nothing", code=2, subject="is not a repository")
    empty.refused("repository", "repair", "-b", "file:../nothing", code=2, subject="is not a repository")
    assert list((empty.root / "nothing").iterdir()) == []


def test_K01_a_refusal_of_the_store_leaks_nothing(remote: Workspace, double: S3Double) -> None:
    double.script(
        Rule(operation="ListObjectsV2", fault=Answer(status=403, code="AccessDenied"), times=float("inf"))
    )
    for command in ("check", "repair"):
        done = remote.run("repository", command, "-v", code=5)
        remote.check_told(done, "s3://")
