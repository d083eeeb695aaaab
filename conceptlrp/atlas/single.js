/* An atlas of one file: unpacks the page that the address names, as in
   #/concepts/conv3/c0012.html, and shows it in place of the one before. */
(() => {
  "use strict";
  const pages = window.ATLAS_PAGES, HOME = "index.html";
  let current = HOME;
  const style = document.head.appendChild(document.createElement("style"));
  const place = () => {
    const [address, rest] = location.hash.slice(1).split("?");
    // The first page is where nothing is named: Back comes to it.
    if (!address) return { address: HOME };
    return address[0] === "/" ? { address: address.slice(1).split("#")[0], anchor: address.split("#")[1], rest } : { address: current, anchor: address };
  };
  // Each page is the rest of a stream that begins with what all pages share.
  const [begun, shared] = window.ATLAS_START;
  const bytes = (text) => Uint8Array.from(atob(text), (each) => each.charCodeAt(0));
  async function unpack(text) {
    const stream = new Blob([bytes(begun), bytes(text)]).stream().pipeThrough(new DecompressionStream("deflate-raw"));
    const found = new Uint8Array(await new Response(stream).arrayBuffer()).subarray(shared);
    const [[title, top, main, look], boards] = JSON.parse(new TextDecoder().decode(found));
    let next = 0;
    return [title, top, main.replaceAll("\0", () => boards[next++]), look];
  }
  // What a link of a page means, from the folder that the page would lie in.
  function target(link, from) {
    const found = new URL(link, "https://atlas.invalid/" + from);
    return { address: decodeURIComponent(found.pathname.slice(1)), anchor: found.hash.slice(1) };
  }
  function lead(from) {
    document.querySelectorAll("main a[href], header a[href]").forEach((link) => {
      const href = link.getAttribute("href");
      if (href.startsWith("#")) return;
      const { address, anchor } = target(href, from);
      if (pages[address]) link.setAttribute("href", `#/${address}${anchor ? "#" + anchor : ""}`);
      else link.removeAttribute("href");
    });
  }
  async function show() {
    const { address, anchor } = place();
    if (address !== current && pages[address]) {
      const [title, top, main, look] = await unpack(pages[address]);
      current = address;
      // Written by the same templates as the pages of a folder, which escape all names.
      document.querySelector("title").innerHTML = title;
      document.querySelector("header.top").innerHTML = top;
      byMain().innerHTML = main;
      style.textContent = look;
      window.atlasStart();
      window.Boards.draw();
      lead(address);
      if (!anchor) { scrollTo(0, 0); byMain().focus({ preventScroll: true }); }
    }
    if (anchor) document.getElementById(anchor)?.scrollIntoView();
  }
  const byMain = () => document.getElementById("main");
  addEventListener("hashchange", show);
  document.addEventListener("DOMContentLoaded", () => {
    document.querySelectorAll("footer a[href]").forEach((link) => link.removeAttribute("href"));
    lead(HOME);
    // The rows of the search come and go.
    new MutationObserver(() => lead(current)).observe(byMain(), { childList: true, subtree: true });
    show();
  });
})();
