"""The node's console in a real browser: every page, in every language, before axe-core's eyes.

console.py LINK AXE SCREENSHOTS WRONG GOOD KEY PASSPHRASE LANGUAGE...

No rule of axe-core may find anything of moderate impact or worse, light or dark, wide or narrow; no
request may leave the console's origin; a wrong file shows its findings; a sound one is handed in; what
waits for approval is approved with the key.
"""

import json
import pathlib
import re
import sys
import tempfile
import urllib.parse

from selenium import webdriver
from selenium.common.exceptions import WebDriverException
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

link, axe, screenshots, wrong, good, key, passphrase, *languages = sys.argv[1:]
origin = "{0.scheme}://{0.netloc}".format(urllib.parse.urlsplit(link))
rules = pathlib.Path(axe).read_text()
pictures = pathlib.Path(screenshots)
pictures.mkdir(parents=True, exist_ok=True)
failures = []


def browser(profile):
    options = webdriver.ChromeOptions()
    options.binary_location = "/usr/bin/chromium"
    for argument in (
        "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
        "--disable-background-networking", "--disable-component-update", "--disable-sync",
        f"--user-data-dir={profile}", "--window-size=1200,900",
    ):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"performance": "ALL", "browser": "ALL"})
    return webdriver.Chrome(options=options, service=Service("/usr/bin/chromedriver"))


def look(driver, name):
    """What is wrong with the page that is shown."""
    # The rules run past the page's own policy, which allows no script.
    driver.execute_script(rules)
    for dark in (False, True):
        scheme = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": scheme})
        found = driver.execute_async_script("axe.run().then(arguments[arguments.length - 1])")
        for rule in found["violations"]:
            if rule["impact"] != "minor":
                where = [node["html"][:160] for node in rule["nodes"]]
                failures.append(f"{name} dark={dark}: {rule['impact']} {rule['id']}: {where}")
        driver.save_screenshot(str(pictures / f"{name}-{'dark' if dark else 'light'}.png"))
    text = driver.find_element(By.TAG_NAME, "body").text
    for message in re.findall(r"\bconsole-[a-z-]+", text):
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


def submit(driver, file, action):
    """Sends a file by the form's button for this action."""
    driver.get(f"{origin}/hand-in")
    driver.find_element(By.ID, "file").send_keys(file)
    button = "button[formaction]" if action == "hand-in" else "button:not([formaction])"
    driver.find_element(By.CSS_SELECTOR, button).click()


def walk(driver):
    driver.get(link)
    shown(driver, "agency/")
    for language in languages:
        driver.get(f"{origin}/?lang={language}")
        spoken = driver.find_element(By.TAG_NAME, "html").get_attribute("lang")
        if spoken != language:
            failures.append(f"the page speaks {spoken}, not {language}")
        for page in ("", "batches", "rejected", "hand-in", "nowhere"):
            driver.get(f"{origin}/{page}")
            look(driver, f"{language}-{page or 'home'}")
        driver.get(f"{origin}/batches")
        driver.find_element(By.CSS_SELECTOR, "tbody th a").click()
        wait(driver, lambda it: "/batches/" in it.current_url, "a batch")
        look(driver, f"{language}-batch")
        one = driver.current_url
        for paper in ("letter", "paper"):
            driver.get(f"{one}/{paper}")
            look(driver, f"{language}-{paper}")
        driver.get(f"{origin}/rejected")
        driver.find_element(By.CSS_SELECTOR, "tbody td a").click()
        shown(driver, "OBS_VALUE")
        look(driver, f"{language}-report")
        driver.get(f"{origin}/")
        driver.find_element(By.CSS_SELECTOR, "a[href^='/approvals/']").click()
        wait(driver, lambda it: "/approvals/" in it.current_url, "what waits for approval")
        look(driver, f"{language}-approval")
        approval = driver.current_url
        submit(driver, wrong, "check")
        shown(driver, "seventeen")
        look(driver, f"{language}-check")
    for typed, then in (("mistyped", "passphrase is another"), (passphrase, "MIG_STOCK")):
        driver.get(approval)
        driver.find_element(By.ID, "key").send_keys(key)
        driver.find_element(By.ID, "passphrase").send_keys(typed)
        driver.find_element(By.CSS_SELECTOR, "form[action$='/give'] button").click()
        shown(driver, then)
    wait(driver, lambda it: "/batches/" in it.current_url, "the batch that was approved")
    submit(driver, good, "hand-in")
    wait(driver, lambda it: "/handed-in/" in it.current_url, "where it went")
    look(driver, "handed-in")


def left(driver):
    """Requests that left the console's origin."""
    for entry in driver.get_log("performance"):
        message = json.loads(entry["message"])["message"]
        if message["method"] == "Network.requestWillBeSent":
            url = message["params"]["request"]["url"]
            if not url.startswith((origin + "/", "data:", "about:", "chrome")):
                yield url


with tempfile.TemporaryDirectory() as profile:
    driver = browser(profile)
    try:
        walk(driver)
        failures += [f"asked for {url}" for url in left(driver)]
        failures += [
            f"the browser complains: {entry['message']}"
            for entry in driver.get_log("browser")
            if entry["level"] == "SEVERE"
            # A page that is not there, and a passphrase that is not the key's, are asked for.
            and not re.search(r"status of (404|403)", entry["message"])
        ]
    finally:
        driver.quit()
print("\n".join(failures) or "nothing found")
sys.exit(bool(failures))
