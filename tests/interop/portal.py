"""The portal in a real browser: every page and role, in every language, before axe-core's eyes.

portal.py PLAN, a JSON file: where the portal is for the public and for persons, who signs in with
what, where axe-core is, where screenshots go, which languages there are.

No page may weigh more than 150 kB, no request may leave the portal's origins; a person signs in,
finds, turns a table round, looks at charts, takes a file, follows a figure to its proof, and is refused
under an article.
"""

import json
import pathlib
import re
import subprocess
import sys
import tempfile
import urllib.parse

import openpyxl
from browser import By, browser, failures, left, shown, wait
import browser as eyes

plan = json.loads(pathlib.Path(sys.argv[1]).read_text())
public, people, languages = plan["public"], plan["people"], plan["languages"]
rules = pathlib.Path(plan["axe"]).read_text()
pictures = pathlib.Path(plan["screenshots"])
pictures.mkdir(parents=True, exist_ok=True)
HEAVIEST = 150_000


def look(driver, name):
    """What is wrong with a page: in the first language in the dark, too."""
    weight = driver.execute_script(
        "return performance.getEntriesByType('navigation').concat(performance.getEntriesByType('resource'))"
        ".reduce((sum, it) => sum + it.decodedBodySize, 0)"
    )
    if weight > HEAVIEST:
        failures.append(f"{name}: {weight} bytes")
    schemes = (False, True) if name.startswith(languages[0]) else (False,)
    eyes.look(driver, f"portal-{name}", rules, pictures, "portal", schemes)


def page(driver, address, name):
    driver.get(address)
    look(driver, name)


def click(driver, selector):
    driver.find_element(By.CSS_SELECTOR, selector).click()


def sign_in(driver, person, password):
    driver.get(people)
    wait(driver, lambda it: "/sign-in" in it.current_url, "the page where people sign in")
    for field, text in (("account", person["account"]), ("password", password), ("code", person["code"])):
        driver.find_element(By.ID, field).clear()
        driver.find_element(By.ID, field).send_keys(text)
    click(driver, "form[action='/sign-in'] button")


def sign_out(driver):
    click(driver, "form[action='/sign-out'] button")
    wait(driver, lambda it: "/sign-in" in it.current_url, "signed out")


def anybody(driver):
    """What is public, for who does not sign in."""
    for language in languages:
        driver.get(f"{public}/datasets?lang={language}")
        spoken = driver.find_element(By.TAG_NAME, "html").get_attribute("lang")
        if spoken != language:
            failures.append(f"the page speaks {spoken}, not {language}")
        look(driver, f"{language}-public-find")
        page(driver, f"{public}/table/MIG_STOCK", f"{language}-public-table")
        page(driver, f"{public}/chart/lines/MIG_STOCK", f"{language}-public-lines")
    driver.get(f"{public}/?lang={languages[0]}")
    page(driver, f"{public}/availability", f"{languages[0]}-public-availability")
    page(driver, f"{public}/rights", f"{languages[0]}-public-rights")
    page(driver, f"{public}/nowhere", f"{languages[0]}-public-nowhere")
    page(driver, f"{public}/log/3", f"{languages[0]}-public-record")


def finds(driver, language):
    """By words of another language than the page's, with letters that are not typed as they are."""
    for words, dataset in (("refugees", "REFUGEES"), ("беженцы", "REFUGEES"), ("качкындар", "REFUGEES"), ("kyrgyzstan trafficking", "TRAFFICKING"), ("women by country of birth", "MIG_STOCK")):
        driver.get(f"{people}/datasets?q={urllib.parse.quote(words)}")
        if not driver.find_elements(By.ID, f"d-{dataset}"):
            failures.append(f"{words!r} does not find {dataset}")
    look(driver, f"{language}-find")


def turns(driver):
    """A table is turned round by its form, and its address can be passed on."""
    driver.get(f"{people}/table/REFUGEES?lang=en")
    before = driver.find_element(By.CSS_SELECTOR, "table.grid thead").text
    click(driver, "form.choose > details > summary")
    click(driver, "input[name='across'][value='SEX']")
    click(driver, "input[name='across'][value='TIME_PERIOD']")
    driver.find_element(By.ID, "last").clear()
    driver.find_element(By.ID, "last").send_keys("3")
    look(driver, "en-form")
    click(driver, "form.choose .buttons button")
    wait(driver, lambda it: "chosen=1" in it.current_url, "the table that was chosen")
    after = driver.find_element(By.CSS_SELECTOR, "table.grid thead").text
    if before == after or "asOf" in driver.current_url:
        failures.append(f"the table was not turned round: {driver.current_url}")
    text = driver.find_element(By.CSS_SELECTOR, "table.grid").text
    driver.get(driver.current_url)
    if driver.find_element(By.CSS_SELECTOR, "table.grid").text != text:
        failures.append("the same address gives another table")


def takes(driver, downloads):
    """A file is taken, and holds what the table shows."""
    driver.get(f"{people}/table/TRAFFICKING?lang=en&SEX=F&SEX=M&AGE=_T&CITIZENSHIP=_T&chosen=1&across=SEX")
    withheld = len(driver.find_elements(By.CSS_SELECTOR, "td.withheld"))
    if not withheld:
        failures.append("no withheld cell is marked")
    click(driver, "a[href*='format=xlsx']")
    files = lambda _: [it for it in downloads.iterdir() if it.suffix == ".xlsx"]
    wait(driver, files, "the workbook")
    sheet = openpyxl.load_workbook(files(None)[0])["Data"]
    heads = [cell.value for cell in sheet[1]]
    rows = [dict(zip(heads, (cell.value for cell in row))) for row in sheet.iter_rows(min_row=2)]
    value = next(head for head in heads if "value" in head.lower())
    empty = [row for row in rows if row[value] is None]
    if len(empty) != withheld:
        failures.append(f"{len(empty)} cells of the workbook have no value, {withheld} are withheld")


