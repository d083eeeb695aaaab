"""Docstrings of public names follow numpydoc, checked by its own validator."""

import dataclasses
import importlib
import inspect
import pkgutil
from functools import cached_property
from typing import Any

import pytest
from numpydoc.docscrape import ClassDoc
from numpydoc.validate import validate

import conceptlrp.errors
from tests.test_public_names import FOLDERS, folder

#: numpydoc's checks that the house style does not ask for.
LEFT_OUT = {
    "ES01",  # an extended summary, where one sentence says it
    "EX01",  # an example
    "PR04",  # types of parameters: annotations have them
    "RT02",  # a return value without a name: shapes are told by name
    "SA01",  # see also
}
# One that says "Return the ..." in its summary needs no sections.
SECTIONS = {"PR01", "RT01", "YD01"}


def public_objects() -> dict[str, Any]:
    """Return every class and function in a folder's __all__, by its full name."""
    found = {
        f"{each.__module__}.{each.__qualname__}": each
        for module in map(folder, FOLDERS)
        for each in (getattr(module, name) for name in module.__all__)
        if callable(each) and hasattr(each, "__qualname__")
    }
    for error in vars(conceptlrp.errors).values():
        if inspect.isclass(error) and issubclass(error, Exception):
            found[f"{error.__module__}.{error.__qualname__}"] = error
    return found


OBJECTS = public_objects()
MEMBERS = [
    f"{name}.{member}"
    for name, found in OBJECTS.items()
    if inspect.isclass(found)
    for member, value in list(vars(found).items())
    if not member.startswith("_")
    if callable(value) or isinstance(value, property | cached_property | staticmethod)
    if not dataclasses.is_dataclass(found) or member not in found.__annotations__
]


def problems(name: str, left_out: set[str]) -> list[str]:
    return [
        f"{code}: {message}"
        for code, message in validate(name)["errors"]
        if code not in left_out
    ]


@pytest.mark.parametrize("name", OBJECTS)
def test_a_public_name_is_documented(name: str) -> None:
    found = OBJECTS[name]
    # The fields of a dataclass are documented as attributes; a protocol has none,
    # and what a class merely inherits is its base's to document.
    plain = (
        dataclasses.is_dataclass(found)
        or getattr(found, "_is_protocol", False)
        or (isinstance(found, type) and "__init__" not in vars(found))
    )

    assert problems(name, LEFT_OUT | ({"PR01"} if plain else set())) == []


@pytest.mark.parametrize("name", MEMBERS)
def test_a_method_of_a_public_class_is_documented(name: str) -> None:
    assert problems(name, LEFT_OUT | SECTIONS) == []


@pytest.mark.parametrize(
    "name", [name for name, each in OBJECTS.items() if dataclasses.is_dataclass(each)]
)
def test_the_fields_of_a_dataclass_are_documented_in_order(name: str) -> None:
    document = ClassDoc(OBJECTS[name], config={"show_class_members": False})

    documented = [
        part
        for section in ("Attributes", "Parameters")
        for entry in document[section]
        for part in entry.name.split(", ")
    ]

    fields = [field.name for field in dataclasses.fields(OBJECTS[name]) if field.init]
    assert [each for each in documented if each in fields] == fields


def test_modules_say_what_they_are_for() -> None:
    names = [
        module.name
        for module in pkgutil.walk_packages(conceptlrp.__path__, "conceptlrp.")
        if not module.name.endswith("__main__")
    ]

    silent = [name for name in names if not importlib.import_module(name).__doc__]
    assert silent == []
