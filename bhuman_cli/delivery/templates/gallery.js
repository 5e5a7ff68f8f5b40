// One gallery's behaviour. Every cell becomes text through the DOM; nothing is ever parsed as HTML.
(() => {
  "use strict";
  const { labels, cards } = JSON.parse(document.getElementById("data").textContent);
  const byId = (id) => document.getElementById(id);
  const list = byId("list"), more = byId("more"), shown = byId("shown"), nothing = byId("nothing"), toast = byId("toast");
  const search = byId("q"), sort = byId("sort"), player = byId("player"), video = player.querySelector("video");
  const chips = [...document.querySelectorAll(".chip")];
  const BATCH = 36;
  const still = matchMedia("(prefers-reduced-motion: reduce)");
  const collator = new Intl.Collator(undefined, { numeric: true, sensitivity: "base" });
  let filter = "", found = cards, drawn = 0;

  const make = (tag, className, text) => {
    const element = document.createElement(tag);
    if (className) element.className = className;
    if (text !== undefined) element.textContent = text;
    return element;
  };
  const plain = (text) => text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();
  const haystack = (card) =>
    (card.h ??= plain([card.r, card.s, card.m ?? "", ...card.l.map((cell) => cell.slice(0, 4000))].join("\n")));
  const title = (card) => card.l.find((cell) => cell) ?? `Row ${card.r}`;

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
    frame.append(make("span", "initial", [...title(card)][0]?.toUpperCase() ?? ""));
    if (card.v) {
      frame.type = "button";
      frame.setAttribute("aria-label", `Play the video of row ${card.r}`);
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
    if (text.length > 160) element.tabIndex = 0;
    return element;
  }

  function link(text, url, of) {
    const element = make("a", "act", text);
    element.href = url;
    element.target = "_blank";
    element.rel = "noopener noreferrer";
    element.setAttribute("aria-label", `${text}, row ${of}`);
    return element;
  }

  function copier(what, text, of) {
    const element = make("button", "act", `Copy ${what.toLowerCase()}`);
    element.type = "button";
    element.setAttribute("aria-label", `${element.textContent}, row ${of}`);
    element.addEventListener("click", () => copy(text, what));
    return element;
  }

  function draw(card) {
    const item = make("li", "card"), body = make("div", "body"), top = make("div", "top");
    const state = make("span", "state", card.s.replaceAll("_", " ") || "unknown");
    state.dataset.s = card.s;
    top.append(state, make("span", "", `row ${card.r}`));
    body.append(top);
    const [heading, ...rest] = labels;
    if (heading !== undefined) {
      const name = make("h3");
      name.append(cell("span", card.l[0] || "–"));
      body.append(name);
    }
    if (rest.length) {
      const table = make("dl");
      rest.forEach((label, place) => {
        const term = make("dt", "", label);
        term.title = label;
        const value = make("dd");
        value.append(cell("span", card.l[place + 1] || "–"));
        table.append(term, value);
      });
      body.append(table);
    }
    if (card.m) {
      const why = make("p", "why");
      why.append(cell("span", card.m));
      body.append(why);
    }
    const acts = make("div", "acts");
    if (card.p) acts.append(link("Open page", card.p, card.r));
    if (card.v) acts.append(link("Video file", card.v, card.r));
    if (card.w) acts.append(link("WhatsApp file", card.w, card.r));
    if (card.c) acts.append(copier("Link", card.c, card.r));
    if (card.e) acts.append(copier("E-mail snippet", card.e, card.r));
    if (acts.childElementCount) body.append(acts);
    item.append(picture(card), body);
    return item;
  }

  function drawMore(count = BATCH) {
    const part = document.createDocumentFragment();
    for (const card of found.slice(drawn, drawn + count)) part.append(draw(card));
    drawn = Math.min(found.length, drawn + count);
    list.append(part);
    more.hidden = drawn >= found.length;
    more.textContent = `Show more (${found.length - drawn} left)`;
  }

  const ORDERS = {
    row: () => 0,
    status: (a, b) => collator.compare(a.s, b.s),
    newest: (a, b) => (b.d ?? "").localeCompare(a.d ?? ""),
  };
  function order() {
    const by = sort.value, place = Number(by.slice(1));
    return ORDERS[by] ?? ((a, b) => collator.compare(a.l[place].slice(0, 200), b.l[place].slice(0, 200)));
  }

  function refresh() {
    const words = plain(search.value).split(/\s+/).filter(Boolean);
    found = cards.filter((card) => (!filter || card.s === filter) && words.every((word) => haystack(card).includes(word)));
    if (sort.value !== "row") found = [...found].sort(order());
    waiting.clear();
    list.replaceChildren();
    drawn = 0;
    drawMore();
    shown.textContent = found.length === cards.length ? `${cards.length} rows` : `${found.length} of ${cards.length} rows`;
    nothing.hidden = found.length > 0;
  }

  function choose(status) {
    filter = status;
    for (const chip of chips) chip.setAttribute("aria-pressed", String(chip.dataset.filter === status));
    refresh();
  }

  function play(card) {
    byId("playing").textContent = `Row ${card.r}: ${title(card).slice(0, 120)}`;
    video.src = card.v;
    player.showModal();
    video.play().catch(() => {});
  }

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
  more.addEventListener("click", () => {
    const before = list.childElementCount;
    drawMore();
    list.children[before]?.querySelector("button, a")?.focus();
  });
  new IntersectionObserver((seen) => { if (seen.some((entry) => entry.isIntersecting)) drawMore(); }, { rootMargin: "800px" }).observe(more);
  byId("clear").addEventListener("click", () => { search.value = ""; choose(""); search.focus(); });
  player.addEventListener("close", () => { video.pause(); video.removeAttribute("src"); video.load(); });
  player.addEventListener("click", (event) => { if (event.target === player) player.close(); });
  addEventListener("keydown", (event) => {
    if (event.key === "/" && !/^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName)) { event.preventDefault(); search.focus(); }
  });
  addEventListener("beforeprint", () => drawMore(found.length));
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
