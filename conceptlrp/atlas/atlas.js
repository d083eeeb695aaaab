/* What a script adds to the pages of an atlas, all of which can be read without it:
   a choice of light and dark, and on the first page a map and a search of all
   channels. Data come as window.ATLAS; nothing is fetched. */
(() => {
  "use strict";
  const root = document.documentElement;
  const byId = (id) => document.getElementById(id);

  /* ---- Light or dark, remembered where the browser allows it ---- */
  const remembered = () => { try { return localStorage.getItem("atlas-theme"); } catch { return null; } };
  const remember = (theme) => { try { localStorage.setItem("atlas-theme", theme); } catch { /* this page only */ } };
  const system = matchMedia("(prefers-color-scheme: dark)");
  const isDark = () => (root.dataset.theme ? root.dataset.theme === "dark" : system.matches);
  if (["light", "dark"].includes(remembered())) root.dataset.theme = remembered();

  function themeButton() {
    const button = byId("theme");
    if (!button) return;
    const name = () => { button.textContent = isDark() ? "Light mode" : "Dark mode"; };
    button.hidden = false;
    button.onclick = () => {
      root.dataset.theme = isDark() ? "light" : "dark";
      remember(root.dataset.theme);
      name();
      redraw();
    };
    name();
  }
  let redraw = () => {};
  system.addEventListener("change", () => { themeButton(); redraw(); });

  /* ---- The state of the search, kept in the address ---- */
  // In an atlas of one file the address also says which page is shown.
  const single = Boolean(window.ATLAS_PAGES);
  const readState = () => {
    const text = location.hash.slice(1);
    return new URLSearchParams(single ? text.split("?")[1] || "" : text);
  };
  const writeState = (state) => {
    const text = String(state);
    const hash = single ? "#/index.html" + (text ? "?" + text : "") : "#" + text;
    history.replaceState(history.state, "", text || single ? hash : location.pathname + location.search);
  };

  /* ---- Numbers as the pages write them ---- */
  const percent = (v) => {
    if (v === null) return "";
    const n = Math.abs(100 * v), sign = v < 0 ? "\u2212" : "";
    if (n === 0) return "0%";
    return n < 0.01 ? sign + "<0.01%" : sign + n.toFixed(n >= 9.95 ? 0 : n >= 0.995 ? 1 : 2) + "%";
  };
  const signed = (v) => (v > 0 ? "+" : "") + percent(v);
  const effect = (v) => (v === null ? "" : (v < 0 ? "\u2212" : "+") + Math.abs(v).toFixed(2));
  const plain = (v) => (v === null ? "" : String(+v.toPrecision(3)).replace("-", "\u2212"));
  const moves = (p) => (p === null ? "" : `${10 * p + 1}\u2013${10 * p + 10}`);

  /* ---- Colours of the map: a ramp from little to much in either mode ---- */
  const RAMPS = {
    light: ["#d3c48a", "#dd8f4e", "#c0506a", "#7a3388", "#2b1b5c"],
    dark: ["#4a4fa3", "#8d57b3", "#d5658f", "#f0a268", "#f6e394"],
  };
  const channels = (hex) => [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16));
  function ramp(t) {
    const stops = RAMPS[isDark() ? "dark" : "light"], place = Math.min(0.9999, Math.max(0, t)) * 4;
    const low = channels(stops[Math.floor(place)]), high = channels(stops[Math.floor(place) + 1]);
    return `rgb(${low.map((v, i) => Math.round(v + (high[i] - v) * (place % 1))).join(" ")})`;
  }
  const palette = (n) => getComputedStyle(root).getPropertyValue("--c" + (n % 12));
  // A value that follows light-dark() is known only where it is used.
  function resolved(name) {
    const probe = document.body.appendChild(document.createElement("i"));
    probe.style.color = `var(${name})`;
    const found = getComputedStyle(probe).color;
    probe.remove();
    return found;
  }

  const LIMIT = 40, RADIUS = 4;

  function finder() {
    const data = window.ATLAS, box = byId("finder");
    if (!data || !box) { redraw = () => {}; return; }
    const c = data.columns, total = c.channel.length, form = byId("filters");
    const every = [...Array(total).keys()];
    const address = (i) => `concepts/${data.stems[c.layer[i]]}/c${String(c.channel[i]).padStart(4, "0")}.html`;
    const words = every.map((i) =>
      [data.layers[c.layer[i]], data.names[c.name[i]], data.notes[i] || ""].join(" ").toLowerCase());
    const levels = (i) => data.levels.filter((_, n) => c.badge[i] >> n & 1).join(", ");
    const has = (column) => c[column].some((v) => v !== null);

    const COLUMNS = [
      { key: "layer", name: "layer", text: (i) => data.layers[c.layer[i]], less: 1 },
      { key: "channel", name: "channel", text: (i) => String(c.channel[i]), link: true, less: 1 },
      { key: "name", name: "label", text: (i) => data.names[c.name[i]], soft: (i) => !c.named[i], less: 1, value: (i) => (c.named[i] ? data.names[c.name[i]] : "\uffff") },
      { key: "badge", name: "evidence", text: (i) => levels(i), value: (i) => c.badge[i] || null, show: data.labels },
      { key: "score", name: "label effect", text: (i) => effect(c.score[i]), value: (i) => (c.score[i] === null ? null : Math.abs(c.score[i])), number: true, show: data.labels },
      { key: "share", name: "share", text: (i) => percent(c.share[i]), number: true },
      { key: "signed", name: "signed", text: (i) => signed(c.signed[i]), number: true },
      { key: "active", name: "active", text: (i) => percent(c.active[i]), number: true },
      { key: "relevant", name: "relevant", text: (i) => percent(c.relevant[i]), number: true },
      { key: "phase", name: "moves", text: (i) => moves(c.phase[i]), number: true, less: 1 },
      { key: "effect", name: "ablation", text: (i) => plain(c.effect[i]), strong: (i) => c.beats[i], number: true, show: has("effect") },
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

    /* Fields */
    const option = (select, value, text) => select.add(new Option(text, value));
    data.layers.forEach((name, n) => option(form.layer, n, name));
    COLOURS.forEach((each) => option(form.colour, each.key, each.name));
    if (data.labels) {
      option(form.label, "+", "any label");
      option(form.label, "-", "unnamed");
      const used = new Map();
      every.forEach((i) => { if (c.named[i]) used.set(c.name[i], (used.get(c.name[i]) || 0) + 1); });
      [...used].sort((a, b) => data.names[a[0]].localeCompare(data.names[b[0]], "en"))
        .forEach(([n, times]) => option(form.label, data.names[n], `${data.names[n]} (${times})`));
    } else ["label", "level", "score"].forEach((name) => { form[name].parentElement.hidden = true; });
    for (let p = 0; p <= Math.max(0, ...c.phase); p++) option(form.phase, p, moves(p));

    /* State */
    data.levels.forEach((level, n) => {
      const times = every.filter((i) => c.badge[i] >> n & 1).length;
      option(form.level, level, `${level} (${times})`);
    });
    const FIELDS = ["q", "layer", "label", "level", "score", "active", "most", "phase", "colour"];
    let sort = "share", down = true, found = every, shown = LIMIT, over = -1;
    function load() {
      const state = readState();
      FIELDS.forEach((name) => {
        const value = state.get(name) || "";
        form[name].value = name === "layer" && value ? data.layers.indexOf(value) : value || (name === "colour" ? "layer" : "");
        if (form[name].tagName === "SELECT" && form[name].selectedIndex < 0) form[name].selectedIndex = 0;
      });
      const wanted = state.get("sort") || "-share", key = wanted.replace(/^-/, "");
      if (COLUMNS.some((each) => each.key === key)) { sort = key; down = wanted[0] === "-"; }
    }
    function save() {
      const state = new URLSearchParams();
      FIELDS.forEach((name) => {
        let value = form[name].value.trim();
        if (name === "layer" && value) value = data.layers[value];
        if (value && !(name === "colour" && value === "layer")) state.set(name, value);
      });
      if (sort !== "share" || !down) state.set("sort", (down ? "-" : "") + sort);
      writeState(state);
    }

    /* What is found */
    function matches() {
      const value = (name) => form[name].value.trim(), number = (name, or) => (value(name) === "" ? or : Number(value(name)));
      const tokens = value("q").toLowerCase().split(/\s+/).filter(Boolean);
      const layer = value("layer"), label = value("label"), phase = value("phase"), level = value("level");
      const score = number("score", null), least = number("active", 0) / 100, most = number("most", 100) / 100;
      return every.filter((i) =>
        (layer === "" || c.layer[i] === +layer) && (phase === "" || c.phase[i] === +phase) &&
        (label === "" || (label === "+" ? c.named[i] : label === "-" ? !c.named[i] : data.names[c.name[i]] === label)) &&
        (level === "" || c.badge[i] >> data.levels.indexOf(level) & 1) &&
        (score === null || (c.score[i] !== null && Math.abs(c.score[i]) >= score)) && c.active[i] >= least && c.active[i] <= most &&
        tokens.every((t) => (/^\d+$/.test(t) ? c.channel[i] === +t : /^c\d+$/.test(t) ? c.channel[i] === +t.slice(1) : words[i].includes(t))));
    }
    function sorted(rows) {
      const column = COLUMNS.find((each) => each.key === sort), value = column.value || ((i) => c[sort][i]), sign = down ? -1 : 1;
      const none = (v) => v === null || v === "" || v === "\uffff";
      return rows.sort((a, b) => {
        const x = value(a), y = value(b);
        if (none(x) || none(y)) return none(x) - none(y) || a - b;
        return (x < y ? -sign : x > y ? sign : 0) || a - b;
      });
    }

    /* Table */
    const head = byId("found").tHead, body = byId("found").tBodies[0];
    function drawHead() {
      const line = document.createElement("tr");
      COLUMNS.forEach((each) => {
        const cell = document.createElement("th"), button = document.createElement("button");
        cell.scope = "col";
        if (each.number) cell.className = "n";
        if (each.key === sort) cell.setAttribute("aria-sort", down ? "descending" : "ascending");
        button.type = "button";
        button.textContent = each.name;
        button.onclick = () => {
          down = each.key === sort ? !down : !each.less;
          sort = each.key;
          drawHead();
          update();
          [...head.querySelectorAll("button")].find((b) => b.textContent === each.name).focus();
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
          const link = document.createElement("a");
          link.href = address(i);
          link.textContent = text;
          cell.scope = "row";
          cell.append(link);
        } else cell.textContent = text;
        if (each.number) cell.className = "n";
        if (each.soft && each.soft(i)) cell.className = "soft";
        if (each.strong && each.strong(i)) cell.style.fontWeight = 600;
        line.append(cell);
      });
      return line;
    }
    const more = byId("more");
    function drawTable() {
      body.replaceChildren(...found.slice(0, shown).map(row));
      more.hidden = found.length <= shown;
      more.textContent = `Show all ${found.length.toLocaleString("en")}`;
      byId("count").textContent = `${found.length.toLocaleString("en")} of ${total.toLocaleString("en")} channels.`;
    }
    more.onclick = () => { shown = total; drawTable(); };

    /* Map */
    const canvas = byId("map"), pen = canvas.getContext("2d");
    let width = 0, height = 0;
    const margin = 12;
    const at = (i) => [margin + (c.x[i] / 999) * (width - 2 * margin), margin + (c.y[i] / 999) * (height - 2 * margin)];
    function scale() {
      const by = COLOURS.find((each) => each.key === form.colour.value) || COLOURS[0];
      if (by.kinds) {
        const colours = by.kinds.map((_, n) => resolved("--c" + (n % 12)));
        return { by, colour: (i) => colours[c[by.key][i]], colours };
      }
      const values = c[by.key].filter((v) => v !== null && (!by.log || v > 0));
      const low = values.reduce((a, b) => Math.min(a, b), Infinity), high = values.reduce((a, b) => Math.max(a, b), -Infinity);
      const place = by.log ? (v) => Math.log(v / low) / Math.log(high / low || 1) : (v) => (v - low) / (high - low);
      return { by, low, high, colour: (i) => { const v = c[by.key][i]; return v === null || (by.log && v <= 0) ? null : ramp(high > low ? place(v) : 0.5); } };
    }
    function drawLegend(found) {
      const legend = byId("legend"), text = (v) => document.createTextNode(v);
      const mark = (colour, name) => {
        const item = document.createElement("span"), dot = document.createElement("span");
        dot.className = "swatch";
        dot.style.background = colour;
        item.append(dot, text(name));
        return item;
      };
      if (found.by.kinds) return legend.replaceChildren(...found.by.kinds.map((name, n) => mark(found.colours[n], name)));
      const bar = document.createElement("span");
      bar.className = "ramp";
      bar.style.background = `linear-gradient(90deg, ${[0, 0.25, 0.5, 0.75, 1].map(ramp).join(",")})`;
      return legend.replaceChildren(text(found.by.text(found.low)), bar, text(found.by.text(found.high) + (found.by.log ? " (logarithmic)" : "")));
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
        const colour = colours.colour(i);
        dot(i, colour || rest, RADIUS).stroke();
      });
      if (over >= 0) { pen.lineWidth = 2; pen.strokeStyle = ink; dot(over, colours.colour(over) || rest, RADIUS + 2).stroke(); }
      drawLegend(colours);
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
    canvas.onpointermove = (event) => {
      const now = nearest(event);
      if (now === over) return;
      over = now;
      canvas.style.cursor = over < 0 ? "" : "pointer";
      byId("under").textContent = over < 0 ? "\u00a0" : `${data.layers[c.layer[over]]}, channel ${c.channel[over]}: ${data.names[c.name[over]]}, share ${percent(c.share[over])}`;
      drawMap();
    };
    canvas.onpointerleave = () => { if (over >= 0) { over = -1; byId("under").textContent = "\u00a0"; drawMap(); } };
    canvas.onclick = (event) => { const chosen = nearest(event); if (chosen >= 0) location.href = (single ? "#/" : "") + address(chosen); };

    function update() {
      found = sorted(matches());
      shown = LIMIT;
      over = -1;
      drawTable();
      drawMap();
      save();
    }
    box.hidden = false;
    byId("unscripted").hidden = true;
    form.onsubmit = (event) => event.preventDefault();
    form.oninput = update;
    form.onreset = () => setTimeout(() => { sort = "share"; down = true; drawHead(); update(); });
    load();
    drawHead();
    found = sorted(matches());
    drawTable();
    drawMap();
    redraw = drawMap;
    new ResizeObserver(() => { if (canvas.clientWidth !== width) drawMap(); }).observe(canvas);
    window.onhashchange = () => { if (!single && location.hash.includes("=")) { load(); drawHead(); found = sorted(matches()); drawTable(); drawMap(); } };
  }

  /* ---- Previous and next page by the arrow keys ---- */
  const isTyping = (target) => target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName);
  document.addEventListener("keydown", (event) => {
    const rel = { ArrowLeft: "prev", ArrowRight: "next" }[event.key];
    if (!rel || event.altKey || event.ctrlKey || event.metaKey || event.shiftKey || isTyping(event.target)) return;
    document.querySelector(`a[rel="${rel}"]`)?.click();
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
      const button = document.createElement("button");
      Object.assign(button, { type: "button", className: "bare", textContent: "Copy" });
      button.setAttribute("aria-label", "Copy " + (code.dataset.what || "this text"));
      button.addEventListener("click", () => copy(code, button));
      code.after(button);
    });
  }

  window.atlasStart = () => { themeButton(); finder(); copyButtons(); };
  document.addEventListener("DOMContentLoaded", window.atlasStart);
})();
