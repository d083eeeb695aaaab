import json
import os
import subprocess
import sys

import pytest

from conceptlrp import staging
from conceptlrp.errors import FileFormatError, OutputExistsError
from conceptlrp.files import hidden_name, write_whole
from conceptlrp.staging import staged_file, staged_folder, staging_folder

HOLD = """
import os, sys, time
from pathlib import Path
from conceptlrp.staging import staging_folder
with staging_folder(Path(sys.argv[1])) as folder:
    folder.mkdir()
    (folder / "half").write_text("half")
    print("held", flush=True)
    time.sleep(60)
"""


def write(out, text, **options):
    with staged_folder(out, marker="mark", kind="ours", **options) as folder:
        (folder / "text").write_text(text)


def names(folder):
    return sorted(each.name for each in folder.iterdir())


def test_a_folder_appears_with_its_parents(tmp_path):
    write(tmp_path / "deep" / "out", "new", about={"n": 1})

    assert (tmp_path / "deep" / "out" / "text").read_text() == "new"
    assert json.loads((tmp_path / "deep" / "out" / "mark").read_text()) == {
        "encoding-type": "ours",
        "encoding-version": "1",
        "n": 1,
        "files": ["text"],
    }
    assert names(tmp_path / "deep") == ["out"]


def fail_halfway(out, **options):
    with staged_folder(out, marker="mark", kind="ours", **options) as folder:
        (folder / "half").write_text("half")
        raise KeyError


def test_nothing_is_left_when_the_body_fails(tmp_path):
    with pytest.raises(KeyError):
        fail_halfway(tmp_path / "out")

    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("make", ["mkdir", "touch"])
def test_what_stands_there_is_refused(tmp_path, make):
    getattr(tmp_path / "out", make)()

    with pytest.raises(OutputExistsError, match="already exists; choose another name"):
        write(tmp_path / "out", "new")

    assert names(tmp_path) == ["out"]


@pytest.mark.parametrize("can_exchange", [True, False])
def test_a_folder_of_the_same_kind_is_replaced_whole(
    can_exchange, tmp_path, monkeypatch
):
    write(tmp_path / "out", "old")
    if not can_exchange:
        monkeypatch.setattr(staging, "exchange", lambda *_: False)

    write(tmp_path / "out", "new", overwrite=True)

    assert (tmp_path / "out" / "text").read_text() == "new"
    assert names(tmp_path) == ["out"]


