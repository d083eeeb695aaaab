/* The first page: a gallery, a table and a map of all channels, whose state stands in the
   address, and two channels side by side. */
(() => {
  "use strict";
  const Atlas = window.Atlas, root = document.documentElement;
  const { byId, make, isDark, single, readState, writeState, percent, signed, effect, plain, moves, many } = Atlas;
  const { channels, exact, split, matcher, notes, starButton, tile, drawBoards } = Atlas;

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
    const total = tally(on.flatMap(b.subjects));
    return middles.map((middle, n) => {
      const inside = on.filter((_, j) => of[j] === n), found = tally(inside.flatMap(b.subjects));
      const [word, times] = [...found].filter(([word, times]) => times > 1 && times / inside.length > 1.2 * total.get(word) / on.length)
        .sort((p, q) => q[1] - p[1] || (p[0] < q[0] ? -1 : 1))[0] || [];
      return { middle, size: inside.length, word, times };
    }).filter((each) => each.word).sort((p, q) => q.times - p.times);
  }

  const LIMIT = 48, RADIUS = 4;

  function finder() {
    const box = byId("finder"), b = channels();
    if (!b || !box) { Atlas.redraw = () => {}; return; }
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
      form.querySelector(".narrow").open = innerWidth >= 900 || FIELDS.some((name) => name !== "q" && form[name].value !== (USUAL[name] || "") && name !== "mine");
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
    // The arrows lead from tile to tile, as the eye does.
    tiles.onkeydown = (event) => {
      const links = [...tiles.querySelectorAll("a")], at = links.indexOf(event.target);
      const wide = links.filter((link) => link.offsetTop === links[0].offsetTop).length;
      const by = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -wide, ArrowDown: wide }[event.key];
      if (at < 0 || !by || event.altKey || event.ctrlKey || event.metaKey) return;
      event.preventDefault();
      links[at + by]?.focus();
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
        return make("li", { className: "half" }, b.board(i), make("h3", {}, make("a", { href: b.href(i), textContent: b.id(i) }), " ", starButton(b.id(i), drawRows)),
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
    Atlas.redraw = drawMap;
    new ResizeObserver(() => { if (canvas.clientWidth !== width) drawMap(); }).observe(canvas);
    window.onhashchange = () => { if (byId("finder") === box && (!single || location.hash.startsWith("#/index.html")) && (single || /=|^$/.test(location.hash))) restore(); };
  }

  Atlas.finder = finder;
})();
