// Shows notices, also while no page of the portal is open. It keeps nothing and fetches nothing.
self.addEventListener("push", (event) => {
  let told = {};
  try {
    told = event.data.json();
  } catch {
    // Without a text the browser would show one of its own: say at least that something waits.
  }
  event.waitUntil(
    self.registration.showNotification(told.title || "Something waits for you", {
      tag: told.tag,
      renotify: Boolean(told.tag),
      data: { path: told.path || "/" },
    }),
  );
});

self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  const target = new URL(event.notification.data.path, self.location.origin);
  // Only pages of this portal, whatever the message says.
  if (target.origin !== self.location.origin) return;
  event.waitUntil(self.clients.openWindow(target.href));
});
