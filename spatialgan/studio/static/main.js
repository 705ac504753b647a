// Putting the page together.

import { Attention } from "./attention.js";
import { Files, sceneOf } from "./files.js";
import { HttpBackend } from "./backend.js";
import { Keys } from "./keys.js";
import { ObjectCard, SceneCard, ViewCard } from "./panel.js";
import { Photo } from "./photo.js";
import { Points } from "./points.js";
import { Region } from "./region.js";
import { Levels, Stage } from "./stage.js";
import { Strip } from "./strip.js";
import { Studio } from "./studio.js";
import { Tabs } from "./tabs.js";
import { Timing } from "./timing.js";

const TOKEN = "spatialgan-studio-token";

// The token comes with the link that the studio printed. It stays in this tab, and out of the address.
function takeToken() {
  const fragment = new URLSearchParams(location.hash.slice(1));
  const given = fragment.get("token");
  if (given) {
    sessionStorage.setItem(TOKEN, given);
    fragment.delete("token");
    history.replaceState(null, "", location.pathname + (fragment.size ? `#${fragment}` : ""));
  }
  return given ?? sessionStorage.getItem(TOKEN) ?? "";
}

function announce(studio) {
  const message = document.querySelector("#message");
  let timer;
  studio.on("message", () => {
    message.textContent = studio.message;
    message.classList.add("shown");
    clearTimeout(timer);
    timer = setTimeout(() => message.classList.remove("shown"), 4000);
  });
  studio.on("lock", () => {
    for (const part of document.querySelectorAll("[data-locks]")) part.inert = studio.locked;
  });
}

// The printed link, put into a page that is open already, begins anew with its token.
window.addEventListener("hashchange", () => {
  if (new URLSearchParams(location.hash.slice(1)).has("token")) location.reload();
});

// Without a scene there is nothing to do here but read why.
function giveUp(reason) {
  const hint = document.querySelector("#hint");
  hint.textContent = reason;
  hint.classList.add("failure");
  hint.hidden = false;
  for (const part of document.querySelectorAll("header, nav, aside")) part.inert = true;
}

// Whoever looks on from outside, a test or a console, sees the state and whether a render is under way.
function expose(studio) {
  window.studio = studio;
  const root = document.documentElement;
  root.dataset.busy = "no";
  studio.on("busy", () => (root.dataset.busy = "yes"));
  studio.on("idle", () => (root.dataset.busy = "no"));
}

// The server's back end, or the one without a server, which a page of that kind names in its first line.
async function chooseBackend() {
  if (document.documentElement.dataset.backend !== "browser") return new HttpBackend(takeToken());
  const { BrowserBackend } = await import("./browser/backend.js");
  return new BrowserBackend();
}

// Hide what the back end can't do, and say of the model what it says of it.
function adapt(studio) {
  for (const part of document.querySelectorAll("[data-needs]")) part.hidden ||= !studio.backend.can.has(part.dataset.needs);
  const notice = document.querySelector("#notice");
  studio.on("scene", () => (notice.textContent = studio.model.notice ?? ""));
}

const studio = new Studio(await chooseBackend());
announce(studio);
expose(studio);
adapt(studio);
studio.timing = new Timing(document.querySelector("#timing"));
const stage = new Stage(studio, studio.timing);
new Attention(studio);
new Levels(studio);
new ObjectCard(studio);
new SceneCard(studio);
new ViewCard(studio);
new Strip(studio);
new Files(studio, new Photo(studio));
new Tabs([new Points(studio, stage.marks), new Region(studio, stage.marks)], stage);

await studio.attempt(async () => {
  const linked = await sceneOf(location.hash).catch((error) => {
    studio.say(error.message);
    return null;
  });
  await studio.start(linked);
});
if (studio.scene) new Keys(studio);
else giveUp(studio.message);
document.documentElement.dataset.ready = "yes";
