// One gallery's behaviour. Every cell becomes text through the DOM; nothing is ever parsed as HTML.
(() => {
  "use strict";
  const data = JSON.parse(document.getElementById("data").textContent);
  const { columns, labels, statuses, forms } = data;
  const byId = (id) => document.getElementById(id);
  const list = byId("list"), grid = byId("table"), lines = grid.tBodies[0], more = byId("more"), shown = byId("shown");
  const nothing = byId("nothing"), toast = byId("toast"), search = byId("q"), sort = byId("sort"), turn = byId("turn");
  const look = byId("look"), tools = byId("tools"), player = byId("player"), video = player.querySelector("video");
  const broken = byId("broken"), noting = byId("noting"), note = byId("note"), copyAll = byId("copyall"), save = byId("save");
  const chips = [...document.querySelectorAll(".chip")];
  const BATCH = 36;
  const still = matchMedia("(prefers-reduced-motion: reduce)");
  const collator = new Intl.Collator(undefined, { numeric: true, sensitivity: "base" });
  let filter = "", found = [], drawn = 0, descending = false, asTable = false, noted = null;

  // A link is sent as its form and what stands in the gap: nothing where that is the row's id.
  const link = (sent, id) => (sent === 0 || sent === undefined ? "" : typeof sent === "number" ? forms[sent].replace("{}", id)
    : forms[sent[0]].replace("{}", sent[1]));
  const cards = data.cards.map(([r, s, l, i, p, v, t, g, m, w, d, q, n]) => ({
    r, s: statuses[s], l, i: i || "", m: m || "", d: d || "", q: q || "", n: n || (data.line ? r + data.line : 0),
    p: link(p, i), v: link(v, i), t: link(t, i), g: link(g, i), w: link(w, i),
  }));
  const shownColumns = labels.map((place) => columns[place]);

  const make = (tag, className, text) => {
    const element = document.createElement(tag);
    if (className) element.className = className;
    if (text !== undefined) element.textContent = text;
    return element;
  };
  const SPECIAL = { "ł": "l", "ı": "i", "ø": "o", "ß": "ss", "đ": "d", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe", "ħ": "h" };
  const plain = (text) => text.toLowerCase().normalize("NFKD").replace(/\p{M}/gu, "").replace(/[łıøßđðþæœħ]/g, (letter) => SPECIAL[letter]);
  const haystack = (card) =>
    (card.h ??= plain([place(card), `row ${card.r}`, card.s, card.m, card.q, ...card.l.map((cell) => cell.slice(0, 4000))].join("\n")));
  const name = (card) => (labels.length ? card.l[labels[0]] : "") || card.l.find((cell) => cell) || "";
  const place = (card) => (card.n ? `line ${card.n}` : `row ${card.r}`);
  const spoken = (card) => { const who = name(card).slice(0, 60); return who ? `${who}, ${place(card)}` : place(card); };

  // Decisions belong to a video's id, and outlive the page: the browser keeps them.
  const key = `bhuman.review.${data.key}`;
  const decisions = new Map();
  for (const [id, d, n] of data.review) decisions.set(id, { d, n, at: 0 });
  try {
    for (const [id, own] of Object.entries(JSON.parse(localStorage.getItem(key) ?? "{}"))) {
      const other = decisions.get(id);
      if (!other || own.at > data.made) decisions.set(id, own);
      else if (own.d === "rejected" || own.n) {
        const notes = [...new Set([other.n, own.n].filter(Boolean))].join("; ");
        decisions.set(id, { d: own.d === "rejected" ? own.d : other.d, n: notes, at: own.at });
      }
    }
  } catch { /* no storage here: the review lasts as long as the page, and can be saved */ }
  const decision = (card) => decisions.get(card.i)?.d ?? "";
  function decide(card, change) {
    const before = decisions.get(card.i) ?? { d: "", n: "" };
    decisions.set(card.i, { ...before, ...change, at: Date.now() });
    try { localStorage.setItem(key, JSON.stringify(Object.fromEntries([...decisions].filter(([, own]) => own.at)))); } catch { /* as above */ }
    count();
  }

  // Pictures of the service are asked for only when there is a network: a page on disk stays silent without one.
  const remote = (url) => /^https?:/i.test(url);
  const waiting = new Set();
  function show(image, url) {
    if (remote(url) && !navigator.onLine) {
      image.hidden = true;
      image.dataset.later = url;
      waiting.add(image);
    } else {
      image.hidden = false;
      image.src = url;
    }
  }
  addEventListener("online", () => {
    for (const image of waiting) show(image, image.dataset.later);
    waiting.clear();
  });

  function picture(card) {
    const frame = make(card.v ? "button" : "div", "frame");
    const initial = make("span", "initial", card.s === "failed" ? "✕" : ([...name(card)][0]?.toUpperCase() ?? ""));
    initial.setAttribute("aria-hidden", "true");
    frame.append(initial);
    if (card.v) {
      frame.type = "button";
      frame.setAttribute("aria-label", `Play the video for ${spoken(card)}`);
      frame.addEventListener("click", () => play(card));
    }
    const first = card.t || card.g;
    if (first) {
      const image = make("img");
      image.alt = "";
      image.loading = "lazy";
      image.decoding = "async";
      image.addEventListener("error", () => { image.hidden = true; });
      show(image, first);
      frame.append(image);
      if (card.g && card.g !== first) {
        const move = () => { if (!still.matches) show(image, card.g); };
        const rest = () => show(image, first);
        frame.addEventListener("pointerenter", move);
        frame.addEventListener("pointerleave", rest);
        frame.addEventListener("focus", move);
        frame.addEventListener("blur", rest);
      }
    }
    if (card.v) {
      const mark = make("span", "play", "▶");
      mark.setAttribute("aria-hidden", "true");
      frame.append(mark);
    }
    return frame;
  }

  function cell(tag, text) {
    const element = make(tag, "clamp", text);
    element.dir = "auto";
    if (text.length > 160) element.title = text.slice(0, 1000);
    return element;
  }

  function button(text, card, action) {
    const element = make("button", "act", text);
    element.type = "button";
    element.setAttribute("aria-label", `${text}, ${spoken(card)}`);
    element.addEventListener("click", action);
    return element;
  }

  function opener(text, url, card) {
    const element = make("a", "act", text);
    element.href = url;
    element.target = "_blank";
    element.rel = "noopener noreferrer";
    element.setAttribute("aria-label", `${text}, ${spoken(card)}`);
    return element;
  }

  // A link that opens nowhere else is none to pass on.
  const here = (url) => /^file:/i.test(url) || /^https?:\/\/(localhost|[^/]*\.localhost|127\.[\d.]+|\[::1\])(:\d+)?(\/|$)/i.test(url);
  const linkOf = (card) => card.p || card.v;
  const path = (url) => { try { return decodeURIComponent(new URL(url).pathname); } catch { return url; } };
  const escape = (text) => text.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;").replace(/"/g, "&quot;").replace(/'/g, "&#x27;");
  function snippet(card) {
    const picture = remote(card.g) ? card.g : remote(card.t) ? card.t : "", page = escape(linkOf(card));
    const who = name(card).trim().split(/\s+/).join(" ");
    const image = `<img src="${escape(picture)}" alt="${escape(who ? `Video for ${who}` : "Your video")}" width="480" border="0" style="max-width:100%;height:auto;border:0"><br>`;
    return `<a href="${page}">${picture ? image : ""}▶ Watch the video</a>`;
  }

  // One stop for the Tab key; the arrows go from button to button.
  function toolbar(card) {
    const bar = make("div", "acts");
    bar.setAttribute("role", "toolbar");
    bar.setAttribute("aria-label", `Actions for ${spoken(card)}`);
    if (card.i) {
      const approve = button("Approve", card, () => mark(card, "approved"));
      const reject = button("Reject", card, () => mark(card, "rejected"));
      approve.dataset.d = "approved";
      reject.dataset.d = "rejected";
      bar.append(approve, reject, button("Note", card, () => write(card)));
    }
    const url = linkOf(card);
    if (card.p) bar.append(opener("Open page", card.p, card));
    else if (card.v) bar.append(opener("Video file", card.v, card));
    if (card.w) bar.append(opener("WhatsApp file", card.w, card));
    if (url && here(url)) bar.append(button(/^file:/i.test(url) ? "Copy path" : "Copy local address", card, () => copy(/^file:/i.test(url) ? path(url) : url, /^file:/i.test(url) ? "Path" : "Local address")));
    else if (url) {
      bar.append(button("Copy link", card, () => copy(url, "Link")));
      bar.append(button("Copy e-mail snippet", card, () => copy(snippet(card), "E-mail snippet")));
    }
    [...bar.children].forEach((one, number) => { one.tabIndex = number ? -1 : 0; });
    bar.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (!step) return;
      const all = [...bar.children], next = all[(all.indexOf(event.target) + step + all.length) % all.length];
      all.forEach((one) => { one.tabIndex = one === next ? 0 : -1; });
      next.focus();
      event.preventDefault();
      event.stopPropagation();
    });
    return bar;
  }

  function showDecision(item, card) {
    const own = decisions.get(card.i), line = item.querySelector(".noted");
    item.dataset.d = own?.d ?? "";
    for (const one of item.querySelectorAll("button[data-d]")) one.setAttribute("aria-pressed", String(one.dataset.d === own?.d));
    line.textContent = [own?.d, own?.n].filter(Boolean).join(": ");
    line.hidden = !line.textContent;
  }

  function state(card) {
    const element = make("span", "state", card.s.replaceAll("_", " ") || "unknown");
    element.dataset.s = card.s;
    return element;
  }

  function draw(card, at) {
    const item = make("li", "card"), body = make("div", "body"), top = make("div", "top");
    item.dataset.at = at;
    top.append(state(card), make("span", "", place(card)));
    body.append(top);
    const [heading, ...rest] = labels;
    if (heading !== undefined) {
      const title = make("h3");
      title.append(cell("span", card.l[heading] || "–"));
      body.append(title);
    }
    if (rest.length) {
      const table = make("dl");
      for (const label of rest) {
        const term = make("dt", "", columns[label]), value = make("dd");
        term.title = columns[label];
        value.append(cell("span", card.l[label] || "–"));
        table.append(term, value);
      }
      body.append(table);
    }
    for (const [text, kind] of [[card.q, "why look"], [card.m, card.s === "succeeded" ? "why" : "why bad"]]) {
      if (!text) continue;
      const why = make("p", kind);
      why.append(cell("span", text));
      body.append(why);
    }
    body.append(make("p", "noted"));
    const bar = toolbar(card);
    if (bar.childElementCount) body.append(bar);
    item.append(picture(card), body);
    showDecision(item, card);
    return item;
  }

  function drawLine(card, at) {
    const item = make("tr", "line");
    item.dataset.at = at;
    item.append(make("td", "", place(card)));
    for (const label of labels) {
      const value = make("td");
      value.append(cell("span", card.l[label] || "–"));
      item.append(value);
    }
    const status = make("td"), why = make("td"), last = make("td");
    status.append(state(card));
    why.append(cell("span", [card.q, card.m].filter(Boolean).join("; ")), make("p", "noted"));
    if (card.v) {
      const watch = button("▶ Play", card, () => play(card));
      watch.classList.add("watch");
      status.append(watch);
    }
    const bar = toolbar(card);
    if (bar.childElementCount) last.append(bar);
    item.append(status, why, last);
    showDecision(item, card);
    return item;
  }

  const area = () => (asTable ? lines : list);
  function drawMore(count = BATCH) {
    const part = document.createDocumentFragment();
    found.slice(drawn, drawn + count).forEach((card, number) => part.append((asTable ? drawLine : draw)(card, drawn + number)));
    drawn = Math.min(found.length, drawn + count);
    area().append(part);
    more.hidden = drawn >= found.length;
    more.textContent = `Show more (${found.length - drawn} left)`;
  }

  const rank = (card) => (card.q ? 0 : 1);
  function order() {
    const by = sort.value, column = Number(by.slice(1));
    const orders = {
      row: (a, b) => a.r - b.r,
      status: (a, b) => collator.compare(a.s, b.s) || a.r - b.r,
      newest: (a, b) => b.d.localeCompare(a.d) || a.r - b.r,
    };
    return orders[by] ?? ((a, b) => collator.compare((a.l[column] ?? "").slice(0, 200), (b.l[column] ?? "").slice(0, 200)));
  }

  const FILTERS = {
    "": () => true,
    "+look": (card) => card.q,
    "+approved": (card) => decision(card) === "approved",
    "+rejected": (card) => decision(card) === "rejected",
    "+open": (card) => card.i && !decision(card),
  };
  function refresh() {
    const words = plain(search.value).split(/\s+/).filter(Boolean), fits = FILTERS[filter] ?? ((card) => card.s === filter);
    found = cards.filter((card) => fits(card) && words.every((word) => haystack(card).includes(word)));
    const by = order(), sign = descending ? -1 : 1;
    found.sort((a, b) => (sort.value === "row" && !descending ? rank(a) - rank(b) : 0) || sign * by(a, b));
    waiting.clear();
    list.replaceChildren();
    lines.replaceChildren();
    grid.hidden = !asTable;
    list.hidden = asTable;
    drawn = 0;
    drawMore();
    const total = `${cards.length} row${cards.length === 1 ? "" : "s"}`;
    shown.textContent = found.length === cards.length ? total : `${found.length} of ${total}`;
    nothing.hidden = found.length > 0;
    const links = found.filter((card) => linkOf(card) && !here(linkOf(card))).length;
    copyAll.hidden = !links;
    copyAll.textContent = `Copy ${links} link${links === 1 ? "" : "s"}`;
    const top = tools.offsetTop;
    if (scrollY > top) scrollTo(0, top);
    remember();
  }

  // The part after # works from disk as well.
  function remember() {
    const parts = new URLSearchParams();
    for (const [name, value] of [["q", search.value], ["f", filter], ["s", sort.value === "row" ? "" : sort.value], ["d", descending ? "1" : ""], ["v", asTable ? "table" : ""]]) {
      if (value) parts.set(name, value);
    }
    try { history.replaceState(null, "", `#${parts}`); } catch { /* an embedded page has no address */ }
  }
  function recall() {
    const parts = new URLSearchParams(location.hash.slice(1));
    search.value = parts.get("q") ?? "";
    filter = parts.get("f") ?? "";
    if ([...sort.options].some((one) => one.value === parts.get("s"))) sort.value = parts.get("s");
    descending = parts.get("d") === "1";
    asTable = parts.get("v") === "table";
  }

  function press() {
    for (const chip of chips) chip.setAttribute("aria-pressed", String(chip.dataset.filter === filter));
    turn.textContent = descending ? "↓" : "↑";
    turn.setAttribute("aria-label", descending ? "Sorted downwards; sort upwards" : "Sorted upwards; sort downwards");
    look.setAttribute("aria-pressed", String(asTable));
  }
  function choose(status) {
    filter = status;
    press();
    refresh();
  }

  function count() {
    const counts = { "+approved": 0, "+rejected": 0, "+open": 0 };
    for (const card of cards) if (card.i) counts[decision(card) ? `+${decision(card)}` : "+open"]++;
    const decided = counts["+approved"] + counts["+rejected"], notes = [...decisions.values()].some((own) => own.n);
    for (const chip of chips) {
      if (!(chip.dataset.filter in counts)) continue;
      chip.querySelector("b").textContent = counts[chip.dataset.filter];
      chip.hidden = !decided && chip.dataset.filter !== filter;
    }
    save.hidden = !decided && !notes;
    save.textContent = `Save review (${decided})`;
  }

  const item = (at) => area().querySelector(`[data-at="${at}"]`);
  const redraw = (card) => { const at = found.indexOf(card); if (at >= 0 && item(at)) showDecision(item(at), card); };
  function go(at) {
    if (at < 0 || at >= found.length) return;
    while (at >= drawn) drawMore();
    const next = item(at);
    (next.querySelector("button.frame, button.watch") ?? next.querySelector(".acts [tabindex='0']"))?.focus();
    next.scrollIntoView({ block: "nearest" });
  }
  function mark(card, word) {
    const was = decision(card) === word;
    decide(card, { d: was ? "" : word });
    redraw(card);
    say(was ? `No decision, ${place(card)}` : `${word[0].toUpperCase()}${word.slice(1)}, ${place(card)}`);
    return !was;
  }
  function write(card) {
    noted = card;
    byId("notefor").textContent = `Note for ${spoken(card)}`;
    note.value = decisions.get(card.i)?.n ?? "";
    noting.showModal();
    note.focus();
  }
  noting.addEventListener("close", () => {
    if (noting.returnValue === "save" && noted) {
      decide(noted, { n: note.value.trim().replace(/\s+/g, " ") });
      redraw(noted);
    }
    if (noted) go(found.indexOf(noted));
    noted = null;
    noting.returnValue = "";
  });
  note.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && !event.shiftKey) { event.preventDefault(); noting.close("save"); }
  });

  save.addEventListener("click", () => {
    const quoted = (text) => (/[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
    const rows = cards.filter((card) => decisions.get(card.i)?.d || decisions.get(card.i)?.n)
      .map((card) => [String(card.r), card.i, decisions.get(card.i).d, decisions.get(card.i).n].map(quoted).join(","));
    const text = ["row_index,id,decision,note", ...rows, ""].join("\r\n");
    const anchor = make("a");
    anchor.href = URL.createObjectURL(new Blob([text], { type: "text/csv" }));
    anchor.download = data.file;
    document.body.append(anchor);
    anchor.click();
    anchor.remove();
    setTimeout(() => URL.revokeObjectURL(anchor.href), 10000);
    say(`Saved as ${data.file}`);
  });

  function play(card) {
    byId("playing").textContent = `${place(card)}: ${name(card).slice(0, 120)}`;
    broken.hidden = true;
    video.hidden = false;
    video.src = card.v;
    player.showModal();
    video.play().catch(() => {});
  }
  video.addEventListener("error", () => {
    if (!video.hasAttribute("src")) return;
    video.hidden = true;
    broken.hidden = false;
  });

  async function copy(text, what) {
    let done = true;
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      const box = make("textarea", "hide");
      box.value = text;
      document.body.append(box);
      box.select();
      done = document.execCommand("copy");
      box.remove();
    }
    say(done ? `${what} copied` : "Copying is not allowed here");
  }

  let silence;
  function say(text) {
    toast.textContent = text;
    toast.classList.add("on");
    clearTimeout(silence);
    silence = setTimeout(() => toast.classList.remove("on"), 1800);
  }

  chips.forEach((chip) => chip.addEventListener("click", () => choose(chip.dataset.filter)));
  search.addEventListener("input", refresh);
  sort.addEventListener("change", refresh);
  turn.addEventListener("click", () => { descending = !descending; press(); refresh(); });
  look.addEventListener("click", () => { asTable = !asTable; press(); refresh(); });
  copyAll.addEventListener("click", () => {
    const links = found.map(linkOf).filter((url) => url && !here(url));
    copy(links.join("\n"), `${links.length} links`);
  });
  more.addEventListener("click", () => {
    const before = drawn;
    drawMore();
    go(before);
  });
  new IntersectionObserver((seen) => { if (seen.some((entry) => entry.isIntersecting)) drawMore(); }, { rootMargin: "800px" }).observe(more);
  byId("clear").addEventListener("click", () => { search.value = ""; choose(""); search.focus(); });
  player.addEventListener("close", () => { video.pause(); video.removeAttribute("src"); video.load(); });
  player.addEventListener("click", (event) => { if (event.target === player) player.close(); });
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName)) return;
    if (event.key === "/") { event.preventDefault(); search.focus(); return; }
    if (player.open || noting.open) return;
    const at = Number(event.target.closest?.("[data-at]")?.dataset.at ?? -1), card = found[at];
    const columnsShown = asTable ? 1 : Math.max(1, Math.round(list.clientWidth / (list.firstElementChild?.offsetWidth || 1e9)));
    const step = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: columnsShown, ArrowUp: -columnsShown }[event.key];
    if (step) { event.preventDefault(); go(at < 0 ? 0 : at + step); return; }
    const word = { a: "approved", r: "rejected" }[event.key.toLowerCase()];
    if (word && card?.i) { if (mark(card, word)) go(at + 1); } else if (event.key.toLowerCase() === "n" && card?.i) { event.preventDefault(); write(card); }
  });
  addEventListener("beforeprint", () => drawMore(found.length));
  addEventListener("hashchange", () => { recall(); press(); refresh(); });
  // What has focus never hides under the bar.
  new ResizeObserver(() => {
    const sticks = getComputedStyle(tools).position === "sticky";
    document.documentElement.style.scrollPaddingTop = sticks ? `${tools.offsetHeight + 8}px` : "0";
  }).observe(tools);

  tools.hidden = false;
  for (const text of ["Place", ...shownColumns, "Status", "Notes", "Actions"]) {
    const head = make("th", "", text);
    head.scope = "col";
    grid.tHead.rows[0].append(head);
  }
  recall();
  count();
  press();
  refresh();
  // The words to search are made ready while nobody waits for them.
  const later = globalThis.requestIdleCallback ?? ((call) => setTimeout(call, 200));
  let ready = 0;
  const prepare = () => {
    const end = Math.min(cards.length, ready + 500);
    while (ready < end) haystack(cards[ready++]);
    if (ready < cards.length) later(prepare);
  };
  later(prepare);
})();
