import mmap
import pickle
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest

from conceptlrp import hdf5
from conceptlrp.errors import CorpusFileError, OutputExistsError
from conceptlrp.othello import Corpus, Games
from conceptlrp.othello.games import STARTS


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "positions.h5"


@pytest.fixture
def saved(path: Path, corpus: Corpus) -> Path:
    corpus.sample(300, seed=1).turn(seed=2).save(path)
    return path


def refusal(path: Path) -> str:
    with pytest.raises(CorpusFileError) as refused:
        Corpus.load(path)
    message = str(refused.value)
    assert "\n" not in message
    assert path.name in message
    return message


@pytest.mark.parametrize("size", [8, 6])
def test_a_corpus_is_read_back(request, path: Path, size):
    corpus: Corpus = request.getfixturevalue("corpus" if size == 8 else "small_corpus")
    part = corpus.sample(200, seed=3).turn(seed=4)

    part.save(path)
    found = Corpus.load(path)

    for name, column in part.compact().columns().items():
        assert (getattr(found, name) == column).all()
        assert getattr(found, name).dtype == column.dtype
    for name, column in part.compact().games.columns().items():
        assert (getattr(found.games, name) == column).all()
        assert getattr(found.games, name).dtype.kind == column.dtype.kind
    assert found.size == size
    assert found.digest == part.digest


def test_only_the_games_of_the_positions_are_kept(path: Path, corpus: Corpus):
    corpus[corpus.game == 9].save(path)

    assert len(Corpus.load(path).games) == 1


def test_names_in_any_language_and_problems_are_read_back(path: Path):
    games = Games.from_moves([[37]], black="為則 英司", white="Åse", tournament="é")
    corpus = Corpus.from_games(games, problems=("one", "zwölf"), notes=("drei",))

    corpus.save(path)
    found = Corpus.load(path)

    assert (found.black[0], found.white[0]) == ("為則 英司", "Åse")
    assert found.problems == ("one", "zwölf")
    assert found.notes == ("drei",)


def test_an_empty_corpus_is_read_back(path: Path, corpus: Corpus):
    corpus[:0].save(path)

    assert len(Corpus.load(path)) == 0


def test_the_same_corpus_gives_the_same_bytes(saved: Path, corpus: Corpus):
    first = saved.read_bytes()

    corpus.sample(300, seed=1).turn(seed=2).save(saved, overwrite=True)

    assert saved.read_bytes() == first


def test_an_existing_file_is_replaced_only_on_demand(saved: Path, corpus: Corpus):
    before = saved.read_bytes()

    with pytest.raises(OutputExistsError, match="ask to overwrite it"):
        corpus[:10].save(saved)
    assert saved.read_bytes() == before
    corpus[:10].save(saved, overwrite=True)

    assert len(Corpus.load(saved)) == 10
    assert [entry.name for entry in saved.parent.iterdir()] == [saved.name]


def test_a_path_that_cannot_be_written_is_refused(tmp_path: Path, corpus: Corpus):
    with pytest.raises(CorpusFileError, match="cannot be written"):
        corpus[:3].save(tmp_path / "none" / "positions.h5")


def test_a_path_below_a_file_is_refused(saved: Path, corpus: Corpus):
    with pytest.raises(CorpusFileError, match="cannot be written"):
        corpus[:3].save(saved / "positions.h5")


def test_a_failed_save_leaves_what_was_there(saved: Path, corpus: Corpus, monkeypatch):
    before = saved.read_bytes()
    monkeypatch.setattr("os.fsync", lambda _: (_ for _ in ()).throw(OSError("full")))

    with pytest.raises(CorpusFileError, match="cannot be written: full"):
        corpus[:3].save(saved, overwrite=True)

    assert saved.read_bytes() == before
    assert [entry.name for entry in saved.parent.iterdir()] == [saved.name]


def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path):
    assert "no such file" in refusal(tmp_path / "none.h5")
    assert "is no file" in refusal(tmp_path)


@pytest.mark.parametrize("content", [b"", b"f5d6c3\n", b"\x89HDF\r\n\x1a\n"])
def test_a_file_that_is_no_hdf5_is_refused(path: Path, content):
    path.write_bytes(content)

    assert "is damaged or no HDF5 file" in refusal(path)


def test_another_hdf5_file_is_refused(path: Path):
    with h5py.File(path, "w") as file:
        file["own"] = np.arange(3)

    assert "is no corpus, expected encoding-type 'conceptlrp-corpus'" in refusal(path)


