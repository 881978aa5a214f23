"""A real browser for pages: every page before axe-core's eyes, light and dark, wide and narrow.

No rule of axe-core may find anything of moderate impact or worse; no page may be wider than a small
screen; no request may leave the pages' origin.
"""

import json
import re

from selenium import webdriver
from selenium.common.exceptions import WebDriverException
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

failures = []


def browser(profile, *more):
    options = webdriver.ChromeOptions()
    options.binary_location = "/usr/bin/chromium"
    for argument in (
        "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
        "--disable-background-networking", "--disable-component-update", "--disable-sync",
        f"--user-data-dir={profile}", "--window-size=1200,900",
        *more,
    ):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"performance": "ALL", "browser": "ALL"})
    return webdriver.Chrome(options=options, service=Service("/usr/bin/chromedriver"))


def look(driver, name, rules, pictures, texts, schemes=(False, True)):
    """What is wrong with the page that is shown; `texts` is how messages that are missing begin."""
    # The rules run past the page's own policy, which allows no script.
    driver.execute_script(rules)
    for dark in schemes:
        scheme = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": scheme})
        found = driver.execute_async_script("axe.run().then(arguments[arguments.length - 1])")
        for rule in found["violations"]:
            if rule["impact"] != "minor":
                where = [node["html"][:160] for node in rule["nodes"]]
                failures.append(f"{name} dark={dark}: {rule['impact']} {rule['id']}: {where}")
        driver.save_screenshot(str(pictures / f"{name}-{'dark' if dark else 'light'}.png"))
    text = driver.find_element(By.TAG_NAME, "body").text
    for message in re.findall(rf"\b{texts}-[a-z-]+", text):
        failures.append(f"{name}: the text {message} is missing")
    narrow = {"width": 320, "height": 700, "deviceScaleFactor": 1, "mobile": False}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", narrow)
    wide = driver.execute_script("return document.documentElement.scrollWidth")
    driver.save_screenshot(str(pictures / f"{name}-narrow.png"))
    driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    if wide > 320:
        failures.append(f"{name}: {wide} pixels wide at 320")


def wait(driver, condition, what):
    """Waits for a condition; while a page goes and the next one comes there is none."""
    WebDriverWait(driver, 30, ignored_exceptions=[WebDriverException]).until(condition, what)


def shown(driver, text):
    """Waits for a text on the page."""
    on_page = lambda it: text in it.find_element(By.TAG_NAME, "body").text
    wait(driver, on_page, f"{text!r} on the page")


def left(driver, *origins):
    """Requests that left these origins."""
    for entry in driver.get_log("performance"):
        message = json.loads(entry["message"])["message"]
        if message["method"] == "Network.requestWillBeSent":
            url = message["params"]["request"]["url"]
            if not url.startswith((*(origin + "/" for origin in origins), "data:", "about:", "chrome")):
                yield url
