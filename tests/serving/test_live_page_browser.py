"""The page in real Chromium."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import pytest
from serving_parts import Served

pytestmark = pytest.mark.slow

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed here")
CHROMIUM = shutil.which("chromium")
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
ARGUMENTS += ["--disable-background-networking", "--disable-component-update", "--no-first-run"]
DESKTOP, PHONE = {"width": 1280, "height": 800}, {"width": 390, "height": 844}
MILLISECONDS = 60_000


@pytest.fixture(scope="module")
def browser() -> Iterator[sync_api.Browser]:
    if CHROMIUM is None:
        pytest.skip("chromium is not installed here")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()


@contextmanager
def opened(
    browser: sync_api.Browser, served: Served, path: str = "/", **options: object
) -> Iterator[sync_api.Page]:
    """The page in a fresh browser; nothing may go wrong in it but what `served` refuses."""
    context = browser.new_context(**{"viewport": DESKTOP, **options})
    context.set_default_timeout(MILLISECONDS)
    page = context.new_page()
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("console", lambda said: faults.append(said.text) if "Policy" in said.text else None)
    page.goto(f"http://127.0.0.1:{served.port}{path}")
    yield page
    context.close()
    assert faults == []


@pytest.fixture
def streaming(served: Served) -> Iterator[Served]:
    """A live page whose camera sends 20 frames a second."""
    served.begin()
    ended = threading.Event()

    def send() -> None:
        while not ended.wait(0.05):
            served.clock.now += 0.05
            served.show(shade=90)

    thread = threading.Thread(target=send)
    thread.start()
    yield served
    ended.set()
    thread.join()


def first_picture(page: sync_api.Page) -> None:
    page.wait_for_selector("#viewer[data-frame]:not([data-empty])")


def wait_for(page: sync_api.Page, true: str) -> None:
    page.wait_for_function(f"() => {true}")


def clipped(page: sync_api.Page) -> str:
    return str(page.evaluate("getComputedStyle(document.getElementById('before')).clipPath"))


def shade(page: sync_api.Page, canvas: str) -> float:
    """The red level of a pixel of a canvas."""
    pixel = "document.getElementById(id).getContext('2d').getImageData(9, 9, 1, 1)"
    return float(page.evaluate(f"(id) => {pixel}.data[0]", canvas))


def test_frames_change_and_both_views_are_drawn(
    browser: sync_api.Browser, streaming: Served
) -> None:
    with opened(browser, streaming) as page:
        first_picture(page)
        frame = page.locator("#viewer").get_attribute("data-frame")
        wait_for(page, f"document.getElementById('viewer').dataset.frame > {frame}")
        shade = (
            "(id) => document.getElementById(id).getContext('2d').getImageData(9, 9, 1, 1).data[0]"
        )
        assert page.evaluate(shade, "before") == pytest.approx(200, abs=4)
        assert page.evaluate(shade, "after") == pytest.approx(90, abs=4)


def test_the_slider_moves_by_keyboard_and_by_pointer(
    browser: sync_api.Browser, streaming: Served
) -> None:
    with opened(browser, streaming) as page:
        first_picture(page)
        slider = page.get_by_role("slider")
        slider.focus()
        page.keyboard.press("ArrowRight")
        assert slider.input_value() == "51"
        assert "49%" in clipped(page)

        box = page.locator("#viewer").bounding_box()
        assert box is not None
        middle = box["y"] + box["height"] / 2
        page.mouse.move(box["x"] + box["width"] / 2, middle)
        page.mouse.down()
        page.mouse.move(box["x"] + box["width"] / 4, middle)
        page.mouse.up()
        assert slider.input_value() == "25"
        assert "75%" in clipped(page)
        assert slider.get_attribute("aria-valuetext") == "25 % picture of the camera"


def test_charts_states_and_firing_rates_follow_the_run(
    browser: sync_api.Browser, streaming: Served
) -> None:
    line = "document.querySelector('[data-figure=latency_ms] .line').getAttribute('d').length"
    with opened(browser, streaming) as page:
        wait_for(page, "document.getElementById('state').textContent === 'Streaming'")
        wait_for(page, f"{line} > 0")
        length = page.evaluate(line)
        wait_for(page, f"{line} > {length}")
        assert page.locator("[data-figure=latency_ms] .number").inner_text() == "40.0"
        assert page.locator("#firing li").count() == 2
        assert "down1.neuron: 50.0 %" in page.locator("#firing li").nth(1).inner_text()
        assert page.locator("#rain").is_hidden()

        streaming.run.more = {"rain": {"state": "rain", "intensity": 2.4, "bypassed": 0}}
        streaming.run.away = True
        wait_for(page, "document.getElementById('state').dataset.state === 'away'")
        wait_for(page, "document.getElementById('rain').textContent === 'Rain: 2.40 levels'")


def test_a_paused_page_watches_no_stream(browser: sync_api.Browser, streaming: Served) -> None:
    with opened(browser, streaming) as page:
        first_picture(page)
        page.get_by_role("button", name="Pause").click()
        streaming.wait_until(lambda: b'viewers{camera="gate"} 0' in streaming.get("/metrics").body)
        page.get_by_role("button", name="Pause").click()
        streaming.wait_until(lambda: b'viewers{camera="gate"} 1' in streaming.get("/metrics").body)


def test_a_still_is_saved(browser: sync_api.Browser, streaming: Served, tmp_path: Path) -> None:
    with opened(browser, streaming) as page:
        first_picture(page)
        with page.expect_download() as download:
            page.get_by_role("link", name="Save still").click()
        assert download.value.suggested_filename.startswith("derained_20")
        download.value.save_as(tmp_path / "still.jpg")
    still = cv2.imread(str(tmp_path / "still.jpg"))
    assert still is not None
    assert still.mean() == pytest.approx(90, abs=2)


def test_the_page_is_found_again_after_a_restart(
    browser: sync_api.Browser, streaming: Served
) -> None:
    with opened(browser, streaming) as page:
        first_picture(page)
        page.context.set_offline(True)
        wait_for(page, "document.getElementById('state').dataset.state === 'lost'")
        page.context.set_offline(False)
        wait_for(page, "document.getElementById('state').dataset.state === 'streaming'")


@pytest.mark.parametrize("viewport", [DESKTOP, PHONE], ids=["desktop", "phone"])
@pytest.mark.parametrize("colours", ["light", "dark"])
def test_axe_finds_no_serious_fault_and_nothing_is_cut_off(
    browser: sync_api.Browser, streaming: Served, viewport: dict[str, int], colours: str
) -> None:
    streaming.run.more = {"rain": {"state": "dry", "intensity": 0.0, "bypassed": 30}}
    with opened(browser, streaming, viewport=viewport, color_scheme=colours) as page:
        first_picture(page)
        wait_for(page, "!document.getElementById('firing').hidden")
        assert serious(page) == []
        assert page.evaluate("document.documentElement.scrollWidth") == viewport["width"]


def serious(page: sync_api.Page) -> list[str]:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright")
    found = axe.Axe().run(page).response["violations"]
    return [fault["id"] for fault in found if fault["impact"] in ("serious", "critical")]


def test_the_token_is_entered_in_a_form(
    browser: sync_api.Browser, closed: Served, secret: str
) -> None:
    closed.begin()
    closed.show()
    with opened(browser, closed) as page:
        assert serious(page) == []
        page.get_by_label("Token").fill("wrong")
        page.get_by_role("button", name="Watch").click()
        page.get_by_role("alert").wait_for()
        page.get_by_label("Token").fill(secret)
        page.get_by_role("button", name="Watch").click()
        first_picture(page)
        assert secret not in page.url
        assert page.evaluate("document.cookie") == ""