def test_another_kind_of_file_of_ours_is_refused(saved: Path):
    with h5py.File(saved, "r+") as file:
        file.attrs["encoding-type"] = np.bytes_("conceptlrp-store")

    assert "is no corpus" in (message := refusal(saved))
    assert "found 'conceptlrp-store'" in message


def test_a_corpus_of_version_1_begins_from_the_usual_start(saved: Path):
    before = Corpus.load(saved)
    with h5py.File(saved, "r+") as file:
        file.attrs["encoding-version"] = np.bytes_("1")
        for name in ("notes", *(f"games/{column}" for column in STARTS)):
            del file[name]

    found = Corpus.load(saved)

    assert found.digest == before.digest
    assert found.games.standard.all()
    assert found.transcript(9) == before.transcript(9)


def test_a_newer_version_is_refused_with_what_to_do(saved: Path):
    with h5py.File(saved, "r+") as file:
        file.attrs["encoding-version"] = np.bytes_("3")

    message = refusal(saved)

    assert "is a corpus of version 3" in message
    assert "install a newer conceptlrp" in message


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("encoding-version", np.bytes_("one")),
        ("encoding-version", np.bytes_("0")),
        ("encoding-version", 1.5),
        ("board-size", np.bytes_("7")),
        ("board-size", np.array([b"8", b"8"])),
        ("digest", np.bytes_("12")),
        ("digest", "text of variable length"),
    ],
)
def test_a_damaged_header_is_refused(saved: Path, name, value):
    with h5py.File(saved, "r+") as file:
        file.attrs[name] = value

    assert "is damaged" in refusal(saved)


def test_a_truncated_file_is_refused(saved: Path):
    saved.write_bytes(saved.read_bytes()[:-100])

    assert "is damaged" in refusal(saved)


@pytest.mark.parametrize("name", ["positions/own", "games/black", "games", "problems"])
def test_a_missing_column_is_refused(saved: Path, name):
    with h5py.File(saved, "r+") as file:
        del file[name]

    assert f"is damaged: /{name} is missing" in refusal(saved)


def replace_column(path: Path, name: str, **dataset) -> None:
    with h5py.File(path, "r+") as file:
        del file[name]
        file.create_dataset(name, **dataset)


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("positions/own", np.zeros(300, np.int64)),
        ("positions/own", np.zeros((300, 2), np.uint64)),
        ("positions/mover", np.uint8(1)),
        ("games/black", np.zeros(3)),
        ("games/moves", np.zeros(60, np.int8)),
    ],
)
def test_a_column_of_another_type_or_shape_is_refused(saved: Path, name, data):
    replace_column(saved, name, data=data)

    assert f"is damaged: /{name} is {data.dtype}" in refusal(saved)


def test_text_of_variable_length_is_refused(saved: Path):
    replace_column(saved, "games/black", data=["Ann"], dtype=h5py.string_dtype())

    assert "/games/black holds object" in refusal(saved)


def test_columns_of_different_lengths_are_refused(saved: Path):
    replace_column(saved, "positions/ply", data=np.zeros(299, np.uint8))

    assert "columns of /positions have lengths" in refusal(saved)


def test_a_changed_value_is_refused(saved: Path):
    with h5py.File(saved, "r+") as file:
        year = file["games/year"]
        year[0] += 1

    assert "does not agree with its digest" in refusal(saved)


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("positions/mover", 2, "out of range in mover"),
        ("positions/symmetry", 8, "out of range in symmetry"),
        ("positions/played", 65, "out of range in played"),
        ("positions/ply", 61, "out of range in ply"),
        ("positions/own", 2**64 - 1, "out of range in own, opponent"),
        ("games/moves", 64, "out of range in moves"),
        ("positions/game", 10**6, "out of range in game"),
        ("positions/game", -1, "out of range in game"),
    ],
)
def test_values_out_of_range_are_refused(saved: Path, name, value, reason):
    with h5py.File(saved, "r+") as file:
        column = file[name]
        column[...] = value

    assert reason in refusal(saved)


def test_columns_in_other_files_are_refused(saved: Path, tmp_path: Path):
    secret = tmp_path / "secret.bin"
    secret.write_bytes(bytes(300))
    external = [(str(secret), 0, 300)]
    replace_column(saved, "positions/ply", shape=300, dtype="u1", external=external)

    assert "takes its data from another file" in refusal(saved)


