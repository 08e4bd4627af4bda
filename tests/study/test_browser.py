"""The report and kedro-viz as a person sees them: opened in a browser, without an error on its console."""

import functools
import http.server
import threading

import pytest
from playwright.sync_api import sync_playwright

pytestmark = pytest.mark.browser
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
)

PACKAGES = [
    {"package_name": name, "package_version": "1.0", "is_compatible": True} for name in ("fsspec", "kedro-datasets")
]
METADATA = {"has_missing_dependencies": False, "package_compatibilities": PACKAGES}


@pytest.fixture(scope="module")
def browser(chromium):
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=list(FLAGS))
        yield browser
        browser.close()


@pytest.fixture
def page(browser):
    """A page that collects what goes wrong on it."""
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.problems = []
    page.on("console", lambda message: page.problems.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: page.problems.append(str(error)))
    yield page
    page.close()


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def site(finished):
    """The built kedro-viz site on loopback."""
    result = finished.kedro("viz", "build", "--include-previews", environment={"KEDRO_ENV": "smoke"})
    assert result.returncode == 0, result.stderr
    handler = functools.partial(Quiet, directory=str(finished.folder / "build"))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_report_opens_offline_and_shows_its_answer_first(finished, page):
    page.goto(finished.reporting("report.html").as_uri())
    answer = page.locator("#answer")
    assert answer.is_visible()
    assert answer.bounding_box()["y"] < 600, "the answer is not on the first screen"
    assert "plain" in answer.inner_text() or "jacobian" in answer.inner_text()
    page.wait_for_selector("html[data-drawn=all]")
    assert page.locator(".js-plotly-plot").count() >= 4
    assert page.problems == []


def test_report_fits_a_phone(finished, browser):
    phone = browser.new_page(viewport={"width": 390, "height": 800})
    phone.goto(finished.reporting("report.html").as_uri())
    phone.wait_for_selector("html[data-drawn=all]")
    assert phone.evaluate("document.documentElement.scrollWidth") <= 400
    phone.close()


def test_the_dag_opens_as_a_handful_of_boxes(site, page):
    # kedro-viz asks for a web font, which an offline machine lacks, and for metadata that its static build leaves out
    page.route(lambda url: not url.startswith(site), lambda route: route.fulfill(body="", content_type="text/css"))
    page.route("**/api/metadata", lambda route: route.fulfill(json=METADATA))
    page.goto(site)
    page.wait_for_selector(".pipeline-node", timeout=30_000)
    page.wait_for_timeout(1000)
    assert 2 <= page.locator(".pipeline-node").count() <= 12
    assert "jets" in page.locator(".pipeline-flowchart").inner_text().lower()
    assert page.problems == []
