// Asks the browser for a passkey, and sends its answer with the form that asks.
(() => {
"use strict";
const form = document.querySelector("form[data-passkey]");
if (!form || !window.PublicKeyCredential || !navigator.credentials) return;
const make = form.dataset.passkey === "create", said = form.querySelector(".said");

// Binary values travel as base64url.
const bytes = text => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), c => c.charCodeAt(0));
const text = buffer => btoa(String.fromCharCode(...new Uint8Array(buffer))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=/g, "");

const options = () => {
  const o = JSON.parse(form.dataset.options);
  o.challenge = bytes(o.challenge);
  if (o.user) o.user.id = bytes(o.user.id);
  for (const c of [...(o.allowCredentials || []), ...(o.excludeCredentials || [])]) c.id = bytes(c.id);
  return o;
};
const answer = credential => {
  const r = credential.response, response = { clientDataJSON: text(r.clientDataJSON) };
  for (const part of ["attestationObject", "authenticatorData", "signature", "userHandle"]) if (r[part]) response[part] = text(r[part]);
  if (r.getTransports) response.transports = r.getTransports();
  return JSON.stringify({ id: credential.id, rawId: text(credential.rawId), type: credential.type, clientExtensionResults: {}, response });
};

let waiting;
const ask = more => {
  if (waiting) waiting.abort();
  waiting = new AbortController();
  return navigator.credentials[make ? "create" : "get"]({ publicKey: options(), signal: waiting.signal, ...more }).then(credential => {
    form.querySelector("[name=passkey]").value = answer(credential);
    form.submit();
  });
};

form.hidden = false;
for (const note of document.querySelectorAll("[data-without-passkey]")) note.hidden = true;
form.addEventListener("submit", event => {
  event.preventDefault();
  said.textContent = "";
  ask().catch(fault => {
    said.textContent = fault.name === "InvalidStateError" && form.dataset.exists || form.dataset.failed;
    offer();
  });
});

// Where the browser can, the field for the address offers passkeys by itself.
const offer = () => {
  if ("auto" in form.dataset && PublicKeyCredential.isConditionalMediationAvailable) {
    PublicKeyCredential.isConditionalMediationAvailable().then(can => can && ask({ mediation: "conditional" })).catch(() => { /* not chosen */ });
  }
};
offer();

// A challenge works for five minutes: a page that stays open gets another one.
if (form.elements.r) setInterval(() => fetch(form.action.split("?")[0] + "?r=" + encodeURIComponent(form.elements.r.value)).then(got => got.ok ? got.text() : Promise.reject()).then(page => {
  const fresh = new DOMParser().parseFromString(page, "text/html").querySelector("form[data-passkey]");
  if (!fresh) return;
  form.dataset.options = fresh.dataset.options;
  form.elements.challenge.value = fresh.elements.challenge.value;
  offer();
}).catch(() => { /* the next time */ }), 240000);
})();
