import numpy as np
import pytest

from conceptlrp.drawing.colors import (
    LEVELS,
    level_colors,
    levels,
    symmetric_limit,
    to_rgb,
)

STEPS = np.linspace(0.02, 1, 50)

# Severe deuteranopia and protanopia in linear RGB: Machado et al., IEEE TVCG 15
# (2009), doi:10.1109/TVCG.2009.113, severity 1.0.
BLINDNESS = {
    "deuteranopia": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "protanopia": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
}


def linear(rgb):
    values = rgb / 255
    return np.where(
        values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4
    )


def lab(linear_rgb):
    """CIELAB of linear sRGB, for distances between colours."""
    to_xyz = np.array(
        [
            [0.4124, 0.3576, 0.1805],
            [0.2126, 0.7152, 0.0722],
            [0.0193, 0.1192, 0.9505],
        ]
    )
    xyz = np.clip(linear_rgb, 0, 1) @ to_xyz.T / [0.9505, 1.0, 1.089]
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.stack(
        [
            116 * f[..., 1] - 16,
            500 * (f[..., 0] - f[..., 1]),
            200 * (f[..., 1] - f[..., 2]),
        ],
        axis=-1,
    )


def test_zero_is_white():
    assert to_rgb([0.0, np.nan], 1.0).tolist() == [[255, 255, 255]] * 2


def test_equal_magnitudes_have_equal_lightness():
    positive, negative = (
        lab(linear(to_rgb(sign * STEPS, 1.0)))[:, 0] for sign in (1, -1)
    )

    np.testing.assert_allclose(positive, negative, atol=1.5)
    assert (np.diff(positive) < 0).all()
    assert (np.diff(negative) < 0).all()


@pytest.mark.parametrize("kind", BLINDNESS)
def test_the_signs_stay_apart_for_colour_blind_eyes(kind):
    seen = [
        lab(linear(to_rgb(sign * STEPS[10:], 1.0)) @ np.transpose(BLINDNESS[kind]))
        for sign in (1, -1)
    ]

    # 2.3 is a just noticeable difference.
    assert np.linalg.norm(seen[0] - seen[1], axis=1).min() > 20


def test_values_beyond_the_limits_get_the_outermost_colours():
    np.testing.assert_array_equal(to_rgb([-9.0, 9.0], 2.0), to_rgb([-2.0, 2.0], 2.0))


def test_a_limit_of_zero_makes_everything_white():
    assert (to_rgb(np.ones((2, 2)), 0.0) == 255).all()
    assert not levels(np.ones((2, 2)), 0.0).any()


def test_steps_are_symmetric_about_zero():
    values = np.random.default_rng(0).normal(size=100)

    np.testing.assert_array_equal(levels(values, 1.5), -levels(-values, 1.5))


def test_there_is_a_colour_for_every_step():
    colors = level_colors()

    assert len(colors) == 2 * LEVELS + 1 == len(set(colors))
    assert colors[LEVELS] == "#ffffff"


@pytest.mark.parametrize(
    ("largest", "expected"),
    [
        (0.0312, 0.032),
        (0.032, 0.032),
        (1.0, 1.0),
        (99.1, 100.0),
        (1e-12, 1e-12),
        (0, 0),
    ],
)
def test_the_limit_is_rounded_up_to_two_digits(largest, expected):
    assert symmetric_limit([0.0, -largest]) == expected


def test_no_values_have_the_limit_zero():
    assert symmetric_limit([]) == 0
    assert symmetric_limit([np.nan]) == 0
