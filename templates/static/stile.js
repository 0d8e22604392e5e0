// Makes things easier where scripts run. No page needs it.
(() => {
"use strict";
const $ = id => document.getElementById(id);
const all = selector => document.querySelectorAll(selector);
const say = (box, text) => { box.textContent = ""; setTimeout(() => { box.textContent = text; }, 50); };

// Show the password, and hide it again before it is sent.
const reveal = $("reveal"), password = $("password") || $("new-password");
if (reveal && password) {
  const show = on => {
    password.type = on ? "text" : "password";
    reveal.setAttribute("aria-pressed", on);
  };
  reveal.hidden = false;
  reveal.addEventListener("click", () => show(password.type === "password"));
  password.form.addEventListener("submit", () => show(false));
  const caps = $("caps");
  for (const kind of ["keydown", "keyup"]) password.addEventListener(kind, event => {
    const text = event.getModifierState && event.getModifierState("CapsLock") ? caps.dataset.text : "";
    if (caps.textContent !== text) caps.textContent = text;
  });
  password.addEventListener("blur", () => { caps.textContent = ""; });
}

// Copy a key without its spaces, a list line by line, details as pairs.
const text = box => {
  if (box.id === "key") return box.textContent.replace(/\s/g, "");
  return [...box.children].map(line => line.textContent.trim()).join("\n");
};
if (navigator.clipboard) for (const button of all("[data-copy]")) {
  const box = $(button.dataset.copy), told = $(button.dataset.copy + "-copied");
  button.hidden = false;
  button.addEventListener("click", () => navigator.clipboard.writeText(text(box)).then(() => {
    say(told, told.dataset.text);
    setTimeout(() => { told.textContent = ""; }, 8000);
  }, () => getSelection().selectAllChildren(box)));
}
for (const button of all("[data-print]")) {
  button.hidden = false;
  button.addEventListener("click", () => print());
}

// Times of today in the zone of the browser, where the user has chosen none. A
// page that tells a date too keeps the zone of the server: one page, one zone.
const today = time => !/\d{4}/.test(time.textContent) && new Date(time.dateTime).toDateString() === new Date().toDateString();
const localize = time => {
  try {
    time.textContent = new Date(time.dateTime).toLocaleTimeString(document.documentElement.lang, { hour: "2-digit", minute: "2-digit", hourCycle: "h23", timeZoneName: "short" });
  } catch { /* a language that the browser does not know */ }
};
const local = "zoneGuessed" in document.body.dataset && [...all("time")].every(today);
if (local) all("time").forEach(localize);

// Look every ten seconds whether an admin has decided.
const check = document.querySelector("[data-check]");
if (check) setInterval(() => fetch(check.href).then(answer => answer.ok ? answer.text() : Promise.reject()).then(page => {
  if (!new DOMParser().parseFromString(page, "text/html").querySelector("[data-check]")) location.assign(check.href);
}).catch(() => { /* the next time */ }), 10000);

// Two minutes before the page stops working, offer more time.
const more = document.querySelector(".more");
if (more) {
  const box = document.createElement("div");
  box.setAttribute("role", "status");
  more.before(box);
  const arm = until => setTimeout(() => { box.append(more); more.hidden = false; }, Math.min(Math.max(0, until - Date.now() - 120000), 2 ** 31 - 1));
  arm(Date.parse(more.dataset.until));
  more.addEventListener("submit", event => {
    event.preventDefault();
    fetch(more.action, { method: "POST", body: new URLSearchParams(new FormData(more)) }).then(answer => answer.ok ? answer.text() : Promise.reject()).then(page => {
      const fresh = new DOMParser().parseFromString(page, "text/html"), next = fresh.querySelector(".more");
      if (!next) throw 0;
      more.hidden = true;
      say(box.appendChild(document.createElement("p")), more.dataset.done);
      const now = document.querySelector("footer time"), then = fresh.querySelector("footer time");
      if (now && then) {
        if (local && today(then)) localize(then);
        now.replaceWith(then);
      }
      arm(Date.parse(next.dataset.until));
    }).catch(() => more.submit());
  });
}
})();
