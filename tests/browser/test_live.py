"""Live figures: reached and moved by keys alone, kept by a link, true in Python."""

import contextlib
import io
import re
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest

from tests.browser.conftest import BOOK

pytestmark = pytest.mark.browser
#: by figure, a page that has it
PAGES = {
    "timescale": "book/intro.html",
    "spacing": "notebooks/autocorrelation/imaginary-part.html",
    "aliasing": "notebooks/foundations/initialization-schemes.html",
    "poles": "notebooks/memory/memory-function.html",
    "front": "notebooks/memory/accuracy-and-length.html",
    "window": "notebooks/autocorrelation/zero-real-part.html",
    "turning": "notebooks/foundations/state-space-models.html",
    "data": "book/recommend.html",
}
#: until what was to be drawn is drawn
FRAMES = """() => new Promise((done) =>
    requestAnimationFrame(() => requestAnimationFrame(done)))"""


@pytest.fixture(params=PAGES)
def name(request):
    return request.param


class Figure:
    """A live figure of an open page."""

    def __init__(self, reader, name):
        self.page, self.name = reader.page, name
        self.host = self.page.locator(f"#live-{name}")

    def reach(self):
        """Lead to the first control; some figures are open once they are near."""
        if self.host.get_attribute("data-open") is None:
            self.host.locator("> button").press("Enter")
            self.settled()
        else:
            self.host.scroll_into_view_if_needed()
            self.settled()
            self.host.locator(".live-row :is(input, select)").first.focus()

    def settled(self):
        self.host.locator(".live-plots svg").first.wait_for()
        self.host.locator(".live-sentence:not([aria-busy])").wait_for()
        self.page.evaluate(FRAMES)

    @property
    def drawn(self):
        return self.host.locator(".live-plots").inner_html()

    @property
    def sentence(self):
        return self.host.locator(".live-sentence").text_content()

    def says(self, text):
        self.host.locator(".live-sentence", has_text=text).wait_for()

    @property
    def values(self):
        controls = self.host.locator(".live-row :is(input[type=range], select)")
        return [controls.nth(k).input_value() for k in range(controls.count())]

    def press(self, text):
        self.host.get_by_role("button", name=text).press("Enter")


def test_keys_alone_open_and_move_it_and_it_fits_a_phone(name, reading):
    with reading(reduced_motion="reduce") as reader:
        reader.open(PAGES[name])
        figure = Figure(reader, name)
        figure.reach()
        page = figure.page
        # A reader lands on the first control, and Tab leads on to every other.
        rows = figure.host.locator(".live-row")
        reached = set()
        for _ in range(rows.count() + 2):
            at = page.evaluate("() => document.activeElement.id")
            if at and at not in reached:
                reached.add(at)
                before = figure.drawn, figure.sentence
                if page.evaluate("() => document.activeElement.tagName") == "TEXTAREA":
                    page.keyboard.press("Control+Home")
                    page.keyboard.type("9\n8\n7\n")
                else:
                    least = "() => document.activeElement.value === '0'"
                    key = "ArrowUp" if page.evaluate(least) else "ArrowDown"
                    page.keyboard.press(key)
                    page.keyboard.press(key)
                figure.settled()
                if not at.endswith("-mode"):  # which of three the others move
                    assert figure.drawn != before[0], at
                    assert figure.sentence != before[1], at
            page.keyboard.press("Tab")
        assert len([r for r in reached if r.startswith("live-")]) == rows.count()
        assert page.evaluate("() => document.getAnimations().length") == 0
        figure.press("Close the sliders")
        assert page.evaluate("() => document.activeElement.textContent").startswith(
            "Explore with sliders"
        )
        assert reader.outside == reader.errors == []
        # The same page on a phone, in the dark.
        reader.resize(360)
        reader.theme("dark")
        figure.reach()
        figure.press("Copy as Python")
        assert reader.sideways <= 0
        assert reader.violations(within=".live-panel") == []
        reader.theme("light")
        assert reader.violations("color-contrast", within=".live-panel") == []


#: by figure, what a browser computes for a setting, and the code's name for it
COMPUTED = {
    "timescale": (
        "s => [ssm.energy(ssm.initialize('lin', 64, -s.a),"
        "ssm.figures.timescale.values(s).dt, 2 ** s.L, s.rho)]",
        "timescale.output_energy(A, dt, R)[None]",
    ),
    "spacing": (
        "s => [ssm.figures.spacing.condition(s, s.gap)]",
        "[conditioning.condition_number(conditioning.gram(A))]",
    ),
    "aliasing": (
        "s => [...ssm.kernel(ssm.initialize('lin', s.N, -s.a), 10 ** s.dt, 1024)]",
        "K",
    ),
    "poles": (
        "s => [...ssm.memoryFunction(ssm.figures.poles.poles(s), 50)]",
        "memory.memory_function(poles, 50)",
    ),
    "turning": ("s => ssm.figures.turning.kernel(s)", "K"),
    "window": (
        "s => [...ssm.figures.window.shares(s)]",
        "memory.finite_memory_function(poles, L)",
    ),
    "front": (
        "s => [...ssm.memoryFunction(ssm.figures.front.poles(s), 50)]",
        "memory.memory_function(poles, 50)",
    ),
}


