"""The page on which users set their passwords, as a browser shows it."""

from uuid import uuid4

import pytest
from calls import Caller
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait
from test_pages import address_of, browser  # noqa: F401

PASSWORD = "correct horse battery 9"


@pytest.fixture
def invited(platform):
    """A tenant's administrator, the name of a new user, and the address that he is sent."""
    tenant = f"invites-{uuid4().hex[:8]}"
    admin = platform.tenant(tenant)
    user = admin.ok("POST", "/v1/users", {"login": "li.wei", "name": "李伟", "role": "sales"})
    reset = admin.ok("POST", f"/v1/users/{user['id']}/password-reset", {})
    return tenant, user["login"], address_of(platform) + reset["page"]


def open_page(browser, url, language):  # noqa: F811
    browser.execute_cdp_cmd("Network.enable", {})
    browser.execute_cdp_cmd("Network.setExtraHTTPHeaders", {"headers": {"Accept-Language": language}})
    # The same page with another fragment is not loaded again otherwise.
    browser.get("about:blank")
    browser.get(url)


def fill(browser, password, again):  # noqa: F811
    for name, value in (("password", password), ("again", again)):
        field = browser.find_element(By.NAME, name)
        field.clear()
        field.send_keys(value)
    browser.find_element(By.TAG_NAME, "button").click()


def said(browser, wanted):  # noqa: F811
    status = browser.find_element(By.CSS_SELECTOR, "[role=status]")
    WebDriverWait(browser, 30).until(lambda _: wanted in status.text, f"{wanted!r} is not said, but {status.text!r}")


@pytest.mark.parametrize("language, mismatch, done, gone", [
    ("en", "not the same", "password is set", "not valid any more"), ("zh-CN", "不一致", "密码已设置", "链接已失效")])
def test_a_user_sets_a_password_once(browser, platform, invited, language, mismatch, done, gone):  # noqa: F811
    tenant, login, url = invited
    open_page(browser, url, language)
    assert browser.find_element(By.TAG_NAME, "html").get_attribute("lang").startswith(language[:2])
    fill(browser, PASSWORD, PASSWORD + "0")
    said(browser, mismatch)
    fill(browser, PASSWORD, PASSWORD)
    said(browser, done)
    # What is used up stays neither on the page nor in the history.
    assert not browser.find_element(By.TAG_NAME, "form").is_displayed()
    assert "#" not in browser.current_url
    session = {"tenant": tenant, "user": login, "password": PASSWORD}
    assert Caller(platform.port).ok("POST", "/v1/sessions", session)["accessToken"]
    open_page(browser, url, language)
    fill(browser, PASSWORD, PASSWORD)
    said(browser, gone)
    open_page(browser, url.partition("#")[0], language)
    said(browser, gone)


def test_a_password_that_is_too_short_is_told(browser, invited):  # noqa: F811
    open_page(browser, invited[2], "zh-CN")
    # What a browser without such checks would send.
    browser.execute_script("document.querySelector('form').noValidate = true")
    fill(browser, "short", "short")
    said(browser, "10 到 256")
    fill(browser, PASSWORD, PASSWORD)
    said(browser, "密码已设置")


def test_nothing_but_its_own_files_is_loaded_and_all_is_labelled(browser, platform, invited):  # noqa: F811
    open_page(browser, invited[2], "en")
    loaded = browser.execute_script("return performance.getEntriesByType('resource').map(entry => entry.name)")
    assert loaded and all(address.startswith(address_of(platform)) for address in loaded)
    assert not any("gxp_" in address for address in loaded)
    unlabelled = browser.execute_script(
        "return [...document.querySelectorAll('input')].filter(field => !field.labels.length).length")
    assert unlabelled == 0
