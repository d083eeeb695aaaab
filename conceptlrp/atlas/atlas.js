/* What a script adds to the pages of an atlas, all of which can be read without it:
   light and dark, search on every page, stars and notes kept in the browser. What the
   first page adds is in home.js. Data come as window.ATLAS of index.js, boards are drawn
   by board.js; nothing is fetched. */
(() => {
  "use strict";
  const root = document.documentElement;
  const byId = (id) => document.getElementById(id);
  const make = (tag, properties = {}, ...children) => {
    const element = Object.assign(document.createElement(tag), properties);
    element.append(...children);
    return element;
  };
  const kept = (key) => { try { return localStorage.getItem(key); } catch { return null; } };
  const keep = (key, text) => { try { localStorage.setItem(key, text); return true; } catch { return false; } };
  const isTyping = (target) => target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName);

  /* ---- Light or dark, remembered where the browser allows it ---- */
  const system = matchMedia("(prefers-color-scheme: dark)");
  const isDark = () => (root.dataset.theme ? root.dataset.theme === "dark" : system.matches);
  if (["light", "dark"].includes(kept("atlas-theme"))) root.dataset.theme = kept("atlas-theme");

  function themeButton() {
    const button = byId("theme");
    if (!button) return;
    const name = () => { button.textContent = isDark() ? "Light mode" : "Dark mode"; };
    button.hidden = false;
    button.onclick = () => {
      root.dataset.theme = isDark() ? "light" : "dark";
      keep("atlas-theme", root.dataset.theme);
      name();
      atlas.redraw();
    };
    name();
  }
  system.addEventListener("change", () => { themeButton(); atlas.redraw(); });

  /* ---- The state of the first page, kept in the address ---- */
  // In an atlas of one file the address also says which page is shown.
  const single = Boolean(window.ATLAS_PAGES);
  const readState = () => {
    const text = location.hash.slice(1);
    return new URLSearchParams(single ? text.split("?")[1] || "" : text);
  };
  const homeAt = (state) => {
    const text = String(state);
    return single ? "#/index.html" + (text ? "?" + text : "") : text ? "#" + text : "";
  };
  const writeState = (state) => {
    if (String(state) === String(readState())) return;
    history.replaceState(history.state, "", homeAt(state) || location.pathname + location.search);
  };
  const homePage = (state) => (single ? homeAt(state) : (root.dataset.root || "") + "index.html" + homeAt(state));

  /* ---- Numbers as the pages write them; parts come in percent ---- */
  const minus = (v) => (v < 0 ? "\u2212" : "");
  const percent = (v) => {
    if (v === null) return "";
    const n = Math.abs(v);
    if (n === 0) return "0%";
    return n < 0.01 ? minus(v) + "<0.01%" : minus(v) + n.toFixed(n >= 9.95 ? 0 : n >= 0.995 ? 1 : 2) + "%";
  };
  const signed = (v) => (v > 0 ? "+" : "") + percent(v);
  const effect = (v) => (v === null ? "" : (v < 0 ? "\u2212" : "+") + Math.abs(v).toFixed(2));
  const plain = (v) => (v === null ? "" : String(+v.toPrecision(3)).replace("-", "\u2212"));
  const moves = (p) => (p === null ? "" : `${10 * p + 1}\u2013${10 * p + 10}`);
  const many = (n, noun) => `${n.toLocaleString("en")} ${noun}${n === 1 ? "" : "s"}`;

  /* ---- Channels: what index.js holds of each ---- */
  const HEAT = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
  let book = null;
  function channels() {
    const data = window.ATLAS;
    if (!data) return null;
    if (book && book.data === data) return book;
    const c = data.columns, n = data.size, total = c.name.length;
    const layer = [], channel = [];
    data.sizes.forEach((size, l) => { for (let i = 0; i < size; i++) { layer.push(l); channel.push(i); } });
    const beats = new Set(c.beats), place = new Map([...data.letters].map((letter, i) => [letter, i]));
    const discs = 2 * Math.ceil(n * n / 8), heat = 3 * Math.ceil(n * n / 4), stride = discs + heat + 9;
    const name = (letter) => { const s = place.get(letter); return s < 64 ? "abcdefgh"[s % 8] + (Math.floor(s / 8) + 1) : ""; };
    // Digits of a base, some to a group of letters, as pictures/tiles.py writes them.
    function digits(text, base, group, width) {
      const found = [];
      for (let at = 0; at < text.length; at += width) {
        let value = 0;
        for (let w = width - 1; w >= 0; w--) value = value * 81 + place.get(text[at + w]);
        for (let g = 0; g < group; g++) { found.push(value % base); value = Math.floor(value / base); }
      }
      return found.slice(0, n * n);
    }
    const record = (i) => data.boards.slice(i * stride, (i + 1) * stride);
    const squares = (i, from) => [...record(i).slice(discs + heat + from, discs + heat + from + 3)].map(name).filter(Boolean);
    const every = [...Array(total).keys()], id = (i) => `${data.layers[layer[i]]}:${channel[i]}`;
    const levels = every.map((i) => data.levels.filter((_, l) => c.badge[i] >> l & 1));
    const served = every.map((i) => squares(i, 3)), looks = every.map((i) => squares(i, 6));
    [c.x, c.y] = [0, 2].map((from) => every.map((i) => {
      const value = place.get(data.places[4 * i + from]) + 81 * place.get(data.places[4 * i + from + 1]);
      return value < 6560 ? value : -1;
    }));
    ["score", "effect", "phase", "limit"].forEach((key) => { c[key] ??= Array(total).fill(null); });
    const text = (i) => {
      const found = data.names[c.name[i]];
      return c.name[i] < data.named ? found : found.replace("*", (found.startsWith("looks") ? looks : served)[i].join(", "));
    };
    book = {
      data, c, total, every, layer, channel, id, levels, served, looks, beats,
      named: (i) => c.name[i] < data.named,
      text: (i) => text(i) || "unnamed",
      words: every.map((i) => [id(i), text(i), levels[i].join(" "), served[i].join(" "), looks[i].join(" "), data.notes[i] || ""].join(" ").toLowerCase()),
      number: new Map(every.map((i) => [id(i).toLowerCase(), i])),
      href: (i) => (single ? "#/" : root.dataset.root || "") + `concepts/${data.stems[layer[i]]}/c${String(channel[i]).padStart(4, "0")}.html`,
      // What the channel is about, coarse enough for several to share it.
      subjects: (i) => (c.name[i] < data.named ? [subjectOf(data.topics[c.topic[i]])] : served[i].map((move) => `move ${move}`)),
      board(i) {
        const text = record(i), end = discs + heat, [k, l] = [name(text[end + 1]), name(text[end + 2])];
        const found = make("span", { className: "bd" });
        found.textContent = digits(text.slice(0, discs), 3, 8, 2).map((d) => "-XO"[d]).join("");
        const known = { m: place.get(text[end]) ? "x" : "o", k, l, n: n === 8 ? "" : String(n) };
        if (c.limit[i]) {
          known.h = digits(text.slice(discs, end), 27, 4, 3).map((d) => HEAT[Math.round((d - 13) * 30 / 13) + 30]).join("");
          known.s = String(c.limit[i]);
        }
        Object.entries(known).forEach(([key, value]) => { if (value) found.dataset[key] = value; });
        return found;
      },
    };
    return book;
  }
  const subjectOf = (topic) => topic.replace(/^(own|opponent) /, "").replace(/ (lead|count)$/, "");

  /* ---- What a search means ---- */
  // "conv4:9" and "conv4/9" are one channel, "9" one of any layer, the rest are words.
  function exact(word) {
    const b = channels(), found = /^(.+)[:/](?:c|channel)?0*(\d+)$/.exec(word);
    return found && b.number.has(`${found[1]}:${found[2]}`) ? b.number.get(`${found[1]}:${found[2]}`) : -1;
  }
  const split = (text) => text.toLowerCase().split(/[\s,;]+/).filter(Boolean);
  function matcher(text) {
    const b = channels(), words = split(text), only = words.map(exact).filter((i) => i >= 0);
    const rest = words.filter((word) => exact(word) < 0), mine = notes.all();
    return (i) => (!only.length || only.includes(i)) &&
      rest.every((word) => (/^c?\d+$/.test(word) ? b.channel[i] === +word.replace("c", "") :
        word === "starred" ? b.id(i) in mine : word === "unnamed" ? !b.named(i) : b.words[i].includes(word)));
  }

  /* ---- Stars and notes, kept in this browser, by network ---- */
  const notes = {
    key: "atlas-notes-" + (root.dataset.key || ""),
    all() { try { return JSON.parse(kept(this.key)) || {}; } catch { return {}; } },
    get(id) { const found = this.all()[id]; return found && typeof found === "object" ? found : {}; },
    set(id, star, text) {
      const all = this.all(), day = new Date().toISOString().slice(0, 10);
      if (star || text) all[id] = { star: Boolean(star), text, date: day }; else delete all[id];
      return keep(this.key, JSON.stringify(all));
    },
    // The YAML that --notes reads: strings in quotes, all but plain letters as escapes.
    yaml() {
      const quoted = (text) => '"' + [...text].map((each) => {
        const code = each.codePointAt(0), hex = (digits) => code.toString(16).padStart(digits, "0");
        if (each === '"' || each === "\\") return "\\" + each;
        if (code >= 32 && code < 127) return each;
        return code > 0xffff ? "\\U" + hex(8) : code >= 0xd800 && code < 0xe000 ? "\\ufffd" : "\\u" + hex(4);
      }).join("") + '"';
      return Object.entries(this.all()).map(([id, { text, date }]) => {
        const [, layer, channel] = /^(.*):(\d+)$/.exec(id) || [null, id, "0"];
        return `- layer: ${quoted(layer)}\n  channel: ${channel}\n  text: ${quoted(text && text.trim() ? text : "starred")}\n  date: ${quoted(date || "")}\n`;
      }).join("");
    },
  };
  function starButton(id, changed = () => {}) {
    const button = make("button", { type: "button", className: "star" });
    const show = () => {
      const { star } = notes.get(id);
      button.textContent = star ? "\u2605" : "\u2606";
      button.setAttribute("aria-pressed", String(Boolean(star)));
      button.setAttribute("aria-label", `Star ${id}`);
    };
    button.onclick = () => {
      const { star, text } = notes.get(id);
      if (!notes.set(id, !star, text || "")) button.title = "This browser keeps nothing for pages from disk";
      show();
      changed();
    };
    show();
    return button;
  }
  // On the page of a channel: a star, a note, and the way to a comparison.
  function keeper() {
    document.querySelectorAll(".keep:empty").forEach((place) => {
      const id = `${place.dataset.layer}:${place.dataset.channel}`;
      const open = make("button", { type: "button", className: "bare", textContent: notes.get(id).text ? "My note" : "Note" });
      const text = make("textarea", { maxLength: 5000, rows: 5, ariaLabel: `My note on ${id}` }), told = make("small", { className: "soft" });
      const box = make("div", { className: "my-note", hidden: true }, text, told);
      told.textContent = "Kept in this browser; the first page exports it for \u2018conceptlrp atlas --notes\u2019.";
      text.value = notes.get(id).text || "";
      text.oninput = () => {
        if (!notes.set(id, notes.get(id).star, text.value.trim())) told.textContent = "This browser keeps nothing for pages from disk.";
        open.textContent = text.value.trim() ? "My note" : "Note";
      };
      open.setAttribute("aria-expanded", "false");
      open.onclick = () => {
        box.hidden = !box.hidden;
        open.setAttribute("aria-expanded", String(!box.hidden));
        if (!box.hidden) text.focus();
      };
      const beside = make("a", { href: homePage(new URLSearchParams({ compare: id })), textContent: "Compare" });
      place.append(starButton(id), " ", open, " ", beside);
      place.closest("header").append(box);
      place.hidden = false;
    });
  }

  /* ---- A tile: a board, the name, the evidence, the share ---- */
  function tile(i, acts = []) {
    const b = channels(), name = make("span", { className: b.named(i) ? "" : "soft", textContent: b.text(i) });
    const link = make("a", { href: b.href(i) }, b.board(i), make("b", { textContent: b.id(i) }), " ", name, " ");
    const small = make("small");
    if (b.levels[i].length) small.append(make("span", { className: "badge", textContent: b.levels[i].join(", ") }), " ");
    small.append(percent(b.c.share[i]));
    link.append(small);
    const item = make("li", { className: "tile" }, link);
    if (acts.length) item.append(make("span", { className: "acts" }, ...acts));
    item.dataset.i = i;
    return item;
  }
  const drawBoards = (place) => { if (window.Boards) window.Boards.draw(place); };

  /* ---- Search on every page ---- */
  let seeker = null;
  function seek() {
    if (byId("finder")) { document.querySelector("#filters [name=q]").focus(); return; }
    seeker ??= makeSeeker();
    if (!seeker.open) seeker.showModal();
    seeker.field.select();
    if (window.ATLAS) { seeker.look(); return; }
    const script = make("script", { src: (root.dataset.root || "") + "index.js" });
    script.onload = () => { seeker.look(); if (seeker.asked) seeker.go(); };
    document.head.append(script);
  }
  function makeSeeker() {
    const field = make("input", { type: "search", autocomplete: "off", spellcheck: false, placeholder: "conv4:9, mobility, h7, causes", ariaLabel: "Search channels" });
    const list = make("ol", { className: "tiles", ariaLabel: "Channels found" }), all = make("a", { textContent: "Show all in the gallery" });
    const told = make("span"), close = make("button", { type: "button", className: "bare", textContent: "Close" });
    const form = make("form", {}, field, close), box = make("dialog", { className: "seeker" }, form, make("p", { className: "line" }, told, " ", all), list);
    told.setAttribute("role", "status");
    box.setAttribute("aria-label", "Search channels");
    const look = () => {
      all.href = homePage(new URLSearchParams({ q: field.value.trim() }));
      const b = channels();
      if (!b) return;
      const found = b.every.filter(matcher(field.value)).sort((x, y) => b.c.share[y] - b.c.share[x] || x - y);
      list.replaceChildren(...found.slice(0, 8).map((i) => tile(i)));
      told.textContent = `${many(found.length, "channel")}.`;
      drawBoards(list);
    };
    const go = () => {
      const first = list.querySelector("a"), isOne = split(field.value).some((word) => exact(word) >= 0) || list.children.length === 1;
      box.close();
      (first && isOne ? first : all).click();
    };
    field.oninput = look;
    close.onclick = () => box.close();
    // What is asked before the data have come is answered when they have.
    form.onsubmit = (event) => { event.preventDefault(); if (channels()) go(); else box.asked = true; };
    box.addEventListener("close", () => { box.asked = false; });
    box.addEventListener("click", (event) => { if (event.target === box || event.target.closest("a")) box.close(); });
    document.body.append(box);
    return Object.assign(box, { field, look, go });
  }
  function seekButton() {
    const button = byId("seek");
    if (!button) return;
    button.hidden = Boolean(byId("finder"));
    button.onclick = seek;
  }

  /* ---- Keys: pages by the arrows, search by the stroke ---- */
  document.addEventListener("keydown", (event) => {
    if (event.altKey || event.ctrlKey || event.metaKey || isTyping(event.target) || document.querySelector("dialog[open]")) return;
    if (event.key === "/") { event.preventDefault(); seek(); return; }
    const rel = { ArrowLeft: "prev", ArrowRight: "next" }[event.key];
    if (rel && !event.shiftKey) document.querySelector(`a[rel="${rel}"]`)?.click();
  });

  /* ---- A button beside every text to copy ---- */
  function copy(code, button) {
    const done = () => {
      button.textContent = "Copied";
      setTimeout(() => { button.textContent = "Copy"; }, 1500);
    };
    // A page from disk is a secure context in some browsers only.
    const select = () => { getSelection().selectAllChildren(code); if (document.execCommand("copy")) done(); };
    if (navigator.clipboard) navigator.clipboard.writeText(code.textContent).then(done, select);
    else select();
  }
  function copyButtons(root = document) {
    root.querySelectorAll("code.copy").forEach((code) => {
      const button = make("button", { type: "button", className: "bare", textContent: "Copy" });
      button.setAttribute("aria-label", "Copy " + (code.dataset.what || "this text"));
      button.addEventListener("click", () => copy(code, button));
      code.after(button);
    });
  }

  // What home.js needs, and what it adds: what to start, and to draw in other colours.
  const atlas = {
    byId, make, isDark, single, readState, writeState, percent, signed, effect, plain, moves, many,
    channels, exact, split, matcher, notes, starButton, tile, drawBoards, copyButtons, finder() {}, redraw() {},
  };
  window.Atlas = atlas;
  window.atlasStart = () => { themeButton(); seekButton(); keeper(); atlas.finder(); copyButtons(); };
  document.addEventListener("DOMContentLoaded", window.atlasStart);
})();