@pytest.mark.parametrize("mark", [None, "", "[]", '{"encoding-type": "theirs"}'])
def test_another_folder_is_never_replaced(mark, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.tex").touch()
    if mark is not None:
        (tmp_path / "out" / "mark").write_text(mark)

    with pytest.raises(OutputExistsError, match="it has no mark of ours"):
        write(tmp_path / "out", "new", overwrite=True)

    assert (tmp_path / "out" / "thesis.tex").exists()


def test_what_else_lies_in_a_folder_is_named_and_kept(tmp_path):
    write(tmp_path / "out", "old")
    for name in ("notes.yaml", ".git/config", "atlas/index.html", "zip"):
        (tmp_path / "out" / name).parent.mkdir(exist_ok=True)
        (tmp_path / "out" / name).write_text("mine")

    message = "out: holds .git, atlas, notes.yaml and 1 more, which conceptlrp has not"
    with pytest.raises(OutputExistsError, match=message):
        write(tmp_path / "out", "new", overwrite=True)

    assert (tmp_path / "out" / "text").read_text() == "old"
    assert (tmp_path / "out" / ".git" / "config").read_text() == "mine"


def test_the_former_folder_stays_when_the_body_fails(tmp_path):
    write(tmp_path / "out", "old")

    with pytest.raises(KeyError):
        fail_halfway(tmp_path / "out", overwrite=True)

    assert (tmp_path / "out" / "text").read_text() == "old"
    assert names(tmp_path) == ["out"]


def test_a_former_folder_that_gave_way_comes_back_on_ctrl_c(tmp_path, monkeypatch):
    write(tmp_path / "out", "old")
    rename = os.rename

    def interrupted(one, other, **options):
        rename(one, other, **options)
        if str(other).endswith("former"):
            raise KeyboardInterrupt

    monkeypatch.setattr(staging, "exchange", lambda *_: False)
    monkeypatch.setattr(os, "rename", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write(tmp_path / "out", "new", overwrite=True)

    assert (tmp_path / "out" / "text").read_text() == "old"
    assert names(tmp_path) == ["out"]


def killed(out):
    """Let a process die that writes an output; return its hidden folder."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(out)], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout.readline() == "held\n"
        process.kill()
    (left,) = (each for each in out.parent.iterdir() if each.name.startswith("."))
    return left


def test_what_a_killed_process_left_goes_and_nothing_of_anybody_else(tmp_path):
    left = killed(tmp_path / "out")
    empty, file = (tmp_path / hidden_name("out") for _ in range(2))
    empty.mkdir()
    file.write_text("half")
    theirs = [".out.2023", ".out.20231231.tmp", ".out.12345678abcd.tmp"]
    for name in theirs:
        (tmp_path / name).mkdir()
        (tmp_path / name / "owner.json").write_text("{}")

    write(tmp_path / "out", "new")

    assert not left.exists()
    assert names(tmp_path) == sorted([*theirs, "out"])
    assert all((tmp_path / name / "owner.json").exists() for name in theirs)


def test_what_a_process_at_work_writes_stays(tmp_path):
    with staging_folder(tmp_path / "out") as folder:
        folder.mkdir()
        write(tmp_path / "out", "new")

        assert folder.is_dir()

    assert names(tmp_path) == ["out"]


def test_what_may_be_of_another_container_stays_and_is_named(tmp_path):
    left = killed(tmp_path / "out")
    owner = json.loads((left / "owner.json").read_text())
    owner |= {"namespace": "pid:[1]", "pid": os.getpid()}
    (left / "owner.json").write_text(json.dumps(owner))

    with pytest.warns(UserWarning, match=f"{left.name}: was left by process"):
        write(tmp_path / "out", "new")

    assert names(tmp_path) == [left.name, "out"]
    assert names(left) == ["out", "owner.json"]


def test_a_former_folder_is_put_back_where_a_kill_left_none(tmp_path):
    left = killed(tmp_path / "out")
    write(tmp_path / "old", "old")
    (tmp_path / "old").rename(left / "former")

    with pytest.raises(OutputExistsError, match="already exists"):
        write(tmp_path / "out", "new")

    assert (tmp_path / "out" / "text").read_text() == "old"
    assert names(tmp_path) == ["out"]


def save(path, content, **options):
    options = {"error": FileFormatError, "token": b"by conceptlrp", **options}
    write_whole(path, content, **options)


def test_only_a_file_of_this_library_is_replaced(tmp_path):
    path = tmp_path / "a.txt"
    for ours in (b"", b"by conceptlrp", b" " * (1 << 23) + b"by conceptlrp"):
        path.write_bytes(ours)
        save(path, b"by conceptlrp, new", overwrite=True)
        assert path.read_bytes() == b"by conceptlrp, new"

    path.write_bytes(b"a thesis")
    with pytest.raises(OutputExistsError, match="is not a file that conceptlrp has"):
        save(path, b"conceptlrp, new", overwrite=True)

    assert path.read_bytes() == b"a thesis"


@pytest.mark.parametrize("overwrite", [False, True])
def test_what_is_no_file_is_not_replaced(tmp_path, overwrite):
    (tmp_path / "theirs").write_bytes(b"by conceptlrp")
    (tmp_path / "link").symlink_to(tmp_path / "theirs")
    (tmp_path / "lost").symlink_to(tmp_path / "nothing")
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    kinds = {each: os.lstat(each).st_mode for each in tmp_path.iterdir()}

    for path in kinds:
        if not (overwrite and path.name == "theirs"):
            with pytest.raises(OutputExistsError):
                save(path, b"by conceptlrp, new", overwrite=overwrite)
            with pytest.raises(OutputExistsError):
                write_file(path, "new", overwrite=overwrite)

    assert {each: os.lstat(each).st_mode for each in tmp_path.iterdir()} == kinds
    assert (tmp_path / "theirs").read_bytes() == b"by conceptlrp"


@pytest.mark.parametrize("overwrite", [False, True])
def test_what_somebody_puts_there_meanwhile_is_not_replaced(tmp_path, overwrite):
    place, folder = tmp_path / "out", tmp_path / "folder"

    def file():
        with staged_file(place, is_kind=is_marked, overwrite=overwrite) as path:
            path.write_text("mark")
            place.write_text("a thesis")

    def files():
        with staged_folder(folder, marker="m.json", kind="k", overwrite=overwrite):
            folder.mkdir()
            (folder / "thesis").write_text("a thesis")

    for write_meanwhile in (file, files):
        with pytest.raises(OutputExistsError):
            write_meanwhile()

    assert place.read_text() == "a thesis"
    assert names(folder) == ["thesis"]
    assert names(tmp_path) == ["folder", "out"]


def test_the_next_write_of_a_file_removes_what_a_killed_one_left(tmp_path):
    theirs = [".a.txt.20231231.tmp", hidden_name("b.txt")]
    for name in (hidden_name("a.txt"), *theirs):
        (tmp_path / name).write_text("half")

    save(tmp_path / "a.txt", b"by conceptlrp", overwrite=False)

    assert names(tmp_path) == sorted([*theirs, "a.txt"])


def is_marked(path):
    return path.read_bytes().startswith(b"mark")


def write_file(out, text, **options):
    with staged_file(out, is_kind=is_marked, **options) as path:
        path.write_text(text)


def test_a_file_appears_with_its_parents(tmp_path):
    write_file(tmp_path / "deep" / "out", "mark new")

    assert (tmp_path / "deep" / "out").read_text() == "mark new"
    assert [each.name for each in (tmp_path / "deep").iterdir()] == ["out"]


def fail_file_halfway(out, **options):
    with staged_file(out, is_kind=is_marked, **options) as path:
        path.write_text("half")
        raise KeyError


def test_no_file_is_left_when_the_body_fails(tmp_path):
    with pytest.raises(KeyError):
        fail_file_halfway(tmp_path / "out")

    assert not list(tmp_path.iterdir())


def test_the_former_file_stays_when_the_body_fails(tmp_path):
    write_file(tmp_path / "out", "mark old")

    with pytest.raises(KeyError):
        fail_file_halfway(tmp_path / "out", overwrite=True)

    assert (tmp_path / "out").read_text() == "mark old"


def test_a_file_of_the_same_kind_is_replaced_when_asked(tmp_path):
    write_file(tmp_path / "out", "mark old")

    with pytest.raises(OutputExistsError, match="already exists"):
        write_file(tmp_path / "out", "mark new")
    write_file(tmp_path / "out", "mark new", overwrite=True)

    assert (tmp_path / "out").read_text() == "mark new"


@pytest.mark.parametrize("kind", ["text", "folder", "link"])
def test_a_foreign_file_is_never_replaced(tmp_path, kind):
    place = tmp_path / "out"
    if kind == "folder":
        place.mkdir()
    elif kind == "link":
        (tmp_path / "thesis").write_text("mark of another")
        place.symlink_to(tmp_path / "thesis")
    else:
        place.write_text("a thesis")

    with pytest.raises(OutputExistsError, match="is not replaced"):
        write_file(place, "mark new", overwrite=True)

    assert place.exists()
    assert kind != "text" or place.read_text() == "a thesis"


def test_a_failed_write_names_the_file_and_not_the_hidden_one(tmp_path):
    def never_written():
        with staged_file(tmp_path / "out", is_kind=is_marked):
            pass

    with pytest.raises(OSError) as raised:
        never_written()

    assert raised.value.filename == str(tmp_path / "out")
