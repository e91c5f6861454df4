// Sets a password by the one-time value behind the # of the address, which browsers send to nobody.
const form = document.querySelector("form");
const said = document.getElementById("said");
const token = location.hash.slice(1);

function say(text, failed = true) {
  said.classList.toggle("failed", failed);
  said.textContent = text;
}

function finish(text, failed) {
  form.hidden = true;
  // What is used up or worthless need not stay in the browser's history.
  history.replaceState(null, "", location.pathname);
  say(text, failed);
}

/// What a refusal says to people, in the language of the page.
async function explanation(response) {
  try {
    const problem = await response.json();
    const errors = (problem.errors ?? []).map(error => error.message).filter(Boolean);
    return errors.length ? errors.join(" ") : problem.detail;
  } catch {
    return said.dataset.offline;
  }
}

form.show.addEventListener("change", () => {
  for (const field of [form.password, form.again]) field.type = form.show.checked ? "text" : "password";
});

form.addEventListener("submit", async event => {
  event.preventDefault();
  if (form.password.value !== form.again.value) {
    say(said.dataset.mismatch);
    form.again.focus();
    return;
  }
  const button = form.querySelector("button");
  button.disabled = true;
  try {
    const response = await fetch("/v1/password-resets", {
      method: "POST",
      headers: { "Content-Type": "application/json", "Accept-Language": document.documentElement.lang },
      body: JSON.stringify({ token, password: form.password.value }),
    });
    if (response.status === 204) finish(said.dataset.done, false);
    else if (response.status === 404) finish(said.dataset.gone, true);
    else say(await explanation(response));
  } catch {
    say(said.dataset.offline);
  }
  button.disabled = false;
});

if (!token) finish(said.dataset.gone, true);
