import pytest

from ssmlib import figures


def draw():
    fig, ax = figures.subplots()
    ax.plot([0, 1], [1, 0])
    ax.set_xlabel(r"$\Delta$")
    return fig


def test_same_figure_same_bytes():
    assert figures.svg(draw()) == figures.svg(draw())


def test_ink_follows_the_theme():
    text = figures.svg(draw())
    assert "currentColor" in text
    assert figures._INK not in text
    assert "prefers-color-scheme:dark" in text


def test_no_ink_is_left_black():
    """Black text or a white plate would be lost in one of the themes."""
    fig = draw()
    fig.axes[0].plot([0, 1], [0, 1], label="line")
    legend = fig.axes[0].legend()
    assert not legend.get_frame_on()
    texts = [*legend.get_texts(), *fig.axes[0].get_xticklabels(), fig.axes[0].title]
    assert {text.get_color() for text in texts} == {figures._INK}


def luminance(colour):
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [
        c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("colour", figures.COLOURS)
@pytest.mark.parametrize("background", ["#ffffff", "#121212"])
def test_colours_stand_out(colour, background):
    low, high = sorted(map(luminance, (colour, background)))
    assert (high + 0.05) / (low + 0.05) >= 3


def test_a_band_is_a_mean_and_its_error():
    fig, axis = figures.subplots()
    figures.band(axis, [0, 1], [[1.0, 2], [3, 2], [5, 2]], label="a")
    assert list(axis.lines[0].get_ydata()) == [3, 2]
    edge = axis.collections[0].get_paths()[0].vertices[:, 1]
    assert edge.max() == pytest.approx(3 + 2 / 3**0.5)
    figures.svg(fig)
