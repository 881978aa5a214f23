"""The node's console in a real browser: every page, in every language, before axe-core's eyes.

console.py LINK AXE SCREENSHOTS WRONG GOOD KEY PASSPHRASE LANGUAGE...

No rule of axe-core may find anything of moderate impact or worse, light or dark, wide or narrow; no
request may leave the console's origin; a wrong file shows its findings; a sound one is handed in; what
waits for approval is approved with the key.
"""

import pathlib
import re
import sys
import tempfile
import urllib.parse

from browser import By, browser, failures, left, shown, wait
import browser as eyes

link, axe, screenshots, wrong, good, key, passphrase, *languages = sys.argv[1:]
origin = "{0.scheme}://{0.netloc}".format(urllib.parse.urlsplit(link))
rules = pathlib.Path(axe).read_text()
pictures = pathlib.Path(screenshots)
pictures.mkdir(parents=True, exist_ok=True)


def look(driver, name):
    eyes.look(driver, name, rules, pictures, "console")


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


with tempfile.TemporaryDirectory() as profile:
    driver = browser(profile)
    try:
        walk(driver)
        failures += [f"asked for {url}" for url in left(driver, origin)]
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
