/* Boards of the atlas and the explorer: pages hold them as text, which can be read
   without this script; here they are drawn, set to a common scale, and opened.

   <span class="bd" data-m="x" data-k="f4" data-l="c5" data-h="..." data-s=".03">---XO...</span>
   Squares from a1, row by row, as in OBF. m is the side to move, k the
   explained move, l the last one; h has a letter a square, in thirtieths of s, the
   largest magnitude of the map. r is the row of the store, p that it has a page, q
   the number of a game with a page, g the moves of its game, y how many were played, t how it is turned (0 to 7). The
   same picture as conceptlrp/drawing/board.py, by the same numbers. */
(() => {
  "use strict";
  const LETTERS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
  const LEVELS = 12, DISC = 0.82, CORE = 0.66, TINT = 0.9, UNDER = 0.5;
  const FILES = "abcdefgh";

  /* ---- The rules ---- */
  const WAYS = [[-1, -1], [-1, 0], [-1, 1], [0, -1], [0, 1], [1, -1], [1, 0], [1, 1]];
  const other = (side) => (side === "x" ? "o" : "x");
  const sizeOf = (squares) => (squares.length === 36 ? 6 : 8);
  const nameOf = (place, n) => FILES[place % n] + (Math.floor(place / n) + 1);
  const placeOf = (name, n) => (/^[a-h][1-8]$/.test(name || "") ? (name[1] - 1) * n + FILES.indexOf(name[0]) : -1);

  function flips(squares, place, side) {
    const n = sizeOf(squares), found = [];
    if (squares[place] !== "-") return found;
    for (const [down, right] of WAYS) {
      const line = [];
      let y = Math.floor(place / n) + down, x = place % n + right;
      while (y >= 0 && y < n && x >= 0 && x < n && squares[y * n + x] === other(side)) {
        line.push(y * n + x);
        y += down; x += right;
      }
      if (y >= 0 && y < n && x >= 0 && x < n && squares[y * n + x] === side) found.push(...line);
    }
    return found;
  }
  const legal = (squares, side) => [...squares].map((_, i) => i).filter((i) => flips(squares, i, side).length);
  function start(n) {
    const squares = Array(n * n).fill("-"), m = n / 2;
    squares[(m - 1) * n + m - 1] = squares[m * n + m] = "o";
    squares[(m - 1) * n + m] = squares[m * n + m - 1] = "x";
    return { squares: squares.join(""), mover: "x", last: "" };
  }
  // Sides that cannot move pass by themselves.
  function play(board, name) {
    const n = sizeOf(board.squares), place = placeOf(name, n);
    let side = board.mover, turned = flips(board.squares, place, side);
    if (!turned.length) { side = other(side); turned = flips(board.squares, place, side); }
    if (!turned.length) return null;
    const squares = [...board.squares];
    [place, ...turned].forEach((i) => { squares[i] = side; });
    const next = { squares: squares.join(""), mover: other(side), last: name };
    if (!legal(next.squares, next.mover).length && legal(next.squares, side).length) next.mover = side;
    return next;
  }
  function game(moves, n) {
    const boards = [start(n)];
    for (const name of moves.match(/[a-h][1-8]/g) || []) {
      const next = play(boards[boards.length - 1], name);
      if (!next) break;
      boards.push(next);
    }
    return boards;
  }
  // Symmetries as conceptlrp.othello numbers them: where the square at (y, x) goes.
  const TURNS = [(y, x) => [y, x], (y, x) => [y, -x], (y, x) => [-y, x], (y, x) => [-y, -x],
    (y, x) => [x, y], (y, x) => [x, -y], (y, x) => [-x, y], (y, x) => [-x, -y]];
  function turnPlace(place, n, s) {
    const m = (n - 1) / 2, [y, x] = TURNS[s](Math.floor(place / n) - m, place % n - m);
    return (y + m) * n + x + m;
  }
  function turn(board, s) {
    const n = sizeOf(board.squares), squares = Array(n * n);
    [...board.squares].forEach((c, i) => { squares[turnPlace(i, n, s)] = c; });
    const last = placeOf(board.last, n);
    return { ...board, squares: squares.join(""), last: last < 0 ? "" : nameOf(turnPlace(last, n, s), n) };
  }

  /* ---- The picture ---- */
  function heatOf(letters, largest) {
    return letters ? [...letters].map((c) => ((LETTERS.indexOf(c) - 30) / 30) * largest) : null;
  }
  function levelsOf(heat, limit) {
    return heat.map((v) => (limit ? Math.round(Math.max(-1, Math.min(1, v / limit)) * LEVELS) : 0));
  }
  const places = (found, n, end = "h0") => found.map((i) => `M${i % n} ${Math.floor(i / n)}${end}`).join("");

  function heatPaths(squares, steps, n) {
    const tints = new Map(), cores = new Map();
    for (let y = 0; y < n; y++) {
      for (let x = 0; x < n;) {
        const at = y * n + x, step = steps[at], taken = squares[at] !== "-";
        let end = x + 1;
        while (end < n && steps[y * n + end] === step && (squares[y * n + end] !== "-") === taken) end++;
        const kind = step + (taken ? " under" : "");
        tints.set(kind, (tints.get(kind) || "") + `M${x} ${y}h${end - x}`);
        x = end;
      }
    }
    steps.forEach((step, i) => {
      if (Math.abs(step) > 1 && squares[i] !== "-") cores.set(step, (cores.get(step) || "") + `M${i % n} ${Math.floor(i / n)}h0`);
    });
    const sign = (step) => (step > 0 ? "for" : "against"), part = (step) => Math.abs(step) / LEVELS;
    const tint = [...tints].map(([kind, d]) => {
      const step = parseInt(kind, 10);
      return step ? `<path class="${sign(step)}" stroke-opacity="${(part(step) * (kind.endsWith("under") ? UNDER : TINT)).toFixed(2)}" d="${d}"/>` : "";
    });
    const core = [...cores].map(([step, d]) => `<path class="${sign(step)}" stroke-width="${(CORE * Math.sqrt(part(step))).toFixed(2)}" d="${d}"/>`);
    return [tint.join(""), core.join("")];
  }
  function svg({ squares, mover = "", mark = "", last = "", heat = null, limit = 0, coordinates = false, discs = true }) {
    const n = sizeOf(squares), seen = discs ? squares : "-".repeat(n * n);
    const [tint, core] = heat ? heatPaths(seen, levelsOf(heat, limit), n) : ["", ""];
    const of = (...kinds) => [...seen].map((_, i) => i).filter((i) => kinds.includes(seen[i]));
    const crossed = placeOf(mark, n), framed = placeOf(last, n);
    const dots = mover && discs ? legal(squares, mover).filter((i) => i !== crossed) : [];
    const line = [...Array(n - 1).keys()].map((i) => `M${i + 1} 0v${n}M0 ${i + 1}h${n}`).join("");
    const far = n - 2, path = (name, d) => (d ? `<path class="${name}" d="${d}"/>` : "");
    const names = [...Array(n).keys()].map((i) =>
      `<text x="${i}" y="-.84">${FILES[i]}</text><text x="-.85" y="${i}">${i + 1}</text>`).join("");
    const cross = `M${crossed % n - 0.2} ${Math.floor(crossed / n) - 0.2}l.4 .4m0-.4l-.4 .4`;
    return `<svg viewBox="${coordinates ? `-.75 -.75 ${n + 0.8} ${n + 0.8}` : `-.04 -.04 ${n + 0.08} ${n + 0.08}`}" aria-hidden="true">` +
      `<path class="felt" d="M0 0h${n}v${n}H0z"/><g transform="translate(0 .5)">${tint}</g>` +
      path("grid", line) + path("stars", `M2 2h0M${far} 2h0M2 ${far}h0M${far} ${far}h0`) + path("rim", `M0 0h${n}v${n}H0z`) +
      (coordinates ? `<g class="names" transform="translate(.5 .64)">${names}</g>` : "") +
      '<g transform="translate(.5 .5)">' + path("k", places(of("x", "o"), n)) + path("x", places(of("x"), n)) + path("w", places(of("o"), n)) +
      core + path("h", places(dots, n)) + path("l", places(dots, n)) +
      (framed >= 0 && discs ? path("last", `M${framed % n - 0.45} ${Math.floor(framed / n) - 0.45}h.9v.9h-.9z`) : "") +
      (crossed >= 0 ? path("c1", cross) + path("c2", cross) : "") + "</g></svg>";
  }

  /* ---- Boards of a page ---- */
  function read(element) {
    const { m, k, l, h, s, g, y, t, r, p, q } = element.dataset;
    const squares = (element.text ??= element.textContent.trim()).toLowerCase();
    return {
      squares, mover: m || "", mark: k || "", last: l || "", heat: heatOf(h, +s || 0), largest: +s || 0,
      moves: g || "", ply: +y || 0, turned: +t || 0, row: r, page: p, game: q, flat: element.classList.contains("flat"),
    };
  }
  function words(board) {
    const count = (c) => [...board.squares].filter((s) => s === c).length;
    const parts = board.flat ? ["Map of a board"] : [board.mover === "o" ? "White to move" : "Black to move"];
    if (board.mark) parts.push(`explained move ${board.mark}`);
    if (board.last) parts.push(`last move ${board.last}`);
    if (!board.flat) parts.push(`${count("x")} black and ${count("o")} white discs`);
    if (board.heat && board.largest) {
      const n = sizeOf(board.squares), order = board.heat.map((v, i) => [Math.abs(v), i]).sort((a, b) => b[0] - a[0]);
      const strongest = order.slice(0, 3).filter(([v]) => v > 0).map(([, i]) => `${nameOf(i, n)} ${board.heat[i] < 0 ? "against" : "for"}`);
      if (strongest.length) parts.push("strongest " + strongest.join(", "));
    }
    return parts.join(", ");
  }
  /* A scale is a number that people can read: the largest magnitude, raised to two digits. */
  function limitOf(values) {
    const largest = Math.max(0, ...values);
    if (!largest) return 0;
    const unit = 10 ** (Math.floor(Math.log10(largest)) - 1);
    return Math.ceil(+(largest / unit).toPrecision(8)) * unit;
  }
  let mode = "strip";
  const stripOf = (element) => element.closest("[data-strip]");
  function limitFor(element, board) {
    const group = mode === "page" ? document : stripOf(element);
    if (mode === "board" || !group) return limitOf([board.largest]);
    const key = group === document ? document.body : group;
    if (key.limitMode !== mode) {
      key.limitMode = mode;
      // On a page of one file several pages have been, so what is gone is not counted.
      key.limit = limitOf([...group.querySelectorAll(".bd[data-s]")].map((each) => +each.dataset.s || 0));
    }
    return key.limit;
  }
  function drawOne(element) {
    const board = read(element);
    if (![36, 64].includes(board.squares.length)) return;
    element.limit = limitFor(element, board);
    const wide = (element.clientWidth || 160) >= 130;
    element.innerHTML = svg({ ...board, limit: element.limit, coordinates: wide, mover: board.flat ? "" : board.mover });
    element.classList.add("drawn");
    const link = element.closest("a, button");
    if (link) { element.setAttribute("role", "img"); element.setAttribute("aria-label", words(board)); return; }
    element.setAttribute("role", board.flat ? "img" : "button");
    element.setAttribute("aria-label", words(board) + (board.flat ? "" : "; open"));
    if (!board.flat) element.tabIndex = 0;
  }
  const number = (v) => String(+v.toPrecision(2)).replace("-", "\u2212");
  // The legend of a strip, or of a single map, which is not set to a common scale.
  function drawScale(element) {
    const strip = stripOf(element), unit = element.dataset.unit || "";
    const limit = !strip || mode === "strip" ? +element.dataset.limit : mode === "page" ? limitFor(strip, {}) : 0;
    const bars = [...Array(2 * LEVELS + 1).keys()].map((i) => {
      const step = i - LEVELS, opacity = ((Math.abs(step) / LEVELS) * TINT).toFixed(2);
      return step ? `<path class="${step > 0 ? "for" : "against"}" stroke-opacity="${opacity}" d="M${6 * i} 6h6"/>` : "";
    });
    const ends = limit ? [`\u2212${number(limit)}`, `+${number(limit)} ${unit}`] : ["against", "for: each board by itself"];
    element.innerHTML = '<svg viewBox="0 0 150 12" width="150" height="12" aria-hidden="true"><path class="felt" d="M0 0h150v12H0z"/>' +
      `${bars.join("")}<path class="rim" d="M0 0h150v12H0z"/></svg> <span>${ends[0]}</span> <span>${ends[1]}</span>`;
    element.classList.add("drawn");
  }
  // What is far below is drawn when it comes near.
  const watcher = "IntersectionObserver" in window ? new IntersectionObserver((entries) => {
    entries.filter((each) => each.isIntersecting).forEach((each) => { watcher.unobserve(each.target); drawOne(each.target); });
  }, { rootMargin: "600px" }) : null;
  function draw(root = document) {
    root.querySelectorAll(".bd").forEach((each) => {
      each.text ??= each.textContent.trim();
      if (watcher && !each.classList.contains("drawn")) watcher.observe(each); else drawOne(each);
    });
    root.querySelectorAll(".scale[data-limit]").forEach(drawScale);
  }
  function scale(to) {
    mode = to;
    document.querySelectorAll(".bd.drawn").forEach(drawOne);
    draw();
  }

  /* ---- Tools of a page: size, scale, and which boards ---- */
  const make = (tag, properties = {}, ...children) => {
    const element = Object.assign(document.createElement(tag), properties);
    element.append(...children);
    return element;
  };
  function tools() {
    document.querySelectorAll(".board-tools:empty").forEach((place) => {
      const size = make("input", { type: "range", min: 72, max: 300, value: 132 });
      size.oninput = () => document.documentElement.style.setProperty("--board", `${size.value}px`);
      const by = make("select", {}, new Option("of the strip", "strip"), new Option("of each board", "board"), new Option("of the page", "page"));
      by.onchange = () => scale(by.value);
      const filter = make("input", { type: "search", placeholder: "black, f4, move 30-45, a player", size: 26 });
      const told = make("span", { className: "soft" });
      told.setAttribute("role", "status");
      filter.oninput = () => {
        const shown = keep(filter.value);
        told.textContent = filter.value.trim() ? `${shown} boards` : "";
      };
      place.append(make("label", {}, "size ", size), make("label", {}, "colours ", by), make("label", {}, "only ", filter), told);
      place.hidden = false;
    });
  }
  function keep(text) {
    const asked = text.toLowerCase().split(/\s+/).filter((word) => word && word !== "move" && word !== "moves");
    let shown = 0;
    document.querySelectorAll("[data-strip] li").forEach((item) => {
      const element = item.querySelector(".bd");
      if (!element) return;
      const board = read(element), caption = item.textContent.toLowerCase();
      const fits = (word) => {
        const range = /^(\d+)[-\u2013](\d+)$/.exec(word);
        if (range) return board.ply + 1 >= +range[1] && board.ply + 1 <= +range[2];
        if (word === "black" || word === "white") return board.mover === (word === "black" ? "x" : "o");
        if (/^[a-h][1-8]$/.test(word)) return board.mark === word || board.last === word || strongest(board) === word;
        return caption.includes(word);
      };
      item.hidden = !asked.every(fits);
      shown += item.hidden ? 0 : 1;
    });
    return shown;
  }
  function strongest(board) {
    if (!board.heat) return "";
    const sizes = board.heat.map(Math.abs), largest = Math.max(...sizes);
    return largest ? nameOf(sizes.indexOf(largest), sizeOf(board.squares)) : "";
  }

  /* ---- Every board is a door ---- */
  // Where the pages are, from this one; in an atlas of one file the address says it.
  function root() {
    const sheet = document.querySelector('link[rel="stylesheet"][href$="style.css"]');
    return sheet ? sheet.getAttribute("href").replace(/style\.css$/, "") : "#/";
  }
  let box = null, opened = null, at = 0, boards = [], own = 0, shows = { heat: true, discs: true };
  function lightbox() {
    const picture = make("div", { className: "picture" }), text = make("div", { className: "text" });
    const slider = make("input", { type: "range", min: 0, ariaLabel: "Moves played" });
    const button = (label, action, key) => {
      const made = make("button", { type: "button", textContent: label, onclick: action });
      if (key) made.title = key;
      return made;
    };
    const heat = button("Heat off", () => { shows.heat = !shows.heat; show(); }, "h");
    const discs = button("Discs off", () => { shows.discs = !shows.discs; show(); }, "d");
    const steps = make("p", { className: "steps" }, button("\u2190", () => step(-1), "previous move: left"), slider, button("\u2192", () => step(1), "next move: right"));
    const close = button("Close", () => box.close(), "Escape");
    box = make("dialog", { className: "lightbox" }, make("p", { className: "bar" }, heat, discs,
      button("\u2191 board before", () => turnTo(-1), "up"), button("\u2193 board after", () => turnTo(1), "down"), close), make("div", { className: "inside" }, picture, text), steps);
    box.setAttribute("aria-label", "A board, large");
    slider.oninput = () => { at = +slider.value; show(); };
    Object.assign(box, { picture, text, slider, heat, discs, steps });
    box.addEventListener("keydown", (event) => {
      const action = { ArrowLeft: () => step(-1), ArrowRight: () => step(1), ArrowUp: () => turnTo(-1), ArrowDown: () => turnTo(1),
        Home: () => { at = 0; show(); }, End: () => { at = boards.length - 1; show(); },
        h: () => heat.click(), d: () => discs.click() }[event.key];
      if (!action || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      action();
    });
    box.addEventListener("click", (event) => { if (event.target === box) box.close(); });
    box.addEventListener("close", () => { if (opened) opened.focus(); });
    document.body.append(box);
  }
  function code(what, text) {
    const made = make("code", { className: "copy", textContent: text });
    made.dataset.what = what;
    return made;
  }
  function open(element) {
    if (!box) lightbox();
    opened = element;
    const board = read(element), n = sizeOf(board.squares);
    boards = board.moves ? game(board.moves, n).map((each) => turn(each, board.turned)) : [];
    own = boards.length && boards[board.ply] && boards[board.ply].squares === board.squares ? board.ply : -1;
    if (own < 0) { boards = [board]; own = 0; }
    boards[own] = board;
    at = own;
    box.slider.max = boards.length - 1;
    box.steps.hidden = boards.length < 2;
    const caption = (element.closest("figure") || element).querySelector("figcaption");
    const parts = caption ? [...caption.cloneNode(true).childNodes].filter((each) => each.nodeName !== "DETAILS") : [];
    const links = make("p", { className: "links" });
    if (board.page) links.append(make("a", { href: root() + `positions/p${board.row.padStart(7, "0")}.html`, textContent: "Open the position" }));
    if (board.game) links.append(" ", make("a", { href: root() + `games/g${board.game.padStart(5, "0")}.html#move-${board.ply + 1}`, textContent: "Its game, move by move" }));
    const obf = `${board.squares.replace(/x/g, "X").replace(/o/g, "O")} ${board.mover.toUpperCase()};`;
    const asked = board.moves && !board.turned ? board.moves.slice(0, 2 * board.ply) : obf;
    const explorer = /^https?:/.test(location.protocol) ? "/" : "http://127.0.0.1:8000/";
    links.append(make("a", { href: `${explorer}?text=${encodeURIComponent(asked)}`, textContent: "Open in the explorer" }));
    const copied = [board.moves ? code("the moves", board.moves.slice(0, 2 * board.ply)) : "", code("the board", obf)];
    box.text.replaceChildren(make("div", { className: "said" }, ...parts), links, make("p", { className: "soft where" }), ...copied);
    if (window.Atlas) window.Atlas.copyButtons(box.text);
    show();
    if (!box.open) box.showModal();
    box.slider.focus();
  }
  function show() {
    const board = boards[at], here = at === own, it = read(opened);
    box.picture.innerHTML = svg({ ...board, heat: here && shows.heat ? it.heat : null, limit: opened.limit || limitOf([it.largest]),
      mark: here ? it.mark : "", coordinates: true, discs: shows.discs });
    box.picture.firstChild.removeAttribute("aria-hidden");
    box.picture.firstChild.setAttribute("role", "img");
    box.picture.firstChild.setAttribute("aria-label", words({ ...it, ...board, heat: here ? it.heat : null, mark: here ? it.mark : "" }));
    box.slider.value = at;
    box.text.querySelector(".where").textContent = boards.length < 2 ? "" :
      here ? `After ${at} of ${boards.length - 1} known moves.` : `After ${at} moves; the explained position is after ${own}.`;
    box.heat.textContent = shows.heat ? "Heat off" : "Heat on";
    box.discs.textContent = shows.discs ? "Discs off" : "Discs on";
  }
  function step(by) {
    at = Math.max(0, Math.min(boards.length - 1, at + by));
    show();
  }
  function turnTo(by) {
    const every = [...document.querySelectorAll(".bd[role=button]")].filter((each) => each.offsetParent);
    const next = every[every.indexOf(opened) + by];
    if (next) { drawOne(next); open(next); }
  }
  document.addEventListener("click", (event) => {
    const element = event.target.closest && event.target.closest(".bd[role=button]");
    if (element) open(element);
  });
  document.addEventListener("keydown", (event) => {
    const element = event.target.closest && event.target.closest(".bd[role=button]");
    if (element && (event.key === "Enter" || event.key === " ")) { event.preventDefault(); open(element); }
  });

  window.Boards = { svg, draw: (root) => { draw(root); tools(); }, drawOne, scale, open, legal, play, game, turn, read, words, heatOf, levelsOf, limitOf, start, nameOf, placeOf };
  document.addEventListener("DOMContentLoaded", () => window.Boards.draw());
  addEventListener("beforeprint", () => document.querySelectorAll(".bd:not(.drawn)").forEach(drawOne));
})();
