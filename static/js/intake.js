// Drop files and folders, and see them being sent. The form works without it.
(() => {
  const form = document.querySelector("form[data-intake]");
  if (!form) return;
  const part = (name) => form.querySelector(`[data-${name}]`);
  const drop = part("drop");
  const inputs = [form.elements.uploads, form.elements.folder];
  const most = Number(form.dataset.mostFiles);
  // Junk that no import wants, left out before it is sent.
  const junk = /(^|\/)(\.git|node_modules|__MACOSX|\.venv)\//;
  let dropped = [];

  const say = (name, words) => {
    part(name).textContent = words;
    part(name).hidden = !words;
  };
  const chosen = () => [
    ...dropped,
    ...inputs.flatMap((input) =>
      [...input.files].map((file) => ({ file, path: file.webkitRelativePath || file.name })),
    ),
  ].filter(({ path }) => !junk.test(path));

  const show = () => {
    const files = chosen();
    const size = files.reduce((sum, { file }) => sum + file.size, 0);
    const count = files.length === 1 ? files[0].path : `${files.length} files`;
    say("chosen", files.length ? `Chosen: ${count}, ${(size / 1048576).toFixed(1)} MB.` : "");
    say("problem", files.length > most ? `At most ${most} files at once. Send a zip instead.` : "");
    part("clear").hidden = !files.length;
  };

  const inside = (folder) => new Promise((done, fail) => {
    const reader = folder.createReader();
    const found = [];
    const more = () => reader.readEntries((some) => {
      found.push(...some);
      if (some.length) more();
      else done(found);
    }, fail);
    more();
  });
  const walk = async (entry, files) => {
    if (files.length > most || junk.test(`${entry.fullPath}/`)) return;
    if (entry.isDirectory) {
      for (const one of await inside(entry)) await walk(one, files);
      return;
    }
    const file = await new Promise((done, fail) => entry.file(done, fail));
    files.push({ file, path: entry.fullPath.replace(/^\//, "") });
  };

  for (const kind of ["dragenter", "dragover"]) {
    drop.addEventListener(kind, (event) => {
      event.preventDefault();
      drop.dataset.over = "";
    });
  }
  drop.addEventListener("dragleave", () => delete drop.dataset.over);
  drop.addEventListener("drop", async (event) => {
    event.preventDefault();
    delete drop.dataset.over;
    const entries = [...event.dataTransfer.items]
      .filter((item) => item.kind === "file")
      .map((item) => item.webkitGetAsEntry?.() ?? item.getAsFile());
    for (const entry of entries) {
      if (entry instanceof File) dropped.push({ file: entry, path: entry.name });
      else if (entry) await walk(entry, dropped);
    }
    show();
  });
  for (const input of inputs) input.addEventListener("change", show);
  part("clear").addEventListener("click", () => {
    dropped = [];
    for (const input of inputs) input.value = "";
    show();
  });

  const body = () => {
    const data = new FormData(form);
    const files = chosen();
    data.delete("uploads");
    data.delete("folder");
    for (const { file } of files) data.append("uploads", file, file.name);
    data.set("paths", JSON.stringify(files.map(({ path }) => path)));
    return data;
  };
  const progress = (event) => {
    const bar = form.querySelector("progress");
    const share = event.lengthComputable ? Math.round((100 * event.loaded) / event.total) : 0;
    bar.value = share;
    if (share === 100) bar.removeAttribute("value");
    part("sending-words").textContent =
      share < 100 ? `Sending: ${share} %` : "Sent. The portal reads the files.";
  };
  const failed = (words) => {
    part("sending").hidden = true;
    say("problem", words);
    for (const button of form.querySelectorAll("button")) button.disabled = false;
  };

  form.addEventListener("submit", (event) => {
    const files = chosen();
    if (!files.length) return;
    event.preventDefault();
    if (files.length > most) return;
    const call = new XMLHttpRequest();
    call.upload.addEventListener("progress", progress);
    call.addEventListener("error", () => failed("The connection broke. Nothing may be lost: try again."));
    call.addEventListener("load", () => {
      if (call.status < 400 && call.responseURL.includes("/imports/")) {
        location.assign(call.responseURL);
        return;
      }
      const page = new DOMParser().parseFromString(call.responseText, "text/html");
      const why = page.querySelector("main .callout p, main .errorlist, main .refusal");
      failed(why?.textContent.trim() || "The portal refused this. Try fewer files.");
    });
    part("sending").hidden = false;
    for (const button of form.querySelectorAll("button")) button.disabled = true;
    call.open("POST", form.action || location.href);
    call.send(body());
  });
  show();
})();
