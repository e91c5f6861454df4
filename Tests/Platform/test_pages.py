"""The pages of the gateway, as a browser shows them."""

import pytest
from calls import Caller, wait_for
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


@pytest.fixture(scope="module")
def document(platform):
    """The API document, once every service has its part in it."""
    def whole():
        _, headers, document = Caller(platform.port).send("GET", "/openapi.json")
        return headers["Cache-Control"] != "no-cache" and document
    return wait_for(whole)


@pytest.fixture
def reference(browser, platform, document):
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


def test_the_reference_shows_every_operation(reference, platform, document):
    assert reference.title == "Guanxi API"
    ids = {operation["operationId"] for item in document["paths"].values() for operation in item.values()}
    shown = {element.get_attribute("id") for element in reference.find_elements(By.CSS_SELECTOR, ".operation > div")}
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


def shown(element):
    """The text of an element, whether it is in view or not."""
    return element.get_attribute("textContent")


def test_an_operation_shows_all_that_a_caller_needs(reference, document):
    """Of each parameter, body and answer what the document says, nothing of it dropped."""
    for path, item in document["paths"].items():
        for operation in item.values():
            text = shown(reference.find_element(By.ID, operation["operationId"]))
            wanted = []
            for parameter in operation["parameters"]:
                schema = parameter["schema"]
                wanted += [parameter["name"], parameter["description"], *schema.get("enum", [])]
                wanted += [str(schema[name]) for name in ("minimum", "maximum", "default", "format") if name in schema]
            for response in operation["responses"].values():
                codes = response.get("x-codes", [])
                wanted += [*response.get("headers", {}), *codes, *([] if codes else response.get("content", {}))]
            wanted += operation.get("requestBody", {}).get("content", {})
            assert [part for part in wanted if part not in text] == [], operation["operationId"]


# The contrast (WCAG 2) of every text that an element shows itself, to the first colour behind it.
CONTRASTS = """
const channel = value => (value /= 255) <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4
const numbers = colour => colour.match(/[\\d.]+/g).map(Number)
const light = ([red, green, blue]) => 0.2126 * channel(red) + 0.7152 * channel(green) + 0.0722 * channel(blue)
const behind = element => {
  for (; element; element = element.parentElement) {
    const colour = numbers(getComputedStyle(element).backgroundColor)
    if (colour[3] !== 0) return colour
  }
  return [255, 255, 255]
}
const found = {}
for (const element of document.body.querySelectorAll('*')) {
  if (![...element.childNodes].some(node => node.nodeType === 3 && node.data.trim())) continue
  const colour = numbers(getComputedStyle(element).color), ground = behind(element)
  const [dark, bright] = [light(colour), light(ground)].sort((one, other) => one - other)
  const key = `${element.tagName}.${element.className} ${colour} on ${ground}`
  found[key] = (bright + 0.05) / (dark + 0.05)
}
return found
"""

PAGES = [f"{path}?lang={language}" for path in ("/docs", "/docs/errors") for language in ("en", "zh")]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("page", PAGES)
def test_every_text_can_be_told_from_what_is_behind_it(browser, platform, document, page, scheme):
    browser.execute_cdp_cmd(
        "Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": scheme}]})
    try:
        browser.get(address_of(platform) + page)
        contrasts = browser.execute_script(CONTRASTS)
        body = browser.execute_script("return getComputedStyle(document.body).backgroundColor")
    finally:
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
    assert (body == "rgb(255, 255, 255)") == (scheme == "light")
    if page.startswith("/docs?"):
        for method in ("get", "post", "put", "patch", "delete"):
            assert any(f"B.{method} " in place for place in contrasts)
    assert contrasts and {place: ratio for place, ratio in contrasts.items() if ratio < 4.5} == {}


@pytest.mark.parametrize("page", PAGES)
def test_a_page_can_be_read_by_ear(browser, platform, document, page):
    browser.get(address_of(platform) + page)
    assert len(browser.find_elements(By.TAG_NAME, "main")) == 1
    assert browser.find_elements(By.CSS_SELECTOR, "nav:not([aria-label])") == []
    levels = browser.execute_script(
        "return [...document.querySelectorAll('h1,h2,h3,h4,h5,h6')].map(heading => +heading.tagName[1])")
    assert levels.count(1) == 1 and levels[0] == 1
    assert [pair for pair in zip(levels, levels[1:]) if pair[1] > pair[0] + 1] == []
    assert browser.execute_script(
        "return [...document.querySelectorAll('table')].filter(table =>"
        "  !table.querySelector('thead th[scope=col]') || getComputedStyle(table).display !== 'table'"
        "  || !table.parentElement.matches('div[role=region][tabindex=\"0\"][aria-label]')).length") == 0
    # Chinese is marked as such wherever it stands.
    assert browser.execute_script("""
        const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT), unmarked = []
        while (walker.nextNode()) {
          const node = walker.currentNode
          if (/[\u4e00-\u9fff]/.test(node.data) && !node.parentElement.closest('[lang]').lang.startsWith('zh'))
            unmarked.push(node.data)
        }
        return unmarked""") == []


def test_the_reference_is_there_in_chinese(reference, document):
    reference.find_element(By.LINK_TEXT, "中文").click()
    assert reference.find_element(By.TAG_NAME, "html").get_attribute("lang") == "zh-Hans"
    operation = reference.find_element(By.ID, "createLead")
    assert {"参数", "请求体", "响应"} <= {shown(heading) for heading in operation.find_elements(By.TAG_NAME, "h4")}
    assert "必需" in {shown(head) for head in operation.find_elements(By.TAG_NAME, "th")}
    lead = document["components"]["schemas"]["Lead"]["properties"]
    text = shown(reference.find_element(By.ID, "schema-Lead"))
    assert [field["x-label-zh"] for field in lead.values() if field.get("x-label-zh", "") not in text] == []
    labels = [label["zh"] for label in lead["status"]["x-enum-labels"].values()]
    assert labels and [label for label in labels if label not in text] == []
    reference.find_element(By.LINK_TEXT, "错误").click()
    assert reference.find_element(By.TAG_NAME, "h1").text == "错误"
    reference.find_element(By.LINK_TEXT, "English").click()
    assert reference.find_element(By.TAG_NAME, "h1").text == "Errors"


def test_the_address_that_is_printed_leads_to_the_reference(browser, platform, document):
    for path in ("/", "/docs/"):
        browser.get(address_of(platform) + path)
        assert browser.title == "Guanxi API" and browser.current_url == f"{address_of(platform)}/docs"


def test_an_error_leads_to_its_explanation_in_both_languages(browser, platform):
    problem = Caller(platform.port).send("GET", "/v1/me")[2]
    browser.get(address_of(platform) + problem["type"])
    section = browser.find_element(By.ID, problem["code"])
    assert is_in_view(browser, section)
    assert problem["title"] in section.text
    assert any("\u4e00" <= character <= "\u9fff" for character in section.text)
