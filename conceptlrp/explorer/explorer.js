/* Makes the explorer smooth: links and forms change the page in place. Without this
   script they load it anew, with the same result. */
(() => {
  "use strict";
  let latest = 0;

  const isHere = (url) => url.origin === location.origin && url.pathname === "/";
  const main = () => document.querySelector("main");

  async function show(address, push) {
    const url = new URL(address, location.href);
    const turn = ++latest;
    const focused = document.activeElement ? document.activeElement.id : "";
    const open = [...document.querySelectorAll("details[open][id]")].map((each) => each.id);
    main().setAttribute("aria-busy", "true");
    let reply, text;
    try {
      reply = await fetch(url, { credentials: "omit" });
      text = await reply.text();
    } catch {
      main().removeAttribute("aria-busy");
      document.getElementById("told").textContent = "The explorer does not answer.";
      return;
    }
    if (turn !== latest) return;
    const page = new DOMParser().parseFromString(text, "text/html");
    const found = page.querySelector("main");
    if (!found) { location.assign(url); return; }
    main().replaceWith(document.adoptNode(found));
    document.title = page.title;
    window.Boards.draw(main());
    const address_now = new URL(reply.url);
    address_now.hash = url.hash;
    if (push) history.pushState(null, "", address_now);
    open.forEach((id) => { const each = document.getElementById(id); if (each) each.open = true; });
    settle(address_now.hash.slice(1), focused);
    document.getElementById("told").textContent = page.title;
  }

  function settle(hash, focused) {
    const target = hash && document.getElementById(hash);
    const former = focused && document.getElementById(focused);
    if (target) {
      target.scrollIntoView();
      (former && target.contains(former) ? former : target).focus({ preventScroll: true });
    } else if (former) {
      former.focus({ preventScroll: true });
    }
  }

  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[href]");
    if (!link || event.defaultPrevented || event.button || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.shiftKey && !link.dataset.contrast) return;
    const url = new URL(event.shiftKey ? link.dataset.contrast : link.href, location.href);
    if (!isHere(url) || link.getAttribute("href").startsWith("#")) return;
    event.preventDefault();
    show(url, true);
  });

  document.addEventListener("submit", (event) => {
    const url = new URL(event.target.action);
    url.search = new URLSearchParams(new FormData(event.target));
    if (event.target.elements.channel && event.target.elements.layer.tagName === "SELECT") url.hash = "channel";
    event.preventDefault();
    show(url, true);
  });

  const steps = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };
  document.addEventListener("keydown", (event) => {
    const step = steps[event.key];
    const from = event.target.closest(".squares a");
    if (!step || !from || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
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
  });

  addEventListener("popstate", () => show(location.href, false));
})();
