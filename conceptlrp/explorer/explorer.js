/* Makes the explorer smooth: links and forms change the page in place, sliders change it
   while they move, and pointing at a channel shows its map on the large board. Without
   this script links and forms load the page anew, with the same result. */
(() => {
  "use strict";
  let latest = 0, wasLive = false;

  const main = () => document.querySelector("main");
  const byId = (id) => document.getElementById(id);
  const isHere = (url) => url.origin === location.origin && url.pathname === "/";
  const isTyped = (event) => event.button || event.ctrlKey || event.metaKey || event.altKey;
  const tell = (text) => { byId("told").textContent = text; };

  async function pageAt(url) {
    const turn = ++latest;
    main().setAttribute("aria-busy", "true");
    try {
      const reply = await fetch(url, { credentials: "omit" });
      const page = new DOMParser().parseFromString(await reply.text(), "text/html");
      if (turn !== latest) return null;
      main().removeAttribute("aria-busy");
      if (!page.querySelector("main")) { location.assign(url); return null; }
      const address = new URL(reply.url);
      address.hash = url.hash;
      return { page, address };
    } catch {
      if (turn === latest) { main().removeAttribute("aria-busy"); tell("The explorer does not answer."); }
      return null;
    }
  }

  async function show(address, push) {
    const url = new URL(address, location.href);
    const focused = document.activeElement ? document.activeElement.id : "";
    const open = [...document.querySelectorAll("details[open][id]")].map((each) => each.id);
    const found = await pageAt(url);
    if (!found) return;
    main().replaceWith(document.adoptNode(found.page.querySelector("main")));
    document.title = found.page.title;
    if (push) history.pushState(null, "", found.address);
    wasLive = false;
    open.forEach((id) => { const each = byId(id); if (each) each.open = true; });
    if (window.Boards) Boards.draw(main());
    settle(found.address.hash.slice(1), focused);
    tell(found.page.title);
  }

  function settle(hash, focused) {
    const target = hash && byId(hash);
    const former = focused && byId(focused);
    if (target) {
      target.scrollIntoView();
      (former && target.contains(former) ? former : target).focus({ preventScroll: true });
    } else if (former) {
      former.focus({ preventScroll: true });
    }
  }

  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[href]");
    if (!link || event.defaultPrevented || isTyped(event)) return;
    if (event.shiftKey && !link.dataset.contrast) return;
    const url = new URL(event.shiftKey ? link.dataset.contrast : link.href, location.href);
    if (!isHere(url) || link.getAttribute("href").startsWith("#")) return;
    event.preventDefault();
    show(url, true);
  });

  function addressOf(form) {
    const url = new URL(form.action);
    url.search = new URLSearchParams(new FormData(form));
    return url;
  }
  document.addEventListener("submit", (event) => {
    const form = event.target, url = addressOf(form);
    if (form.elements.channel && form.elements.layer.tagName === "SELECT") url.hash = "channel";
    event.preventDefault();
    show(url, true);
  });

  /* ---- Sliders: what is told changes while they move, and one request at a time ---- */
  let moving = false, waiting = null;
  async function follow(slider) {
    if (moving) { waiting = slider; return; }
    moving = true;
    const found = await pageAt(addressOf(slider.form));
    moving = false;
    if (found) {
      document.querySelectorAll("main [data-part]").forEach((each) => {
        const next = found.page.querySelector(`main [data-part="${each.dataset.part}"]`);
        if (!next || each.contains(slider)) return;
        each.replaceWith(document.adoptNode(next));
        if (window.Boards) Boards.draw(next);
      });
      document.title = found.page.title;
      history[wasLive ? "replaceState" : "pushState"](null, "", found.address);
      wasLive = true;
    }
    const next = waiting;
    waiting = null;
    if (next && next.isConnected) follow(next);
  }
  document.addEventListener("input", (event) => {
    const slider = event.target;
    if (slider.dataset.live === undefined) return;
    const told = slider.nextElementSibling;
    if (told && told.tagName === "OUTPUT") told.value = `\u00d7 ${slider.value}`;
    follow(slider);
  });
  // Links of parts that stayed are of the former position.
  document.addEventListener("change", (event) => {
    if (event.target.dataset.live === undefined) return;
    waiting = null;
    show(addressOf(event.target.form), !wasLive);
    if (wasLive) history.replaceState(null, "", addressOf(event.target.form));
  });

  /* ---- A channel's map on the large board while one points at it ---- */
  const maps = new Map();
  let asked = "", kept = null;
  const channelOf = (element) => {
    const near = element.closest && element.closest("a[href$='#channel'], main figure, main tr");
    const link = near && (near.matches("a") ? near : near.querySelector("a[href$='#channel']"));
    return link && !link.closest(".on-board") ? new URL(link.href) : null;
  };
  async function mapAt(url) {
    const address = `/heatmap.json${url.search}`;
    if (!maps.has(address)) {
      if (maps.size > 500) maps.clear();
      maps.set(address, fetch(address, { credentials: "omit" }).then((reply) => (reply.ok ? reply.json() : null), () => null));
    }
    return maps.get(address);
  }
  function lay(map, text) {
    const board = document.querySelector(".on-board .bd");
    if (!board || !window.Boards) return;
    const legend = document.querySelector(".explained .scale");
    kept = kept && kept.board === board ? kept : { board, h: board.dataset.h, s: board.dataset.s, limit: legend && legend.dataset.limit };
    const { h, s, limit } = map ? { ...map, limit: map.s } : kept;
    if (h && s) Object.assign(board.dataset, { h, s }); else { delete board.dataset.h; delete board.dataset.s; }
    Boards.drawOne(board);
    if (legend && limit) { legend.dataset.limit = limit; Boards.draw(legend.parentElement); }
    byId("over").textContent = text;
    board.closest("figure").dataset.over = map ? map.place : "";
  }
  async function point(event) {
    const url = channelOf(event.target), wanted = url ? url.search : "";
    if (wanted === asked) return;
    asked = wanted;
    if (!url) { lay(null, ""); return; }
    await new Promise((done) => setTimeout(done, 40));
    const map = asked === wanted && await mapAt(url);
    if (map && asked === wanted) lay(map, `${map.place}${map.name ? ` ${map.name}` : ""}: ${map.about}`);
  }
  ["pointerover", "focusin"].forEach((kind) => document.addEventListener(kind, point));
  document.addEventListener("pointerleave", () => { if (asked) { asked = ""; lay(null, ""); } });

  /* ---- Keys: over the squares, and through the game ---- */
  const steps = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };
  const plies = { ArrowLeft: "previous", ArrowRight: "next", Home: "first", End: "last" };
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("dialog, input, select, textarea")) return;
    const from = event.target.closest(".squares a"), step = steps[event.key];
    if (from && step) { event.preventDefault(); walk(from, step); return; }
    if (!plies[event.key] || !byId("ply")) return;
    event.preventDefault();
    const link = byId(`game-${plies[event.key]}`);
    if (link) link.click();
  });
  function walk(from, step) {
    const at = (each) => [Number(each.dataset.row), Number(each.dataset.column)];
    const [row, column] = at(from);
    let best = null, least = Infinity;
    for (const each of from.parentElement.querySelectorAll("a")) {
      const [down, right] = [at(each)[0] - row, at(each)[1] - column];
      const along = down * step[0] + right * step[1];
      const far = along + 2 * Math.abs(down * step[1] + right * step[0]);
      if (along > 0 && far < least) { best = each; least = far; }
    }
    if (best) best.focus();
  }

  addEventListener("popstate", () => show(location.href, false));
})();
