"""The pages of the gateway, as a browser shows them."""

import pytest
from calls import Caller
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By


@pytest.fixture(scope="module")
def browser():
    options = webdriver.ChromeOptions()
    options.binary_location = "/usr/bin/chromium"
    for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--window-size=1200,900"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    browser = webdriver.Chrome(options=options, service=Service("/usr/bin/chromedriver"))
    yield browser
    browser.quit()


@pytest.fixture
def reference(browser, platform):
    browser.get(f"{address_of(platform)}/docs")
    yield browser
    assert [line for line in browser.get_log("browser") if line["level"] == "SEVERE"] == []


def address_of(platform):
    return f"http://127.0.0.1:{platform.port}"


def loaded(browser):
    """Every address that the page made the browser fetch."""
    return browser.execute_script("return performance.getEntriesByType('resource').map(entry => entry.name)")


def is_in_view(browser, element):
    return browser.execute_script(
        "const box = arguments[0].getBoundingClientRect();"
        "return box.height > 0 && box.top < innerHeight && box.bottom > 0", element)


def test_the_reference_shows_every_operation(reference, platform):
    assert reference.title == "Guanxi API"
    document = Caller(platform.port).send("GET", "/openapi.json")[2]
    ids = {operation["operationId"] for item in document["paths"].values() for operation in item.values()}
    shown = {element.get_attribute("id") for element in reference.find_elements(By.CSS_SELECTOR, "details > div")}
    assert ids and ids == shown
    # Nothing comes from elsewhere, and nothing but the browser's own look for an icon is fetched at all.
    assert [address for address in loaded(reference) if not address.startswith(address_of(platform))] == []


def test_links_open_what_they_name(reference, platform):
    operation = reference.find_element(By.ID, "createLead")
    assert not operation.is_displayed()
    reference.execute_script("location.hash = 'createLead'")
    assert operation.is_displayed() and is_in_view(reference, operation)
    link = operation.find_element(By.CSS_SELECTOR, "a[href^='#schema-']")
    schema = reference.find_element(By.ID, link.get_attribute("href").rpartition("#")[2])
    assert not schema.is_displayed()
    link.click()
    assert schema.is_displayed() and is_in_view(reference, schema)
    targets = {a.get_attribute("href").rpartition("#")[2]
               for a in reference.find_elements(By.CSS_SELECTOR, "a[href^='#']")}
    ids = set(reference.execute_script("return [...document.querySelectorAll('[id]')].map(element => element.id)"))
    assert targets - ids == set()


def test_the_reference_fits_a_phone(reference):
    reference.execute_script("document.querySelectorAll('details').forEach(details => details.open = true)")
    reference.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride", {"width": 390, "height": 800, "deviceScaleFactor": 2, "mobile": True})
    try:
        assert reference.execute_script("return document.documentElement.scrollWidth") <= 390
    finally:
        reference.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_an_error_leads_to_its_explanation_in_both_languages(browser, platform):
    problem = Caller(platform.port).send("GET", "/v1/me")[2]
    browser.get(address_of(platform) + problem["type"])
    section = browser.find_element(By.ID, problem["code"])
    assert is_in_view(browser, section)
    assert problem["title"] in section.text
    assert any("\u4e00" <= character <= "\u9fff" for character in section.text)
