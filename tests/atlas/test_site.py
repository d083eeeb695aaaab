import json
import os
import signal
import subprocess
import sys

import pytest

from conceptlrp.atlas import site as updating
from conceptlrp.atlas.site import MARKER, updated_folder
from conceptlrp.errors import OutputExistsError

OLD = {
    "index.html": b"old",
    "a/one.html": b"one",
    "a/two.html": b"two",
    "b/x.html": b"x",
}
NEW = {"index.html": b"new", "a/one.html": b"one", "c/three.html": b"three"}


def write(out, files, **options):
    with updated_folder(out, **options) as draft:
        for address, content in files.items():
            draft.write(address, content)
        kind = {"encoding-type": "conceptlrp-atlas"}
        marker = json.dumps({**kind, "files": dict.fromkeys(files, "")})
        draft.write(MARKER, marker.encode())


def read(out):
    return {
        path.relative_to(out).as_posix(): path.read_bytes()
        for path in out.rglob("*")
        if path.is_file() and MARKER not in path.name
    }


def listed(out):
    return set(json.loads((out / MARKER).read_bytes())["files"])


@pytest.fixture
def atlas(tmp_path):
    write(tmp_path / "atlas", OLD)
    return tmp_path / "atlas"


def test_an_update_leaves_what_a_fresh_build_would_leave(atlas):
    write(atlas, NEW, overwrite=True)

    assert read(atlas) == NEW
    assert listed(atlas) == set(NEW)
    assert not (atlas / "b").exists()
    assert [path.name for path in atlas.parent.iterdir()] == ["atlas"]


def test_an_unchanged_file_keeps_its_time(atlas):
    for path in atlas.rglob("*.html"):
        os.utime(path, (1000, 1000))

    write(atlas, NEW, overwrite=True)

    assert (atlas / "a/one.html").stat().st_mtime == 1000
    assert (atlas / "index.html").stat().st_mtime != 1000


def test_the_same_files_change_nothing_at_all(atlas):
    for path in atlas.rglob("*"):
        os.utime(path, (1000, 1000))

    write(atlas, OLD, overwrite=True)

    assert {path.stat().st_mtime for path in atlas.rglob("*")} == {1000}


def test_a_file_that_was_edited_is_made_anew(atlas):
    (atlas / "index.html").write_text("edited")

    write(atlas, OLD, overwrite=True)

    assert read(atlas) == OLD


def test_foreign_files_stay(atlas):
    (atlas / "b" / "mine.txt").write_text("mine")

    write(atlas, NEW, overwrite=True)

    assert read(atlas) == {**NEW, "b/mine.txt": b"mine"}


def test_a_foreign_file_in_the_way_is_named_and_nothing_changes(atlas):
    (atlas / "c").mkdir()
    (atlas / "c" / "three.html").write_text("mine")

    with pytest.raises(OutputExistsError, match=r"three\.html: is not of the atlas"):
        write(atlas, NEW, overwrite=True)

    assert read(atlas) == {**OLD, "c/three.html": b"mine"}


def test_a_body_that_fails_changes_nothing(atlas):
    def fail():
        with updated_folder(atlas, overwrite=True) as draft:
            draft.write("index.html", b"half")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()

    assert read(atlas) == OLD
    assert [path.name for path in atlas.parent.iterdir()] == ["atlas"]


@pytest.mark.parametrize("steps", range(4))
def test_an_update_that_breaks_off_is_repaired_by_the_next(atlas, steps, monkeypatch):
    left = [steps]
    replace = updating.Path.replace

    def breaking(self, target):
        left[0] -= 1
        if left[0] < 0:
            raise KeyboardInterrupt
        return replace(self, target)

    with monkeypatch.context() as patched:
        patched.setattr(updating.Path, "replace", breaking)
        with pytest.raises(KeyboardInterrupt):
            write(atlas, NEW, overwrite=True)
    between = read(atlas)
    write(atlas, NEW, overwrite=True)

    for address, content in between.items():
        assert content in (OLD.get(address), NEW.get(address)), address
    assert read(atlas) == NEW
    assert listed(atlas) == set(NEW)


def test_a_killed_process_leaves_the_old_atlas(atlas):
    code = (
        "import os, sys, signal\n"
        "from conceptlrp.atlas.site import updated_folder\n"
        "with updated_folder(sys.argv[1], overwrite=True) as draft:\n"
        "    draft.write('index.html', b'half')\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )

    done = subprocess.run([sys.executable, "-c", code, str(atlas)], check=False)

    assert done.returncode == -signal.SIGKILL
    assert read(atlas) == OLD
    write(atlas, NEW, overwrite=True)
    assert read(atlas) == NEW
    assert [path.name for path in atlas.parent.iterdir()] == ["atlas"]


@pytest.mark.parametrize(
    "marker",
    ["", "[]", "{}", '{"files": ["../../secret"]}', '{"files": ["/etc/passwd"]}'],
)
def test_a_marker_that_lists_no_files_of_an_atlas_is_refused(atlas, marker):
    (atlas / MARKER).write_text(marker)

    with pytest.raises(OutputExistsError, match="does not list the files"):
        write(atlas, NEW, overwrite=True)

    assert read(atlas) == OLD


def test_what_is_no_atlas_is_left_alone(tmp_path):
    (tmp_path / "thesis").mkdir()

    with pytest.raises(OutputExistsError, match=r"has no atlas\.json"):
        write(tmp_path / "thesis", NEW, overwrite=True)
    with pytest.raises(OutputExistsError, match="already exists"):
        write(tmp_path / "thesis", NEW)
