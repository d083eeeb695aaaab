/* What a script adds to the pages of an atlas, all of which can be read without it:
   light and dark, search on every page, stars and notes kept in the browser, and on the
   first page a gallery, a table and a map of all channels, and two of them side by side.
   Data come as window.ATLAS, boards are drawn by board.js; nothing is fetched. */
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
      redraw();
    };
    name();
  }
  let redraw = () => {};
  system.addEventListener("change", () => { themeButton(); redraw(); });

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
      subject: (i) => subjectOf(data.topics[c.topic[i]]),
      board(i) {
        const text = record(i), end = discs + heat, [k, l] = [name(text[end + 1]), name(text[end + 2])];
        const found = make("span", { className: "bd" });
        found.textContent = digits(text.slice(0, discs), 3, 8, 2).map((d) => "-xo"[d]).join("");
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
  function subjectOf(topic) {
    if (!topic || /^[a-h][1-8]$/.test(topic)) return topic ? `move ${topic}` : "";
    if (/ with | square in | square /.test(topic)) {
      return /legal move/.test(topic) ? "next to legal moves" : /own disc/.test(topic) ? "next to own discs" :
        /opponent's disc/.test(topic) ? "next to opponent's discs" : "empty squares";
    }
    return topic.replace(/^(own|opponent) /, "").replace(/ (lead|count)$/, "");
  }

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
    if (window.ATLAS) { openSeeker(); return; }
    const script = make("script", { src: (root.dataset.root || "") + "index.js" });
    script.onload = openSeeker;
    document.head.append(script);
  }
  function openSeeker() {
    if (!seeker) {
      const field = make("input", { type: "search", autocomplete: "off", spellcheck: false, placeholder: "conv4:9, mobility, h7, causes", ariaLabel: "Search channels" });
      const list = make("ol", { className: "tiles", ariaLabel: "Channels found" }), all = make("a");
      const told = make("p", { className: "line" }, make("span"), " ", all);
      told.firstChild.setAttribute("role", "status");
      const close = make("button", { type: "button", className: "bare", textContent: "Close", onclick: () => seeker.close() });
      const form = make("form", {}, field, close);
      seeker = make("dialog", { className: "seeker" }, form, told, list);
      seeker.setAttribute("aria-label", "Search channels");
      const look = () => {
        const b = channels(), fits = matcher(field.value), found = b.every.filter(fits).sort((x, y) => b.c.share[y] - b.c.share[x] || x - y);
        list.replaceChildren(...found.slice(0, 8).map((i) => tile(i)));
        told.firstChild.textContent = `${many(found.length, "channel")}.`;
        all.href = homePage(new URLSearchParams({ q: field.value.trim() }));
        all.textContent = "Show all in the gallery";
        drawBoards(list);
      };
      field.oninput = look;
      form.onsubmit = (event) => {
        event.preventDefault();
        const first = list.querySelector("a");
        seeker.close();
        if (first && (split(field.value).some((word) => exact(word) >= 0) || list.children.length === 1)) first.click();
        else all.click();
      };
      seeker.addEventListener("click", (event) => { if (event.target === seeker || event.target.closest("a")) seeker.close(); });
      document.body.append(seeker);
      seeker.look = () => { field.select(); look(); };
    }
    if (!seeker.open) seeker.showModal();
    seeker.look();
  }
  function seekButton() {
    const button = byId("seek");
    if (!button) return;
    button.hidden = Boolean(byId("finder"));
    button.onclick = seek;
  }

  /* ---- Colours of the map: a ramp from little to much in either mode ---- */
  const RAMPS = {
    light: ["#d3c48a", "#dd8f4e", "#c0506a", "#7a3388", "#2b1b5c"],
    dark: ["#4a4fa3", "#8d57b3", "#d5658f", "#f0a268", "#f6e394"],
  };
  const rgb = (hex) => [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16));
  function ramp(t) {
    const stops = RAMPS[isDark() ? "dark" : "light"], place = Math.min(0.9999, Math.max(0, t)) * 4;
    const low = rgb(stops[Math.floor(place)]), high = rgb(stops[Math.floor(place) + 1]);
    return `rgb(${low.map((v, i) => Math.round(v + (high[i] - v) * (place % 1))).join(" ")})`;
  }
  // A value that follows light-dark() is known only where it is used.
  function resolved(name) {
    const probe = document.body.appendChild(document.createElement("i"));
    probe.style.color = `var(${name})`;
    const found = getComputedStyle(probe).color;
    probe.remove();
    return found;
  }

  /* ---- Regions of the map: places by k-means, named by what their channels share ---- */
  function regions(b) {
    const on = b.every.filter((i) => b.c.x[i] >= 0), k = Math.min(14, Math.round(Math.sqrt(on.length / 3)));
    if (on.length < 12) return [];
    const at = on.map((i) => [b.c.x[i], b.c.y[i]]), apart = (p, q) => (p[0] - q[0]) ** 2 + (p[1] - q[1]) ** 2;
    const mean = (group) => [0, 1].map((axis) => group.reduce((sum, p) => sum + p[axis], 0) / group.length);
    const middles = [at.reduce((best, p) => (apart(p, [500, 500]) < apart(best, [500, 500]) ? p : best))];
    while (middles.length < k) {
      const far = at.map((p) => Math.min(...middles.map((m) => apart(p, m))));
      middles.push(at[far.indexOf(Math.max(...far))]);
    }
    let of = [];
    for (let turn = 0; turn < 20; turn++) {
      of = at.map((p) => middles.reduce((best, m, n) => (apart(p, m) < apart(p, middles[best]) ? n : best), 0));
      middles.forEach((_, n) => { const group = at.filter((_, j) => of[j] === n); if (group.length) middles[n] = mean(group); });
    }
    const tally = (list) => list.reduce((all, word) => (word ? all.set(word, (all.get(word) || 0) + 1) : all), new Map());
    const total = tally(on.map(b.subject));
    return middles.map((middle, n) => {
      const inside = on.filter((_, j) => of[j] === n), found = tally(inside.map(b.subject));
      const [word, times] = [...found].filter(([word, times]) => times > 1 && times / inside.length > 1.2 * total.get(word) / on.length)
        .sort((p, q) => q[1] - p[1] || (p[0] < q[0] ? -1 : 1))[0] || [];
      return { middle, size: inside.length, word, times };
    }).filter((each) => each.word).sort((p, q) => q.times - p.times);
  }

  const LIMIT = 48, RADIUS = 4;

  function finder() {
    const box = byId("finder"), b = channels();
    if (!b || !box) { redraw = () => {}; return; }
    const { data, c, total, every } = b, form = byId("filters");
    const has = (column) => c[column].some((v) => v !== null);
    const rank = (i) => b.levels[i].length || (b.named(i) ? 0.5 : null);

    const COLUMNS = [
      { key: "layer", name: "layer", text: (i) => data.layers[b.layer[i]], value: (i) => b.layer[i], less: 1 },
      { key: "channel", name: "channel", text: (i) => String(b.channel[i]), value: (i) => b.channel[i], link: true, less: 1 },
      { key: "name", name: "name", text: b.text, soft: (i) => !b.named(i), less: 1, value: (i) => (b.named(i) ? b.text(i) : "\uffff") },
      { key: "badge", name: "evidence", text: (i) => b.levels[i].join(", "), value: rank, show: data.labels },
      { key: "score", name: "label effect", text: (i) => effect(c.score[i]), value: (i) => (c.score[i] === null ? null : Math.abs(c.score[i])), number: true, show: data.labels },
      { key: "share", name: "share", text: (i) => percent(c.share[i]), number: true },
      { key: "signed", name: "signed", text: (i) => signed(c.signed[i]), number: true },
      { key: "active", name: "active", text: (i) => percent(c.active[i]), number: true },
      { key: "relevant", name: "relevant", text: (i) => percent(c.relevant[i]), number: true },
      { key: "phase", name: "moves", text: (i) => moves(c.phase[i]), number: true, less: 1 },
      { key: "effect", name: "ablation", text: (i) => plain(c.effect[i]), strong: (i) => b.beats.has(i), number: true, show: has("effect") },
      { key: "note", name: "note", text: (i) => data.notes[i] || "", value: (i) => data.notes[i] || "", show: Object.keys(data.notes).length > 0, less: 1 },
    ].filter((each) => each.show !== false);
    const COLOURS = [
      { key: "layer", name: "layer", kinds: data.layers },
      { key: "share", name: "share of relevance", log: true, text: percent },
      { key: "signed", name: "signed share", text: signed },
      { key: "active", name: "active on", text: percent },
      { key: "relevant", name: "relevant on", text: percent },
      { key: "phase", name: "strongest in moves", text: moves },
      { key: "score", name: "label effect", text: effect, show: data.labels && has("score") },
      { key: "effect", name: "effect of ablation (" + data.unit + ")", log: true, text: plain, show: has("effect") },
    ].filter((each) => each.show !== false);
    const valueOf = (key, i) => (key === "layer" ? b.layer[i] : c[key][i]);

    /* Fields */
    const option = (select, value, text) => select.add(new Option(text, value));
    [form.layer, form.label, form.level, form.phase].forEach((each) => { each.length = 1; });
    [form.sort, form.colour].forEach((each) => { each.length = 0; });
    data.layers.forEach((name, n) => option(form.layer, n, name));
    COLOURS.forEach((each) => option(form.colour, each.key, each.name));
    COLUMNS.forEach((each) => {
      if (each.key === "note") return;
      option(form.sort, (each.less ? "" : "-") + each.key, each.less ? each.name : `${each.name}, most first`);
      option(form.sort, (each.less ? "-" : "") + each.key, each.less ? `${each.name}, last first` : `${each.name}, least first`);
    });
    if (data.labels) {
      option(form.label, "+", "any name");
      option(form.label, "-", "unnamed");
      const used = new Map();
      every.forEach((i) => { if (b.named(i)) used.set(c.name[i], (used.get(c.name[i]) || 0) + 1); });
      [...used].sort((p, q) => data.names[p[0]].localeCompare(data.names[q[0]], "en"))
        .forEach(([n, times]) => option(form.label, data.names[n], `${data.names[n]} (${times})`));
      data.levels.forEach((level, n) => option(form.level, level, `${level} (${every.filter((i) => c.badge[i] >> n & 1).length})`));
    } else ["label", "level", "score"].forEach((name) => { form[name].closest("label").hidden = true; });
    form.move.closest("label").hidden = !b.served.some((each) => each.length);
    form.square.closest("label").hidden = !b.looks.some((each) => each.length);
    for (let p = 0; p <= Math.max(0, ...c.phase); p++) option(form.phase, p, moves(p));

    /* State */
    const FIELDS = ["q", "layer", "label", "level", "phase", "square", "move", "mine", "score", "active", "most", "sort", "colour"];
    const USUAL = { sort: "-share", colour: "layer" };
    let found = every, shown = LIMIT, over = -1, view = "", pair = [];
    const sortedBy = () => ({ key: form.sort.value.replace(/^-/, ""), down: form.sort.value[0] === "-" });
    function load() {
      const state = readState();
      FIELDS.forEach((name) => {
        const value = state.get(name) || USUAL[name] || "", field = form[name];
        if (field.type === "checkbox") { field.checked = value === "1"; return; }
        field.value = name === "layer" && value ? data.layers.indexOf(value) : value;
        if (field.tagName === "SELECT" && field.selectedIndex < 0) field.value = USUAL[name] || "";
      });
      form.querySelector(".more").open = ["score", "active", "most"].some((name) => form[name].value);
      form.querySelector(".fold").open = innerWidth >= 900 || FIELDS.some((name) => name !== "q" && form[name].value !== (USUAL[name] || "") && name !== "mine");
      view = state.get("view") === "table" ? "table" : "";
      pair = (state.get("compare") || "").toLowerCase().split(",").map((id) => b.number.get(id)).filter((i) => i !== undefined).slice(0, 2);
    }
    function save() {
      const state = new URLSearchParams();
      FIELDS.forEach((name) => {
        let value = form[name].type === "checkbox" ? (form[name].checked ? "1" : "") : form[name].value.trim();
        if (name === "layer" && value) value = data.layers[value];
        if (value && value !== USUAL[name]) state.set(name, value);
      });
      if (view) state.set("view", view);
      if (pair.length) state.set("compare", pair.map(b.id).join(","));
      writeState(state);
    }

    /* What is found */
    function matches() {
      const value = (name) => form[name].value.trim(), number = (name, or) => (value(name) === "" ? or : Number(value(name)));
      const fits = matcher(value("q")), mine = form.mine.checked ? notes.all() : null;
      const layer = value("layer"), label = value("label"), phase = value("phase"), level = value("level");
      const square = value("square").toLowerCase(), move = value("move").toLowerCase();
      const score = number("score", null), least = number("active", 0), most = number("most", 100);
      const near = (list, name) => name === "" || list.some((each) => each.startsWith(name));
      return every.filter((i) =>
        (layer === "" || b.layer[i] === +layer) && (phase === "" || c.phase[i] === +phase) &&
        (label === "" || (label === "+" ? b.named(i) : label === "-" ? !b.named(i) : b.named(i) && b.text(i) === label)) &&
        (level === "" || b.levels[i].includes(level)) && near(b.looks[i], square) && near(b.served[i], move) &&
        (!mine || b.id(i) in mine) &&
        (score === null || (c.score[i] !== null && Math.abs(c.score[i]) >= score)) && c.active[i] >= least && c.active[i] <= most && fits(i));
    }
    function sorted(rows) {
      const { key, down } = sortedBy(), column = COLUMNS.find((each) => each.key === key) || COLUMNS[0];
      const value = column.value || ((i) => c[key][i]), sign = down ? -1 : 1, none = (v) => v === null || v === "" || v === "\uffff";
      return rows.sort((p, q) => {
        const x = value(p), y = value(q);
        if (none(x) || none(y)) return none(x) - none(y) || (key === "name" || key === "badge" ? c.share[q] - c.share[p] : 0) || p - q;
        return (x < y ? -sign : x > y ? sign : 0) || (key === "badge" ? c.share[q] - c.share[p] : 0) || p - q;
      });
    }

    /* Gallery */
    const tiles = byId("tiles"), more = byId("more");
    const acts = (i) => {
      const compare = make("button", { type: "button", className: "pair", textContent: "compare" });
      compare.setAttribute("aria-label", `Compare ${b.id(i)}`);
      compare.setAttribute("aria-pressed", String(pair.includes(i)));
      compare.onclick = () => {
        pair = pair.includes(i) ? pair.filter((each) => each !== i) : [...pair.slice(-1), i];
        drawPair();
        save();
        if (pair.length === 2) byId("compare").scrollIntoView({ block: "nearest" });
      };
      return [starButton(b.id(i), drawExport), compare];
    };
    function drawTiles() {
      tiles.replaceChildren(...found.slice(0, shown).map((i) => tile(i, acts(i))));
      drawBoards(tiles);
    }

    /* Table */
    const table = byId("found"), head = table.querySelector("thead"), body = table.querySelector("tbody");
    function drawHead() {
      const line = document.createElement("tr"), { key, down } = sortedBy();
      COLUMNS.forEach((each) => {
        const cell = make("th", { scope: "col", className: each.number ? "n" : "" }), button = make("button", { type: "button", textContent: each.name });
        if (each.key === key) cell.setAttribute("aria-sort", down ? "descending" : "ascending");
        button.onclick = () => {
          const turned = each.key === key ? !down : !each.less;
          form.sort.value = (turned ? "-" : "") + each.key;
          update();
          [...head.querySelectorAll("button")].find((other) => other.textContent === each.name).focus();
        };
        cell.append(button);
        line.append(cell);
      });
      head.replaceChildren(line);
    }
    function row(i) {
      const line = document.createElement("tr");
      COLUMNS.forEach((each) => {
        const cell = document.createElement(each.link ? "th" : "td"), text = each.text(i);
        if (each.link) {
          cell.scope = "row";
          cell.append(make("a", { href: b.href(i), textContent: text }));
        } else cell.textContent = text;
        if (each.number) cell.className = "n";
        if (each.soft && each.soft(i)) cell.className = "soft";
        if (each.strong && each.strong(i)) cell.style.fontWeight = 600;
        line.append(cell);
      });
      return line;
    }
    function drawRows() {
      const isTable = view === "table";
      tiles.hidden = isTable;
      table.hidden = !isTable;
      document.querySelectorAll("[data-view]").forEach((each) => each.setAttribute("aria-pressed", String(each.dataset.view === view)));
      if (isTable) { drawHead(); body.replaceChildren(...found.slice(0, shown).map(row)); } else drawTiles();
      more.hidden = found.length <= shown;
      more.textContent = `Show all ${found.length.toLocaleString("en")}`;
      byId("count").textContent = `${found.length.toLocaleString("en")} of ${many(total, "channel")}.`;
      drawExport();
    }
    function drawExport() {
      const link = byId("export"), number = Object.keys(notes.all()).length;
      link.hidden = !number;
      link.textContent = `Export my ${many(number, "note")}`;
      link.href = "data:text/yaml;charset=utf-8," + encodeURIComponent(notes.yaml());
    }
    more.onclick = () => { shown = total; drawRows(); };
    document.querySelectorAll("[data-view]").forEach((each) => { each.onclick = () => { view = each.dataset.view; drawRows(); save(); }; });

    /* Two channels side by side, on one scale */
    function drawPair() {
      const place = byId("compare");
      tiles.querySelectorAll(".pair").forEach((each) => each.setAttribute("aria-pressed", String(pair.includes(+each.closest("li").dataset.i))));
      place.hidden = !pair.length;
      const close = make("button", { type: "button", className: "bare", textContent: "Close", onclick: () => { pair = []; drawPair(); save(); } });
      if (pair.length < 2) {
        place.replaceChildren(make("p", { className: "line" }, pair.length ? `${b.id(pair[0])} beside: choose another channel to compare. ` : "", close));
        return;
      }
      const facts = [["share", percent], ["signed", signed], ["active", percent], ["relevant", percent], ["effect", plain]].filter(([key]) => pair.some((i) => c[key][i] !== null));
      const title = { share: "share of its layer", signed: "signed share", active: "active on", relevant: "relevant on", effect: `ablation (${data.unit})` };
      const both = (key) => Math.max(...pair.map((i) => Math.abs(c[key][i] || 0))) || 1;
      const cards = pair.map((i) => {
        const rows = facts.map(([key, text]) => make("tr", {}, make("th", { scope: "row", textContent: title[key] }), make("td", {}, bar(Math.abs(c[key][i] || 0) / both(key), key === "signed" ? c[key][i] : 0), text(c[key][i]))));
        const words = [["evidence", b.levels[i].join(", ") || (b.named(i) ? "none" : "")], ["label effect", effect(c.score[i])], ["strongest in moves", moves(c.phase[i])],
          ["speaks on", b.served[i].join(", ")], ["looks at", b.looks[i].join(", ")], ["note", data.notes[i] || ""], ["my note", notes.get(b.id(i)).text || ""]]
          .filter(([, text]) => text).map(([name, text]) => make("tr", {}, make("th", { scope: "row", textContent: name }), make("td", { textContent: text })));
        return make("li", { className: "card" }, b.board(i), make("h3", {}, make("a", { href: b.href(i), textContent: b.id(i) }), " ", starButton(b.id(i), drawRows)),
          make("p", { className: b.named(i) ? "" : "soft", textContent: b.text(i) }), make("table", {}, make("tbody", {}, ...rows, ...words)));
      });
      const list = make("ol", { className: "cards", ariaLabel: "Two channels" }, ...cards), limit = Math.max(...pair.map((i) => c.limit[i] || 0));
      list.dataset.strip = "";
      const legend = make("span", { className: "scale", textContent: `\u2212${limit} to +${limit} ${data.unit}` });
      legend.dataset.limit = limit;
      legend.dataset.unit = data.unit;
      place.replaceChildren(make("p", { className: "line" }, make("b", { textContent: "Side by side, on one scale" }), legend, close), list);
      drawBoards(place);
    }
    const bar = (part, sign) => {
      const fill = make("i", { className: sign > 0 ? "for" : sign < 0 ? "against" : "" });
      fill.style.width = `${Math.round(100 * part)}%`;
      return make("span", { className: "meter" }, fill);
    };

    /* Map */
    const canvas = byId("map"), pen = canvas.getContext("2d"), named = regions(b);
    const hover = make("div", { className: "hover", hidden: true });
    canvas.after(hover);
    let width = 0, height = 0;
    const margin = 12;
    const spot = (x, y) => [margin + (x / 999) * (width - 2 * margin), margin + (y / 999) * (height - 2 * margin)];
    const at = (i) => spot(c.x[i], c.y[i]);
    function scale() {
      const by = COLOURS.find((each) => each.key === form.colour.value) || COLOURS[0];
      if (by.kinds) {
        const colours = by.kinds.map((_, n) => resolved("--c" + (n % 12)));
        return { by, colour: (i) => colours[b.layer[i]], colours };
      }
      const values = c[by.key].filter((v) => v !== null && (!by.log || v > 0));
      const low = values.reduce((p, q) => Math.min(p, q), Infinity), high = values.reduce((p, q) => Math.max(p, q), -Infinity);
      const place = by.log ? (v) => Math.log(v / low) / Math.log(high / low || 1) : (v) => (v - low) / (high - low);
      return { by, low, high, colour: (i) => { const v = valueOf(by.key, i); return v === null || (by.log && v <= 0) ? null : ramp(high > low ? place(v) : 0.5); } };
    }
    function drawLegend(colours) {
      const legend = byId("legend"), { by } = colours;
      if (by.kinds) {
        return legend.replaceChildren(...by.kinds.map((name, n) => {
          const dot = make("span", { className: "swatch" });
          dot.style.background = colours.colours[n];
          return make("span", {}, dot, name);
        }));
      }
      const bar = make("span", { className: "ramp" });
      bar.style.background = `linear-gradient(90deg, ${[0, 0.25, 0.5, 0.75, 1].map(ramp).join(",")})`;
      return legend.replaceChildren(by.text(colours.low), bar, by.text(colours.high) + (by.log ? " (logarithmic)" : ""));
    }
    function drawMap() {
      if (!canvas.isConnected) return;
      const ratio = window.devicePixelRatio || 1;
      width = canvas.clientWidth; height = canvas.clientHeight;
      canvas.width = width * ratio; canvas.height = height * ratio;
      pen.setTransform(ratio, 0, 0, ratio, 0, 0);
      const rest = resolved("--line"), ink = resolved("--ink"), paper = resolved("--paper"), colours = scale(), inside = new Set(found);
      const dot = (i, fill, size) => {
        const [x, y] = at(i);
        pen.beginPath();
        pen.arc(x, y, size, 0, 7);
        pen.fillStyle = fill;
        pen.fill();
        return pen;
      };
      every.forEach((i) => { if (c.x[i] >= 0 && !inside.has(i)) dot(i, rest, RADIUS - 1.5); });
      pen.lineWidth = 0.75;
      pen.strokeStyle = paper;
      every.forEach((i) => {
        if (c.x[i] < 0 || !inside.has(i)) return;
        dot(i, colours.colour(i) || rest, RADIUS).stroke();
      });
      drawNames(ink, paper);
      if (over >= 0) { pen.lineWidth = 2; pen.strokeStyle = ink; dot(over, colours.colour(over) || rest, RADIUS + 2).stroke(); }
      drawLegend(colours);
    }
    // The largest regions first; a word that finds no free place is left out.
    function drawNames(ink, paper) {
      const taken = [];
      pen.font = `600 12px ${getComputedStyle(document.body).fontFamily}`;
      pen.textAlign = "center";
      pen.textBaseline = "middle";
      pen.lineJoin = "round";
      canvas.regions = [];
      named.forEach(({ middle, word }) => {
        const [cx, cy] = spot(...middle), half = pen.measureText(word).width / 2 + 4;
        const x = Math.min(Math.max(cx, half), width - half);
        const y = [0, -16, 16, -32, 32].map((d) => Math.min(Math.max(cy + d, 9), height - 9))
          .find((y) => taken.every((t) => Math.abs(t.x - x) > t.half + half || Math.abs(t.y - y) > 16));
        if (y === undefined) return;
        taken.push({ x, y, half });
        canvas.regions.push({ word, x, y, half });
        pen.lineWidth = 4;
        pen.strokeStyle = paper;
        pen.fillStyle = ink;
        pen.strokeText(word, x, y);
        pen.fillText(word, x, y);
      });
    }
    function nearest(event) {
      const place = canvas.getBoundingClientRect(), px = event.clientX - place.left, py = event.clientY - place.top;
      let best = -1, least = 144;
      found.forEach((i) => {
        if (c.x[i] < 0) return;
        const [x, y] = at(i), distance = (x - px) ** 2 + (y - py) ** 2;
        if (distance < least) { best = i; least = distance; }
      });
      return best;
    }
    function point(now) {
      if (now === over) return;
      over = now;
      canvas.style.cursor = over < 0 ? "" : "pointer";
      hover.hidden = over < 0;
      if (over >= 0) {
        const list = make("ol", { className: "tiles" }, tile(over)), [x, y] = at(over);
        hover.replaceChildren(list);
        drawBoards(hover);
        hover.style.left = `${Math.max(0, Math.min(width - 150, x - 75))}px`;
        hover.style.top = y > height / 2 ? "" : `${y + 14}px`;
        hover.style.bottom = y > height / 2 ? `${height - y + 14}px` : "";
      }
      drawMap();
    }
    canvas.onpointermove = (event) => point(nearest(event));
    canvas.onpointerleave = () => point(-1);
    canvas.onclick = (event) => { const chosen = nearest(event); if (chosen >= 0) location.href = b.href(chosen); };

    function refresh() {
      found = sorted(matches());
      shown = LIMIT;
      over = -1;
      hover.hidden = true;
      drawRows();
      drawMap();
    }
    function update() { refresh(); save(); }
    box.hidden = false;
    byId("unscripted").hidden = true;
    form.onsubmit = (event) => event.preventDefault();
    form.q.onkeydown = (event) => {
      if (event.key !== "Enter" || event.isComposing) return;
      const one = split(form.q.value).map(exact).filter((i) => i >= 0);
      if (one.length === 2) { pair = one; drawPair(); save(); return; }
      const first = (view === "table" ? body : tiles).querySelector("a");
      if (!first) return;
      if (one.length || found.length === 1) first.click(); else first.focus();
    };
    form.oninput = update;
    form.onreset = () => setTimeout(() => { Object.entries(USUAL).forEach(([name, value]) => { form[name].value = value; }); update(); });
    const restore = () => { load(); drawPair(); refresh(); };
    restore();
    redraw = () => { drawMap(); };
    new ResizeObserver(() => { if (canvas.clientWidth !== width) drawMap(); }).observe(canvas);
    window.onhashchange = () => { if (byId("finder") === box && (!single || location.hash.startsWith("#/index.html")) && (single || /=|^$/.test(location.hash))) restore(); };
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
  function copyButtons() {
    document.querySelectorAll("code.copy").forEach((code) => {
      const button = make("button", { type: "button", className: "bare", textContent: "Copy" });
      button.setAttribute("aria-label", "Copy " + (code.dataset.what || "this text"));
      button.addEventListener("click", () => copy(code, button));
      code.after(button);
    });
  }

  window.atlasStart = () => { themeButton(); seekButton(); keeper(); finder(); copyButtons(); };
  document.addEventListener("DOMContentLoaded", window.atlasStart);
})();