def traces(driver):
    """From a figure to its batch, to the record, to the proof, and back."""
    driver.get(f"{people}/table/MIG_STOCK?lang=en")
    figure = driver.find_element(By.CSS_SELECTOR, "table.grid td a").text
    click(driver, "table.grid td a")
    wait(driver, lambda it: "/trace/" in it.current_url, "where it comes from")
    shown(driver, figure)
    look(driver, "en-trace")
    click(driver, "a[href^='/batch/']")
    wait(driver, lambda it: "/batch/" in it.current_url, "the batch")
    shown(driver, "Checked just now")
    look(driver, "en-batch")
    click(driver, "dl a[href^='/log/']")
    wait(driver, lambda it: "/log/" in it.current_url, "the record")
    shown(driver, "Checked just now")
    look(driver, "en-record-of-others")
    driver.back()
    click(driver, "a[href^='/table/MIG_STOCK']")
    wait(driver, lambda it: "/table/MIG_STOCK" in it.current_url, "back at the table")


def refuses(driver):
    driver.get(f"{people}/table/TRAFFICKING?lang=en&REF_AREA=KG-B&chosen=1")
    shown(driver, "Not permitted")
    shown(driver, "article 6(5)")
    look(driver, "en-refused")


def member(driver, downloads):
    person = plan["persons"]["member"]
    driver.get(f"{people}/sign-in?lang={languages[0]}")
    look(driver, f"{languages[0]}-sign-in")
    sign_in(driver, person, "not the password")
    wait(driver, lambda it: it.find_elements(By.CSS_SELECTOR, "[role=alert]"), "what was wrong")
    look(driver, f"{languages[0]}-sign-in-wrong")
    sign_in(driver, person, person["password"])
    wait(driver, lambda it: it.find_elements(By.CSS_SELECTOR, "form.who"), "signed in")
    for language in languages:
        page(driver, f"{people}/?lang={language}", f"{language}-member-home")
        page(driver, f"{people}/table/TRAFFICKING", f"{language}-table")
        page(driver, f"{people}/availability", f"{language}-availability")
        page(driver, f"{people}/rights", f"{language}-rights")
        page(driver, f"{people}/log", f"{language}-member-log")
    driver.get(f"{people}/?lang={languages[0]}")
    for kind, dataset in plan["charts"]:
        driver.get(f"{people}/chart/{kind}/{dataset}")
        drawn = lambda it: it.find_elements(By.CSS_SELECTOR, "figure svg[role=img] > desc")
        wait(driver, drawn, f"a chart {kind} of {dataset}")
        look(driver, f"{languages[0]}-chart-{kind}")
    finds(driver, languages[0])
    turns(driver)
    takes(driver, downloads)
    traces(driver)
    refuses(driver)
    sign_out(driver)


def auditor(driver):
    person = plan["persons"]["auditor"]
    sign_in(driver, person, person["password"])
    for language in languages:
        page(driver, f"{people}/?lang={language}", f"{language}-auditor-home")
        page(driver, f"{people}/log", f"{language}-auditor-log")
    driver.get(f"{people}/log?lang=en&kind=query-refused&outcome=refused")
    look(driver, "en-auditor-refusals")
    click(driver, "tbody th a")
    shown(driver, "committed to this very record")
    look(driver, "en-auditor-record")
    driver.get(f"{people}/table/MIG_STOCK?lang=en")
    shown(driver, "Not permitted")
    sign_out(driver)


def observer(driver):
    person = plan["persons"]["observer"]
    sign_in(driver, person, person["password"])
    page(driver, f"{people}/?lang=en", "en-observer-home")
    page(driver, f"{people}/table/MIG_STOCK", "en-observer-table")
    page(driver, f"{people}/rights", "en-observer-rights")
    sign_out(driver)


def pin(origin):
    """The digest of the server's key, by which the browser knows it."""
    place = urllib.parse.urlsplit(origin).netloc
    shell = (
        f"openssl s_client -connect {place} < /dev/null 2> /dev/null | openssl x509 -pubkey -noout"
        " | openssl pkey -pubin -outform der | openssl dgst -sha256 -binary | base64"
    )
    return subprocess.run(shell, shell=True, check=True, capture_output=True, text=True).stdout.strip()


with tempfile.TemporaryDirectory() as profile, tempfile.TemporaryDirectory() as taken:
    driver = browser(profile, f"--ignore-certificate-errors-spki-list={pin(people)}")
    driver.execute_cdp_cmd("Browser.setDownloadBehavior", {"behavior": "allow", "downloadPath": taken})
    try:
        anybody(driver)
        member(driver, pathlib.Path(taken))
        auditor(driver)
        observer(driver)
        failures += [f"asked for {url}" for url in left(driver, public, people)]
        failures += [
            f"the browser complains: {entry['message']}"
            for entry in driver.get_log("browser")
            if entry["level"] == "SEVERE"
            # A page that is not there, a wrong password, what is refused: they are asked for.
            and not re.search(r"status of (404|401|403)", entry["message"])
        ]
    except Exception as error:
        driver.save_screenshot(str(pictures / "portal-failed.png"))
        failures.append(f"at {driver.current_url}: {error}")
    finally:
        driver.quit()
print("\n".join(failures) or "nothing found")
sys.exit(bool(failures))
