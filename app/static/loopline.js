// Makes pages more pleasant; every page works without it. Nothing that is typed is kept here: phones are shared.

const each = (selector, act, root = document) => root.querySelectorAll(selector).forEach(act);

/** A second tap on a slow line must not send twice. A line that died, or coming back to the page, frees the button again. */
function sendOnce() {
  const free = (form, button) => {
    delete form.dataset.sending;
    button?.removeAttribute("aria-disabled");
  };
  document.addEventListener("submit", (event) => {
    const { target: form, submitter: button } = event;
    if (form.dataset.sending) {
      event.preventDefault();
      return;
    }
    form.dataset.sending = "yes";
    button?.setAttribute("aria-disabled", "true");
    const release = () => free(form, button);
    addEventListener("pageshow", release, { once: true });
    setTimeout(release, 20_000);
  });
}

/** Buttons that only work with scripts are shown only with scripts. */
function copyAndPrint() {
  each("[data-copy]", (button) => {
    button.hidden = !navigator.clipboard;
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).innerText.trim());
      button.lastChild.textContent = button.dataset.done;
    });
  });
  each("[data-print]", (button) => {
    button.hidden = false;
    button.addEventListener("click", () => print());
  });
}

/** Leaving in a hurry replaces the page, so that "back" does not return to it. */
function quickExit() {
  each("[data-quick-exit]", (link) => {
    link.addEventListener("click", (event) => {
      event.preventDefault();
      location.replace(link.href);
    });
  });
}

/** An element with data-live="3" and an id is read again every 3 seconds from the page's own address, while somebody looks. */
function stayLive(element) {
  element.scrollTop = element.scrollHeight;
  setInterval(async () => {
    if (document.hidden) return;
    const answer = await fetch(location.href, { headers: { Accept: "text/html" } }).catch(() => null);
    if (!answer?.ok) return; // a poor line: the next round tries again
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const fresh = page.getElementById(element.id);
    if (!fresh || fresh.innerHTML === element.innerHTML) return;
    const added = fresh.children.length > element.children.length;
    element.replaceChildren(...fresh.childNodes);
    if (added) element.scrollTop = element.scrollHeight;
  }, 1000 * element.dataset.live);
}

/** A map comes, script and all, only when somebody asks for it. */
function mapOnDemand(button) {
  button.hidden = false;
  button.addEventListener("click", async () => {
    const { show } = await import(button.dataset.map);
    show(button);
  });
}

sendOnce();
copyAndPrint();
quickExit();
each("[data-live]", stayLive);
each("[data-map]", mapOnDemand);
each("[data-focus]", (summary) => summary.focus());
