// Small comforts. Every page works without them.
(() => {
  const root = document.documentElement;

  // On a phone the places of a section are one line that scrolls: show where one is.
  const place = document.querySelector(".subnav [aria-current]");
  if (place) place.closest("ul").scrollLeft = place.offsetLeft - innerWidth / 3;

  // Theme: light, dark, or whatever the system says.
  const showTheme = () => {
    for (const button of document.querySelectorAll("[data-theme-choice]")) {
      const chosen = button.dataset.themeChoice === (root.dataset.theme ?? "");
      button.setAttribute("aria-pressed", String(chosen));
    }
  };
  const chooseTheme = (theme) => {
    if (theme) root.dataset.theme = theme;
    else delete root.dataset.theme;
    try {
      if (theme) localStorage.setItem("theme", theme);
      else localStorage.removeItem("theme");
    } catch {
      // Storage is switched off: the choice lasts for this page.
    }
    showTheme();
  };

  const copy = async (button) => {
    await navigator.clipboard.writeText(button.dataset.copy);
    const label = button.getAttribute("aria-label");
    button.dataset.copied = "";
    button.setAttribute("aria-label", "Copied");
    setTimeout(() => {
      delete button.dataset.copied;
      button.setAttribute("aria-label", label);
    }, 1600);
  };

  document.addEventListener("click", (event) => {
    const theme = event.target.closest("[data-theme-choice]");
    if (theme) chooseTheme(theme.dataset.themeChoice);
    const copied = event.target.closest("[data-copy]");
    if (copied) copy(copied);
    if (event.target.closest("[data-print]")) window.print();
    if (event.target.closest("[aria-disabled='true']")) event.preventDefault();
    for (const menu of document.querySelectorAll("[data-menu][open]")) {
      if (!menu.contains(event.target)) menu.open = false;
    }
  });

  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    for (const menu of document.querySelectorAll("[data-menu][open]")) {
      menu.open = false;
      menu.querySelector("summary").focus();
    }
  });

  // Confirmation: a button with data-confirm asks first, then submits its own form.
  document.addEventListener("submit", (event) => {
    const button = event.submitter;
    const dialog = document.getElementById("confirm");
    if (!dialog || !button?.dataset.confirm || button.dataset.confirmed) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    dialog.querySelector("#confirm-text").textContent = button.dataset.confirm;
    dialog.querySelector("[value=yes]").textContent =
      button.dataset.confirmLabel ?? button.textContent.trim();
    dialog.returnValue = "";
    dialog.addEventListener("close", () => {
      if (dialog.returnValue !== "yes") return;
      button.dataset.confirmed = "yes";
      button.form.requestSubmit(button);
      delete button.dataset.confirmed;
    }, { once: true });
    dialog.showModal();
  }, true);

  // Relative times move on; the words are those of the server.
  const amount = (seconds) => {
    const minutes = Math.round(seconds / 60);
    if (minutes < 60) return `${minutes} min`;
    const hours = Math.round(minutes / 60);
    if (hours < 24) return `${hours} h`;
    const days = Math.round(hours / 24);
    return days === 1 ? "1 day" : `${days} days`;
  };
  const relative = (seconds) => {
    const span = Math.abs(seconds);
    if (span < 60) return seconds <= 0 ? "just now" : "in a moment";
    return seconds > 0 ? `in ${amount(span)}` : `${amount(span)} ago`;
  };
  const tick = () => {
    for (const time of document.querySelectorAll("time[data-live]")) {
      const seconds = (Date.parse(time.dateTime) - Date.now()) / 1000;
      if (Math.abs(seconds) >= 30 * 86400) continue;
      const text = relative(seconds);
      if (time.textContent !== text) time.textContent = text;
    }
  };

  // "Seen" is an act of a person: sent once the page has been visible for two seconds.
  const markSeen = () => {
    const form = document.querySelector("form[data-seen]");
    if (!form || document.visibilityState !== "visible") return;
    setTimeout(() => {
      fetch(form.action, { method: "POST", body: new FormData(form), redirect: "manual" });
      form.remove();
    }, 2000);
  };

  // Opening the details of an act, by pointer or keyboard, is noted once.
  const noteOpened = () => {
    const part = document.querySelector("details[data-act-details]");
    const form = document.querySelector("form[data-act-opened]");
    if (!part || !form) return;
    part.addEventListener("toggle", () => {
      if (!part.open || !form.isConnected) return;
      fetch(form.action, { method: "POST", body: new FormData(form), redirect: "manual" });
      form.remove();
    });
  };

  // The list does not renew itself under somebody who chooses from it.
  document.addEventListener("htmx:beforeSwap", (event) => {
    if (event.target.id === "inbox-rows" && event.target.querySelector("input:checked")) {
      event.detail.shouldSwap = false;
    }
  });

  // Choosing a card shows the fields that belong to it.
  const showParts = () => {
    for (const part of document.querySelectorAll("[data-shown-for]")) {
      const [name, ...values] = part.dataset.shownFor.split(" ");
      const chosen = document.querySelector(`input[name="${name}"]:checked`);
      part.hidden = !(chosen && values.includes(chosen.value));
    }
  };

  document.addEventListener("change", showParts);
  document.addEventListener("DOMContentLoaded", showParts);
  showTheme();
  showParts();
  tick();
  setInterval(tick, 20000);
  markSeen();
  noteOpened();
})();
