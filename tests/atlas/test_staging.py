import pytest

from conceptlrp.atlas.staging import staged_folder
from conceptlrp.errors import OutputExistsError


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
