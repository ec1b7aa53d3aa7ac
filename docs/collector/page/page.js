"use strict";
(() => {
  const all = (what, where = document) => [...where.querySelectorAll(what)];
  const one = (what, where = document) => where.querySelector(what);
  document.documentElement.classList.add("js");

  // The choice of a language, for all samples at once. A browser may forbid a file to keep it.
  const KEPT = "tenure-reference-language";
  const kept = () => { try { return localStorage.getItem(KEPT); } catch { return null; } };
  const keep = (language) => { try { localStorage.setItem(KEPT, language); } catch { /* not kept */ } };

  const choose = (language) => {
    for (const sample of all(".tabs")) {
      const tabs = all("[role=tab]", sample);
      const shown = tabs.find((tab) => tab.dataset.language === language) ?? tabs[0];
      for (const tab of tabs) {
        tab.setAttribute("aria-selected", String(tab === shown));
        tab.tabIndex = tab === shown ? 0 : -1;
      }
      for (const panel of all("[role=tabpanel]", sample)) {
        panel.classList.toggle("on", panel.dataset.language === shown.dataset.language);
      }
    }
  };
  choose(kept() ?? "JavaScript");

  for (const tab of all("[role=tab]")) {
    tab.addEventListener("click", () => {
      // What is above changes its height too: the sample that was clicked stays where it is.
      const before = tab.getBoundingClientRect().top;
      choose(tab.dataset.language);
      keep(tab.dataset.language);
      scrollBy({ top: tab.getBoundingClientRect().top - before, behavior: "instant" });
    });
    tab.addEventListener("keydown", (event) => {
      const tabs = all("[role=tab]", tab.parentElement);
      const at = tabs.indexOf(tab);
      const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: tabs.length - 1 }[event.key];
      if (to === undefined) return;
      event.preventDefault();
      const next = tabs[(to + tabs.length) % tabs.length];
      next.click();
      next.focus();
    });
  }

  // Copy what is shown.
  const copied = async (text) => {
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      const area = document.body.appendChild(document.createElement("textarea"));
      area.value = text;
      area.select();
      const done = document.execCommand("copy");
      area.remove();
      if (!done) throw new Error("not copied");
    }
  };
  for (const button of all(".copy")) {
    button.addEventListener("click", async () => {
      const sample = button.closest(".sample");
      const code = one("[role=tabpanel].on code", sample) ?? one("code", sample);
      let said = "Copied";
      try { await copied(code.textContent + "\n"); } catch { said = "Not copied"; }
      one(".said").textContent = said;
      button.textContent = said;
      button.classList.toggle("done", said === "Copied");
      setTimeout(() => { button.textContent = "Copy"; button.classList.remove("done"); }, 1600);
    });
  }

  // Where the reader is.
  const links = new Map(all("#contents a").map((link) => [link.hash.slice(1), link]));
  const sections = all("section");
  let current = null;
  const mark = () => {
    const line = innerHeight * 0.25;
    const at = sections.findLast((section) => section.getBoundingClientRect().top <= line) ?? sections[0];
    if (at === current) return;
    current = at;
    for (const [id, link] of links) link.toggleAttribute("aria-current", id === at.id);
    if (innerWidth > 760) links.get(at.id)?.scrollIntoView({ block: "nearest", behavior: "instant" });
  };
  addEventListener("scroll", mark, { passive: true });
  addEventListener("resize", mark);
  mark();

  // Search: sections that hold every word; a word in the title counts most.
  const input = one("#search");
  const list = one("#found");
  const index = sections.map((section) => ({
    id: section.id,
    title: one("h1", section).textContent,
    text: (one(".prose", section).textContent + " " + one(".code", section).textContent).replace(/\s+/g, " "),
  }));
  const found = (asked) => {
    const words = asked.toLowerCase().split(/\s+/).filter(Boolean);
    return index
      .map((entry) => {
        const title = entry.title.toLowerCase(), text = entry.text.toLowerCase();
        if (!words.every((word) => text.includes(word))) return null;
        const weight = words.reduce((sum, word) => sum + (title.startsWith(word) ? 40 : title.includes(word) ? 20 : 0) + Math.min(text.split(word).length, 9), 0);
        return { ...entry, weight, at: text.indexOf(words[0]), words };
      })
      .filter(Boolean)
      .sort((one, other) => other.weight - one.weight)
      .slice(0, 12);
  };
  const excerpt = (entry) => {
    const start = Math.max(0, entry.at - 30);
    const line = document.createElement("span");
    const text = (start ? "…" : "") + entry.text.slice(start, start + 96) + "…";
    const pattern = new RegExp(`(${entry.words.map((word) => word.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")).join("|")})`, "gi");
    for (const part of text.split(pattern)) {
      if (entry.words.includes(part.toLowerCase())) line.appendChild(document.createElement("mark")).textContent = part;
      else line.append(part);
    }
    return line;
  };
  let selected = 0;
  const select = (to) => {
    const items = all("[role=option]", list);
    if (!items.length) return;
    selected = (to + items.length) % items.length;
    items.forEach((item, at) => item.setAttribute("aria-selected", String(at === selected)));
    input.setAttribute("aria-activedescendant", items[selected].id);
    items[selected].scrollIntoView({ block: "nearest" });
  };
  const show = () => {
    const asked = input.value.trim();
    list.replaceChildren();
    list.hidden = !asked;
    one("#contents").hidden = Boolean(asked);
    input.setAttribute("aria-expanded", String(Boolean(asked)));
    input.removeAttribute("aria-activedescendant");
    if (!asked) return;
    const entries = found(asked);
    for (const [at, entry] of entries.entries()) {
      const item = list.appendChild(document.createElement("li"));
      item.id = `found-${at}`;
      item.setAttribute("role", "option");
      item.dataset.to = entry.id;
      item.appendChild(document.createElement("b")).textContent = entry.title;
      item.append(excerpt(entry));
    }
    if (!entries.length) {
      const item = list.appendChild(document.createElement("li"));
      item.className = "none";
      item.textContent = "Nothing holds these words.";
    }
    select(0);
  };
  const menu = one(".menu");
  const open = (is) => { one("#nav").classList.toggle("open", is); menu.setAttribute("aria-expanded", String(is)); };
  const go = (id) => { input.value = ""; show(); input.blur(); open(false); location.hash = id; };
  input.addEventListener("input", show);
  input.addEventListener("keydown", (event) => {
    if (event.key === "ArrowDown") select(selected + 1);
    else if (event.key === "ArrowUp") select(selected - 1);
    else if (event.key === "Enter") { const item = one("[aria-selected=true]", list); if (item) go(item.dataset.to); }
    else if (event.key === "Escape") { input.value = ""; show(); input.blur(); }
    else return;
    event.preventDefault();
  });
  list.addEventListener("click", (event) => { const item = event.target.closest("[data-to]"); if (item) go(item.dataset.to); });
  addEventListener("keydown", (event) => {
    if (event.key !== "/" || event.ctrlKey || event.metaKey || event.target.matches("input, textarea")) return;
    event.preventDefault();
    if (innerWidth <= 760) open(true);
    input.focus();
  });
  menu.addEventListener("click", () => open(!one("#nav").classList.contains("open")));
  for (const link of all("#contents a")) link.addEventListener("click", () => open(false));
})();