def number(text):
    try:
        return float(text)
    except ValueError:
        return text


def test_its_python_and_its_link_give_what_it_shows(
    name, reading, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    with reading() as reader:
        reader.open(PAGES[name])
        figure = Figure(reader, name)
        figure.reach()
        controls = figure.host.locator(".live-row :is(input[type=range], select)")
        for k in range(controls.count()):
            controls.nth(k).press("ArrowDown")
        figure.settled()
        shown = figure.values, figure.sentence
        figure.press("Copy as Python")
        figure.press("Link to this setting")
        check_python(figure, tmp_path)
        address = figure.page.url
        assert "column" not in address
        figure.page.goto("about:blank")
        figure.page.goto(address)
        figure.settled()
        assert (figure.values, figure.sentence) == shown


def check_python(figure, folder):
    """The copied code gives the numbers that the figure shows for its link."""
    code, names = figure.host.locator("pre").text_content(), {}
    column = figure.host.locator("textarea")
    if column.count():
        (folder / "column.txt").write_text(column.input_value(), encoding="utf-8")
    with contextlib.redirect_stdout(io.StringIO()):
        exec(code, names)
    if figure.name == "data":
        advice = names["found"]
        low, high = re.search(r"Δ from (\S+) to (\S+)\.", figure.sentence).groups()
        assert float(low) < advice.dt < float(high)
        return
    asked = parse_qs(urlsplit(figure.page.url).query)[figure.name][0].split(",")
    state = {k: number(v) for k, _, v in (pair.partition(":") for pair in asked)}
    script, expression = COMPUTED[figure.name]
    shown = figure.page.evaluate(script, state)
    expected = np.asarray(eval(expression, names))
    assert shown == pytest.approx(expected, rel=1e-9, abs=1e-10)


def test_without_scripts_there_is_a_figure_and_no_gap(name, reading):
    with reading(java_script_enabled=False) as reader:
        page = reader.page
        page.goto((BOOK / PAGES[name]).as_uri())
        host = page.locator(f'[data-live="{name}"]')
        assert host.text_content().strip() == ""
        assert host.bounding_box() is None
        assert page.locator(f'figure:has(+ [data-live="{name}"]) img').is_visible()


def test_a_link_to_its_place_opens_the_figure(reading):
    with reading() as reader:
        reader.open(PAGES["data"] + "#a-column-of-your-own")
        host = reader.page.locator('[data-live="data"]')
        host.locator("textarea").wait_for()
        assert host.locator(".live-plots svg").count() == 1


def test_a_mode_follows_the_pointer(reading):
    with reading() as reader:
        reader.open(PAGES["poles"])
        figure = Figure(reader, "poles")
        figure.reach()
        disc = figure.host.locator(".live-plots svg").first
        disc.scroll_into_view_if_needed()
        box = disc.bounding_box()
        middle = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        page = figure.page
        page.mouse.move(*middle)
        page.mouse.down()
        page.mouse.move(middle[0], middle[1] - box["height"] / 4, steps=4)
        page.mouse.up()
        figure.settled()
        size, angle = map(float, figure.values[1:])
        assert size == pytest.approx(0.55, abs=0.06)
        assert angle == pytest.approx(1.57, abs=0.03)


def test_a_file_of_numbers_is_read(reading, tmp_path):
    column = tmp_path / "series.csv"
    column.write_text(
        "day,x\n" + "".join(f"{k},{(k * 7919) % 13}\n" for k in range(300)),
        encoding="utf-8",
    )
    with reading() as reader:
        reader.open(PAGES["data"])
        figure = Figure(reader, "data")
        figure.reach()
        figure.host.locator("input[type=file]").set_input_files(column)
        figure.says("300 numbers, the last of 2 columns, in windows of 64:")
        assert re.match(r"Δ = \S+, inside S4D's default range", figure.sentence)
        assert "Left out: 1 line of names." in figure.sentence
        assert figure.sentence.endswith("Mamba dt_min=0.001, dt_max=0.1.")
        slow = "\n".join(f"{k % 2 * 20 + 5000}" for k in range(300))
        figure.host.locator("textarea").fill("# volts\n\n" + slow)
        figure.says("Left out: 2 empty or comment lines at the top.")
        figure.host.locator("select").select_option("in the scale that they have")
        figure.says("below S4D's default range 0.001 to 0.1: initialize with this Δ")
        figure.says("The mean alone makes 100 % of λmax.")
        figure.says('ssmlib Initialization("lin", dt=0.0000')
        figure.host.locator("textarea").fill("1\n2\n3")
        figure.says("need at least")
        figure.host.locator("textarea").fill("1\n" * 300)
        figure.says("constant")
        assert reader.outside == reader.errors == []
