// The editor works without this: it only keeps what was typed for as long as the tab is open.
(() => {
  const form = document.getElementById("editor");
  const field = form?.querySelector("[data-editor]");
  if (!field) return;
  const key = `editor ${location.pathname}${location.search}`;
  const kept = document.querySelector("[data-editor-kept]");
  const offline = document.querySelector("[data-editor-offline]");
  const plain = (text) => text.replaceAll("\r\n", "\n");

  const stored = () => {
    try {
      return sessionStorage.getItem(key);
    } catch {
      return null;
    }
  };
  const keep = () => {
    try {
      sessionStorage.setItem(key, plain(field.value));
    } catch {
      // Storage is switched off or full: the page itself still holds the text.
    }
  };
  const forget = () => {
    try {
      sessionStorage.removeItem(key);
    } catch {
      // Nothing was stored.
    }
    kept.hidden = true;
  };

  const before = stored();
  // An answer to what was sent holds the text already, mended perhaps.
  if ("editorAnswered" in form.dataset) keep();
  else if (before !== null && before !== plain(field.value)) kept.hidden = false;
  else forget();

  let waiting;
  field.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(keep, 400);
  });
  const keepNow = () => {
    if (waiting === undefined) return;
    clearTimeout(waiting);
    keep();
  };
  // A preview is no submit; and whoever leaves may be faster than the pause above.
  document.addEventListener("htmx:beforeRequest", keepNow);
  window.addEventListener("pagehide", keepNow);
  form.addEventListener("submit", keep);
  kept.querySelector("[data-editor-restore]").addEventListener("click", () => {
    field.value = stored() ?? field.value;
    kept.hidden = true;
    field.focus();
  });
  kept.querySelector("[data-editor-forget]").addEventListener("click", forget);

  // A preview that is another page (a sign-in, say) is not put into this one.
  document.addEventListener("htmx:beforeSwap", (event) => {
    const { xhr } = event.detail;
    const there = new URL(xhr.responseURL || form.action);
    const meant = xhr.status === 200 && there.pathname === new URL(form.action).pathname;
    offline.hidden = meant;
    if (!meant) event.detail.shouldSwap = false;
  });
  document.addEventListener("htmx:afterSettle", () => {
    const result = document.getElementById("result");
    result.focus({ preventScroll: true });
    result.scrollIntoView();
  });
  for (const name of ["htmx:sendError", "htmx:responseError"]) {
    document.addEventListener(name, () => {
      offline.hidden = false;
    });
  }
})();
