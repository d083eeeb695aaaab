/* The circuit of a position, drawn from its tables: channels by layer, the output on
   top and the board below; how many are kept, one pinned, and that one at its mean. */
(() => {
  "use strict";
  const FEWEST = 16;
  const make = (tag, properties = {}, ...children) => {
    const element = Object.assign(document.createElement(tag), properties);
    element.append(...children);
    return element;
  };

  function read(place) {
    const sizes = [...place.querySelectorAll(".sizes tbody tr")].map((row) => {
      const [size, output, kept] = [...row.children].map((cell) => cell.textContent);
      return { size: +size, output, kept };
    });
    const nodes = [...place.querySelectorAll(".nodes tbody tr")].map((row, rank) => {
      const [head, ...cells] = row.children;
      const [relevance, alone, chance, best, value] = cells.map((cell) => cell.textContent);
      const from = row.dataset.from.split(" ").filter(Boolean).map((each) => {
        const [upper, sent] = each.split(":");
        return { upper: +upper, sent: +sent };
      });
      return {
        rank, layer: row.dataset.layer, map: head.querySelector(".bd"), name: head.querySelector(".game").firstChild.textContent.trim(),
        title: head.querySelector("a, .plain")?.textContent || "", link: head.querySelector("a"), board: +row.dataset.board,
        relevance, alone, chance, best, value, from,
      };
    });
    return { sizes, nodes };
  }

  function start() {
    const place = document.querySelector(".circuit:not(.live)");
    if (!place || !window.Boards) return;
    const { sizes, nodes } = read(place), { title, full, total, best, layers } = place.dataset;
    const stops = sizes.filter((each) => each.size <= nodes.length);
    const present = layers.split("|").filter((layer) => nodes.some((node) => node.layer === layer));
    const lowest = present[present.length - 1];
    const text = (span) => (span.text ??= span.textContent.trim());
    // At first as many as it takes to have one of every layer.
    const whole = Math.max(FEWEST, ...present.map((layer) => nodes.findIndex((node) => node.layer === layer) + 1));
    let stop = stops.findIndex((each) => each.size >= whole), pinned = -1, off = false;
    if (stop < 0) stop = stops.length - 1;

    /* What stands on the page */
    const told = make("output"), slider = make("input", { type: "range", min: 0, max: stops.length - 1, value: stop, ariaLabel: "How many channels are kept" });
    const output = make("div", { className: "output" }), wires = new DOMParser().parseFromString('<svg class="wires" aria-hidden="true"></svg>', "text/html").body.firstChild;
    nodes.forEach((node) => {
      const map = node.map.cloneNode(true);
      map.text = text(node.map);
      node.button = make("button", { type: "button", className: "node", title: node.name }, map, make("b", { textContent: node.title.split(" ").pop() }), make("span", { className: "of", textContent: node.name }));
      node.button.setAttribute("aria-pressed", "false");
      node.button.setAttribute("aria-label", `${node.title}, ${node.name}, relevance ${node.relevance}`);
      node.button.onclick = () => { pinned = pinned === node.rank ? -1 : node.rank; off = false; show(); };
      node.item = make("li", {}, node.button);
    });
    const tiers = present.map((layer) => make("div", { className: "tier" }, make("h3", { textContent: layer }),
      make("ul", {}, ...nodes.filter((node) => node.layer === layer).map((node) => node.item))));
    const input = place.querySelector(".input"), own = input.querySelector(".bd"), details = place.querySelector("details");
    const panel = make("div", { className: "pinned", role: "status" });
    const net = make("div", { className: "net" }, make("div", { className: "tier ends" }, output), ...tiers, make("div", { className: "tier ends" }, input));
    place.classList.add("live");
    place.prepend(make("div", { className: "bar" }, make("label", {}, "channels ", slider), told), panel, wires, net);
    details.open = false;
    text(own);

    /* Lines */
    function ends(element, side) {
      const box = element.getBoundingClientRect(), from = place.getBoundingClientRect();
      return [box.left + box.width / 2 - from.left, (side === "top" ? box.top : box.bottom) - from.top];
    }
    function line(above, below, sent, touched) {
      const [x0, y0] = ends(above, "bottom"), [x1, y1] = ends(below, "top"), middle = (y0 + y1) / 2;
      const path = document.createElementNS(wires.namespaceURI, "path");
      path.setAttribute("d", `M${x0} ${y0}C${x0} ${middle} ${x1} ${middle} ${x1} ${y1}`);
      path.sent = sent;
      const state = pinned < 0 ? "" : touched === off ? " lost" : touched ? " lit" : "";
      path.setAttribute("class", (sent > 0 ? "for" : "against") + state);
      return path;
    }
    function draw() {
      const shown = nodes.slice(0, stops[stop].size), paths = [];
      shown.forEach((node) => {
        const reach = node.from.filter(({ upper }) => upper < shown.length).sort((a, b) => Math.abs(b.sent) - Math.abs(a.sent));
        reach.slice(0, 4).forEach(({ upper, sent }) => {
          const above = upper < 0 ? output : nodes[upper].button.querySelector(".of");
          paths.push(line(above, node.button, sent, node.rank === pinned || upper === pinned));
        });
        if (node.layer === lowest) paths.push(line(node.button.querySelector(".of"), own, node.board, node.rank === pinned));
      });
      const largest = Math.max(1e-12, ...paths.map((path) => Math.abs(path.sent)));
      paths.forEach((path) => path.setAttribute("stroke-width", (0.4 + 5 * Math.sqrt(Math.abs(path.sent) / largest)).toFixed(2)));
      wires.replaceChildren(...paths);
    }

    // What a channel hands to whom, and has from whom, the strongest three of each.
    function carried(node) {
      const named = (rank) => (rank < 0 ? title.toLowerCase() : nodes[rank].title);
      const list = (found) => found.sort((a, b) => Math.abs(b.sent) - Math.abs(a.sent)).slice(0, 3)
        .map(({ end, sent }) => `${named(end)} ${sent > 0 ? "+" : "\u2212"}${Number(Math.abs(sent).toPrecision(2))}`).join(", ");
      const up = list(node.from.map(({ upper, sent }) => ({ end: upper, sent })));
      const down = node.layer === lowest ? `the board ${Number(node.board.toPrecision(2))}`.replace("-", "\u2212")
        : list(nodes.flatMap((each) => each.from.filter(({ upper }) => upper === node.rank).map(({ sent }) => ({ end: each.rank, sent }))));
      return (up ? ` Gives to ${up}.` : "") + (down ? ` Gets from ${down}.` : "");
    }
    function show() {
      const { size, output: value, kept } = stops[stop], node = nodes[pinned];
      // A dash stands where all channels together make hardly any difference.
      const near = kept === "\u2013", ends = `${title.toLowerCase()} ${value}; with all of them ${full}, with none ${sizes[0].output}`;
      told.textContent = near ? `${size} of ${total} channels: ${ends}, too near to tell a part` : `${kept} of the output kept by ${size} of ${total} channels: ${ends}`;
      slider.setAttribute("aria-valuetext", told.textContent);
      nodes.forEach((each) => {
        each.item.hidden = each.rank >= size && each.rank !== pinned;
        each.button.setAttribute("aria-pressed", String(each.rank === pinned));
        each.button.classList.toggle("off", off && each.rank === pinned);
      });
      output.textContent = `${title} ${full}` + (node && off ? ` \u2192 ${node.alone}` : "");
      if (!node) panel.replaceChildren(make("p", { className: "soft", textContent: "Click a channel to see its map, and what the network says without it." }));
      else {
        const map = own.cloneNode(true);
        map.classList.remove("drawn");
        map.text = own.text;
        Object.assign(map.dataset, { h: node.map.dataset.h || "", s: node.map.dataset.s || "0" });
        const toggle = make("button", { type: "button", textContent: off ? "Give it back" : "Set it to its mean" });
        toggle.setAttribute("aria-pressed", String(off));
        toggle.onclick = () => { off = !off; show(); panel.querySelector("button").focus(); };
        const said = `${title} ${full} \u2192 ${node.alone}; ${best} ${place.dataset.chance} \u2192 ${node.chance}; ` +
          (node.best === best ? `the best move stays ${best}` : `${node.best} becomes the best move`) + (node.value ? `; expected outcome ${place.dataset.value} \u2192 ${node.value}` : "") + ".";
        const link = node.link ? node.link.cloneNode(true) : make("b", { textContent: node.title.split(" ").pop() });
        panel.replaceChildren(map, make("div", {}, make("p", {}, link, ` ${node.name}`), make("p", { textContent: `Relevance ${node.relevance} above its mean.${carried(node)}` }),
          make("p", {}, toggle), ...(off ? [make("p", { className: "effect", textContent: said })] : [])));
        window.Boards.drawOne(map);
      }
      window.Boards.draw(net);
      draw();
    }
    slider.oninput = () => { stop = +slider.value; show(); };
    place.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && pinned >= 0) { const last = nodes[pinned].button; pinned = -1; off = false; show(); last.focus(); }
    });
    new ResizeObserver(draw).observe(place);
    show();
  }

  // In an atlas of one file pages come and go.
  const before = window.atlasStart;
  if (before) window.atlasStart = () => { before(); start(); };
  document.addEventListener("DOMContentLoaded", start);
})();
