"""A studio that is served and a browser to visit it with, for all tests of the page."""

from urllib.parse import urlsplit

import pytest

from benchmarks.browser import chromium, served
from tests.studio.page import Visit


@pytest.fixture(scope="session")
def studio():
    """Return a studio of all shipped models that is being served."""
    with served() as studio:
        yield studio


@pytest.fixture(scope="session")
def address(studio):
    return studio.link


@pytest.fixture(scope="module")  # while it is open, its thread can't run another event loop
def browser():
    with chromium() as browser:
        yield browser


@pytest.fixture
def visits(browser, address):
    """Return a function that visits an address in a context of its own; all visits must end without faults."""
    made = []

    def visit(link=address, **options):
        options = {"viewport": {"width": 1400, "height": 900}, **options}
        context = browser.new_context(**options)
        context.set_default_timeout(15_000)
        made.append(Visit(context.new_page()))
        made[-1].watch(urlsplit(link).netloc)
        made[-1].open(link)
        return made[-1]

    yield visit
    for each in made:
        each.page.context.close()
        assert each.faults == []


@pytest.fixture
def visit(visits):
    return visits()
