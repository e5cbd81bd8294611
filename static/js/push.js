// Switches notices in this browser on. Removing one needs no script.
(() => {
  const part = document.querySelector("[data-push]");
  const form = part?.querySelector("[data-push-on]");
  const said = part?.querySelector("[data-push-said]");
  if (!form) return;

  const bytes = (text) => {
    const plain = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
    return Uint8Array.from(plain, (sign) => sign.charCodeAt(0));
  };
  const text = (buffer) =>
    btoa(String.fromCharCode(...new Uint8Array(buffer)))
      .replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");

  const label = () => {
    const agent = navigator.userAgent;
    const names = [["Edg/", "Edge"], ["Firefox/", "Firefox"], ["Chrome/", "Chrome"], ["Safari/", "Safari"]];
    const name = names.find(([sign]) => agent.includes(sign))?.[1] ?? "Browser";
    const systems = ["Android", "iPhone", "iPad", "Windows", "Mac", "Linux"];
    const system = systems.find((sign) => agent.includes(sign));
    return system ? `${name} on ${system}` : name;
  };

  const switchOn = async () => {
    const registration = await navigator.serviceWorker.register(part.dataset.worker, { scope: "/" });
    await navigator.serviceWorker.ready;
    const old = await registration.pushManager.getSubscription();
    const key = bytes(part.dataset.key);
    const same = old && text(old.options.applicationServerKey) === part.dataset.key;
    if (old && !same) await old.unsubscribe();
    const one = same
      ? old
      : await registration.pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: key });
    form.elements.endpoint.value = one.endpoint;
    form.elements.p256dh.value = text(one.getKey("p256dh"));
    form.elements.auth.value = text(one.getKey("auth"));
    form.elements.label.value = label();
    const answer = await fetch(form.action, { method: "POST", body: new FormData(form) });
    if (!answer.ok) throw new Error(`The portal did not take it (${answer.status}).`);
    location.reload();
  };

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    said.textContent = "The browser asks whether the portal may show notices.";
    try {
      if ((await Notification.requestPermission()) !== "granted") {
        said.textContent = "The browser does not allow notices of this portal. Its settings can.";
        return;
      }
      await switchOn();
    } catch (error) {
      said.textContent = `This browser cannot show notices: ${error.message}`;
    }
  });

  if (!("serviceWorker" in navigator) || !("PushManager" in window) || !("Notification" in window)) {
    said.textContent = "This browser does not know Web Push. On iPhone and iPad, add the portal to the home screen first.";
    return;
  }
  form.hidden = false;
  said.textContent = "";
})();
