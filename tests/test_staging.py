import pytest

from conceptlrp.errors import OutputExistsError
from conceptlrp.staging import staged_file, staged_folder


def write(out, text, **options):
    with staged_folder(out, marker="mark", **options) as folder:
        (folder / "mark").write_text(text)


def test_a_folder_appears_with_its_parents(tmp_path):
    write(tmp_path / "deep" / "out", "new")

    assert (tmp_path / "deep" / "out" / "mark").read_text() == "new"
    assert [each.name for each in (tmp_path / "deep").iterdir()] == ["out"]


def fail_halfway(out, **options):
    with staged_folder(out, marker="mark", **options) as folder:
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

    assert [each.name for each in tmp_path.iterdir()] == ["out"]


def test_a_folder_of_the_same_kind_is_replaced_whole(tmp_path):
    write(tmp_path / "out", "old")
    (tmp_path / "out" / "left over").touch()

    write(tmp_path / "out", "new", overwrite=True)

    assert (tmp_path / "out" / "mark").read_text() == "new"
    assert [each.name for each in (tmp_path / "out").iterdir()] == ["mark"]
    assert [each.name for each in tmp_path.iterdir()] == ["out"]


def test_another_folder_is_never_replaced(tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.tex").touch()

    with pytest.raises(OutputExistsError, match="it has no mark"):
        write(tmp_path / "out", "new", overwrite=True)

    assert (tmp_path / "out" / "thesis.tex").exists()


def test_the_former_folder_stays_when_the_body_fails(tmp_path):
    write(tmp_path / "out", "old")

    with pytest.raises(KeyError):
        fail_halfway(tmp_path / "out", overwrite=True)

    assert (tmp_path / "out" / "mark").read_text() == "old"
    assert [each.name for each in tmp_path.iterdir()] == ["out"]


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

    with pytest.raises(OutputExistsError, match="not of the kind to be written"):
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
