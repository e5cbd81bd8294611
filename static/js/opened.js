// Opening a part of a version is noted, as its button does where there is no script.
(() => {
  const tell = (said) => {
    for (const place of document.querySelectorAll("[data-opened-said]")) {
      place.textContent = said.opened;
    }
    for (const note of document.querySelectorAll("[data-opened-text]")) {
      note.hidden = !said.text_note;
    }
  };

  const note = async (part) => {
    const form = part.querySelector("form[data-opened]");
    if (!form || form.dataset.sent) return;
    form.dataset.sent = "yes";
    const answer = await fetch(form.action, {
      method: "POST",
      body: new FormData(form),
      headers: { Accept: "application/json" },
      keepalive: true,
    });
    if (answer.ok && !answer.redirected) tell(await answer.json());
  };

  // One that is open from the start counts once it has been visible for two seconds.
  const noteLater = (part) => {
    setTimeout(() => {
      if (part.open && document.visibilityState === "visible") note(part);
    }, 2000);
  };

  // A link to a line opens what hides the line.
  const reveal = () => {
    const target = location.hash && document.getElementById(location.hash.slice(1));
    const part = target && target.closest("details:not([open])");
    if (!part) return;
    part.open = true;
    target.scrollIntoView();
  };

  for (const part of document.querySelectorAll("details[data-part]")) {
    if (part.open) noteLater(part);
    part.querySelector("summary").addEventListener("click", () => {
      if (!part.open) note(part);
    });
  }
  addEventListener("hashchange", reveal);
  reveal();
})();
