"""Two tasks of each live figure: their answers are what it shows; nothing moves."""

import pytest

from tests.browser.test_live import PAGES, Figure

pytestmark = pytest.mark.browser
OPEN = {**PAGES, "timescale": "notebooks/autocorrelation/timescale.html"}
#: by figure, for each task what to set, in order, and what the sentence and the answer
#: have in common then
TASKS = {
    "timescale": [
        ({"rho": "0", "L": "12"}, ["0.0156", "15", "16", "λmax is 1"]),
        ({"rho": "0.9", "L": "10", "a": "1"}, ["0.241", "66.3"]),
    ],
    "spacing": [
        ({"gap": "0.5"}, ["146", "268"]),
        ({"gap": "1", "m": "12"}, ["9.92", "11.6"]),
    ],
    "aliasing": [
        ({"dt": "-2", "a": "0.5"}, ["200 steps", "37 %"]),
        ({"dt": "-2.3", "a": "0", "N": "64"}, ["399 steps"]),
    ],
    "front": [
        ({"dt": "-3"}, ["less than half of every input"]),
        ({"dt": "0"}, ["2", "31"]),
    ],
    "poles": [
        ({"r": "0.99"}, ["6.00", "0.152"]),
        ({"mode": "2", "t": "0"}, ["5.00", "5 distinct eigenvalues"]),
    ],
    "window": [
        ({"a": "0"}, ["3.03 %", "64 steps apart"]),
        ({"frequencies": "grid of the window", "dt": "-7"}, ["3.03 %", "31"]),
    ],
    "turning": [
        ({"dt": "-1", "a": "0", "l": "20"}, ["0, 1, 2 and 3 turns", "8"]),
        ({"a": "0.5"}, ["36.8 %", "2.94"]),
    ],
    "data": [
        ({"L": "7"}, ["0.0215", "17"]),
        ({"L": "6", "scale": "in the scale that they have"}, ["0.0153"]),
    ],
}  # fmt: skip
#: what an answer compares with, shown before anything is set
BEFORE = {
    "timescale": ["3.58"],
    "spacing": ["9.03", "11.6"],
    "front": ["31"],
    "poles": ["6.00", "0.182"],
    "window": ["1.14 %"],
    "data": ["0.0317", "2.16"],
}


def change(figure, name, value):
    control = figure.host.locator(f"#live-{figure.name}-{name}")
    if control.evaluate("(e) => e.tagName") == "SELECT":
        control.select_option(value)
    else:
        control.fill(value)


#: whether a figure that opens by itself is as tall as the room that it had before
FITS = """(host) => !("open" in host.dataset) || Math.abs(
    host.getBoundingClientRect().height - parseFloat(getComputedStyle(host).minHeight)
) < 1"""


def fits(figure):
    """Wait until a figure, perhaps drawn again, has its room."""
    figure.page.wait_for_function(FITS, arg=figure.host.element_handle())


@pytest.mark.parametrize("name", TASKS)
def test_the_answers_are_what_it_shows(name, reading):
    with reading(width=1280) as reader:
        reader.open(OPEN[name])
        figure = Figure(reader, name)
        figure.reach()
        items = figure.host.locator(".live-tasks li")
        answers = items.locator("details").all_text_contents()
        for text in BEFORE.get(name, []):
            assert text in figure.sentence
            assert any(text in answer for answer in answers)
        assert items.count() == len(TASKS[name]) == 2
        for item, (values, numbers) in zip(items.all(), TASKS[name], strict=True):
            answer = item.locator("details")
            assert not answer.evaluate("(e) => e.open")
            for control, value in values.items():
                change(figure, control, value)
            figure.settled()
            for text in numbers:
                assert text in figure.sentence
                assert text in answer.text_content()
            for width in (1280, 768, 420, 360):
                reader.resize(width)
                fits(figure)
            reader.resize(1280)
        answer.locator("summary").press("Enter")
        assert answer.evaluate("(e) => e.open")
        assert reader.violations(within=".live-panel") == []