def test_virtual_columns_are_refused(saved: Path, tmp_path: Path):
    layout = h5py.VirtualLayout(shape=(300,), dtype="u1")
    layout[:] = h5py.VirtualSource(tmp_path / "other.h5", "ply", shape=(300,))
    with h5py.File(saved, "r+") as file:
        del file["positions/ply"]
        file.create_virtual_dataset("positions/ply", layout)

    assert "takes its data from another file" in refusal(saved)


@pytest.mark.parametrize("link", [h5py.SoftLink("/x"), h5py.ExternalLink("o.h5", "/x")])
def test_links_are_refused(saved: Path, link):
    with h5py.File(saved, "r+") as file:
        del file["positions/ply"]
        file["positions/ply"] = link

    assert "/positions/ply is missing" in refusal(saved)


def test_a_column_that_declares_more_than_the_file_holds_is_refused(saved: Path):
    with h5py.File(saved, "r+") as file:
        del file["positions/own"]
        file.create_dataset(
            "positions/own", shape=10**13, dtype="u8", chunks=10**6, compression="gzip"
        )

    assert "/positions/own declares 80000000000000 bytes" in refusal(saved)


def test_a_column_without_its_data_is_refused(saved: Path):
    replace_column(saved, "positions/ply", shape=300, dtype="u1")

    assert "/positions/ply lacks some of its data" in refusal(saved)


@pytest.mark.parametrize("seed", range(60))
def test_any_damage_is_noticed_or_harmless(saved: Path, corpus: Corpus, seed):
    rng = np.random.default_rng(seed)
    content = bytearray(saved.read_bytes())
    for place in rng.integers(0, len(content), 20):
        content[place] = rng.integers(0, 256)
    saved.write_bytes(content)

    try:
        found = Corpus.load(saved)
    except CorpusFileError:
        return

    assert found.digest == corpus.sample(300, seed=1).turn(seed=2).digest


@pytest.fixture
def mapped(path: Path, corpus: Corpus, monkeypatch) -> Corpus:
    """A corpus whose columns stay in the file, however few rows it has."""
    monkeypatch.setattr(hdf5, "_MAPPED", 1)
    path.write_bytes(corpus.to_bytes())
    return Corpus.load(path)


def memory_of(array: np.ndarray) -> object:
    """Return what an array is a view of."""
    found: object = array
    while isinstance(found, np.ndarray):
        found = found.base
    return found.obj if isinstance(found, memoryview) else found


def test_a_corpus_that_is_mapped_is_the_one_that_was_written(
    mapped: Corpus, corpus: Corpus
):
    for name, column in corpus.compact().columns().items():
        np.testing.assert_array_equal(getattr(mapped, name), column)
        found = getattr(mapped, name)
        assert isinstance(memory_of(found), mmap.mmap)
        assert found.flags.aligned
        assert not found.flags.writeable
    for name, column in corpus.compact().games.columns().items():
        np.testing.assert_array_equal(getattr(mapped.games, name), column)


def test_names_of_a_mapped_corpus_are_decoded_when_they_are_asked_for(mapped: Corpus):
    few = mapped[3:9]
    few.legal.sum(), few.last.sum(), few.outcome.sum()
    assert "black" not in vars(few.games)

    assert few.describe(0).startswith("Black 0")
    assert vars(few.games)["black"].dtype.kind == "U"


def test_what_a_mapped_corpus_gives_is_what_the_plain_one_gives(
    mapped: Corpus, corpus: Corpus, tmp_path: Path
):
    plain = corpus.compact()

    assert mapped.digest == plain.digest
    assert mapped[::3].digest == plain[::3].digest
    assert mapped[:5].compact().digest == plain[:5].digest
    assert bytes(mapped.to_bytes(packed=True)) == bytes(plain.to_bytes(packed=True))
    pd.testing.assert_frame_equal(mapped.frame(), plain.frame())
    both = Corpus.concatenate([mapped, plain])
    assert both.games.black.tolist() == 2 * plain.games.black.tolist()
    assert pickle.loads(pickle.dumps(mapped)).digest == plain.digest


def test_text_that_is_no_utf_8_is_refused_before_it_is_decoded(path, corpus):
    path.write_bytes(corpus.to_bytes())
    with h5py.File(path, "r+") as file:
        raw = file["games/black"]
        raw[0] = b"\xc3"

    with pytest.raises(CorpusFileError, match="damaged"):
        Corpus.load(path)
