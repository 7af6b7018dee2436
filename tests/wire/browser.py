"""A headless Chromium, driven by the driver beside it; nothing is downloaded."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import WebDriverWait

from programs import free_port

Found = TypeVar("Found")

SECONDS = 30

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--lang=en-GB",
)


class Page:
    """One tab, in the words of somebody who looks at it."""

    def __init__(self, driver: Chrome) -> None:
        self.driver = driver
        self.tab = driver.current_window_handle

    def open(self, url: str) -> Page:
        """Go to an address, in this tab."""
        self._look()
        self.driver.get(url)
        return self

    def other(self, url: str) -> Page:
        """Open an address in another tab of the same browser."""
        self.driver.switch_to.new_window("tab")
        return Page(self.driver).open(url)

    def find(self, selector: str) -> WebElement:
        """The first element that a selector names."""
        self._look()
        return self.driver.find_element(By.CSS_SELECTOR, selector)

    def texts(self, selector: str) -> list[str]:
        """What the elements say, seen or scrolled away, in their order."""
        return list(self.script(_TEXTS, selector))

    def script(self, source: str, *arguments: Any) -> Any:
        """Run a script in the page (as its debugger: its policy does not hold for it)."""
        self._look()
        return self.driver.execute_script(source, *arguments)

    def wait(self, fact: Callable[[], Found], what: str, seconds: float = SECONDS) -> Found:
        """Wait until something is so; fails with ``what`` and the page's own text."""
        self._look()
        wait = WebDriverWait(self.driver, seconds, poll_frequency=0.03)
        try:
            return wait.until(lambda _: fact())
        except Exception as error:
            raise AssertionError(f"never: {what}\n{self.find('body').text}") from error

    def shows(self, selector: str, text: str) -> None:
        """Wait until one of the elements says ``text``."""
        self.wait(lambda: text in self.texts(selector), f"{text!r} in {selector}")

    def connected(self) -> Page:
        """Wait until the page is connected."""
        self.wait(
            lambda: self.script("return !!document.querySelector('[data-state=connected]')"),
            "connected",
        )
        return self

    def say(self, text: str, field: str = "textarea") -> None:
        """Type into a field and press Enter; a line break by Shift+Enter."""
        first, *lines = text.split("\n")
        box = self.find(field)
        box.send_keys(first)
        for line in lines:
            box.send_keys(Keys.SHIFT, Keys.ENTER)
            box.send_keys(line)
        box.send_keys(Keys.ENTER)

    def complaints(self) -> list[str]:
        """What the browser's console complained about, violations of the policy among it."""
        self._look()
        return [str(entry["message"]) for entry in self.driver.get_log("browser")]

    def picture(self, path: Path, width: int = 1200, height: int = 800) -> None:
        """Take a screenshot."""
        self._look()
        self.driver.set_window_size(width, height)
        self.script("return new Promise(requestAnimationFrame)")
        self.driver.save_screenshot(str(path))

    def _look(self) -> None:
        if self.driver.current_window_handle != self.tab:
            self.driver.switch_to.window(self.tab)


@contextmanager
def chromium(*flags: str) -> Iterator[Page]:
    """A browser that knows nothing of any other, with one empty tab."""
    with TemporaryDirectory(prefix="gateway-browser-", ignore_cleanup_errors=True) as profile:
        driver = Chrome(_options(profile, flags), Service(_program("chromedriver"), free_port()))
        try:
            driver.set_page_load_timeout(SECONDS)
            yield Page(driver)
        finally:
            driver.quit()


def _options(profile: str, flags: tuple[str, ...]) -> ChromeOptions:
    options = ChromeOptions()
    options.binary_location = _program("chromium")
    for flag in (*FLAGS, f"--user-data-dir={profile}", *flags):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    return options


def _program(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        raise AssertionError(f"{name} is not installed; these tests need it")
    return found


_TEXTS = """
return [...document.querySelectorAll(arguments[0])].map((element) => element.textContent);
"""
